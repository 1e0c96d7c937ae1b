/* What the config files share: the table of keys, values as text, the INI's lines, where each value
 * came from. */
#ifndef PIMAGEFS_CONFIG_INTERNAL_H
#define PIMAGEFS_CONFIG_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "pimagefs/buf.h"
#include "pimagefs/config.h"
#include "pimagefs/error.h"

#define CONFIG_DEFAULTS "defaults"
#define CONFIG_LORA "lora." /* a section's name begins so */

enum config_type {
	CONFIG_INTEGER, /* int, min..max */
	CONFIG_SIZE,    /* int64_t, bytes, min..max; K, M, G may follow the number */
	CONFIG_REAL,    /* double, min..max; at most nine digits behind the point */
	CONFIG_BOOL,
	CONFIG_CHOICE, /* an enum whose values are the places in choices */
	CONFIG_TEXT,
	CONFIG_URL,    /* without the slashes at its end */
	CONFIG_PATH,   /* absolute; "~" expanded */
	CONFIG_TARGET, /* auto, stderr, syslog or a path */
	CONFIG_KEY,    /* as secret_is_usable says, or empty */
	CONFIG_LIST,   /* texts with spaces between; the count is a size_t at offset_n */
};

struct config_key {
	const char *name; /* "section.key" */
	size_t offset, offset_n;
	int64_t min, max;
	const char *const *choices;
	const char *builtin;
	const char *unit; /* or "" */
	const char *doc;  /* one line */
	enum config_type type;
	bool secret; /* never shown */
	bool may_be_empty;
};

/* In the order of the INI; number i, or NULL past the end. */
const struct config_key *config_key_at(size_t i);
const struct config_key *config_key_find(const char *name);
size_t config_key_place(const struct config_key *key);
size_t config_key_count(void);
/* Of the table, or that of a LoRA, whose name may still be wrong. */
bool config_section_known(const char *section, size_t size);

/* -EINVAL with a sentence: no such section; no such key in it. */
int config_refuse_section(const char *section, struct error *err);
int config_refuse_key(const char *section, const char *name, struct error *err);

/* --- config_lines.c: [defaults] and [lora.NAME], whose lines are kept as texts */

/* 0 or -ENOMEM; what there is afterwards goes with config_lines_release. */
int config_lines_init(struct settings *s);
void config_lines_release(struct settings *s);
bool config_lines_has(const char *section);
/* The line of this name, or NULL. */
const struct config_default *config_lines_find(const struct settings *s, const char *section,
					       const char *name);
/* A line in place of the one of its name. Takes where, whatever it returns. 0, -EINVAL or -ENOMEM.
 */
int config_lines_set(struct settings *s, const char *section, const char *name, const char *value,
		     char *where, bool secret, struct error *err);
/* The name of a LoRA: 0 or -EINVAL. */
int config_lines_check(const char *section, struct error *err);

/* Read text into the key's field. 0, -EINVAL with a sentence that begins with the key's name, or
 * -ENOMEM; then unchanged. */
int config_value_set(const struct config_key *key, struct settings *s, const char *text,
		     struct error *err);
/* The field as text, as config_value_set reads it; a secret as "***". 0 or -ENOMEM. */
int config_value_print(const struct config_key *key, const struct settings *s, struct buf *out);
/* Free what the field holds. */
void config_value_clear(const struct config_key *key, struct settings *s);
/* "~" and "~/x" with the user's home: *out is the caller's. 0, -EINVAL or -ENOMEM. */
int config_expand_home(const char *text, char **out, struct error *err);

/* Calls fn with each line of the file. 0, -ENOENT (no such file), -EINVAL, -ENOMEM or what reading
 * gave; err always begins with the file and, where there is one, the line. st is what fstat says of
 * the file. */
int config_ini_read(const char *path, config_line_fn fn, void *data, struct stat *st,
		    struct error *err);

enum config_source { CONFIG_BUILTIN, CONFIG_FILE, CONFIG_ENVIRONMENT, CONFIG_OPTION };

struct config_origin {
	enum config_source source;
	char *where; /* NULL: built-in */
};

struct config_origins {
	size_t n;
	struct config_origin of[]; /* by config_key_place */
};

/* Fill api.key from the best of its sources and clear the others; no key is needed for a demo. 0 or
 * as config_load says. */
int config_fetch_key(struct settings *s, const struct config_sources *from,
		     const char *environment_key, struct error *err);

#endif
