/* fake_api: see fake_api.h. */
#include "fake_api.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "oom.h"

struct api_call {
	struct list in;
	enum fake_kind kind;
	char *text;
	int (*sink)(const void *bytes, size_t size, void *data);
	void *sink_data;
	api_done_fn done;
	void *data;
};

void fake_init(struct fake_api *f)
{
	memset(f, 0, sizeof(*f));
	list_init(&f->calls);
}

static int start(struct fake_api *f, enum fake_kind kind, const char *text, api_done_fn done,
		 void *data, struct api_call **out)
{
	struct api_call *call;

	if (f->refuse)
		return f->refuse;
	oom_pause();
	call = calloc(1, sizeof(*call));
	assert_non_null(call);
	call->kind = kind;
	call->text = strdup(text);
	oom_resume();
	call->done = done;
	call->data = data;
	list_append(&f->calls, &call->in);
	f->sent[kind]++;
	*out = call;
	return 0;
}

static int fake_create(void *self, const char *body, api_done_fn done, void *data,
		       struct api_call **out)
{
	return start(self, FAKE_CREATE, body, done, data, out);
}

static int fake_poll(void *self, const char *prediction_id, api_done_fn done, void *data,
		     struct api_call **out)
{
	return start(self, FAKE_POLL, prediction_id, done, data, out);
}

static int fake_cancel(void *self, const char *prediction_id, api_done_fn done, void *data,
		       struct api_call **out)
{
	return start(self, FAKE_CANCEL, prediction_id, done, data, out);
}

static int fake_download(void *self, const char *link, int (*sink)(const void *, size_t, void *),
			 void *sink_data, api_done_fn done, void *data, struct api_call **out)
{
	int r = start(self, FAKE_DOWNLOAD, link, done, data, out);

	if (r == 0) {
		(*out)->sink = sink;
		(*out)->sink_data = sink_data;
	}
	return r;
}

/* As the real one: the call is gone before its owner hears of it. */
static void finish(struct api_call *call, const struct api_answer *answer)
{
	api_done_fn done = call->done;
	void *data = call->data;

	list_remove(&call->in);
	free(call->text);
	free(call);
	done(answer, data);
}

static void fake_stop(void *self, struct api_call *call)
{
	struct fake_api *f = self;
	struct api_answer closed = fake_verdict(API_CLOSED);

	f->stopped[call->kind]++;
	finish(call, &closed);
}

const struct api_ops fake_ops = {
	.create = fake_create,
	.poll = fake_poll,
	.cancel = fake_cancel,
	.download = fake_download,
	.stop = fake_stop,
};

static struct api_call *oldest(const struct fake_api *f, enum fake_kind kind)
{
	list_each (p, &f->calls) {
		struct api_call *call = list_entry(p, struct api_call, in);

		if (call->kind == kind)
			return call;
	}
	return NULL;
}

unsigned fake_in_flight(const struct fake_api *f, enum fake_kind kind)
{
	unsigned n = 0;

	list_each (p, &f->calls)
		n += list_entry(p, struct api_call, in)->kind == kind;
	return n;
}

const char *fake_text(const struct fake_api *f, enum fake_kind kind)
{
	struct api_call *call = oldest(f, kind);

	return call ? call->text : NULL;
}

void fake_answer(struct fake_api *f, enum fake_kind kind, const struct api_answer *answer)
{
	struct api_call *call = oldest(f, kind);

	assert_non_null(call);
	finish(call, answer);
}

static const struct {
	enum error_class class;
	int http_status;
} errors[] = {
	[API_FAILED] = { ERROR_SERVICE, 200 },  [API_ENDED] = { ERROR_CANCELLED, 200 },
	[API_REFUSED] = { ERROR_INVALID, 422 }, [API_AUTH] = { ERROR_AUTH, 401 },
	[API_BUSY] = { ERROR_SERVICE, 429 },    [API_TROUBLE] = { ERROR_SERVICE, 503 },
	[API_OFFLINE] = { ERROR_NETWORK, 0 },   [API_UNCERTAIN] = { ERROR_UNCERTAIN, 0 },
	[API_UNKNOWN] = { ERROR_SERVICE, 404 }, [API_BAD_BODY] = { ERROR_DOWNLOAD, 200 },
	[API_SINK] = { ERROR_DOWNLOAD, 200 },   [API_CLOSED] = { ERROR_CANCELLED, 0 },
};

struct api_answer fake_verdict(enum api_verdict verdict)
{
	struct api_answer a = {
		.verdict = verdict,
		.predict_time_s = -1,
		.cost_usd = -1,
		.retry_after_ms = -1,
	};

	if (errors[verdict].class != ERROR_NONE) {
		error_set(&a.error, errors[verdict].class, "the service said so");
		a.error.http_status = errors[verdict].http_status;
	}
	if (verdict == API_SINK)
		a.sink_error = -ENOSPC;
	return a;
}

void fake_say(struct fake_api *f, enum fake_kind kind, enum api_verdict verdict)
{
	struct api_answer a = fake_verdict(verdict);

	fake_answer(f, kind, &a);
}

void fake_accept(struct fake_api *f, const char *prediction_id)
{
	struct api_answer a = fake_verdict(API_ACCEPTED);
	char id[64];

	strncpy(id, prediction_id, sizeof(id) - 1);
	id[sizeof(id) - 1] = '\0';
	a.prediction_id = id;
	fake_answer(f, FAKE_CREATE, &a);
}

void fake_done(struct fake_api *f, const char *link)
{
	struct api_answer a = fake_verdict(API_DONE);
	char text[64];

	strncpy(text, link, sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	a.link = text;
	a.predict_time_s = 2;
	a.cost_usd = 0.01;
	fake_answer(f, FAKE_POLL, &a);
}

void fake_deliver(struct fake_api *f, const void *bytes, size_t size)
{
	struct api_call *call = oldest(f, FAKE_DOWNLOAD);
	struct api_answer a = fake_verdict(API_DONE);
	int r;

	assert_non_null(call);
	r = call->sink(bytes, size, call->sink_data);
	if (r < 0) {
		a = fake_verdict(API_SINK);
		a.sink_error = r;
	}
	finish(call, &a);
}
