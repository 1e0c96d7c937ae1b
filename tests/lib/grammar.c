/* grammar: what the tests of plain prompts refer to. */
#include "grammar.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pimagefs/rng.h"

static const char *const wildcard_names[] = { "animals" };
static const char animals[] = "# animals\nfox\n\n  owl\r\n{big, small} dog --ar\n";

static uint64_t draw(void *data)
{
	struct chance *c = data;

	c->drawn++;
	return rng_next(&c->state);
}

static int read_wildcard(const char *name, const char **text, size_t *size, void *data)
{
	const struct chance *c = data;

	if (c->fault)
		return c->fault;
	if (!c->file && strcmp(name, "animals") != 0)
		return -ENOENT;
	*text = c->file ? c->file : animals;
	*size = c->file ? c->file_size : strlen(animals);
	return 0;
}

struct expand_source grammar_source(struct chance *c)
{
	return (struct expand_source){ read_wildcard, draw, c, wildcard_names, 1 };
}

struct settings grammar_settings(struct config_lora loras[2])
{
	static char ink[] = "ink", pixels[] = "pixel-art", line[] = "x.ini:3";
	static char ink_weights[] = "huggingface.co/me/ink", scale[] = "0.7";
	static char pixels_weights[] = "huggingface.co/me/pixels";
	static char slug[] = SLUG;

	memset(loras, 0, 2 * sizeof(*loras));
	loras[0] = (struct config_lora){ ink,
					 { .value = ink_weights, .where = line },
					 { .value = scale, .where = line } };
	loras[1] = (struct config_lora){ pixels,
					 { .value = pixels_weights, .where = line },
					 { .value = NULL } };
	return (struct settings){
		.model.slug = slug,
		.loras = loras,
		.n_loras = 2,
		.limits = { .expand = 40, .max_request_bytes = MOST_BYTES },
		.requests.options = true,
	};
}

struct request_rules *grammar_rules(const struct settings *settings)
{
	struct request_rules *rules;
	struct error err;

	if (request_rules_new(&rules, settings, &err) < 0)
		fail_msg("%s", err.message);
	return rules;
}

int grammar_setup(void **state)
{
	struct config_lora loras[2];
	struct settings settings = grammar_settings(loras);

	*state = grammar_rules(&settings);
	return 0;
}

int grammar_teardown(void **state)
{
	request_rules_free(*state);
	return 0;
}

int grammar_expand(const struct request_rules *rules, const char *text, struct chance *chance,
		   struct expansion *out, struct error *err)
{
	struct expand_source source = grammar_source(chance);

	memset(err, 0, sizeof(*err));
	*out = (struct expansion){ .n = 0 };
	return request_expand(rules, "x.txt", text, strlen(text), &source, out, err);
}
