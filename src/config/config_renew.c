/*
 * config_renew: settings that change while mounted.
 *
 * Happy path: a fresh load takes over what cannot change from the settings in force; then the two
 * change places, so that everyone who holds the settings sees the new ones.
 *
 * Failures: without memory nothing has changed.
 */
#include <errno.h>
#include <string.h>

#include "config_internal.h"

/* What was handed on when it was built: connections, folders, names. */
static const char *const fixed[] = {
	"api.base_url",        "api.ca_file",  "api.connect_timeout",
	"api.idle_timeout",    "api.timeout",  "images.wait_timeout",
	"images.list_pending", "library.path", "library.state",
};

/* This one stays as it is in force. */
static int keep(const char *name, const struct settings *s, struct settings *fresh,
		struct buf *kept)
{
	const struct config_key *key = config_key_find(name);
	struct buf is = BUF_INIT, would_be = BUF_INIT;
	int r = key ? config_value_print(key, s, &is) : -EINVAL;

	if (r == 0)
		r = config_value_print(key, fresh, &would_be);
	if (r == 0 && strcmp(buf_text(&is), buf_text(&would_be)) != 0) {
		r = config_value_set(key, fresh, buf_text(&is), NULL);
		if (r == 0)
			r = buf_printf(kept, "%s%s", kept->size ? ", " : "", name);
	}
	buf_release(&is);
	buf_release(&would_be);
	return r;
}

int settings_renew(struct settings *s, struct settings *fresh, struct buf *kept)
{
	struct settings old = *s;
	char *key;
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(fixed) / sizeof(*fixed); i++)
		r = keep(fixed[i], s, fresh, kept);
	if (r < 0)
		return r;
	*s = *fresh;
	*fresh = old;
	if (s->demo) { /* its service knows this one */
		key = s->api.key;
		s->api.key = fresh->api.key;
		fresh->api.key = key;
	}
	return 0;
}
