/*
 * config_value: a setting's text to its field, and back.
 *
 * Each type has a function that reads and one that writes; what is written is read back to the same
 * value. A text is first read whole and only then put in place of the old one, so a refused value
 * leaves the field as it was. What words and numbers mean is base/value's.
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
#include <unistd.h>

#include "config_internal.h"
#include "pimagefs/http.h"
#include "pimagefs/secret.h"
#include "pimagefs/value.h"

#define REAL_DIGITS 9 /* behind the point */

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
	return error_invalid(err, "%s: \"%.100s\" is not allowed; %s", key->name, text, allowed);
}

/* text becomes the field's. */
static int put_text(char **field, char *text)
{
	if (!text)
		return -ENOMEM;
	text_wipe(field);
	*field = text;
	return 0;
}

static int refuse_number(const struct config_key *key, const char *text, struct error *err)
{
	bool real = key->type == CONFIG_REAL;

	return error_invalid(err,
			     "%s: \"%.100s\" is not allowed; give a %snumber from %" PRId64
			     " to %" PRId64 " %s%s",
			     key->name, text, real ? "" : "whole ", key->min, key->max, key->unit,
			     real ? ", as 2 or 0.005 (at most 9 digits behind the point)"
			     : key->type == CONFIG_SIZE ? " (K, M or G may follow: 64M)"
							: "");
}

/* A whole number; for a size K, M or G may follow it. */
static int set_whole(const struct config_key *key, void *field, const char *text, struct error *err)
{
	static const char letters[] = "KMG";
	size_t digits = strspn(text, "0123456789");
	const char *letter = NULL;
	int64_t value, times = 1;
	char number[32];

	if (text[digits] && !text[digits + 1] && key->type == CONFIG_SIZE)
		letter = strchr(letters, toupper((unsigned char)text[digits]));
	if (letter)
		times = INT64_C(1) << (10 * (letter - letters + 1));
	snprintf(number, sizeof(number), "%.*s", (int)(digits < 31 ? digits : 31), text);
	if ((text[digits] && !letter) || !value_integer(number, &value) ||
	    value > key->max / times || value * times < key->min)
		return refuse_number(key, text, err);
	if (key->type == CONFIG_SIZE)
		*(int64_t *)field = value * times;
	else
		*(int *)field = (int)value;
	return 0;
}

static int set_real(const struct config_key *key, double *field, const char *text,
		    struct error *err)
{
	const char *point = strchr(text, '.');
	size_t behind = point ? strlen(point + 1) : 1;
	double value;

	if (!isdigit((unsigned char)*text) || text[strspn(text, "0123456789.")] || behind < 1 ||
	    behind > REAL_DIGITS || !value_real(text, &value) || value < (double)key->min ||
	    value > (double)key->max)
		return refuse_number(key, text, err);
	*field = value;
	return 0;
}

static int set_choice(const struct config_key *key, int *field, const char *text, struct error *err)
{
	char allowed[200];
	int place = value_choice(text, key->choices);

	if (place < 0) {
		value_choices(key->choices, text, allowed, sizeof(allowed));
		return refuse(key, text, allowed, err);
	}
	*field = place;
	return 0;
}

static int set_key(const struct config_key *key, char **field, const char *text, struct error *err)
{
	if (*text && !secret_is_usable(text))
		return error_invalid(err,
				     "%s: is no key: it must be 1 to %d printable ASCII characters "
				     "without spaces",
				     key->name, SECRET_MAX);
	return put_text(field, strdup(text));
}

static int check_url(const struct config_key *key, const char *url, struct error *err)
{
	const char *host = strstr(url, "://");
	bool tls = strncmp(url, "https://", 8) == 0;
	size_t size;
	int r;

	if (!tls && strncmp(url, "http://", 7) != 0)
		return refuse(key, url,
			      "it must begin with https:// (http:// only to a loopback address)",
			      err);
	host += 3;
	size = strcspn(host, "/?#");
	/* Without the text: there may be a password in it. */
	if (memchr(host, '@', size))
		return error_invalid(err, "%s: a user name or password does not belong into it",
				     key->name);
	if (strpbrk(host, "?#"))
		return refuse(key, url, "a query or fragment does not belong into it", err);
	r = http_check_url(url);
	if (r == -ENOMEM)
		return r;
	if (r < 0 || !size || host[size - 1] == ':' || strpbrk(url, " \\\"<>^`{|}"))
		return refuse(key, url, "write it as https://HOST[:PORT]/PATH", err);
	if (!tls && !http_is_loopback(url))
		return refuse(
			key, url,
			"plain http would show the key to the network: use https:// (http:// only "
			"to a loopback address)",
			err);
	return 0;
}

