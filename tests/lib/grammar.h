/* grammar: what the tests of plain prompts refer to: two LoRAs, a wildcard file, and chance from a
 * seed. */
#ifndef TESTS_GRAMMAR_H
#define TESTS_GRAMMAR_H

#include "pimagefs/config.h"
#include "pimagefs/expand.h"

#define SLUG "p-image-lora-text-to-image"
#define MOST_BYTES 4096 /* of a request */

struct chance {
	uint64_t state;
	unsigned drawn;
	const char *file; /* the content of every wildcard file; NULL: there is only animals */
	size_t file_size;
	int fault; /* of every wildcard file */
};

/* Chance and the wildcard files as request_expand takes them. */
struct expand_source grammar_source(struct chance *c);
/* The grammar is on; [lora.ink] and [lora.pixel-art] point into loras. */
struct settings grammar_settings(struct config_lora loras[2]);
struct request_rules *grammar_rules(const struct settings *settings);
/* cmocka's: *state is the rules of those settings. */
int grammar_setup(void **state);
int grammar_teardown(void **state);
int grammar_expand(const struct request_rules *rules, const char *text, struct chance *chance,
		   struct expansion *out, struct error *err);

#endif
