/*
 * The wire between the house and the service, in the place of http: what eachlabs.c asks for
 * becomes a call that arrives a little later, and what the service says comes back a little later
 * still. So requests and answers pass through the program's own reading of them.
 *
 * Failures: no connection; the rest is the service's. A call that the house ends, or that is under
 * way when it dies, may have left all the same.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"

#define BASE "https://api.test/v1/prediction/"

int __wrap_http_start(struct http *h, const struct http_call *call, http_done_fn done, void *data,
		      struct http_transfer **out);
void __wrap_http_cancel(struct http_transfer *t);

int64_t wire_latency(struct sim *s)
{
	uint64_t *c = &s->storms[FAULT_LATENCY].chance;

	if (fault(s, FAULT_LATENCY))
		return chance_span(c, SECOND, 50 * SECOND);
	return 5 + (int64_t)chance_below(c, 200);
}

static void free_call(struct http_transfer *t)
{
	event_drop(t->event);
	list_remove(&t->in);
	buf_release(&t->body);
	free(t->path);
	free(t);
}

/* The house learns something. */
static void note_told(struct http_transfer *t)
{
	struct sim *s = t->sim;
	struct prediction *p = t->prediction;
	int status = t->answer.status;
	bool json = strstr(t->answer.content_type, "json") != NULL;

	if ((t->kind == CALL_CREATE || t->kind == CALL_POLL) && json && status >= 401 &&
	    status <= 403)
		s->refused_life = s->house.life;
	if (t->kind == CALL_CREATE) {
		if (t->surely_not_taken)
			t->text->spent--;
		else if (!t->has_id && s->o.ambiguous_retry)
			t->text->granted++;
		if (!p || !t->has_id)
			return;
		p->answer = ANSWER_KNOWN;
		p->answered_ms = s->mono_ms;
		p->commits = ledger_commits(s->house.ledger);
		p->life = s->house.life;
		return;
	}
	if (!p)
		return;
	if (t->kind == CALL_CANCEL && t->answer.status >= 400 && t->answer.status < 409)
		p->cancel_refused = true;
	if (t->tells == TELLS_DONE)
		p->told_done = true;
	if (t->tells == TELLS_OVER)
		p->told_over = true;
	if (t->tells == TELLS_PENDING && t->began_ms >= p->answered_ms + s->o.deadline_s * SECOND)
		p->late_poll = true;
	if (t->tells == TELLS_UNKNOWN) {
		if (!p->unknowns++)
			p->unknown_ms = s->mono_ms;
	} else if (t->tells != TELLS_NOTHING) {
		p->unknowns = 0;
	}
}

static const char *const kinds[] = { "create", "poll", "cancel", "download" };

static void tell_answer(const struct http_transfer *t)
{
	static const char *const outcomes[] = {
		[HTTP_NOT_SENT] = "no connection",
		[HTTP_NO_ANSWER] = "no answer comes",
		[HTTP_CUT] = "the answer breaks off",
		[HTTP_REFUSED] = "a redirect that is not followed",
		[HTTP_SINK] = "the program's own disk refuses the bytes",
		[HTTP_CLOSED] = "ended by the program",
	};
	const char *of = t->prediction ? t->prediction->id : "";

	if (t->answer.outcome == HTTP_ANSWERED)
		tell(t->sim, "   %s %s%s%s is answered: HTTP %d%s%s %.60s", kinds[t->kind], of,
		     t->text ? " of " : "", t->text ? t->text->prompt : "", t->answer.status,
		     t->answer.retry_after[0] ? ", Retry-After: " : "", t->answer.retry_after,
		     t->kind == CALL_DOWNLOAD ? "" : buf_text(&t->body));
	else
		tell(t->sim, "   %s %s%s%s: %s", kinds[t->kind], of, t->text ? " of " : "",
		     t->text ? t->text->prompt : "", outcomes[t->answer.outcome]);
}

static void finish(struct http_transfer *t)
{
	http_done_fn done = t->done;
	void *data = t->data;

	if (done) {
		tell_answer(t);
		if (t->answer.outcome != HTTP_CLOSED)
			note_told(t);
		t->answer.body = buf_text(&t->body);
		t->answer.body_size = t->body.size;
		list_remove(&t->in);
		done(&t->answer, data);
	} else if (t->kind == CALL_CREATE && t->prediction) {
		t->prediction->answer = ANSWER_LOST;
	}
	free_call(t);
}

