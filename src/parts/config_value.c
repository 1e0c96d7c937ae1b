/*
 * config_value: a setting's text to its field, and back.
 *
 * Each type has a function that reads and one that writes; what is written is read back to the same
 * value. A text is first read whole and only then put in place of the old one, so a refused value
 * leaves the field as it was. Numbers are in config_number.c.
 *
 * A refusal is -EINVAL and a sentence that begins with the key's name and says what is allowed,
 * with the unit; a secret's text is not in it. Fields own their texts; config_value_clear frees
 * them.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "config_internal.h"
#include "pimagefs/http.h"
#include "pimagefs/secret.h"
#include "pimagefs/suggest.h"

static void *field_of(const struct config_key *key, const struct settings *s)
{
	return (char *)s + key->offset;
}

static size_t *count_of(const struct config_key *key, const struct settings *s)
{
	return (size_t *)(void *)((char *)s + key->offset_n);
}

static int refuse(const struct config_key *key, const char *text, const char *allowed,
		  struct error *err)
{
	error_set(err, ERROR_INVALID, "%s: \"%.100s\" is not allowed; %s", key->name, text,
		  allowed);
	return -EINVAL;
}

static int put_text(char **field, char *text)
{
	if (*field)
		explicit_bzero(*field, strlen(*field));
	free(*field);
	*field = text;
	return 0;
}

static int set_text(const struct config_key *key, struct settings *s, const char *text)
{
	char *copy = strdup(text);

	return copy ? put_text(field_of(key, s), copy) : -ENOMEM;
}

static int set_bool(const struct config_key *key, struct settings *s, const char *text,
		    struct error *err)
{
	static const char *const words[] = { "no", "yes", "false", "true", "off", "on", "0", "1" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcasecmp(words[i], text) == 0) {
			*(bool *)field_of(key, s) = i % 2;
			return 0;
		}
	}
	return refuse(key, text, "write yes or no", err);
}

static int refuse_choice(const struct config_key *key, const char *text, size_t n,
			 struct error *err)
{
	const char *nearest = suggest(text, key->choices, n);
	char allowed[200] = "use one of";
	size_t used = strlen(allowed);

	for (size_t i = 0; i < n && used < sizeof(allowed); i++)
		used += (size_t)snprintf(allowed + used, sizeof(allowed) - used, "%s %s",
					 i ? "," : "", key->choices[i]);
	if (nearest && used < sizeof(allowed))
		snprintf(allowed + used, sizeof(allowed) - used, ". Did you mean \"%s\"?", nearest);
	return refuse(key, text, allowed, err);
}

static int set_choice(const struct config_key *key, struct settings *s, const char *text,
		      struct error *err)
{
	size_t i;

	for (i = 0; key->choices[i]; i++) {
		if (strcmp(key->choices[i], text) == 0) {
			*(int *)field_of(key, s) = (int)i;
			return 0;
		}
	}
	return refuse_choice(key, text, i, err);
}

static int set_key(const struct config_key *key, struct settings *s, const char *text,
		   struct error *err)
{
	if (*text && !secret_is_usable(text)) {
		error_set(err, ERROR_INVALID,
			  "%s: is no key: it must be 1 to %d printable ASCII characters "
			  "without spaces",
			  key->name, SECRET_MAX);
		return -EINVAL;
	}
	return set_text(key, s, text);
}

/* The port behind a host, if any: ":" and 1..65535. */
static bool port_is_right(const char *text, size_t size)
{
	unsigned long port = 0;

	if (!size)
		return true;
	if (*text != ':' || size < 2 || size > 6)
		return false;
	for (size_t i = 1; i < size; i++) {
		if (!isdigit((unsigned char)text[i]))
			return false;
		port = port * 10 + (unsigned long)(text[i] - '0');
	}
	return port >= 1 && port <= 65535;
}

