/*
 * routes: the demo service's endpoints, as the model's page describes them.
 *
 *     POST /v1/prediction/             -> a prediction's id
 *     GET  /v1/prediction/ID           -> processing, then success with a link, or error
 *     POST /v1/prediction/ID/cancel
 *     GET  /files/ID.png               -> the picture; no key is asked for, as on a public CDN
 *
 * Happy path: routes_answer splits the path, checks the key, and fills an answer. Failures are
 * answers too: 400, 401, 404, 405, 429 as the service gives them, 500 when memory or the disk is
 * short.
 */
#include "routes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ask.h"
#include "pimagefs/models.h"

#define CREATES 100
#define WINDOW_MS 60000
#define CONCURRENT 10
#define PREDICTION_PATH "/v1/prediction"
#define FILES_PATH "/files/"

void answer_error(struct answer *a, unsigned status, const char *message, const char *details)
{
	a->status = status;
	a->json = json_pack("{s:s, s:s, s:s}", "status", "error", "message", message, "details",
			    details);
}

static void answer_errno(struct answer *a, int r)
{
	answer_error(a, 500, "Internal error", strerror(-r));
}

/* True if the call may create now; otherwise the answer is filled. */
static bool within_limits(const struct predictions *p, const struct call *call, struct answer *a)
{
	int64_t oldest_ms;

	if (predictions_running(p, call->now_ms) >= CONCURRENT) {
		a->retry_after_s = 1;
		answer_error(a, 429, "Rate limit exceeded", "10 predictions are running already");
		return false;
	}
	if (predictions_recent(p, call->now_ms, WINDOW_MS, &oldest_ms) >= CREATES) {
		a->retry_after_s = (int)((oldest_ms + WINDOW_MS - call->now_ms) / 1000) + 1;
		answer_error(a, 429, "Rate limit exceeded", "100 creates within 60 seconds");
		return false;
	}
	return true;
}

static void create_from(struct predictions *p, const struct call *call, const json_t *json,
			struct answer *a)
{
	struct prediction ask, *one;
	const char *why = "";
	struct error err;
	int r = ask_read(json, &ask, &why);

	if (r == -ENXIO) {
		models_refuse("model", json_string_value(json_object_get(json, "model")), &err);
		answer_error(a, 404, "Model not found", err.message);
		return;
	}
	if (r < 0) {
		answer_error(a, 400, "Invalid input", why);
		return;
	}
	if (!within_limits(p, call, a))
		return;
	r = predictions_add(p, &ask, call->now_ms, &one);
	if (r < 0) {
		answer_errno(a, r);
		return;
	}
	a->status = 200;
	a->json = json_pack("{s:s, s:s, s:s}", "status", "success", "message",
			    "Prediction created successfully", "predictionID", one->id);
}

static void create(struct predictions *p, const struct call *call, struct answer *a)
{
	json_error_t why = { 0 };
	json_t *json = json_loadb(call->body ? call->body : "", call->body_size, 0, &why);

	if (json)
		create_from(p, call, json, a);
	else if (!*why.text) /* what is no JSON has a reason, no memory has none */
		answer_errno(a, -ENOMEM);
	else
		answer_error(a, 400, "Invalid JSON", why.text);
	json_decref(json);
}

static json_t *describe_picture(const struct prediction *one, int port)
{
	char url[96];

	snprintf(url, sizeof(url), "http://127.0.0.1:%d" FILES_PATH "%s.png", port, one->id);
	return json_pack("{s:s, s:s, s:s, s:{s:f}}", "status", "success", "predictionID", one->id,
			 "output", url, "metrics", "predict_time",
			 (double)(one->ready_ms - one->created_ms) / 1000);
}

static json_t *describe_failure(const struct prediction *one, const char *message,
				const char *details)
{
	return json_pack("{s:s, s:s, s:n, s:s, s:s}", "status", "error", "predictionID", one->id,
			 "output", "message", message, "details", details);
}

