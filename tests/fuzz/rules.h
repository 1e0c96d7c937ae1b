/* rules: the settings' rules and the chance that the targets of plain prompts have in common, and
 * what holds for each request that comes of them. */
#ifndef PIMAGEFS_TESTS_FUZZ_RULES_H
#define PIMAGEFS_TESTS_FUZZ_RULES_H

#include "fuzz.h"

#include <errno.h>
#include <string.h>

#include "pimagefs/expand.h"
#include "pimagefs/models.h"
#include "pimagefs/rng.h"
#include "pimagefs/utf8.h"

#define MOST 12
#define LONGEST 2000

struct given {
	uint64_t state;
	const char *file; /* of every wildcard; NULL: there is none */
	size_t size;
};

/* The first byte is where chance begins; what stands behind the first NUL is the content of every
 * wildcard file; between them is the text, of *size bytes. */
static inline const char *take_apart(const uint8_t *bytes, size_t *size, struct given *given)
{
	const char *text = (const char *)bytes + (*size > 0), *end;

	*given = (struct given){ .state = *size ? bytes[0] : 0 };
	*size -= *size > 0;
	end = memchr(text, '\0', *size);
	if (end) {
		given->file = end + 1;
		given->size = *size - (size_t)(end + 1 - text);
		*size = (size_t)(end - text);
	}
	return text;
}

static inline int read_wildcard(const char *name, const char **text, size_t *size, void *data)
{
	const struct given *g = data;

	promise(*name && *name != '/' && !strchr(name, '.') && !strstr(name, "//"));
	promise(strlen(name) <= EXPAND_LONGEST_NAME);
	*text = g->file;
	*size = g->size;
	return g->file ? 0 : -ENOENT;
}

static inline uint64_t draw(void *data)
{
	struct given *g = data;

	return rng_next(&g->state);
}

/* It points to given. */
static inline struct expand_source source_of(struct given *given)
{
	static const char *const names[] = { "animals" };

	return (struct expand_source){ read_wildcard, draw, given, names, 1 };
}

static inline struct request_rules *rules(void)
{
	static char slug[] = "p-image-lora-text-to-image", name[] = "ink", line[] = "x.ini:1";
	static char weights[] = "huggingface.co/me/ink", scale[] = "0.5";
	static struct request_rules *made;
	struct config_lora lora = { name,
				    { .value = weights, .where = line },
				    { .value = scale, .where = line } };
	struct settings settings = {
		.model.slug = slug,
		.loras = &lora,
		.n_loras = 1,
		.limits = { .expand = MOST, .max_request_bytes = LONGEST },
		.requests.options = true,
	};
	struct error err;

	if (!made)
		promise(request_rules_new(&made, &settings, &err) == 0);
	return made;
}

static inline void check_item(const struct request *r)
{
	json_t *input = json_loads(r->input, 0, NULL);

	promise(r->prompt[0] && utf8_valid(r->prompt, strlen(r->prompt)));
	promise(schema_check(models_find(r->model), input, NULL) == 0);
	json_decref(input);
}

static inline void check_error(int r, const struct error *err)
{
	promise(r == -EINVAL || r == -EILSEQ || r == -ENOMEM);
	promise(err->message[0] && utf8_valid(err->message, strlen(err->message)));
	promise(!utf8_has_control(err->message, strlen(err->message)));
}

#endif