/* The bytes of a picture go to the sink piece by piece. */
static void on_piece(void *data)
{
	struct http_transfer *t = data;
	struct sim *s = t->sim;
	size_t left = t->body.size - t->delivered;
	size_t size = left > 40 ? 40 + chance_below(&s->chance, left - 39) : left;
	int r = 0;

	t->event = NULL;
	if (!t->done || !t->sink || t->answer.outcome == HTTP_NO_ANSWER ||
	    t->answer.status >= 300) {
		finish(t);
		return;
	}
	if (size)
		r = t->sink(t->body.data + t->delivered, size, t->sink_data);
	t->delivered += size;
	if (r < 0) {
		t->answer.outcome = HTTP_SINK;
		t->answer.sink_error = r;
	}
	if (r < 0 || t->delivered == t->body.size) {
		buf_release(&t->body);
		finish(t);
		return;
	}
	t->event = event_at(s, 1 + (int64_t)chance_below(&s->chance, 50), on_piece, t);
}

static void on_answer(void *data)
{
	struct http_transfer *t = data;

	t->event = NULL;
	if (t->kind == CALL_DOWNLOAD)
		on_piece(t);
	else
		finish(t);
}

void wire_answer(struct http_transfer *t, int64_t delay_ms, int status, const char *type,
		 const char *body)
{
	t->answer.outcome = HTTP_ANSWERED;
	t->answer.status = status;
	snprintf(t->answer.content_type, sizeof(t->answer.content_type), "%s", type);
	if (body)
		buf_puts(&t->body, body);
	t->event = event_at(t->sim, delay_ms, on_answer, t);
}

void wire_json(struct http_transfer *t, int64_t delay_ms, int status, const char *body)
{
	wire_answer(t, delay_ms, status, "application/json", body);
}

void wire_html(struct http_transfer *t, int64_t delay_ms, int status)
{
	wire_answer(t, delay_ms, status, "text/html",
		    "<!DOCTYPE html><html><body>Something went wrong</body></html>");
}

void wire_break(struct http_transfer *t, int64_t delay_ms, enum http_outcome outcome)
{
	t->answer.outcome = outcome;
	snprintf(t->answer.reason, sizeof(t->answer.reason), "the wire says so");
	t->event = event_at(t->sim, delay_ms, on_answer, t);
}

void wire_retry_after(struct http_transfer *t, int64_t s)
{
	snprintf(t->answer.retry_after, sizeof(t->answer.retry_after), "%lld", (long long)s);
}

static void on_arrival(void *data)
{
	struct http_transfer *t = data;
	static void (*const services[])(struct http_transfer *) = {
		[CALL_CREATE] = service_create,
		[CALL_POLL] = service_poll,
		[CALL_CANCEL] = service_cancel,
		[CALL_DOWNLOAD] = service_download,
	};

	t->event = NULL;
	services[t->kind](t);
}

static char *decode(const char *text, size_t size)
{
	char *out = malloc(size + 1), *at = out;

	for (size_t i = 0; i < size; i++) {
		unsigned code;

		if (text[i] == '%' && sscanf(text + i + 1, "%2x", &code) == 1) {
			*at++ = (char)code;
			i += 2;
		} else {
			*at++ = text[i];
		}
	}
	*at = '\0';
	return out;
}

static struct text *read_body(struct sim *s, const struct http_call *call)
{
	json_t *body = json_loadb(call->body, call->body_size, 0, NULL);
	const json_t *input = json_object_get(body, "input");
	const char *prompt = json_string_value(json_object_get(input, "prompt"));
	int64_t seed = json_integer_value(json_object_get(input, "seed"));
	struct text *t = prompt ? text_with_seed(s, prompt, seed, false) : NULL;

	if (!t) {
		violation(s, "a create is sent for a text that nobody submitted: '%s'",
			  prompt ? prompt : call->body);
		t = text_of(s, prompt ? prompt : "?", true);
	}
	json_decref(body);
	return t;
}

/* What it asks for. */
static void understand(struct http_transfer *t, const struct http_call *call)
{
	size_t base = strlen(BASE);
	const char *rest = call->url + base;
	size_t size;

	if (strncmp(call->url, BASE, base) != 0) {
		t->kind = CALL_DOWNLOAD;
		t->path = strdup(call->url);
		return;
	}
	size = strlen(rest);
	if (strcmp(call->method, "GET") == 0) {
		t->kind = CALL_POLL;
	} else if (size) {
		t->kind = CALL_CANCEL;
		size -= strlen("/cancel");
	} else {
		t->kind = CALL_CREATE;
		t->text = read_body(t->sim, call);
	}
	t->path = decode(rest, size);
}

