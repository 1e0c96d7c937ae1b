/*
 * facts: what is known of how a job's picture was made.
 *
 * A demo draws its pictures itself, so they are not said to be a model's.
 *
 * Failures: no memory. What the input does not say stays unknown.
 */
#include "pimagefs/facts.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "pimagefs/job.h"
#include "pimagefs/json_text.h"
#include "pimagefs/models.h"

static int add_lora(const char *input, struct embed_facts *out)
{
	const json_t *weights, *scale;
	json_error_t fault;
	json_t *o;
	int r = json_text_read(input, strlen(input), 0, &o, &fault);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	weights = json_object_get(o, "lora_weights");
	scale = json_object_get(o, "lora_scale");
	r = job_set_text(&out->lora, json_string_value(weights));
	/* A strength alone is of the service's own weights, if any: nobody told. */
	if (json_is_string(weights) && json_is_number(scale)) {
		out->has_lora_scale = true;
		out->lora_scale = json_number_value(scale);
	}
	json_text_drop(o); /* a token may be in it */
	return r;
}

static int add_maker(const struct job *job, const struct settings *settings,
		     struct embed_facts *out)
{
	const char *model = job->model ? job->model : MODELS_FIRST;
	char system[256];

	if (settings->demo) {
		out->drawn = true;
		return job_set_text(&out->model, "pimagefs demo");
	}
	snprintf(system, sizeof(system), "%s at each::labs", model);
	if (job_set_text(&out->system, system) < 0 || job_set_text(&out->model, model) < 0)
		return -ENOMEM;
	return job->input ? add_lora(job->input, out) : 0;
}

int facts_of_job(const struct job *job, const struct settings *settings, struct embed_facts *out)
{
	struct embed_facts facts = { .what = settings->images.embed,
				     .has_seed = job->has_seed,
				     .seed = job->seed };
	int r = 0;

	if (facts.what != CONFIG_EMBED_OFF) {
		r = job_set_text(&facts.prompt, job->prompt);
		if (r == 0)
			r = add_maker(job, settings, &facts);
	}
	if (r < 0)
		embed_facts_release(&facts);
	else
		*out = facts;
	return r;
}