static json_t *describe(const struct prediction *one, int port, int64_t now_ms)
{
	if (prediction_running(one, now_ms))
		return json_pack("{s:s, s:s, s:n}", "status", "processing", "predictionID", one->id,
				 "output");
	switch (one->outcome) {
	case OUTCOME_FAILED:
		return describe_failure(one, "the demo failed it",
					"The prompt holds \"[fail]\", which asks for this.");
	case OUTCOME_UNSAFE:
		return describe_failure(one, "NSFW content detected",
					"The prompt holds \"[nsfw]\", which asks for this.");
	case OUTCOME_CANCELLED:
		return json_pack("{s:s, s:s, s:n}", "status", "cancelled", "predictionID", one->id,
				 "output");
	default:
		return describe_picture(one, port);
	}
}

static void cancel(struct predictions *p, struct prediction *one, const struct call *call,
		   struct answer *a)
{
	int r;

	if (one->outcome != OUTCOME_CANCELLED && !prediction_running(one, call->now_ms)) {
		answer_error(a, 400, "Prediction cannot be cancelled", "it is finished already");
		return;
	}
	r = predictions_cancel(p, one, call->now_ms);
	if (r < 0) {
		answer_errno(a, r);
		return;
	}
	a->status = 200;
	a->json = json_pack("{s:s, s:s, s:s}", "status", "success", "message",
			    "Prediction cancelled", "predictionID", one->id);
}

/* The id is what stands before tail; NULL if the path is not of this form or nobody knows the id.
 */
static struct prediction *find(const struct predictions *p, const char *path, const char *tail)
{
	char id[PREDICTION_ID];

	if (strlen(path) < PREDICTION_ID - 1 || strcmp(path + PREDICTION_ID - 1, tail) != 0)
		return NULL;
	memcpy(id, path, PREDICTION_ID - 1);
	id[PREDICTION_ID - 1] = '\0';
	return predictions_find(p, id);
}

static bool method_is(const struct call *call, const char *method, struct answer *a)
{
	if (!strcmp(call->method, method) ||
	    (!strcmp(method, "GET") && !strcmp(call->method, "HEAD")))
		return true;
	a->allow = method;
	answer_error(a, 405, "Method not allowed", method);
	return false;
}

static void answer_file(struct predictions *p, const char *name, const struct call *call,
			struct answer *a)
{
	struct prediction *one = find(p, name, ".png");
	int r;

	if (!one || one->outcome != OUTCOME_PICTURE || prediction_running(one, call->now_ms)) {
		answer_error(a, 404, "File not found", "there is no picture of this name");
		return;
	}
	r = predictions_draw(p, one);
	if (r < 0) {
		answer_errno(a, r);
		return;
	}
	a->status = 200;
	a->picture = &one->png;
}

static void answer_prediction(struct predictions *p, int port, const char *rest,
			      const struct call *call, struct answer *a)
{
	bool cancels = false;
	struct prediction *one = find(p, rest, "");

	if (!one) {
		one = find(p, rest, "/cancel");
		cancels = true;
	}
	if (!one) {
		answer_error(a, 404, "Prediction not found", "no prediction has this id");
	} else if (method_is(call, cancels ? "POST" : "GET", a)) {
		if (cancels) {
			cancel(p, one, call, a);
			return;
		}
		a->status = 200;
		a->json = describe(one, port, call->now_ms);
	}
}

void routes_answer(struct predictions *p, int port, const struct call *call, struct answer *a)
{
	const char *rest = call->path + strlen(PREDICTION_PATH);

	memset(a, 0, sizeof(*a));
	if (!strncmp(call->path, FILES_PATH, strlen(FILES_PATH))) {
		if (method_is(call, "GET", a))
			answer_file(p, call->path + strlen(FILES_PATH), call, a);
	} else if (strncmp(call->path, PREDICTION_PATH, strlen(PREDICTION_PATH)) != 0 ||
		   (*rest && *rest != '/')) {
		answer_error(a, 404, "Not found",
			     "the demo service has /v1/prediction/ and /files/");
	} else if (!call->authorised) {
		answer_error(a, 401, "Unauthorized",
			     "X-API-Key is missing; the demo takes any value");
	} else if (!*rest || !rest[1]) {
		if (method_is(call, "POST", a))
			create(p, call, a);
	} else {
		answer_prediction(p, port, rest + 1, call, a);
	}
}