/* A name, an IPv4 address or a bracketed IPv6 address, and perhaps a port. */
static bool host_is_right(const char *host, size_t size)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";
	static const char address[] = "0123456789abcdefABCDEF:.";
	size_t n;

	if (size && *host == '[') {
		n = 1 + strspn(host + 1, address);
		return n > 2 && n < size && host[n] == ']' &&
		       port_is_right(host + n + 1, size - n - 1);
	}
	n = strspn(host, letters);
	return n > 0 && n <= size && port_is_right(host + n, size - n);
}

static bool path_is_right(const char *path)
{
	for (; *path; path++)
		if (*path <= ' ' || *path >= 0x7f || strchr("?#\\\"<>^`{|}", *path))
			return false;
	return true;
}

static int check_url(const struct config_key *key, const char *url, struct error *err)
{
	const char *host = strstr(url, "://");
	bool tls = strncmp(url, "https://", 8) == 0;
	size_t size;

	if (!tls && strncmp(url, "http://", 7) != 0)
		return refuse(key, url,
			      "it must begin with https:// (http:// only to a loopback address)",
			      err);
	host += 3;
	size = strcspn(host, "/?#");
	/* Without the text: there may be a password in it. */
	if (memchr(host, '@', size)) {
		error_set(err, ERROR_INVALID, "%s: a user name or password does not belong into it",
			  key->name);
		return -EINVAL;
	}
	if (strpbrk(host, "?#"))
		return refuse(key, url, "a query or fragment does not belong into it", err);
	if (!host_is_right(host, size) || !path_is_right(host + size))
		return refuse(key, url, "write it as https://HOST[:PORT]/PATH", err);
	if (!tls && !http_is_loopback(url))
		return refuse(
			key, url,
			"plain http would show the key to the network: use https:// (http:// only "
			"to a loopback address)",
			err);
	return 0;
}

static int set_url(const struct config_key *key, struct settings *s, const char *text,
		   struct error *err)
{
	size_t size = strlen(text);
	int r = check_url(key, text, err);
	char *copy;

	if (r < 0)
		return r;
	while (text[size - 1] == '/')
		size--;
	copy = strndup(text, size);
	return copy ? put_text(field_of(key, s), copy) : -ENOMEM;
}

int config_expand_home(const char *text, char **out, struct error *err)
{
	const char *home = getenv("HOME");
	struct buf path = BUF_INIT;

	if (text[0] == '~' && (text[1] == '/' || !text[1])) {
		if (!home || *home != '/') {
			const struct passwd *user = getpwuid(geteuid());

			home = user ? user->pw_dir : NULL;
		}
		if (!home || *home != '/') {
			error_set(err, ERROR_INVALID,
				  "\"%.100s\": the home folder is not known; set HOME", text);
			return -EINVAL;
		}
		if (buf_printf(&path, "%s%s", home, text + 1) < 0)
			return -ENOMEM;
		*out = path.data;
		return 0;
	}
	*out = strdup(text);
	return *out ? 0 : -ENOMEM;
}

static int set_path(const struct config_key *key, struct settings *s, const char *text,
		    struct error *err)
{
	char *path;
	int r;

	if (*text && *text != '/' && strncmp(text, "~/", 2) != 0 && strcmp(text, "~") != 0)
		return refuse(key, text, "write the whole path; it begins with / or ~/", err);
	r = config_expand_home(text, &path, err);
	return r < 0 ? r : put_text(field_of(key, s), path);
}

static int set_target(const struct config_key *key, struct settings *s, const char *text,
		      struct error *err)
{
	static const char *const words[] = { "auto", "stderr", "syslog" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i], text) == 0)
			return set_text(key, s, text);
	if (*text != '/' && *text != '~')
		return refuse(key, text, "use auto, stderr, syslog or a file's whole path", err);
	return set_path(key, s, text, err);
}

static void free_list(char **list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(list[i]);
	free(list);
}

