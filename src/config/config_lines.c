/*
 * config_lines: the sections whose lines are kept as texts, [defaults] and [lora.NAME].
 *
 * What their values mean is a model's, so the requests' rules judge them; here each line is kept
 * with its place. The last source of a line wins. A [lora.NAME] is an entry with two lines, weights
 * and scale; its name is what a prompt may write as one word.
 *
 * A wrong name, and too many lines, are -EINVAL. Values are wiped on close, for there may be a
 * token among them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config_internal.h"
#include "pimagefs/suggest.h"

#define MOST_DEFAULTS 64
#define MOST_LORAS 256
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."

int config_lines_init(struct settings *s)
{
	s->defaults = calloc(MOST_DEFAULTS, sizeof(*s->defaults));
	s->loras = calloc(MOST_LORAS, sizeof(*s->loras));
	return s->defaults && s->loras ? 0 : -ENOMEM;
}

static void release_line(struct config_default *line)
{
	free(line->key);
	text_wipe(&line->value);
	free(line->where);
}

void config_lines_release(struct settings *s)
{
	for (size_t i = 0; i < s->n_defaults; i++)
		release_line(&s->defaults[i]);
	for (size_t i = 0; i < s->n_loras; i++) {
		release_line(&s->loras[i].weights);
		release_line(&s->loras[i].scale);
		free(s->loras[i].name);
	}
	free(s->defaults);
	free(s->loras);
}

/* The name in "lora.NAME", or NULL. */
static const char *lora_of(const char *section)
{
	size_t size = strlen(CONFIG_LORA);

	return strncmp(section, CONFIG_LORA, size) == 0 ? section + size : NULL;
}

bool config_lines_has(const char *section)
{
	return lora_of(section) || strcmp(section, CONFIG_DEFAULTS) == 0;
}

int config_lines_check(const char *section, struct error *err)
{
	const char *name = lora_of(section);

	if (!name || (*name && !name[strspn(name, LETTERS)]))
		return 0;
	return error_invalid(err,
			     "[%s]: the name of a LoRA has only letters, digits, '-', '_' and '.'",
			     section);
}

static struct config_lora *find_lora(const struct settings *s, const char *name)
{
	for (size_t i = 0; i < s->n_loras; i++)
		if (strcmp(s->loras[i].name, name) == 0)
			return &s->loras[i];
	return NULL;
}

static struct config_default *find_line(const struct settings *s, const char *section,
					const char *name)
{
	struct config_lora *lora = lora_of(section) ? find_lora(s, lora_of(section)) : NULL;

	if (lora && strcmp(name, "weights") == 0)
		return &lora->weights;
	if (lora && strcmp(name, "scale") == 0)
		return &lora->scale;
	for (size_t i = 0; !lora_of(section) && i < s->n_defaults; i++)
		if (strcmp(s->defaults[i].key, name) == 0)
			return &s->defaults[i];
	return NULL;
}

const struct config_default *config_lines_find(const struct settings *s, const char *section,
					       const char *name)
{
	const struct config_default *line = find_line(s, section, name);

	return line && line->value ? line : NULL;
}

/* Room for a line that there is not. 0, -EINVAL or -ENOMEM. */
static int make_room(struct settings *s, const char *section, const char *name, struct error *err)
{
	static const char *const lines[] = { "weights", "scale" };
	const char *lora = lora_of(section), *nearest;

	if (!lora && s->n_defaults == MOST_DEFAULTS)
		return error_invalid(err, "there are over %d lines in [defaults]", MOST_DEFAULTS);
	if (!lora || find_line(s, section, name))
		return 0;
	if (strcmp(name, lines[0]) != 0 && strcmp(name, lines[1]) != 0) {
		nearest = suggest(name, lines, 2);
		return error_invalid(err, "there is no setting %s.%s; %s%s", section, name,
				     nearest ? "did you mean " : "there are weights and scale",
				     nearest ? nearest : "");
	}
	if (s->n_loras == MOST_LORAS)
		return error_invalid(err, "there are over %d sections [lora.NAME]", MOST_LORAS);
	s->loras[s->n_loras].name = strdup(lora);
	if (!s->loras[s->n_loras].name)
		return -ENOMEM;
	s->n_loras++;
	return 0;
}

int config_lines_set(struct settings *s, const char *section, const char *name, const char *value,
		     char *where, bool secret, struct error *err)
{
	struct config_default new = { strdup(name), strdup(value), where, secret };
	struct config_default *old = find_line(s, section, name);
	int r = !new.key || !new.value ? -ENOMEM : 0;

	if (r == 0 && !old)
		r = make_room(s, section, name, err);
	if (r < 0) {
		release_line(&new);
		return r;
	}
	if (!old && lora_of(section))
		old = find_line(s, section, name);
	if (old)
		release_line(old);
	else
		old = &s->defaults[s->n_defaults++];
	*old = new;
	return 0;
}