static int set_url(const struct config_key *key, char **field, const char *text, struct error *err)
{
	size_t size = strlen(text);
	int r = check_url(key, text, err);

	while (r == 0 && text[size - 1] == '/')
		size--;
	return r < 0 ? r : put_text(field, strndup(text, size));
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
		if (!home || *home != '/')
			return error_invalid(
				err, "\"%.100s\": the home folder is not known; set HOME", text);
		if (buf_printf(&path, "%s%s", home, text + 1) < 0)
			return -ENOMEM;
		*out = path.data;
		return 0;
	}
	*out = strdup(text);
	return *out ? 0 : -ENOMEM;
}

static int set_path(const struct config_key *key, char **field, const char *text, struct error *err)
{
	char *path = NULL;
	int r;

	if (*text && *text != '/' && strncmp(text, "~/", 2) != 0 && strcmp(text, "~") != 0)
		return refuse(key, text, "write the whole path; it begins with / or ~/", err);
	r = config_expand_home(text, &path, err);
	return r < 0 ? r : put_text(field, path);
}

static int set_target(const struct config_key *key, char **field, const char *text,
		      struct error *err)
{
	static const char *const words[] = { "auto", "stderr", "syslog", NULL };

	if (value_choice(text, words) >= 0)
		return put_text(field, strdup(text));
	if (*text != '/' && *text != '~')
		return refuse(key, text, "use auto, stderr, syslog or a file's whole path", err);
	return set_path(key, field, text, err);
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

		if (n == (size_t)key->max)
			r = error_invalid(err, "%s: has over %" PRId64 " patterns", key->name,
					  key->max);
		else if (!(list[n++] = strndup(text, size)))
			r = -ENOMEM;
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
	void *field = field_of(key, s);

	if (!*text && !key->may_be_empty)
		return error_invalid(err, "%s: is empty", key->name);
	if (has_control(text))
		return error_invalid(err, "%s: has a control character in it", key->name);
	switch (key->type) {
	case CONFIG_INTEGER:
	case CONFIG_SIZE:
		return set_whole(key, field, text, err);
	case CONFIG_REAL:
		return set_real(key, field, text, err);
	case CONFIG_BOOL:
		return value_bool(text, field) ? 0 : refuse(key, text, "write yes or no", err);
	case CONFIG_CHOICE:
		return set_choice(key, field, text, err);
	case CONFIG_URL:
		return set_url(key, field, text, err);
	case CONFIG_PATH:
		return set_path(key, field, text, err);
	case CONFIG_TARGET:
		return set_target(key, field, text, err);
	case CONFIG_KEY:
		return set_key(key, field, text, err);
	case CONFIG_LIST:
		return set_list(key, s, text, err);
	case CONFIG_TEXT:
		break;
	}
	return put_text(field, strdup(text));
}

static int print_size(int64_t bytes, struct buf *out)
{
	if (bytes && bytes % (1 << 20) == 0)
		return buf_printf(out, "%" PRId64 "M", bytes >> 20);
	if (bytes && bytes % (1 << 10) == 0)
		return buf_printf(out, "%" PRId64 "K", bytes >> 10);
	return buf_printf(out, "%" PRId64, bytes);
}

/* Without an exponent, which set_real refuses. */
static int print_real(double value, struct buf *out)
{
	char text[64];
	int size = snprintf(text, sizeof(text), "%.*f", REAL_DIGITS, value);

	while (text[size - 1] == '0')
		size--;
	if (text[size - 1] == '.')
		size--;
	return buf_printf(out, "%.*s", size, text);
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
		return buf_printf(out, "%d", *(const int *)field);
	case CONFIG_SIZE:
		return print_size(*(const int64_t *)field, out);
	case CONFIG_REAL:
		return print_real(*(const double *)field, out);
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
		text_wipe(field_of(key, s));
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
