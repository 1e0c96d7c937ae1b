/*
 * prompt_input: what a prompt's options mean for its model.
 *
 * An option's value becomes the value of a field, checked by the model's table, so a refusal says
 * what the table says, behind the option's place. --ar takes any ratio: one of the model's list is
 * used as it is; another becomes the custom size that comes nearest to it among those of about a
 * megapixel, or of as much as the bounds of width and height allow.
 *
 * -EINVAL with err. What was put together until then is dropped.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expand_internal.h"
#include "pimagefs/models.h"
#include "pimagefs/suggest.h"
#include "pimagefs/value.h"

#define LONGEST_SHOWN 60
#define PIXELS (1024.0 * 1024.0) /* of a custom size */
#define SMALLEST 0.75            /* of that many */
#define LARGEST 1.3

/* What all the steps of one prompt need. */
struct build {
	const struct prompt *p;
	const struct request_rules *rules;
	const struct source *src;
	struct request_read *read;
	struct error *err;
};

static const char *text_of(const struct build *b, enum prompt_option option)
{
	return b->p->of[option].text;
}

/* Put the option's place before the message. */
static int at(const struct build *b, enum prompt_option option, int r)
{
	return source_at(b->src, b->p->of[option].place, r, b->err);
}

/* Length of a text that is shown. */
static int shown(const char *text)
{
	return (int)utf8_cut(text, strlen(text), LONGEST_SHOWN);
}

static int set(const struct build *b, const char *field, json_t *value)
{
	return json_object_set_new(b->read->input, field, value) == 0 ? 0 : -ENOMEM;
}

static int set_text(const struct build *b, const char *field, const char *text)
{
	const struct schema *s = b->read->schema;
	json_t *value = NULL;
	int r;

	if (!schema_field(s, field))
		return error_invalid(b->err, "%s: the model %s has no such field", field, s->slug);
	r = schema_value_of_text(s, field, text, &value, b->err);
	return r < 0 ? r : set(b, field, value);
}

static int set_option(const struct build *b, enum prompt_option option, const char *field)
{
	const char *text = text_of(b, option);

	return text ? at(b, option, set_text(b, field, text)) : 0;
}

/* --- aspect ratio */

struct ratio {
	double w, h;
};

static bool read_ratio(const char *text, struct ratio *out)
{
	const char *colon = strchr(text, ':');
	char w[16];

	if (!colon || (size_t)(colon - text) >= sizeof(w))
		return false;
	memcpy(w, text, (size_t)(colon - text));
	w[colon - text] = '\0';
	return value_real(w, &out->w) && value_real(colon + 1, &out->h) && out->w >= 1e-3 &&
	       out->h >= 1e-3 && out->w <= 1e6 && out->h <= 1e6;
}

/* One of the list that is the same ratio, or NULL. */
static const char *listed(const struct field *f, const struct ratio *given)
{
	struct ratio one;

	for (size_t i = 0; f->choices && f->choices[i]; i++)
		if (read_ratio(f->choices[i], &one) && one.w * given->h == one.h * given->w)
			return f->choices[i];
	return NULL;
}

static double between(double x, double least, double most)
{
	return x < least ? least : x > most ? most : x;
}

static int64_t nearest_multiple(double x, const struct field *f)
{
	int64_t step = f->multiple ? f->multiple : 1;

	return llround(between(x, (double)f->min, (double)f->max) / (double)step) * step;
}

/* How far from the ratio, and from the number of pixels: both are factors, so their logarithms. */
struct fit {
	double ratio, pixels;
};

static bool is_better(const struct fit *a, const struct fit *b)
{
	if (fabs(a->ratio - b->ratio) > 1e-9)
		return a->ratio < b->ratio;
	return a->pixels < b->pixels;
}

/* The size nearest to a ratio that lies within the bounds. */
static void find_size(const struct ratio *given, const struct field *width,
		      const struct field *height, int64_t size[2])
{
	double ratio = given->w / given->h;
	double widest = fmin((double)width->max, (double)height->max * ratio);
	double pixels = fmin(PIXELS, widest * widest / ratio);
	int64_t step = width->multiple ? width->multiple : 1;
	struct fit best = { HUGE_VAL, HUGE_VAL };

	for (int64_t w = width->min; w <= width->max; w += step) {
		int64_t h = nearest_multiple((double)w / ratio, height);
		double area = (double)w * (double)h;
		struct fit fit = { fabs(log((double)w / (double)h / ratio)),
				   fabs(log(area / pixels)) };

		if (area < pixels * SMALLEST || area > pixels * LARGEST || !is_better(&fit, &best))
			continue;
		best = fit;
		size[0] = w;
		size[1] = h;
	}
}

static int set_custom(const struct build *b, const struct size_rule *rule,
		      const struct ratio *given)
{
	const struct field *width = schema_field(b->read->schema, rule->members[0]);
	const struct field *height = schema_field(b->read->schema, rule->members[1]);
	double ratio = given->w / given->h;
	int64_t size[2] = { 0, 0 };
	int r;

	if (ratio * (double)height->min > (double)width->max ||
	    ratio * (double)height->max < (double)width->min)
		return error_invalid(b->err,
				     "--ar: %s is too long; %s and %s are from %d to %d pixels",
				     text_of(b, OPTION_AR), width->name, height->name,
				     (int)width->min, (int)width->max);
	find_size(given, width, height, size);
	r = set(b, rule->field, json_string(rule->value));
	if (r == 0)
		r = set(b, width->name, json_integer(size[0]));
	return r < 0 ? r : set(b, height->name, json_integer(size[1]));
}

