/*
 * answer: what an answer of the service means for the job. Pure.
 *
 * The HTTP status decides first; of a 2xx the body does: a prediction ID for a create, a state for
 * a poll. Ids, states and links are accepted in every shape that the service's documents and
 * clients name. What fails is told in a sentence that a person can act on, followed by the
 * service's own words.
 *
 * What makes no sense is never taken for a decision: to a create it is uncertain (it may run and be
 * billed), as are a redirect that would make a GET of it and a proxy that gave up waiting; to
 * anything else it is trouble, to be asked again. An HTML page is not the service's: something on
 * the way answered. It decides nothing about a prediction; where TLS says that the way ends at the
 * service, a page for a create is uncertain.
 *
 * The answer owns its texts until answer_release. Want of memory is -ENOMEM, and nothing is
 * left behind.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "answer_internal.h"
#include "pimagefs/service.h"

#define MAX_ID 1024
#define MAX_LINK 8192
#define MAX_LINK_DEPTH 4

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

enum call { CREATE, POLL, CANCEL };

/* How an HTTP status that is no success is read. */
struct reading {
	enum service_verdict verdict;
	enum error_class class;
	const char *sentence;
	enum advice advice;
};

#define MOST_S 1e6 /* nobody predicts for ten days */

struct status_reading {
	int status;
	struct reading reading;
};

static const struct status_reading readings[] = {
	{ 400,
	  { SERVICE_REFUSED, ERROR_INVALID, "the service refused the request as invalid",
	    ADVICE_CORRECT } },
	{ 401,
	  { SERVICE_AUTH, ERROR_AUTH, "the service does not accept the API key", ADVICE_KEY } },
	{ 402,
	  { SERVICE_AUTH, ERROR_PAYMENT, "the account has no balance left at the service",
	    ADVICE_PAY } },
	{ 403,
	  { SERVICE_AUTH, ERROR_AUTH, "the service does not let this API key do this",
	    ADVICE_KEY } },
	{ 407,
	  { SERVICE_OFFLINE, ERROR_NETWORK, "a proxy on the way to the service asks for a password",
	    ADVICE_PROXY } },
	{ 408,
	  { SERVICE_TROUBLE, ERROR_SERVICE, "the service waited too long for the request",
	    ADVICE_WAIT } },
	{ 413,
	  { SERVICE_REFUSED, ERROR_INVALID, "the request is too large for the service",
	    ADVICE_SHORTEN } },
	{ 422,
	  { SERVICE_REFUSED, ERROR_INVALID, "the service refused the request as invalid",
	    ADVICE_CORRECT } },
	{ 425,
	  { SERVICE_TROUBLE, ERROR_SERVICE, "the service wants the request later", ADVICE_WAIT } },
	{ 429,
	  { SERVICE_BUSY, ERROR_SERVICE, "the service says that there are too many requests",
	    ADVICE_QUEUED } },
	{ 511,
	  { SERVICE_OFFLINE, ERROR_NETWORK,
	    "the network asks for a sign-in before it lets anything through", ADVICE_SIGN_IN } },
};

static const struct reading no_model = { SERVICE_REFUSED, ERROR_MODEL,
					 "the service does not know this model", ADVICE_MODEL };
static const struct reading no_prediction = { SERVICE_UNKNOWN, ERROR_SERVICE,
					      "the service does not know this prediction",
					      ADVICE_RETRY };
static const struct reading other_refusal = { SERVICE_REFUSED, ERROR_INVALID,
					      "the service refused the request", ADVICE_CORRECT };
static const struct reading trouble = { SERVICE_TROUBLE, ERROR_SERVICE,
					"the service has a problem of its own", ADVICE_WAIT };
static const struct reading nonsense = { SERVICE_TROUBLE, ERROR_SERVICE,
					 "the service's answer makes no sense", ADVICE_WAIT };
static const struct reading uncertain = {
	SERVICE_UNCERTAIN, ERROR_UNCERTAIN,
	"the service answered without a prediction ID, so the prediction may run and be billed",
	ADVICE_LOOK_FIRST
};
static const struct reading gave_up = {
	SERVICE_UNCERTAIN, ERROR_UNCERTAIN,
	"a proxy gave up waiting for the service, so the prediction may run and be billed",
	ADVICE_LOOK_FIRST
};
static const struct reading page = { SERVICE_TROUBLE, ERROR_SERVICE,
				     "something on the way answered instead of the service",
				     ADVICE_SIGN_IN };
static const struct reading portal = { SERVICE_OFFLINE, ERROR_NETWORK,
				       "something on the way answered instead of the service",
				       ADVICE_SIGN_IN };
static const struct reading moderation = { SERVICE_REFUSED, ERROR_MODERATION,
					   "the safety checker refused this request",
					   ADVICE_CHANGE };
