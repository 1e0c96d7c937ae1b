/*
 * config_write: the settings in force as an INI text.
 *
 * Each key stands under a comment that says where its value came from, in the order of the table
 * and with [defaults] and each [lora.NAME] at the end. Secrets stand as "***". A key that came from
 * key_file or key_command is not shown as a value of "key", so that the text names one source as
 * the INI it came from did. Only memory can fail.
 */
#include <string.h>

#include "config_internal.h"

static int write_origin(const struct config_origin *origin, struct buf *out)
{
	switch (origin->source) {
	case CONFIG_FILE:
		return buf_printf(out, "# from %s\n", origin->where);
	case CONFIG_ENVIRONMENT:
		return buf_puts(out, "# environment\n");
	case CONFIG_OPTION:
		return buf_puts(out, "# option\n");
	case CONFIG_BUILTIN:
		break;
	}
	return buf_puts(out, "# built-in\n");
}

static int write_key(const struct settings *s, const struct config_key *key, struct buf *out)
{
	const struct config_origin *origin = &s->origins->of[config_key_place(key)];
	bool fetched = key->type == CONFIG_KEY && origin->source == CONFIG_BUILTIN;
	int r = write_origin(origin, out);

	if (r == 0)
		r = buf_printf(out, "%s = ", strchr(key->name, '.') + 1);
	if (r == 0 && !fetched)
		r = config_value_print(key, s, out);
	return r < 0 ? r : buf_puts(out, "\n");
}

static int write_section(const struct config_key *key, const struct config_key *before,
			 struct buf *out)
{
	size_t size = strcspn(key->name, ".");

	if (before && strncmp(key->name, before->name, size + 1) == 0)
		return 0;
	return buf_printf(out, "%s[%.*s]\n", before ? "\n" : "", (int)size, key->name);
}

static int write_line(const struct config_default *d, struct buf *out)
{
	bool option = d->value && strncmp(d->where, "-o ", 3) == 0;

	if (!d->value)
		return 0;
	return buf_printf(out, "# %s%s\n%s = %s\n", option ? "option" : "from ",
			  option ? "" : d->where, d->key, d->secret ? "***" : d->value);
}

static int write_lines(const struct settings *s, struct buf *out)
{
	int r = buf_puts(out, "\n[" CONFIG_DEFAULTS "]\n");

	for (size_t i = 0; i < s->n_defaults && r == 0; i++)
		r = write_line(&s->defaults[i], out);
	for (size_t i = 0; i < s->n_loras && r == 0; i++) {
		r = buf_printf(out, "\n[" CONFIG_LORA "%s]\n", s->loras[i].name);
		if (r == 0)
			r = write_line(&s->loras[i].weights, out);
		if (r == 0)
			r = write_line(&s->loras[i].scale, out);
	}
	return r;
}

int settings_write(const struct settings *s, struct buf *out)
{
	const struct config_key *key, *before = NULL;
	int r = 0;

	for (size_t i = 0; r == 0 && (key = config_key_at(i)); i++, before = key) {
		r = write_section(key, before, out);
		if (r == 0)
			r = write_key(s, key, out);
	}
	return r < 0 ? r : write_lines(s, out);
}
