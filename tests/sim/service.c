/*
 * The service: what it does with a create, a poll, a cancel and a download, with books of its own.
 *
 * Happy path: a create is taken and becomes a prediction that is over some seconds later; a poll
 * tells its state, and a link of its picture; the link gives the bytes.
 *
 * Failures: every answer and fault of the service's description, each by the name of its storm.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"

static uint64_t *chance_of_fault(struct sim *s, enum fault f)
{
	return &s->storms[f].chance;
}

static bool even(struct sim *s, enum fault f)
{
	return chance_of(chance_of_fault(s, f), 500);
}

bool prediction_is_over(const struct sim *s, const struct prediction *p)
{
	return p->forgotten || p->cancelled || (p->fate != FATE_NEVER && p->over_ms <= s->mono_ms);
}

bool prediction_is_ready(const struct sim *s, const struct prediction *p)
{
	return p->fate == FATE_SUCCESS && !p->forgotten && !p->cancelled &&
	       p->over_ms <= s->mono_ms;
}

struct prediction *service_find(const struct sim *s, const char *id)
{
	list_each (p, &s->service.predictions) {
		struct prediction *one = list_entry(p, struct prediction, in);

		if (strcmp(one->id, id) == 0)
			return one;
	}
	return NULL;
}

/* --- the create --- */

static struct prediction *take(struct http_transfer *t)
{
	static const char *const forms[] = { "p-%u", "%u", "sim/%u?a=b", "a b%%%u" };
	struct sim *s = t->sim;
	struct prediction *p = calloc(1, sizeof(*p));
	const char *form = forms[chance_of(&s->chance, 50) ? chance_below(&s->chance, 4) : 0];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(p->id, sizeof(p->id), form, ++s->service.n);
#pragma GCC diagnostic pop
	p->text = t->text;
	p->accepted_ms = s->mono_ms;
	p->over_ms = s->mono_ms + 300 + (int64_t)chance_below(&s->chance, 7000);
	if (fault(s, FAULT_SLOW))
		p->over_ms = s->mono_ms + chance_span(chance_of_fault(s, FAULT_SLOW), 5 * SECOND,
						      s->o.deadline_s * 2 * SECOND);
	if (fault(s, FAULT_FAIL))
		p->fate = FATE_FAILURE;
	if (fault(s, FAULT_NEVER))
		p->fate = FATE_NEVER;
	if (fault(s, FAULT_LAG))
		p->lag_until_ms =
			s->mono_ms + chance_span(chance_of_fault(s, FAULT_LAG), 100, 30 * SECOND);
	picture_make(&p->picture, p->id);
	/* What was on its way when the day changed is neither day's for sure. */
	p->day = t->day == budget_day(s->wall_ms) ? t->day : 0;
	list_append(&s->service.predictions, &p->in);
	t->prediction = p;
	s->counts->accepted++;
	if (!t->done)
		p->answer = ANSWER_LOST;
	tell(s, "   the service takes '%s' as %s (%s)", t->text->prompt, p->id,
	     p->fate == FATE_SUCCESS ? "it will succeed" : "it will not succeed");
	audit_taken(s, p, t->began_ms);
	return p;
}

/* It is taken, but nobody learns of it; or it is not. */
static void take_or_not(struct http_transfer *t, enum fault f)
{
	if (even(t->sim, f))
		take(t)->answer = ANSWER_LOST;
}

static void busy(struct http_transfer *t, int64_t delay)
{
	uint64_t *c = chance_of_fault(t->sim, FAULT_BUSY);

	t->surely_not_taken = true;
	if (chance_of(c, 500))
		wire_retry_after(t, chance_span(c, 1, chance_of(c, 50) ? 90000 : 1200));
	wire_json(t, delay, 429, "{\"error\":\"too many requests\"}");
}

static void trouble(struct http_transfer *t, int64_t delay)
{
	static const int statuses[] = { 500, 502, 503 };
	uint64_t *c = chance_of_fault(t->sim, FAULT_TROUBLE);
	int status = statuses[chance_below(c, 3)];

	t->surely_not_taken = true;
	if (chance_of(c, 200))
		wire_retry_after(t, chance_span(c, 1, 1200));
	if (chance_of(c, 300))
		wire_html(t, delay, status);
	else
		wire_json(t, delay, status, "{\"status\":500,\"error\":\"internal\"}");
}

