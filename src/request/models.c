/*
 * models: the table of the models that requests may be for.
 *
 * A model is data: its slug, its fields, and the rule by which its sizes hang together, if it has
 * one. Everything that depends on a model asks its table; nothing else knows a model by name.
 *
 * An unknown slug is -EINVAL with the nearest right one. The tables are constant.
 */
#include "pimagefs/models.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pimagefs/suggest.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const aspect_ratios[] = { "1:1", "16:9", "9:16",   "4:3", "3:4",
					     "3:2", "2:3",  "custom", NULL };

/* clang-format off */
#define PROMPT { .name = "prompt", .kind = FIELD_PROMPT, .required = true }
#define LORA \
	{ .name = "lora_weights", .kind = FIELD_LORA }, \
	{ .name = "lora_scale", .kind = FIELD_NUMBER, .least = -1, .most = 3 }, \
	{ .name = "hf_api_token", .kind = FIELD_TEXT, .secret = true }
#define SIZES \
	{ .name = "aspect_ratio", .kind = FIELD_CHOICE, .choices = aspect_ratios }, \
	{ .name = "width", .kind = FIELD_INTEGER, .min = 256, .max = 1440, .multiple = 16 }, \
	{ .name = "height", .kind = FIELD_INTEGER, .min = 256, .max = 1440, .multiple = 16 }
#define REST \
	{ .name = "seed", .kind = FIELD_INTEGER, .min = 0, .max = INT64_MAX }, \
	{ .name = "prompt_upsampling", .kind = FIELD_BOOLEAN }, \
	{ .name = "disable_safety_checker", .kind = FIELD_BOOLEAN }
/* clang-format on */

static const struct field p_image_lora[] = { PROMPT, LORA, SIZES, REST, { .name = NULL } };
static const struct field p_image[] = { PROMPT, SIZES, REST, { .name = NULL } };

static const struct size_rule custom = { "aspect_ratio", "custom", { "width", "height" } };

static const struct schema models[] = {
	{ .slug = MODELS_FIRST, .fields = p_image_lora, .sizes = &custom },
	{ .slug = "p-image-text-to-image", .fields = p_image, .sizes = &custom },
};

const struct schema *models_at(size_t i)
{
	return i < COUNT(models) ? &models[i] : NULL;
}

const struct schema *models_find(const char *slug)
{
	for (size_t i = 0; i < COUNT(models); i++)
		if (strcmp(models[i].slug, slug) == 0)
			return &models[i];
	return NULL;
}

int models_refuse(const char *where, const char *slug, struct error *err)
{
	const char *slugs[COUNT(models)], *nearest;
	char all[64 * COUNT(models)] = "";
	size_t used = 0;

	for (size_t i = 0; i < COUNT(models); i++) {
		slugs[i] = models[i].slug;
		used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s", i ? ", " : "",
					 slugs[i]);
	}
	nearest = suggest(slug, slugs, COUNT(models));
	if (nearest)
		return error_invalid(err, "%s: \"%.100s\" is not known; did you mean \"%s\"?",
				     where, slug, nearest);
	return error_invalid(err, "%s: \"%.100s\" is not known; the models are %s", where, slug,
			     all);
}

bool models_secret(const char *field)
{
	for (size_t i = 0; i < COUNT(models); i++) {
		const struct field *f = schema_field(&models[i], field);

		if (f && f->secret)
			return true;
	}
	return false;
}