static const struct reading failed = { SERVICE_FAILED, ERROR_SERVICE, "the prediction failed",
				       ADVICE_RETRY };
static const struct reading failed_moderation = { SERVICE_FAILED, ERROR_MODERATION,
						  "the safety checker refused this picture",
						  ADVICE_CHANGE };
static const struct reading no_picture = {
	SERVICE_FAILED, ERROR_DOWNLOAD, "the prediction is done, but its answer names no picture",
	ADVICE_RETRY
};
static const struct reading ended = { SERVICE_ENDED, ERROR_CANCELLED,
				      "the prediction was cancelled at the service", ADVICE_RETRY };

/* What a create that is answered so may have become is not known. */
static const struct reading *read_uncertain(int status)
{
	if (status == 504 || (status >= 520 && status <= 524))
		return &gave_up;
	/* 307 and 308 say "not here"; what no status allows is no answer. */
	if (status >= 600 || (status < 400 && status != 307 && status != 308))
		return &uncertain;
	return NULL;
}

static const struct reading *read_status(int status, enum call call, bool html)
{
	const struct reading *reading = call == CREATE ? read_uncertain(status) : NULL;

	for (size_t i = 0; i < COUNT(readings) && !reading; i++)
		if (readings[i].status == status)
			reading = &readings[i].reading;
	if (!reading && status == 404)
		reading = call == CREATE ? &no_model : &no_prediction;
	if (!reading)
		reading = status >= 400 && status < 500   ? &other_refusal
			  : status >= 500 && status < 600 ? &trouble
							  : &nonsense;
	if (html && call != CREATE &&
	    (reading->verdict == SERVICE_REFUSED || reading->verdict == SERVICE_UNKNOWN))
		reading = &page;
	return reading;
}

/* May the service's words turn this refusal into one by the safety checker? */
static bool may_be_moderation(int status, const struct reading *reading)
{
	return status == 403 || (reading->verdict == SERVICE_REFUSED && status != 404);
}

static int tell(struct service_answer *out, const struct reading *reading, int status,
		const struct words *w)
{
	struct buf line = BUF_INIT;
	int r = buf_puts(&line, reading->sentence);

	if (r == 0 && (status < 200 || status >= 300))
		r = buf_printf(&line, " (HTTP %d)", status);
	if (r == 0 && w->message.size)
		r = buf_printf(&line, ": %s", buf_text(&w->message));
	if (r == 0) {
		out->verdict = reading->verdict;
		error_set(&out->error, reading->class, "%s", buf_text(&line));
		error_text(out->error.details, sizeof(out->error.details), buf_text(&w->details));
		out->error.advice = reading->advice;
		out->error.http_status = status;
	}
	buf_release(&line);
	return r;
}

static int tell_body(struct service_answer *out, const struct reading *reading, int status,
		     const struct body *p)
{
	bool with_output = reading == &failed || reading == &no_picture;
	struct words w;
	int r = words_of_body(&w, p, with_output);

	if (r == 0 && p->kind == BODY_JSON && words_mean_moderation(&w)) {
		if (reading == &failed)
			reading = &failed_moderation;
		else if (may_be_moderation(status, reading))
			reading = &moderation;
	}
	if (r == 0)
		r = tell(out, reading, status, &w);
	if (r == 0 && reading == &failed && w.retryable)
		out->error.advice = ADVICE_RETRY_MAY_HELP;
	words_release(&w);
	return r;
}

/* 0 (also when there is none) or -ENOMEM. */
static int take_id(const json_t *body, struct service_answer *out)
{
	static const char *const names[] = { "predictionID", "id" };

	for (size_t i = 0; i < COUNT(names); i++) {
		const char *id = json_string_value(json_object_get(body, names[i]));

		if (!id || strlen(id) > MAX_ID || !id[strspn(id, " \t\r\n\f\v")])
			continue;
		out->prediction_id = strdup(id);
		return out->prediction_id ? 0 : -ENOMEM;
	}
	return 0;
}

static double number_or(const json_t *value, double unknown)
{
	double number = json_is_number(value) ? json_number_value(value) : unknown;

	return isfinite(number) && number >= 0 ? number : unknown;
}

static void take_metrics(const json_t *body, struct service_answer *out)
{
	const json_t *metrics = json_object_get(body, "metrics");

	out->predict_time_s = number_or(json_object_get(metrics, "predict_time"), -1);
	if (!(out->predict_time_s < MOST_S)) /* text of the network: it is multiplied later */
		out->predict_time_s = -1;
	out->cost_usd = number_or(json_object_get(metrics, "cost"), -1);
}

