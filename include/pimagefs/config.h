/* config: the settings in force, read once, then never changed. Layer 1; the only module that knows
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
enum config_reuse { CONFIG_REUSE_OFF, CONFIG_REUSE_SAME_SEED };
enum config_deadline { CONFIG_DEADLINE_REACHABLE, CONFIG_DEADLINE_ALWAYS };

/* One line of [defaults], as text: its meaning is the model's, so schema checks it. */
struct config_default {
	char *key;
	char *value;
	char *where; /* "FILE:LINE", or "-o defaults.seed" */
};

/* Every text belongs to the struct and is never NULL. */
struct settings {
	struct {
		char *base_url;               /* without a '/' at its end */
		char *key;                    /* secret */
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
	struct {
		int creates_per_minute; /* creates per window */
		int window_s;
		int concurrent;
		int queue;                         /* unfinished requests */
		int files;                         /* in requests/, folders too */
		int daily_images;                  /* 0: no limit */
		double daily_cost, cost_per_image; /* USD; daily_cost 0: no limit */
		int64_t max_image_bytes, max_request_bytes, min_free_bytes;
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
	} requests;
	struct {
		int wait_timeout_s; /* 0: for ever */
		bool list_pending;
	} images;
	struct {
		char *path, *state; /* absolute */
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
	const char *file;             /* -c, or NULL: PIMAGEFS_CONFIG, XDG, /etc */
	const char *const *overrides; /* "section.key=value", from -o */
	size_t n_overrides;
	bool demo; /* own library and state ("-demo" after their names, unless -o gives them), no
		      key, base_url filled in later */
};

/* *out is the caller's, to be given to settings_free. 0, -EINVAL (err says file, line, what is
 * allowed and the nearest right name), -EACCES (a key that others can read), -ENOENT (the file
 * named does not exist; or no key), -ENOMEM. */
int config_load(struct settings **out, const struct config_sources *from, struct error *err);
/* Wipes the secrets. Takes NULL. */
void settings_free(struct settings *s);
/* True if arg ("limits.concurrent=4") names a section that config knows: a setting, not a mount
 * option. */
bool config_is_override(const char *arg);
/* The settings in force as an INI text with each one's origin as a comment; secrets masked. 0 or
 * -ENOMEM. */
int settings_write(const struct settings *s, struct buf *out);
/* "section.key" number i of all fixed keys, or NULL past the end; and its built-in value as text.
 */
const char *config_key_name(size_t i);
const char *config_key_default(size_t i);
/* Where a fixed key's value came from, for a message: "FILE:LINE", "-o model.slug",
 * "EACHLABS_API_KEY" or "built-in". */
const char *config_origin(const struct settings *s, const char *key);

#endif