static int set_ratio(const struct build *b)
{
	const struct size_rule *rule = b->read->schema->sizes;
	const char *text = text_of(b, OPTION_AR), *same;
	struct ratio given;

	if (!rule)
		return error_invalid(b->err, "--ar: the model %s has no aspect ratio",
				     b->read->schema->slug);
	if (text_of(b, OPTION_WIDTH) || text_of(b, OPTION_HEIGHT))
		return error_invalid(b->err, "--ar: says the same as --width and --height; leave "
					     "out one of the two");
	if (!read_ratio(text, &given))
		return error_invalid(b->err, "--ar: \"%.*s\" is no ratio; write it as 16:9",
				     shown(text), text);
	same = listed(schema_field(b->read->schema, rule->field), &given);
	return same ? set(b, rule->field, json_string(same)) : set_custom(b, rule, &given);
}

/* --- the others */

static int set_seed(const struct build *b)
{
	const char *text = text_of(b, OPTION_SEED);
	static const char *const word = "random";
	int64_t number;

	if (strcmp(text, word) == 0 && schema_field(b->read->schema, "seed")) {
		b->read->random_seed = true;
		return 0;
	}
	if (!value_integer(text, &number))
		return error_invalid(b->err,
				     "--seed: \"%.*s\" is not allowed; use a whole number from 0, "
				     "or random%s",
				     shown(text), text,
				     suggest(text, &word, 1) ? ". Did you mean \"random\"?" : "");
	return set_text(b, "seed", text);
}

/* NAME, NAME:S or an address, whose own colon stands before slashes. */
static int set_lora(const struct build *b)
{
	const char *text = text_of(b, OPTION_LORA), *colon = strrchr(text, ':');
	char *name;
	int r = 0;

	if (colon && strchr(colon, '/'))
		colon = NULL;
	if (colon && text_of(b, OPTION_LORA_SCALE))
		return error_invalid(b->err, "lora: its scale is given twice, here and with "
					     "--lora-scale");
	if (colon)
		r = set_text(b, "lora_scale", colon + 1);
	if (r < 0)
		return r;
	name = strdup(text);
	if (!name)
		return -ENOMEM;
	if (colon)
		name[colon - text] = '\0';
	r = *name ? loras_put(b->rules->loras, name, b->read, b->err)
		  : error_invalid(b->err, "lora: its name is missing");
	free(name);
	return r;
}

static int set_model(const struct build *b)
{
	const char *slug = text_of(b, OPTION_MODEL);
	const struct schema *s = models_find(slug);

	if (!s)
		return models_refuse("model", slug, b->err);
	b->read->schema = s;
	b->read->names_model = true;
	return 0;
}

static int set_all(const struct build *b)
{
	int r = set(b, "prompt", json_string(b->p->text));

	if (r == 0 && request_is_blank(b->p->text, strlen(b->p->text)))
		r = error_invalid(b->err, "there is no prompt; say what the picture shall show");
	if (r == 0 && text_of(b, OPTION_MODEL))
		r = at(b, OPTION_MODEL, set_model(b));
	if (r == 0 && text_of(b, OPTION_AR))
		r = at(b, OPTION_AR, set_ratio(b));
	if (r == 0)
		r = set_option(b, OPTION_WIDTH, "width");
	if (r == 0)
		r = set_option(b, OPTION_HEIGHT, "height");
	if (r == 0 && text_of(b, OPTION_SEED))
		r = at(b, OPTION_SEED, set_seed(b));
	if (r == 0)
		r = set_option(b, OPTION_LORA_SCALE, "lora_scale");
	if (r == 0 && text_of(b, OPTION_LORA))
		r = at(b, OPTION_LORA, set_lora(b));
	if (r == 0 && text_of(b, OPTION_UPSAMPLE))
		r = at(b, OPTION_UPSAMPLE, set_text(b, "prompt_upsampling", "true"));
	return r;
}

int prompt_repeat(const struct prompt *p, const struct source *src, uint64_t *out,
		  struct error *err)
{
	const struct option_value *repeat = &p->of[OPTION_REPEAT];
	int64_t n;

	*out = 1;
	if (!repeat->text)
		return 0;
	if (!value_integer(repeat->text, &n) || n < 1)
		return source_at(src, repeat->place,
				 error_invalid(err,
					       "--repeat: \"%.*s\" is not allowed; use a whole "
					       "number from 1",
					       shown(repeat->text), repeat->text),
				 err);
	*out = (uint64_t)n;
	return 0;
}

int prompt_input(const struct prompt *p, const struct request_rules *rules,
		 const struct source *src, struct request_read *out, struct error *err)
{
	struct request_read read = { .schema = rules->schema,
				     .input = json_object(),
				     .plain = true };
	struct build b = { .p = p, .rules = rules, .src = src, .read = &read, .err = err };
	int r = read.input ? set_all(&b) : -ENOMEM;

	if (r < 0)
		json_text_drop(read.input);
	else
		*out = read;
	return r;
}