static void refuse(struct http_transfer *t, int64_t delay)
{
	static const struct {
		int status;
		const char *body;
	} ways[] = {
		{ 400, "{\"status\":\"error\",\"message\":\"invalid input\",\"details\":\"\"}" },
		{ 422, "{\"error\":\"invalid\"}" },
		{ 404, "{\"error\":\"no such model\"}" },
		{ 413, "{}" },
		{ 400,
		  "{\"status\":\"error\",\"message\":\"flagged as NSFW by the safety checker\"}" },
	};
	uint64_t i = chance_below(chance_of_fault(t->sim, FAULT_REFUSE), 5);

	t->surely_not_taken = true;
	wire_json(t, delay, ways[i].status, ways[i].body);
}

static void redirect(struct http_transfer *t, int64_t delay)
{
	uint64_t *c = chance_of_fault(t->sim, FAULT_REDIRECT);

	if (chance_of(c, 300)) {
		t->surely_not_taken = true;
		t->answer.status = 307;
		wire_break(t, delay, HTTP_REFUSED);
		return;
	}
	take_or_not(t, FAULT_REDIRECT);
	wire_html(t, delay, 301 + (int)chance_below(c, 3));
}

static void strange_create(struct http_transfer *t, int64_t delay)
{
	uint64_t *c = chance_of_fault(t->sim, FAULT_STRANGE);

	if (chance_of(c, 300)) {
		t->surely_not_taken = true;
		wire_json(t, delay, chance_of(c, 500) ? 408 : 425, "{}");
		return;
	}
	take_or_not(t, FAULT_STRANGE);
	wire_json(t, delay, 200, chance_of(c, 500) ? "{\"status\":\"success\"}" : "");
}

/* In the second phase those that never end hold up nobody. */
static unsigned running(const struct sim *s)
{
	unsigned n = 0;

	list_each (p, &s->service.predictions) {
		const struct prediction *one = list_entry(p, struct prediction, in);

		n += !prediction_is_over(s, one) && !(s->calm && one->fate == FATE_NEVER);
	}
	return n;
}

static void take_normally(struct http_transfer *t, int64_t delay)
{
	struct sim *s = t->sim;
	struct prediction *p = take(t);
	char body[160];

	t->has_id = true;
	snprintf(body, sizeof(body),
		 chance_of(&s->chance, 800) ? "{\"status\":\"success\",\"predictionID\":\"%s\"}"
					    : "{\"id\":\"%s\",\"status\":\"created\"}",
		 p->id);
	wire_json(t, delay, chance_of(&s->chance, 500) ? 200 : 201, body);
}

/* What every call with the key may get. True: it is answered. */
static bool refuse_key(struct http_transfer *t, int64_t delay)
{
	struct sim *s = t->sim;

	if (fault(s, FAULT_AUTH)) {
		t->surely_not_taken = true;
		wire_json(t, delay, even(s, FAULT_AUTH) ? 401 : 403, "{\"error\":\"bad key\"}");
		return true;
	}
	return false;
}

void service_create(struct http_transfer *t)
{
	struct sim *s = t->sim;
	int64_t delay = wire_latency(s);

	audit_arrival(s);
	if (refuse_key(t, delay)) {
		;
	} else if (fault(s, FAULT_BALANCE)) {
		t->surely_not_taken = true;
		wire_json(t, delay, 402, "{\"error\":\"insufficient balance\"}");
	} else if (fault(s, FAULT_BUSY) || running(s) >= (unsigned)s->o.service_width) {
		busy(t, delay);
	} else if (fault(s, FAULT_TROUBLE)) {
		trouble(t, delay);
	} else if (fault(s, FAULT_GATEWAY)) {
		take_or_not(t, FAULT_GATEWAY);
		wire_html(t, delay,
			  even(s, FAULT_GATEWAY)
				  ? 504
				  : 520 + (int)chance_below(chance_of_fault(s, FAULT_GATEWAY), 5));
	} else if (fault(s, FAULT_LOST)) {
		take_or_not(t, FAULT_LOST);
		wire_break(t, chance_span(chance_of_fault(s, FAULT_LOST), 100, 60 * SECOND),
			   even(s, FAULT_LOST) ? HTTP_NO_ANSWER : HTTP_CUT);
	} else if (fault(s, FAULT_HTML)) {
		take_or_not(t, FAULT_HTML);
		wire_html(t, delay, 200);
	} else if (fault(s, FAULT_REDIRECT)) {
		redirect(t, delay);
	} else if (fault(s, FAULT_STRANGE)) {
		strange_create(t, delay);
	} else if (fault(s, FAULT_REFUSE)) {
		refuse(t, delay);
	} else {
		take_normally(t, delay);
	}
}

