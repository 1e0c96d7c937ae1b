/* The rules of folders: requests/FOLDER/.pimagefs.ini, and of one below it. Between the first two
 * NULs stands the second one's text, behind them a prompt that is written there. */
#include "rules.h"

#include <jansson.h>

#define PATH "cats/.pimagefs.ini"

struct text {
	const char *bytes;
	size_t size;
};

/* Up to the next NUL. */
static struct text next(struct text *rest)
{
	const char *end = rest->size ? memchr(rest->bytes, '\0', rest->size) : NULL;
	struct text piece = *rest;

	if (end)
		piece.size = (size_t)(end - rest->bytes);
	rest->bytes += piece.size + (end != NULL);
	rest->size -= piece.size + (end != NULL);
	return piece;
}

static struct request_rules *below(const struct request_rules *above, struct text text)
{
	struct request_rules *made = NULL;
	struct error err = { .message = "" };
	int r = request_rules_below(&made, above, PATH, text.bytes, text.size, &err);

	promise((r == 0) == (made != NULL));
	if (r < 0) {
		check_error(r, &err);
		promise(strncmp(err.message, PATH ":", strlen(PATH ":")) == 0);
	}
	return made;
}

static int expand(const struct request_rules *under, struct text prompt, struct expansion *out,
		  struct error *err)
{
	struct given given = { .state = 1 };
	struct expand_source source = source_of(&given);

	*err = (struct error){ .message = "" };
	*out = (struct expansion){ .n = 0 };
	return request_expand(under, "x", prompt.bytes, prompt.size, &source, out, err);
}

static void check_origins(const struct request *r)
{
	json_t *origins = r->origins ? json_loads(r->origins, 0, NULL) : NULL;
	const char *key;
	json_t *where;

	promise(!r->origins || json_object_size(origins) > 0);
	json_object_foreach (origins, key, where)
		promise(strncmp(json_string_value(where), PATH, strlen(PATH)) == 0);
	json_decref(origins);
}

/* What is asked there is whole, and a folder below that says nothing changes nothing. */
static void check_prompt(const struct request_rules *under, struct text prompt)
{
	struct request_rules *same = below(under, (struct text){ "", 0 });
	struct expansion a, b;
	struct error err, other;
	int r = expand(under, prompt, &a, &err);

	promise(same != NULL);
	promise(expand(same, prompt, &b, &other) == r && a.n == b.n);
	if (r < 0) {
		check_error(r, &err);
		promise(strcmp(err.message, other.message) == 0);
	}
	for (size_t i = 0; i < a.n; i++) {
		check_item(&a.items[i]);
		check_origins(&a.items[i]);
		promise(strcmp(a.items[i].prompt, b.items[i].prompt) == 0);
		promise(strcmp(a.items[i].model, b.items[i].model) == 0);
	}
	expansion_release(&a);
	expansion_release(&b);
	request_rules_free(same);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct text rest = { (const char *)bytes, size }, first = next(&rest), second = next(&rest);
	struct request_rules *a = below(rules(), first);
	struct request_rules *b = below(a ? a : rules(), second);

	if (a)
		check_prompt(a, rest);
	if (b)
		check_prompt(b, rest);
	request_rules_free(b);
	request_rules_free(a);
	return 0;
}