static int set_list(const struct config_key *key, struct settings *s, const char *text,
		    struct error *err)
{
	char **list = calloc((size_t)key->max, sizeof(*list));
	size_t n = 0;
	int r = list ? 0 : -ENOMEM;

	for (text += strspn(text, " \t"); r == 0 && *text; text += strspn(text, " \t")) {
		size_t size = strcspn(text, " \t");

		if (n == (size_t)key->max) {
			error_set(err, ERROR_INVALID, "%s: has over %" PRId64 " patterns",
				  key->name, key->max);
			r = -EINVAL;
			break;
		}
		list[n] = strndup(text, size);
		r = list[n] ? 0 : -ENOMEM;
		n += r == 0;
		text += size;
	}
	if (r < 0) {
		free_list(list, n);
		return r;
	}
	config_value_clear(key, s);
	*(char ***)field_of(key, s) = list;
	*count_of(key, s) = n;
	return 0;
}

static bool has_control(const char *text)
{
	for (; *text; text++)
		if (((unsigned char)*text < ' ' && *text != '\t') || *text == 0x7f)
			return true;
	return false;
}

int config_value_set(const struct config_key *key, struct settings *s, const char *text,
		     struct error *err)
{
	if (!*text && !key->may_be_empty) {
		error_set(err, ERROR_INVALID, "%s: is empty", key->name);
		return -EINVAL;
	}
	if (has_control(text)) {
		error_set(err, ERROR_INVALID, "%s: has a control character in it", key->name);
		return -EINVAL;
	}
	switch (key->type) {
	case CONFIG_INTEGER:
	case CONFIG_SIZE:
	case CONFIG_REAL:
		return config_number_set(key, field_of(key, s), text, err);
	case CONFIG_BOOL:
		return set_bool(key, s, text, err);
	case CONFIG_CHOICE:
		return set_choice(key, s, text, err);
	case CONFIG_URL:
		return set_url(key, s, text, err);
	case CONFIG_PATH:
		return set_path(key, s, text, err);
	case CONFIG_TARGET:
		return set_target(key, s, text, err);
	case CONFIG_KEY:
		return set_key(key, s, text, err);
	case CONFIG_LIST:
		return set_list(key, s, text, err);
	case CONFIG_TEXT:
		break;
	}
	return set_text(key, s, text);
}

static int print_list(char *const *list, size_t n, struct buf *out)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = buf_printf(out, "%s%s", i ? " " : "", list[i]);
	return r;
}

int config_value_print(const struct config_key *key, const struct settings *s, struct buf *out)
{
	const void *field = field_of(key, s);

	switch (key->type) {
	case CONFIG_INTEGER:
	case CONFIG_SIZE:
	case CONFIG_REAL:
		return config_number_print(key, field, out);
	case CONFIG_BOOL:
		return buf_puts(out, *(const bool *)field ? "yes" : "no");
	case CONFIG_CHOICE:
		return buf_puts(out, key->choices[*(const int *)field]);
	case CONFIG_LIST:
		return print_list(*(char *const *const *)field, *count_of(key, s), out);
	case CONFIG_TEXT:
	case CONFIG_URL:
	case CONFIG_PATH:
	case CONFIG_TARGET:
	case CONFIG_KEY:
		break;
	}
	return buf_puts(out, key->secret && **(char *const *)field ? "***" : *(char *const *)field);
}

void config_value_clear(const struct config_key *key, struct settings *s)
{
	switch (key->type) {
	case CONFIG_TEXT:
	case CONFIG_URL:
	case CONFIG_PATH:
	case CONFIG_TARGET:
	case CONFIG_KEY:
		put_text(field_of(key, s), NULL);
		break;
	case CONFIG_LIST:
		free_list(*(char ***)field_of(key, s), *count_of(key, s));
		*(char ***)field_of(key, s) = NULL;
		*count_of(key, s) = 0;
		break;
	default:
		break;
	}
}