int __wrap_http_start(struct http *h, const struct http_call *call, http_done_fn done, void *data,
		      struct http_transfer **out)
{
	struct sim *s = (struct sim *)h;
	struct http_transfer *t = calloc(1, sizeof(*t));
	int64_t latency;

	t->sim = s;
	t->done = done;
	t->data = data;
	t->sink = call->sink;
	t->sink_data = call->sink_data;
	t->began_ms = s->mono_ms;
	t->day = budget_day(s->wall_ms);
	list_append(&s->service.calls, &t->in);
	*out = t;
	if (s->dead) {
		t->kind = CALL_POLL; /* it never leaves */
		return 0;
	}
	understand(t, call);
	if (t->kind == CALL_CREATE) {
		s->counts->creates++;
		audit_send(s, t->text);
		t->text->spent++;
		tell(s, "-> create of '%s'", t->text->prompt);
	}
	if (fault(s, FAULT_OFFLINE)) {
		t->surely_not_taken = true;
		wire_break(t, chance_span(&s->chance, 1, 20 * SECOND), HTTP_NOT_SENT);
		return 0;
	}
	latency = 5 + (int64_t)chance_below(&s->chance, 150);
	t->event = event_at(s, latency, on_arrival, t);
	return 0;
}

void __wrap_http_cancel(struct http_transfer *t)
{
	struct sim *s = t->sim;
	struct http_transfer *ghost;

	/* It may have left: then it goes on without anyone who would hear of it. */
	if (t->kind == CALL_CREATE) {
		if (t->prediction)
			t->prediction->answer = ANSWER_LOST;
		if (s->o.ambiguous_retry)
			t->text->granted++;
	}
	if (t->event && t->event->fn == on_arrival && t->kind != CALL_DOWNLOAD &&
	    chance_of(&s->chance, 500)) {
		ghost = calloc(1, sizeof(*ghost));
		*ghost = (struct http_transfer){ .sim = s,
						 .kind = t->kind,
						 .path = strdup(t->path),
						 .text = t->text,
						 .began_ms = t->began_ms };
		list_append(&s->service.calls, &ghost->in);
		ghost->event = event_at(s, t->event->due_ms - s->mono_ms, on_arrival, ghost);
	}
	t->answer = (struct http_answer){ .outcome = HTTP_CLOSED };
	finish(t);
}

/* --- the service's books --- */

void service_init(struct sim *s)
{
	list_init(&s->service.predictions);
	list_init(&s->service.texts);
	list_init(&s->service.calls);
}

void service_release(struct sim *s)
{
	list_each_safe (p, tmp, &s->service.calls)
		free_call(list_entry(p, struct http_transfer, in));
	list_each_safe (p, tmp, &s->service.predictions) {
		struct prediction *one = list_entry(p, struct prediction, in);

		buf_release(&one->picture);
		list_remove(p);
		free(one);
	}
	list_each_safe (p, tmp, &s->service.texts) {
		struct text *t = list_entry(p, struct text, in);

		free(t->prompt);
		list_remove(p);
		free(t);
	}
}

void service_committed(struct sim *s)
{
	uint64_t commits = ledger_commits(s->house.ledger);

	list_each (p, &s->service.predictions) {
		struct prediction *one = list_entry(p, struct prediction, in);

		if (one->answer == ANSWER_KNOWN && one->life == s->house.life &&
		    commits > one->commits)
			one->stored = true;
		one->removed_soft = false;
	}
	list_each (p, &s->service.texts) {
		struct text *t = list_entry(p, struct text, in);

		t->limbo = false;
		t->reuse_unstored = 0;
	}
	list_each (p, &s->known)
		list_entry(p, struct known, in)->limbo = false;
	s->paused_soft = false;
}

void service_house_gone(struct sim *s, bool crashed)
{
	list_each (p, &s->service.predictions) {
		struct prediction *one = list_entry(p, struct prediction, in);

		if (one->stored || one->answer != ANSWER_KNOWN)
			continue;
		one->answer = ANSWER_LOST;
		if (s->o.ambiguous_retry)
			one->text->granted++;
	}
	list_each (p, &s->service.texts) {
		struct text *t = list_entry(p, struct text, in);

		if (crashed && t->limbo)
			t->granted++;
		t->limbo = false;
		/* The next start copies it once more. */
		t->reuse_open += t->reuse_unstored;
		t->reuses += t->reuse_open;
		t->reuse_unstored = 0;
	}
}
