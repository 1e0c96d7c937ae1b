/*
 * answer: what an answer of the service means for the job. Pure.
 *
 * The HTTP status decides first; of a 2xx the body does: a prediction ID for a create, a state for
 * a poll. Ids, states and links are accepted in every shape that was ever seen. What fails is told
 * in a sentence that a person can act on, followed by the service's own words.
 *
 * What makes no sense is never taken for a decision: to a create it is uncertain (it may run and be
 * billed), to anything else it is trouble, to be asked again. An HTML page with a good status is
 * not the service's: something on the way answered.
 *
 * The answer owns its texts until api_answer_release. Want of memory is -ENOMEM, and nothing is
 * left behind.
 */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "answer_internal.h"
#include "pimagefs/api.h"

#define MAX_ID 1024
#define MAX_LINK 8192
#define MAX_LINK_DEPTH 4

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

enum call { CREATE, POLL, CANCEL };

/* How an HTTP status that is no success is read. */
struct reading {
	enum api_verdict verdict;
	enum error_class class;
	const char *sentence, *hint;
};

#define MOST_S 1e6 /* nobody predicts for ten days */
#define HINT_RETRY "to ask again: echo 'retry ID' > control/ctl"
#define HINT_KEY \
	"put a valid key into the file that [api] key_file names (or EACHLABS_API_KEY), " \
	"unmount and mount again, then: echo retry failed > control/ctl"
#define HINT_WAIT "nothing to do: it is tried again"
#define HINT_PORTAL "sign in to the network if it asks for that, or check [api] base_url"

struct status_reading {
	int status;
	struct reading reading;
};

static const struct status_reading readings[] = {
	{ 400,
	  { API_REFUSED, ERROR_INVALID, "the service refused the request as invalid",
	    "correct the request and write it again" } },
	{ 401, { API_AUTH, ERROR_AUTH, "the service does not accept the API key", HINT_KEY } },
	{ 402,
	  { API_REFUSED, ERROR_PAYMENT, "the account has no balance left at the service",
	    "add balance at https://www.eachlabs.ai, then: echo retry failed > control/ctl" } },
	{ 403,
	  { API_AUTH, ERROR_AUTH, "the service does not let this API key do this", HINT_KEY } },
	{ 407,
	  { API_OFFLINE, ERROR_NETWORK, "a proxy on the way to the service asks for a password",
	    "put user and password into the address in https_proxy, then mount again" } },
	{ 408,
	  { API_TROUBLE, ERROR_SERVICE, "the service waited too long for the request",
	    HINT_WAIT } },
	{ 413,
	  { API_REFUSED, ERROR_INVALID, "the request is too large for the service",
	    "shorten the prompt and write it again" } },
	{ 422,
	  { API_REFUSED, ERROR_INVALID, "the service refused the request as invalid",
	    "correct the request and write it again" } },
	{ 425, { API_TROUBLE, ERROR_SERVICE, "the service wants the request later", HINT_WAIT } },
	{ 429,
	  { API_BUSY, ERROR_SERVICE, "the service says that there are too many requests",
	    "nothing to do: it waits in the queue" } },
	{ 511,
	  { API_OFFLINE, ERROR_NETWORK,
	    "the network asks for a sign-in before it lets anything through", HINT_PORTAL } },
};

static const struct reading no_model = { API_REFUSED, ERROR_MODEL,
					 "the service does not know this model",
					 "check [model] slug and [api] base_url in the settings" };
static const struct reading no_prediction = { API_UNKNOWN, ERROR_SERVICE,
					      "the service does not know this prediction",
					      HINT_RETRY };
static const struct reading other_refusal = { API_REFUSED, ERROR_INVALID,
					      "the service refused the request",
					      "correct the request and write it again" };
static const struct reading trouble = { API_TROUBLE, ERROR_SERVICE,
					"the service has a problem of its own", HINT_WAIT };
static const struct reading nonsense = { API_TROUBLE, ERROR_SERVICE,
					 "the service's answer makes no sense", HINT_WAIT };
static const struct reading uncertain = {
	API_UNCERTAIN, ERROR_UNCERTAIN,
	"the service answered without a prediction ID, so the prediction may run and be billed",
	"see your predictions at https://www.eachlabs.ai first; " HINT_RETRY
};
static const struct reading portal = { API_OFFLINE, ERROR_NETWORK,
				       "something on the way answered instead of the service",
				       HINT_PORTAL };
static const struct reading moderation = { API_REFUSED, ERROR_MODERATION,
					   "the safety checker refused this request",
					   "change the prompt and write it again" };
static const struct reading failed = { API_FAILED, ERROR_SERVICE, "the prediction failed",
				       HINT_RETRY };
static const struct reading failed_moderation = { API_FAILED, ERROR_MODERATION,
						  "the safety checker refused this picture",
						  "change the prompt and write it again" };
static const struct reading no_picture = {
	API_FAILED, ERROR_DOWNLOAD, "the prediction is done, but its answer names no picture",
	HINT_RETRY
};
static const struct reading ended = { API_ENDED, ERROR_CANCELLED,
				      "the prediction was cancelled at the service", HINT_RETRY };