/* --- the poll --- */

static void tell_success(struct http_transfer *t, int64_t delay)
{
	static const char *const forms[] = { "\"%s\"", "[\"%s\"]", "{\"url\":\"%s\"}",
					     "[{\"url\":\"%s\"}]", "{\"images\":[\"%s\"]}" };
	struct sim *s = t->sim;
	struct prediction *p = t->prediction;
	char link[128], output[200], body[400];

	snprintf(link, sizeof(link), "https://cdn.test/%d/%u", ++p->links,
		 (unsigned)strtoul(p->id + strcspn(p->id, "0123456789"), NULL, 10));
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(output, sizeof(output), forms[chance_below(&s->chance, 5)], link);
#pragma GCC diagnostic pop
	snprintf(body, sizeof(body),
		 "{\"status\":\"%s\",\"output\":%s,\"metrics\":{\"predict_time\":%.3f%s}}",
		 chance_of(&s->chance, 500) ? "success" : "succeeded", output,
		 (double)(p->over_ms - p->accepted_ms) / 1000,
		 chance_of(&s->chance, 500) ? ",\"cost\":0.01" : "");
	t->tells = TELLS_DONE;
	wire_json(t, delay, 200, body);
}

static void tell_state(struct http_transfer *t, int64_t delay)
{
	static const char *const pending[] = { "processing", "starting", "queued", "created",
					       "warming-up" };
	struct sim *s = t->sim;
	struct prediction *p = t->prediction;
	char body[100];

	if (p->forgotten || s->mono_ms < p->lag_until_ms) {
		t->tells = TELLS_UNKNOWN;
		wire_json(t, delay, 404, "{\"error\":\"not found\"}");
	} else if (p->cancelled) {
		t->tells = TELLS_OVER;
		wire_json(t, delay, 200, "{\"status\":\"cancelled\"}");
	} else if (!prediction_is_over(s, p)) {
		t->tells = TELLS_PENDING;
		snprintf(body, sizeof(body), "{\"status\":\"%s\",\"output\":null}",
			 pending[chance_below(&s->chance, 5)]);
		wire_json(t, delay, 200, body);
	} else if (p->fate == FATE_FAILURE) {
		t->tells = TELLS_OVER;
		wire_json(t, delay, 200,
			  chance_of(&s->chance, 500)
				  ? "{\"status\":\"error\",\"output\":\"CUDA out of memory\"}"
				  : "{\"status\":\"failed\",\"message\":\"NSFW content\"}");
	} else {
		tell_success(t, delay);
	}
}

static void strange_poll(struct http_transfer *t, int64_t delay)
{
	static const struct {
		int status;
		const char *body;
	} ways[] = {
		{ 200, "" },
		{ 200, "{}" },
		{ 200, "{\"status\":" },
		{ 400, "{\"error\":\"?\"}" },
		{ 425, "{}" },
		{ 204, "" },
		{ 302, "" },
	};
	uint64_t i = chance_below(chance_of_fault(t->sim, FAULT_STRANGE), 7);

	wire_json(t, delay, ways[i].status, ways[i].body);
}

static void page_for_poll(struct http_transfer *t, int64_t delay)
{
	static const int statuses[] = { 404, 404, 200, 403, 511 };

	wire_html(t, delay, statuses[chance_below(chance_of_fault(t->sim, FAULT_HTML), 5)]);
}

/* Trouble that a poll and a cancel share. True: it is answered. */
static bool poll_trouble(struct http_transfer *t, int64_t delay)
{
	struct sim *s = t->sim;

	if (refuse_key(t, delay))
		return true;
	if (fault(s, FAULT_BUSY))
		busy(t, delay);
	else if (fault(s, FAULT_TROUBLE))
		trouble(t, delay);
	else if (fault(s, FAULT_GATEWAY))
		wire_html(t, delay, 504);
	else if (fault(s, FAULT_LOST))
		wire_break(t, chance_span(chance_of_fault(s, FAULT_LOST), 100, 60 * SECOND),
			   HTTP_NO_ANSWER);
	else if (fault(s, FAULT_HTML))
		page_for_poll(t, delay);
	else
		return false;
	return true;
}

