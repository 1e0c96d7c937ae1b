/*
 * ask: reads the body of a create. The demo is as strict as the service about what shapes the
 * picture, and takes the rest (LoRA, token, upsampling) as given, since it has no use for it.
 *
 * Two words in a prompt let a person see what failures look like: "[fail]" ends in an error of the
 * model, "[nsfw]" in one of the safety checker, unless the request switches that off.
 *
 * Happy path: ask_read fills a record. Failures: another model, or a field that is wrong, in a
 * sentence.
 */
#include "ask.h"

#include <errno.h>
#include <string.h>

#include "pimagefs/models.h"
#include "pimagefs/rng.h"

#define SIDE_MIN 256
#define SIDE_MAX 1440
#define SIDE " must be an integer from 256 to 1440, a multiple of 16"

struct ratio {
	const char *name;
	int width, height;
};

static const struct ratio ratios[] = {
	{ "16:9", 1344, 768 }, { "1:1", 1024, 1024 }, { "9:16", 768, 1344 }, { "4:3", 1152, 896 },
	{ "3:4", 896, 1152 },  { "3:2", 1248, 832 },  { "2:3", 832, 1248 },
};

static int refuse(const char **why, const char *text)
{
	*why = text;
	return -EINVAL;
}

static int read_side(const json_t *input, const char *name, int *side)
{
	const json_t *value = json_object_get(input, name);
	json_int_t n = json_integer_value(value);

	if (!json_is_integer(value) || n < SIDE_MIN || n > SIDE_MAX || n % 16)
		return -EINVAL;
	*side = (int)n;
	return 0;
}

static int read_size(const json_t *input, struct prediction *ask, const char **why)
{
	const json_t *ratio = json_object_get(input, "aspect_ratio");
	const char *name = ratio ? json_string_value(ratio) : ratios[0].name;

	if (name && !strcmp(name, "custom")) {
		if (read_side(input, "width", &ask->width) < 0)
			return refuse(why, "width" SIDE);
		return read_side(input, "height", &ask->height) < 0 ? refuse(why, "height" SIDE)
								    : 0;
	}
	for (size_t i = 0; name && i < sizeof(ratios) / sizeof(ratios[0]); i++) {
		if (!strcmp(name, ratios[i].name)) {
			ask->width = ratios[i].width;
			ask->height = ratios[i].height;
			return 0;
		}
	}
	return refuse(why,
		      "aspect_ratio must be one of 1:1, 16:9, 9:16, 4:3, 3:4, 3:2, 2:3, custom");
}

static int read_seed(const json_t *input, struct prediction *ask, const char **why)
{
	const json_t *seed = json_object_get(input, "seed");

	if (seed && !json_is_integer(seed))
		return refuse(why, "seed must be an integer");
	ask->seed = seed ? json_integer_value(seed) : (int64_t)(rng_u64() >> 33);
	return 0;
}

int ask_read(const json_t *json, struct prediction *ask, const char **why)
{
	const char *model = json_string_value(json_object_get(json, "model")), *prompt;
	const json_t *input = json_object_get(json, "input");
	int r;

	if (!json_is_object(json))
		return refuse(why, "the body must be a JSON object");
	if (!model)
		return refuse(why, "model must be a string");
	if (!models_find(model))
		return -ENXIO;
	prompt = json_string_value(json_object_get(input, "prompt"));
	if (!prompt || !*prompt)
		return refuse(why, "input.prompt must be a string that is not empty");
	memset(ask, 0, sizeof(*ask));
	ask->prompt = (char *)prompt;
	if (strstr(prompt, "[fail]"))
		ask->outcome = OUTCOME_FAILED;
	else if (strstr(prompt, "[nsfw]") &&
		 !json_is_true(json_object_get(input, "disable_safety_checker")))
		ask->outcome = OUTCOME_UNSAFE;
	r = read_seed(input, ask, why);
	return r < 0 ? r : read_size(input, ask, why);
}
