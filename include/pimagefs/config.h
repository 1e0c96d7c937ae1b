/* config: the settings in force, read once, then never changed. Floor 1; the only module that knows
 * inih. Order: option (-o section.key=value), environment, INI file, built-in. */
#ifndef PIMAGEFS_CONFIG_H
#define PIMAGEFS_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pimagefs/buf.h"
#include "pimagefs/error.h"

enum config_auth { CONFIG_AUTH_X_API_KEY, CONFIG_AUTH_BEARER };
enum config_ambiguous { CONFIG_AMBIGUOUS_FAIL, CONFIG_AMBIGUOUS_RETRY };
enum config_offline { CONFIG_OFFLINE_WAIT, CONFIG_OFFLINE_FAIL };
enum config_nonblock { CONFIG_NONBLOCK_AGAIN, CONFIG_NONBLOCK_POLL };
enum config_reuse { CONFIG_REUSE_OFF, CONFIG_REUSE_SAME_SEED };
/* Bits: what is written into a picture. */
enum config_embed {
	CONFIG_EMBED_OFF,
	CONFIG_EMBED_PARAMETERS = 1,
	CONFIG_EMBED_XMP = 2,
	CONFIG_EMBED_ALL = 3
};
enum config_deadline { CONFIG_DEADLINE_REACHABLE, CONFIG_DEADLINE_ALWAYS };

#define CONFIG_NAME_MAX 64

/* One line of [defaults], as text: its meaning is the model's, so schema checks it. */
struct config_default {
	char *key;
	char *value;
	char *where; /* "FILE:LINE", or "-o defaults.seed" */
	bool secret; /* never shown */
};

/* A [lora.NAME]; what it does not say has a NULL value. The meaning is schema's too. */
struct config_lora {
	char *name;
	struct config_default weights, scale;
};

/* Every text belongs to the struct and is never NULL. */
struct settings {
	struct {
		char *base_url;               /* without a '/' at its end */
		char *key;                    /* secret */
		char *ca_file;                /* or "" */
		char *key_file, *key_command; /* where it came from, or "" */
		enum config_auth auth;
		enum config_ambiguous ambiguous_create;
		enum config_offline offline;
		int connect_timeout_s, idle_timeout_s, timeout_s;
		int retries; /* how often a create, poll or download that failed is tried again */
		int retry_max_s;  /* the longest pause between two tries */
		int busy_pause_s; /* after a 429 without Retry-After */
		int grace_s;      /* at the end: how long creates in flight may still be answered */
	} api;
	struct {
		char *slug;
	} model;
	struct config_default *defaults;
	size_t n_defaults;
	struct config_lora *loras;
	size_t n_loras;
	struct {
		int creates_per_minute; /* creates per window */
		int window_s;
		int concurrent;
		int downloads;
		int queue;                         /* unfinished requests */
		int files;                         /* in requests/, folders too */
		int daily_images;                  /* 0: no limit */
		double daily_cost, cost_per_image; /* USD; daily_cost 0: no limit */
		int expand;                        /* pictures of one request */
		int64_t max_image_bytes, max_request_bytes, all_request_bytes, min_free_bytes;
	} limits;
	struct {
		int first_ms, min_ms, max_ms;
		int deadline_s;
		enum config_deadline deadline_counts;
	} poll;
	struct {
		char **ignore; /* fnmatch patterns */
		size_t n_ignore;
		enum config_reuse reuse;
		bool options; /* the grammar of expand.h holds in plain prompts */
	} requests;
	struct {
		int wait_timeout_s; /* 0: for ever */
		bool list_pending;
		enum config_embed embed;
		enum config_nonblock nonblock;
		bool origin_url;   /* is the service's link shown? */
		bool unlink_links; /* does rm in by-date/ and by-id/ mean the picture? */
	} images;
	struct {
		char *path, *state; /* absolute */
		int trash_days;     /* 0: what is removed goes at once */
	} library;
	struct {
		int level;    /* enum log_level */
		char *target; /* "auto", "stderr", "syslog" or a path */
	} log;
	bool demo;
	char *file;             /* the INI that was read; "" if none */
	const char *key_origin; /* for people: "key_file", "EACHLABS_API_KEY", ... */
	struct config_origins *origins;
};

struct config_sources {
	const char *file; /* -c, or NULL: of the name, PIMAGEFS_CONFIG, XDG, /etc */
	/* --name, or NULL: of several mounts; NAME.ini beside pimagefs.ini, and a library and state
	 * with "-NAME" behind theirs. At most CONFIG_NAME_MAX letters, digits, '-', '_' and '.'. */
	const char *name;
	const char *const *overrides; /* "section.key=value", from -o */
	size_t n_overrides;
	/* Is the value of this line of [defaults] a secret? NULL: none is. */
	bool (*is_secret)(const char *field);
	/* What EACHLABS_API_KEY was at the first load, which took it away; NULL: it is looked up.
	 */
	const char *environment_key;
	/* What api.key_command prints, as key_command_run. */
	int (*read_command)(void *data, const char *command, char **out, struct error *err);
	void *data;
	bool demo; /* own library and state ("-demo" after their names, unless -o gives them), no
		      key, base_url filled in later */
};

/* One line that says something; name and value are NULL for a "[section]". Returns 0 or a negative
 * errno with err. */
typedef int (*config_line_fn)(void *data, const char *section, const char *name, const char *value,
			      unsigned line, struct error *err);
/* Call fn with each line of an INI text that is called `path`. 0, -EINVAL, -ENOMEM or what fn
 * returned; err always begins with "PATH:LINE: ". */
int config_read_text(const char *path, const char *text, size_t size, config_line_fn fn, void *data,
		     struct error *err);

/* The key if it came from EACHLABS_API_KEY, for the next load; else NULL. */
const char *settings_environment_key(const struct settings *s);
/* *out is the caller's, to be given to settings_free. 0, -EINVAL (err says file, line, what is
 * allowed and the nearest right name), -EACCES (a key that others can read), -ENOENT (the file
 * named, or of the name, does not exist; or no key), -ENOMEM, or what read_command gave. */
int config_load(struct settings **out, const struct config_sources *from, struct error *err);
/* Wipes the secrets. Takes NULL. */
void settings_free(struct settings *s);
/* Settings in force become those of a fresh load from the same sources, but for what cannot change
 * while mounted: the names of those that would have are appended to kept, with ", " between. fresh
 * then holds what was in force, for settings_free. 0, or -ENOMEM and nothing has changed. */
int settings_renew(struct settings *s, struct settings *fresh, struct buf *kept);
/* True if arg ("limits.concurrent=4") names a section that config knows: a setting, not a mount
 * option. */
bool config_is_override(const char *arg);
/* The settings in force as an INI text with each one's origin as a comment; secrets masked. 0 or
 * -ENOMEM. */
int settings_write(const struct settings *s, struct buf *out);
/* Where a fixed key's value came from, for a message: "FILE:LINE", "-o model.slug",
 * "EACHLABS_API_KEY" or "built-in". */
const char *config_origin(const struct settings *s, const char *key);

#endif