static bool find(struct http_transfer *t)
{
	t->prediction = service_find(t->sim, t->path);
	if (!t->prediction)
		violation(t->sim, "a prediction that the service never gave is asked for: '%s'",
			  t->path);
	return t->prediction != NULL;
}

void service_poll(struct http_transfer *t)
{
	struct sim *s = t->sim;
	int64_t delay = wire_latency(s);
	struct prediction *p;

	if (!find(t)) {
		wire_json(t, delay, 404, "{}");
		return;
	}
	p = t->prediction;
	p->polls++;
	if (poll_trouble(t, delay))
		return;
	if (fault(s, FAULT_STRANGE)) {
		strange_poll(t, delay);
		return;
	}
	if (!prediction_is_over(s, p) && fault(s, FAULT_FORGET)) {
		p->forgotten = true;
		p->over_ms = s->mono_ms;
	}
	tell_state(t, delay);
}

/* --- the cancel --- */

static void end_prediction(struct sim *s, struct prediction *p)
{
	if (prediction_is_over(s, p))
		return;
	p->cancelled = true;
	p->over_ms = s->mono_ms;
	tell(s, "   the service cancels %s", p->id);
}

void service_cancel(struct http_transfer *t)
{
	struct sim *s = t->sim;
	int64_t delay = wire_latency(s);
	uint64_t *c = chance_of_fault(s, FAULT_CANCEL);

	if (!find(t)) {
		wire_json(t, delay, 500, "{}");
		return;
	}
	if (poll_trouble(t, delay))
		return;
	if (fault(s, FAULT_CANCEL)) {
		if (chance_of(c, 300))
			end_prediction(s, t->prediction);
		if (chance_of(c, 500))
			wire_break(t, chance_span(c, 100, 60 * SECOND), HTTP_NO_ANSWER);
		else
			wire_json(t, delay, chance_of(c, 500) ? 500 : 404, "{}");
		return;
	}
	if (prediction_is_over(s, t->prediction)) {
		wire_json(t, delay, 400, "{\"error\":\"it is over\"}");
		return;
	}
	end_prediction(s, t->prediction);
	t->tells = TELLS_OVER;
	wire_json(t, delay, 200, "{\"status\":\"cancelled\"}");
}

/* --- the download --- */

static void bad_download(struct http_transfer *t, int64_t delay)
{
	static const int statuses[] = { 500, 503, 429, 408 };
	uint64_t *c = chance_of_fault(t->sim, FAULT_DOWNLOAD);
	const struct buf *picture = &t->prediction->picture;

	switch (chance_below(c, 5)) {
	case 0:
		wire_html(t, delay, 200);
		break;
	case 1:
		wire_json(t, delay, statuses[chance_below(c, 4)], "{}");
		break;
	case 2: /* whole by its own account, and yet not */
		wire_answer(t, delay, 200, "image/png", NULL);
		buf_append(&t->body, picture->data, chance_below(c, picture->size));
		break;
	case 3:
		buf_append(&t->body, picture->data, chance_below(c, picture->size));
		t->answer.status = 200;
		wire_break(t, delay, HTTP_CUT);
		break;
	default: /* it stalls */
		wire_break(t, chance_span(c, 30 * SECOND, 30 * MINUTE), HTTP_NO_ANSWER);
	}
}

void service_download(struct http_transfer *t)
{
	static const int statuses[] = { 404, 403, 410 };
	struct sim *s = t->sim;
	int64_t delay = wire_latency(s);
	const char *slash = strrchr(t->path, '/');

	list_each (p, &s->service.predictions) {
		struct prediction *one = list_entry(p, struct prediction, in);

		if (strcmp(one->id + strcspn(one->id, "0123456789"), slash + 1) == 0 ||
		    strtoul(one->id + strcspn(one->id, "0123456789"), NULL, 10) ==
			    strtoul(slash + 1, NULL, 10))
			t->prediction = one;
	}
	if (!t->prediction) {
		violation(s, "a download of a link that the service never gave: %s", t->path);
		wire_json(t, delay, 404, "{}");
	} else if (fault(s, FAULT_LINK)) {
		wire_json(t, delay, statuses[chance_below(chance_of_fault(s, FAULT_LINK), 3)],
			  "{}");
	} else if (fault(s, FAULT_DOWNLOAD)) {
		bad_download(t, delay);
	} else {
		wire_answer(t, delay, 200, "image/png", NULL);
		buf_append(&t->body, t->prediction->picture.data, t->prediction->picture.size);
	}
}
