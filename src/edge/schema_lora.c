/*
 * schema_lora: may the service be told to fetch these weights?
 *
 * The address names a repository at Hugging Face and perhaps a file in it, with https:// or
 * without. It is passed on as given; what is not such an address is refused (-EINVAL) with the
 * right form, and with the right address where one can be guessed. An address with a user name in
 * it is not shown, for the user name may be a token. Pure; nothing to close.
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "schema_internal.h"

#define HOST "huggingface.co/"

static const char *after(const char *text, const char *prefix)
{
	size_t size = strlen(prefix);

	return strncasecmp(text, prefix, size) == 0 ? text + size : NULL;
}

/* One part of the path, up to the next '/'. */
static bool part_is_right(const char *part, size_t size)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+=,()";

	if (size == 0 || (size == 1 && *part == '.') || (size == 2 && memcmp(part, "..", 2) == 0))
		return false;
	return strspn(part, letters) >= size;
}

/* OWNER/REPO, or OWNER/REPO/FILE where FILE may have folders. */
static bool path_is_right(const char *path)
{
	unsigned parts = 0;

	for (;;) {
		size_t size = strcspn(path, "/");

		if (!part_is_right(path, size))
			return false;
		parts++;
		if (!path[size])
			return parts >= 2;
		path += size + 1;
	}
}

int schema_check_lora(const struct field *f, const json_t *value, struct error *err)
{
	static const char form[] = "write " HOST "OWNER/REPO or " HOST "OWNER/REPO/FILE";
	const char *text = json_string_value(value), *rest;
	/* A query is not shown: it may be a signature or a token. */
	size_t query = strcspn(text, "?#");
	int shown = query < 100 ? (int)query : 100;

	if (strchr(text, '@')) {
		error_set(err, ERROR_INVALID,
			  "%s: the address (not shown) has a user name in it; %s, and give a "
			  "token as hf_api_token",
			  f->name, form);
		return -EINVAL;
	}
	rest = after(text, "https://");
	if (!rest)
		rest = text;
	if (after(rest, HOST) && path_is_right(after(rest, HOST)))
		return 0;
	rest = after(text, "http://");
	if (rest && after(rest, HOST) && path_is_right(after(rest, HOST)))
		error_set(err, ERROR_INVALID, "%s: plain http is refused; write https://%.100s",
			  f->name, rest);
	else if (path_is_right(text) && !memchr(text, '.', strcspn(text, "/")))
		error_set(err, ERROR_INVALID, "%s: \"%.100s\" names no host; write " HOST "%.100s",
			  f->name, text, text);
	else
		error_set(err, ERROR_INVALID,
			  "%s: \"%.*s\" is not allowed: only public addresses at huggingface.co, "
			  "without a query, are; %s",
			  f->name, shown, text, form);
	return -EINVAL;
}
