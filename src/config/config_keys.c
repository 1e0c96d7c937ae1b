/*
 * config_keys: every fixed key of the settings, as one table.
 *
 * A key is a row: its name, its type, its place in struct settings, its range, its built-in value,
 * its unit and one line for a person. Reading, checking, writing and the shipped pimagefs.ini all
 * follow the table, so a new key is a new row (and its field). Names that were once released stay.
 *
 * A name that no row has is refused with the nearest right one. The table is constant.
 */
#include <errno.h>
#include <string.h>

#include "config_internal.h"
#include "pimagefs/suggest.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define AT(field) .offset = offsetof(struct settings, field)

#define KIB INT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

static const char *const auth_choices[] = { "x-api-key", "bearer", NULL };
static const char *const ambiguous_choices[] = { "fail", "retry", NULL };
static const char *const offline_choices[] = { "wait", "fail", NULL };
static const char *const embed_choices[] = { "off", "parameters", "xmp", "all", NULL };
static const char *const reuse_choices[] = { "off", "same-seed", NULL };
static const char *const nonblock_choices[] = { "again", "poll", NULL };
static const char *const deadline_choices[] = { "reachable", "always", NULL };
static const char *const level_choices[] = { "error", "warn", "info", "debug", NULL };

static const struct config_key keys[] = {
	{ "api.base_url", .type = CONFIG_URL, AT(api.base_url),
	  .builtin = "https://api.eachlabs.ai/v1", .unit = "",
	  .doc = "The service: https, or http to a loopback address." },
	{ "api.key", .type = CONFIG_KEY, AT(api.key), .builtin = "", .unit = "", .secret = true,
	  .may_be_empty = true,
	  .doc = "The API key itself. This file must then be yours alone (chmod 600)." },
	{ "api.key_file", .type = CONFIG_PATH, AT(api.key_file), .builtin = "", .unit = "",
	  .may_be_empty = true,
	  .doc = "A file whose first line is the key; yours (or root's) alone: chmod 600." },
	{ "api.key_command", .type = CONFIG_TEXT, AT(api.key_command), .builtin = "", .unit = "",
	  .secret = true, .may_be_empty = true,
	  .doc = "A command (/bin/sh -c) whose first line of output is the key; it has 30 "
		 "seconds." },
	{ "api.auth", .type = CONFIG_CHOICE, AT(api.auth), .choices = auth_choices,
	  .builtin = "x-api-key", .unit = "",
	  .doc = "The header that carries the key: X-API-Key, or Authorization: Bearer." },
	{ "api.ca_file", .type = CONFIG_PATH, AT(api.ca_file), .builtin = "", .unit = "",
	  .may_be_empty = true,
	  .doc = "Certificates (PEM) of the authorities to trust instead of the system's, for a "
		 "network that signs its own." },
	{ "api.ambiguous_create", .type = CONFIG_CHOICE, AT(api.ambiguous_create),
	  .choices = ambiguous_choices, .builtin = "fail", .unit = "",
	  .doc = "A create was sent and never answered: hold it for you, or send it again "
		 "(perhaps billed twice)." },
	{ "api.offline", .type = CONFIG_CHOICE, AT(api.offline), .choices = offline_choices,
	  .builtin = "wait", .unit = "",
	  .doc = "Without a connection: wait until there is one, or fail after the retries." },
	{ "api.connect_timeout", .type = CONFIG_INTEGER, AT(api.connect_timeout_s), .min = 1,
	  .max = 300, .builtin = "10", .unit = "seconds",
	  .doc = "How long a connection may take to be made." },
	{ "api.idle_timeout", .type = CONFIG_INTEGER, AT(api.idle_timeout_s), .min = 1, .max = 3600,
	  .builtin = "30", .unit = "seconds", .doc = "How long a call may go without a byte." },
	{ "api.timeout", .type = CONFIG_INTEGER, AT(api.timeout_s), .min = 1, .max = 86400,
	  .builtin = "300", .unit = "seconds",
	  .doc = "How long a whole call may take, downloads too." },
	{ "api.retries", .type = CONFIG_INTEGER, AT(api.retries), .min = 0, .max = 100,
	  .builtin = "8", .unit = "tries", .doc = "How often a call that failed is tried again." },
	{ "api.retry_max", .type = CONFIG_INTEGER, AT(api.retry_max_s), .min = 1, .max = 3600,
	  .builtin = "60", .unit = "seconds", .doc = "The longest pause between two tries." },
	{ "api.busy_pause", .type = CONFIG_INTEGER, AT(api.busy_pause_s), .min = 1, .max = 3600,
	  .builtin = "105", .unit = "seconds",
	  .doc = "The pause after a 429 that names none itself." },
	{ "api.grace", .type = CONFIG_INTEGER, AT(api.grace_s), .min = 0, .max = 600,
	  .builtin = "10", .unit = "seconds",
	  .doc = "At unmount: how long creates that were sent may still be answered." },

	{ "model.slug", .type = CONFIG_TEXT, AT(model.slug),
	  .builtin = "p-image-lora-text-to-image", .unit = "",
	  .doc = "The model of requests that name none, by the service's name for it." },

	{ "limits.creates_per_minute", .type = CONFIG_INTEGER, AT(limits.creates_per_minute),
	  .min = 1, .max = 100000, .builtin = "100", .unit = "creates",
	  .doc = "The most creates within one window." },
	{ "limits.window", .type = CONFIG_INTEGER, AT(limits.window_s), .min = 1, .max = 3600,
	  .builtin = "60", .unit = "seconds", .doc = "The length of that window." },
	{ "limits.concurrent", .type = CONFIG_INTEGER, AT(limits.concurrent), .min = 1, .max = 1000,
	  .builtin = "10", .unit = "predictions", .doc = "The most predictions that run at once." },
	{ "limits.downloads", .type = CONFIG_INTEGER, AT(limits.downloads), .min = 1, .max = 1000,
	  .builtin = "8", .unit = "downloads", .doc = "The most downloads at once." },
	{ "limits.queue", .type = CONFIG_INTEGER, AT(limits.queue), .min = 1, .max = 1000000,
	  .builtin = "10000", .unit = "requests", .doc = "The most unfinished requests." },
	{ "limits.files", .type = CONFIG_INTEGER, AT(limits.files), .min = 1, .max = 10000000,
	  .builtin = "100000", .unit = "files",
	  .doc = "The most files and folders in requests/, drafts too." },
	{ "limits.daily_images", .type = CONFIG_INTEGER, AT(limits.daily_images), .min = 0,
	  .max = 1000000, .builtin = "0", .unit = "creates",
	  .doc = "The most creates in a calendar day of local time; 0: no limit." },
	{ "limits.daily_cost", .type = CONFIG_REAL, AT(limits.daily_cost), .min = 0, .max = 1000000,
	  .builtin = "0", .unit = "USD",
	  .doc = "When a day's creates have cost so much, the rest waits for the next day; 0: no "
		 "limit." },
	{ "limits.cost_per_image", .type = CONFIG_REAL, AT(limits.cost_per_image), .min = 0,
	  .max = 1000, .builtin = "0", .unit = "USD",
	  .doc = "What a create counts for daily_cost as long as the service tells no cost." },
	{ "limits.expand", .type = CONFIG_INTEGER, AT(limits.expand), .min = 1, .max = 1000,
	  .builtin = "40", .unit = "pictures",
	  .doc = "The most pictures that one request may ask for." },
	{ "limits.max_image_bytes", .type = CONFIG_SIZE, AT(limits.max_image_bytes), .min = KIB,
	  .max = 4 * GIB, .builtin = "64M", .unit = "bytes",
	  .doc = "The largest picture that is taken." },
	{ "limits.max_request_bytes", .type = CONFIG_SIZE, AT(limits.max_request_bytes), .min = 256,
	  .max = 16 * MIB, .builtin = "256K", .unit = "bytes", .doc = "The largest request file." },
	{ "limits.all_request_bytes", .type = CONFIG_SIZE, AT(limits.all_request_bytes), .min = 256,
	  .max = 64 * GIB, .builtin = "256M", .unit = "bytes",
	  .doc = "The most that all request files hold together: they are kept in memory." },
	{ "limits.min_free_bytes", .type = CONFIG_SIZE, AT(limits.min_free_bytes), .min = 0,
	  .max = 1024 * GIB, .builtin = "16M", .unit = "bytes",
	  .doc = "Free space below which no new request is taken." },

	{ "poll.first", .type = CONFIG_INTEGER, AT(poll.first_ms), .min = 1, .max = 600000,
	  .builtin = "1000", .unit = "milliseconds",
	  .doc = "The first poll after a create, until it is known how long predictions take." },
	{ "poll.min", .type = CONFIG_INTEGER, AT(poll.min_ms), .min = 1, .max = 600000,
	  .builtin = "200", .unit = "milliseconds",
	  .doc = "The shortest pause between two polls of a prediction." },
	{ "poll.max", .type = CONFIG_INTEGER, AT(poll.max_ms), .min = 1, .max = 600000,
	  .builtin = "5000", .unit = "milliseconds",
	  .doc = "The longest pause between two polls of a prediction." },
	{ "poll.deadline", .type = CONFIG_INTEGER, AT(poll.deadline_s), .min = 1, .max = 86400,
	  .builtin = "600", .unit = "seconds", .doc = "How long a prediction may take." },
	{ "poll.deadline_counts", .type = CONFIG_CHOICE, AT(poll.deadline_counts),
	  .choices = deadline_choices, .builtin = "reachable", .unit = "",
	  .doc = "Does time in which the service could not be reached count for the deadline?" },

	{ "requests.ignore", .type = CONFIG_LIST, AT(requests.ignore),
	  .offset_n = offsetof(struct settings, requests.n_ignore), .max = 100,
	  .builtin = ".* *~ *.swp *.swx *.tmp *.part *.crdownload *.bak 4913 #*# desktop.ini "
		     "Thumbs.db ~$*",
	  .unit = "", .may_be_empty = true,
	  .doc = "Names of drafts, which are never sent: patterns as a shell has them, with "
		 "spaces between." },
	{ "requests.reuse", .type = CONFIG_CHOICE, AT(requests.reuse), .choices = reuse_choices,
	  .builtin = "off", .unit = "",
	  .doc = "A request that names its seed and has the same input as a picture in the "
		 "library: ask again, or use that picture." },
	{ "requests.options", .type = CONFIG_BOOL, AT(requests.options), .builtin = "yes",
	  .unit = "",
	  .doc = "Do --ar 16:9, {red, blue}, <lora:NAME> and the like mean something in plain "
		 "prompts? no: each is sent as it is." },

	{ "images.wait_timeout", .type = CONFIG_INTEGER, AT(images.wait_timeout_s), .min = 0,
	  .max = 604800, .builtin = "600", .unit = "seconds",
	  .doc = "How long opening a pending picture waits; 0: for ever." },
	{ "images.list_pending", .type = CONFIG_BOOL, AT(images.list_pending), .builtin = "yes",
	  .unit = "", .doc = "Are pending pictures listed?" },
	{ "images.embed", .type = CONFIG_CHOICE, AT(images.embed), .choices = embed_choices,
	  .builtin = "off", .unit = "",
	  .doc = "What is written into a picture when it is kept: nothing, prompt and seed as "
		 "AUTOMATIC1111's tools read them, XMP, or both." },
	{ "images.nonblock", .type = CONFIG_CHOICE, AT(images.nonblock),
	  .choices = nonblock_choices, .builtin = "again", .unit = "",
	  .doc = "Opening a pending picture with O_NONBLOCK: EAGAIN at once, for Samba and tar, or "
		 "success, and then read says EAGAIN and poll tells when it is there." },
	{ "images.unlink_links", .type = CONFIG_BOOL, AT(images.unlink_links), .builtin = "no",
	  .unit = "",
	  .doc = "Does removing a link in by-date/ or by-id/ remove its picture? Else it is "
		 "refused." },
	{ "images.origin_url", .type = CONFIG_BOOL, AT(images.origin_url), .builtin = "no",
	  .unit = "",
	  .doc = "Do pictures show the service's link as user.xdg.origin.url? Whoever has it can "
		 "download the picture." },

	{ "library.path", .type = CONFIG_PATH, AT(library.path),
	  .builtin = "~/.local/share/pimagefs", .unit = "",
	  .doc = "Where the pictures are kept. Built-in: below $XDG_DATA_HOME if that is set." },
	{ "library.state", .type = CONFIG_PATH, AT(library.state),
	  .builtin = "~/.local/state/pimagefs", .unit = "",
	  .doc = "Where the requests are kept. Built-in: below $XDG_STATE_HOME if that is set." },

	{ "library.trash_days", .type = CONFIG_INTEGER, AT(library.trash_days), .min = 0,
	  .max = 36500, .builtin = "30", .unit = "days",
	  .doc = "How long a picture that was removed from images/ stays in the library's folder "
		 ".trash, from where `restore NAME` brings it back; 0: it is gone at once." },

	{ "log.level", .type = CONFIG_CHOICE, AT(log.level), .choices = level_choices,
	  .builtin = "info", .unit = "", .doc = "The least important lines that are written." },
	{ "log.target", .type = CONFIG_TARGET, AT(log.target), .builtin = "auto", .unit = "",
	  .doc = "auto (stderr in the foreground, else syslog), stderr, syslog, or a file's "
		 "path." },
};