static const struct reading *read_status(int status, enum call call)
{
	for (size_t i = 0; i < COUNT(readings); i++)
		if (readings[i].status == status)
			return &readings[i].reading;
	if (status == 404)
		return call == CREATE ? &no_model : &no_prediction;
	if (status >= 400 && status < 500)
		return &other_refusal;
	if (status >= 500 && status < 600)
		return &trouble;
	/* 303 says "done, look there"; what no status allows is no answer. */
	if (call == CREATE && (status == 303 || status < 300 || status >= 600))
		return &uncertain;
	return &nonsense;
}

/* May the service's words turn this refusal into one by the safety checker? */
static bool may_be_moderation(int status)
{
	return status >= 400 && status < 500 && status != 401 && status != 402 && status != 404 &&
	       status != 407 && status != 408 && status != 425 && status != 429;
}

static int tell(struct api_answer *out, const struct reading *reading, int status,
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
		error_hint(&out->error, "%s", reading->hint);
		out->error.http_status = status;
	}
	buf_release(&line);
	return r;
}

static int tell_plain(struct api_answer *out, const struct reading *reading, int status)
{
	const struct words none = { 0 };

	return tell(out, reading, status, &none);
}

static int tell_page(struct api_answer *out, const struct reading *reading, int status,
		     const struct page *p)
{
	struct words w;
	int r = words_of_page(&w, p, false);

	if (r == 0)
		r = tell(out, reading, status, &w);
	words_release(&w);
	return r;
}

static int tell_status(struct api_answer *out, enum call call, int status, const struct page *p)
{
	const struct reading *reading = read_status(status, call);
	struct words w;
	int r = words_of_page(&w, p, false);

	if (r == 0 && may_be_moderation(status) && p->kind == PAGE_JSON &&
	    words_mean_moderation(&w))
		reading = &moderation;
	if (r == 0)
		r = tell(out, reading, status, &w);
	words_release(&w);
	return r;
}

static bool usable_text(const char *text, size_t size, size_t most)
{
	return size && size <= most && text[strspn(text, " \t\r\n\f\v")];
}

/* 0 (also when there is none) or -ENOMEM. */
static int take_id(const json_t *body, struct api_answer *out)
{
	static const char *const names[] = { "predictionID", "prediction_id", "predictionId", "id",
					     "exec_id" };

	for (size_t i = 0; i < COUNT(names) && !out->prediction_id; i++) {
		const json_t *id = json_object_get(body, names[i]);
		char digits[32];
		const char *text = json_string_value(id);

		if (json_is_integer(id)) {
			snprintf(digits, sizeof(digits), "%" JSON_INTEGER_FORMAT,
				 json_integer_value(id));
			text = digits;
		}
		if (!text || !usable_text(text, strlen(text), MAX_ID))
			continue;
		out->prediction_id = strdup(text);
		if (!out->prediction_id)
			return -ENOMEM;
	}
	return 0;
}

static double number_or(const json_t *value, double unknown)
{
	double number = json_is_number(value) ? json_number_value(value) : unknown;

	return isfinite(number) && number >= 0 ? number : unknown;
}

static void take_metrics(const json_t *body, struct api_answer *out)
{
	const json_t *metrics = json_object_get(body, "metrics");

	out->predict_time_s = number_or(json_object_get(metrics, "predict_time"), -1);
	if (!(out->predict_time_s < MOST_S)) /* text of the network: it is multiplied later */
		out->predict_time_s = -1;
	out->cost_usd = number_or(json_object_get(metrics, "cost"), -1);
}

static const char *link_in(const json_t *value, unsigned depth);

static const char *link_in_object(const json_t *object, unsigned depth)
{
	static const char *const names[] = { "url", "image", "images" };

	for (size_t i = 0; i < COUNT(names); i++) {
		const char *link = link_in(json_object_get(object, names[i]), depth);

		if (link)
			return link;
	}
	return NULL;
}

/* The link of a picture in any of the shapes of `output`; belongs to value. */
static const char *link_in(const json_t *value, unsigned depth)
{
	const char *text = json_string_value(value);

	if (depth > MAX_LINK_DEPTH)
		return NULL;
	if (json_is_array(value))
		return link_in(json_array_get(value, 0), depth + 1);
	if (json_is_object(value))
		return link_in_object(value, depth + 1);
	if (!text || json_string_length(value) > MAX_LINK)
		return NULL;
	text += strspn(text, " \t\r\n");
	if (strncasecmp(text, "http://", 7) != 0 && strncasecmp(text, "https://", 8) != 0)
		return NULL;
	return text;
}

static int take_link(const json_t *body, struct api_answer *out)
{
	const char *link = link_in(json_object_get(body, "output"), 0);

	if (!link)
		return 0;
	out->link = strndup(link, strcspn(link, " \t\r\n"));
	return out->link ? 0 : -ENOMEM;
}