/* The link of a picture in any of the shapes of `output`; belongs to value. */
static const char *link_in(const json_t *value, unsigned depth)
{
	static const char *const names[] = { "url", "image", "images" };
	const char *link = json_string_value(value);

	if (link && json_string_length(value) <= MAX_LINK &&
	    (strncasecmp(link, "http://", 7) == 0 || strncasecmp(link, "https://", 8) == 0))
		return link;
	if (link || depth > MAX_LINK_DEPTH)
		return NULL;
	if (json_is_array(value))
		return link_in(json_array_get(value, 0), depth + 1);
	for (size_t i = 0; i < COUNT(names) && json_is_object(value) && !link; i++)
		link = link_in(json_object_get(value, names[i]), depth + 1);
	return link;
}

static int read_created(const struct body *p, int status, bool https, struct service_answer *out)
{
	int r;

	if (p->kind == BODY_HTML)
		return tell_body(out, https ? &uncertain : &page, status, p);
	r = take_id(p->json, out);
	if (r < 0)
		return r;
	if (!out->prediction_id)
		return tell_body(out, &uncertain, status, p);
	out->verdict = SERVICE_ACCEPTED;
	return 0;
}

enum state { STATE_PENDING, STATE_DONE, STATE_FAILED, STATE_ENDED, STATE_NONE };

static enum state state_of(const json_t *body)
{
	static const struct {
		const char *name;
		enum state state;
	} names[] = {
		{ "success", STATE_DONE },    { "succeeded", STATE_DONE },
		{ "error", STATE_FAILED },    { "failed", STATE_FAILED },
		{ "cancelled", STATE_ENDED }, { "canceled", STATE_ENDED },
	};
	const char *status = json_string_value(json_object_get(body, "status"));

	if (!status || !*status)
		return STATE_NONE;
	for (size_t i = 0; i < COUNT(names); i++)
		if (strcasecmp(status, names[i].name) == 0)
			return names[i].state;
	return STATE_PENDING;
}

static int read_polled(const struct body *p, int status, bool https, struct service_answer *out)
{
	const char *link = link_in(json_object_get(p->json, "output"), 0);
	int r = take_id(p->json, out);

	(void)https;
	if (r < 0)
		return r;
	if (p->kind == BODY_HTML)
		return tell_body(out, &portal, status, p);
	take_metrics(p->json, out);
	switch (state_of(p->json)) {
	case STATE_PENDING:
		out->verdict = SERVICE_PENDING;
		return 0;
	case STATE_DONE:
		if (!link)
			return tell_body(out, &no_picture, status, p);
		out->link = strdup(link);
		out->verdict = SERVICE_DONE;
		return out->link ? 0 : -ENOMEM;
	case STATE_FAILED:
		return tell_body(out, &failed, status, p);
	case STATE_ENDED:
		return tell_body(out, &ended, status, p);
	default:
		return tell_body(out, &nonsense, status, p);
	}
}

static int read_cancelled(const struct body *p, int status, bool https, struct service_answer *out)
{
	(void)https;
	if (p->kind == BODY_HTML)
		return tell_body(out, &portal, status, p);
	/* {"status": <integer>, "error"} is how it tells an error. */
	if (json_is_integer(json_object_get(p->json, "status")))
		return tell_body(out, &nonsense, status, p);
	if (state_of(p->json) == STATE_FAILED)
		return tell_body(out, &other_refusal, status, p);
	out->verdict = SERVICE_DONE;
	return 0;
}

static int read_answer(enum call call, bool https, int status, const char *body, size_t size,
		       const char *content_type, struct service_answer *out)
{
	static int (*const good[])(const struct body *, int, bool, struct service_answer *) = {
		[CREATE] = read_created,
		[POLL] = read_polled,
		[CANCEL] = read_cancelled,
	};
	struct body p;
	int r;

	memset(out, 0, sizeof(*out));
	out->predict_time_s = out->cost_usd = -1;
	out->retry_after_ms = -1;
	r = body_open(&p, body, size, content_type);
	if (r < 0)
		return r;
	if (status >= 200 && status < 300)
		r = good[call](&p, status, https, out);
	else
		r = tell_body(out, read_status(status, call, p.kind == BODY_HTML), status, &p);
	body_release(&p);
	if (r < 0)
		answer_release(out);
	return r;
}

int answer_read_create(int status, const char *body, size_t size, const char *content_type,
		       bool https, struct service_answer *out)
{
	return read_answer(CREATE, https, status, body, size, content_type, out);
}

int answer_read_poll(int status, const char *body, size_t size, const char *content_type,
		     struct service_answer *out)
{
	return read_answer(POLL, false, status, body, size, content_type, out);
}

int answer_read_cancel(int status, const char *body, size_t size, const char *content_type,
		       struct service_answer *out)
{
	return read_answer(CANCEL, false, status, body, size, content_type, out);
}

void answer_release(struct service_answer *a)
{
	free(a->prediction_id);
	free(a->link);
	a->prediction_id = NULL;
	a->link = NULL;
}