const struct config_key *config_key_at(size_t i)
{
	return i < COUNT(keys) ? &keys[i] : NULL;
}

size_t config_key_count(void)
{
	return COUNT(keys);
}

size_t config_key_place(const struct config_key *key)
{
	return (size_t)(key - keys);
}

const struct config_key *config_key_find(const char *name)
{
	for (size_t i = 0; i < COUNT(keys); i++)
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

static const char *const sections[] = {
	"api", "model", CONFIG_DEFAULTS, "limits", "poll", "requests", "images", "library", "log",
};

bool config_section_known(const char *section, size_t size)
{
	if (size > strlen(CONFIG_LORA) && strncmp(section, CONFIG_LORA, strlen(CONFIG_LORA)) == 0)
		return true;
	for (size_t i = 0; i < COUNT(sections); i++)
		if (strlen(sections[i]) == size && memcmp(sections[i], section, size) == 0)
			return true;
	return false;
}

int config_refuse_section(const char *section, struct error *err)
{
	const char *nearest = suggest(section, sections, COUNT(sections));

	if (strcmp(section, "lora") == 0 || strcmp(section, CONFIG_LORA) == 0)
		return error_invalid(err, "[%s] has no name; write [lora.NAME]", section);
	if (nearest)
		return error_invalid(err, "there is no section [%s]; did you mean [%s]?", section,
				     nearest);
	return error_invalid(err,
			     "there is no section [%s]; there are api, model, defaults, limits, "
			     "poll, requests, images, library, log and lora.NAME",
			     section);
}

int config_refuse_key(const char *section, const char *name, struct error *err)
{
	const char *names[COUNT(keys)], *nearest, *elsewhere = NULL;
	size_t length = strlen(section), n = 0;

	for (size_t i = 0; i < COUNT(keys); i++) {
		const char *dot = strchr(keys[i].name, '.');

		if (strncmp(keys[i].name, section, length) == 0 && keys[i].name + length == dot)
			names[n++] = dot + 1;
		else if (strcmp(dot + 1, name) == 0)
			elsewhere = keys[i].name;
	}
	nearest = suggest(name, names, n);
	if (nearest)
		return error_invalid(err, "there is no setting %s.%s; did you mean %s.%s?", section,
				     name, section, nearest);
	if (elsewhere)
		return error_invalid(err, "there is no setting %s.%s; did you mean %s?", section,
				     name, elsewhere);
	return error_invalid(err, "there is no setting %s.%s", section, name);
}