static int read_created(const struct page *p, int status, struct api_answer *out)
{
	int r;

	if (p->kind == PAGE_HTML)
		return tell_page(out, &portal, status, p);
	r = take_id(p->body, out);
	if (r < 0)
		return r;
	if (!out->prediction_id)
		return tell_page(out, &uncertain, status, p);
	out->verdict = API_ACCEPTED;
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
		{ "completed", STATE_DONE },  { "error", STATE_FAILED },
		{ "failed", STATE_FAILED },   { "failure", STATE_FAILED },
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

static int read_failed(const struct page *p, int status, struct api_answer *out)
{
	struct words w;
	bool refused;
	int r = words_of_page(&w, p, true);

	if (r == 0) {
		refused = words_mean_moderation(&w);
		r = tell(out, refused ? &failed_moderation : &failed, status, &w);
		if (r == 0 && !refused && w.retryable)
			error_hint(&out->error, "the service says that trying again may help: "
						"echo 'retry ID' > control/ctl");
	}
	words_release(&w);
	return r;
}

/* It is done, and there is nothing to fetch: the output that is no link is all there is to show. */
static int read_no_picture(const struct page *p, int status, struct api_answer *out)
{
	const json_t *output = json_object_get(p->body, "output");
	char *text = output ? json_dumps(output, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
	struct words w = { 0 };
	int r = output && !text ? -ENOMEM : 0;

	if (text)
		r = buf_puts(&w.details, text);
	words_mask(&w.details);
	if (r == 0)
		r = tell(out, &no_picture, status, &w);
	words_release(&w);
	free(text);
	return r;
}

static int read_done(const struct page *p, int status, struct api_answer *out)
{
	if (!out->link)
		return read_no_picture(p, status, out);
	out->verdict = API_DONE;
	return 0;
}

static int read_state(const struct page *p, int status, struct api_answer *out)
{
	switch (state_of(p->body)) {
	case STATE_PENDING:
		out->verdict = API_PENDING;
		return 0;
	case STATE_DONE:
		return read_done(p, status, out);
	case STATE_FAILED:
		return read_failed(p, status, out);
	case STATE_ENDED:
		return tell_plain(out, &ended, status);
	default:
		return out->link ? read_done(p, status, out) : tell_page(out, &nonsense, status, p);
	}
}

/* {"status": 404, "error": ...} under a good HTTP status. */
static int status_inside(const struct page *p)
{
	const json_t *status = json_object_get(p->body, "status");
	json_int_t number = json_is_integer(status) ? json_integer_value(status) : 0;

	return number >= 400 && number < 600 ? (int)number : 0;
}

static int read_polled(const struct page *p, int status, struct api_answer *out)
{
	int r;

	if (p->kind == PAGE_HTML)
		return tell_page(out, &portal, status, p);
	if (!p->body)
		return tell_page(out, &nonsense, status, p);
	if (status_inside(p))
		return tell_status(out, POLL, status_inside(p), p);
	take_metrics(p->body, out);
	r = take_id(p->body, out);
	if (r == 0)
		r = take_link(p->body, out);
	return r < 0 ? r : read_state(p, status, out);
}

static int read_cancelled(const struct page *p, int status, struct api_answer *out)
{
	if (p->kind == PAGE_HTML)
		return tell_page(out, &portal, status, p);
	if (status_inside(p))
		return tell_status(out, CANCEL, status_inside(p), p);
	if (state_of(p->body) == STATE_FAILED)
		return tell_page(out, &other_refusal, status, p);
	out->verdict = API_DONE;
	return 0;
}

static int read_answer(enum call call, int status, const char *body, size_t size,
		       const char *content_type, struct api_answer *out)
{
	static int (*const good[])(const struct page *, int, struct api_answer *) = {
		[CREATE] = read_created,
		[POLL] = read_polled,
		[CANCEL] = read_cancelled,
	};
	struct page p;
	int r;

	memset(out, 0, sizeof(*out));
	out->predict_time_s = out->cost_usd = -1;
	out->retry_after_ms = -1;
	r = page_open(&p, body, size, content_type);
	if (r < 0)
		return r;
	if (status >= 200 && status < 300)
		r = good[call](&p, status, out);
	else
		r = tell_status(out, call, status, &p);
	page_release(&p);
	if (r < 0)
		api_answer_release(out);
	return r;
}

int api_read_create(int status, const char *body, size_t size, const char *content_type,
		    struct api_answer *out)
{
	return read_answer(CREATE, status, body, size, content_type, out);
}

int api_read_poll(int status, const char *body, size_t size, const char *content_type,
		  struct api_answer *out)
{
	return read_answer(POLL, status, body, size, content_type, out);
}

int api_read_cancel(int status, const char *body, size_t size, const char *content_type,
		    struct api_answer *out)
{
	return read_answer(CANCEL, status, body, size, content_type, out);
}

void api_answer_release(struct api_answer *a)
{
	free(a->prediction_id);
	free(a->link);
	a->prediction_id = NULL;
	a->link = NULL;
}
