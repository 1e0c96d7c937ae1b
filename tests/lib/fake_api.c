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
#include "pimagefs/buf.h"

struct service_call {
	struct list in;
	enum fake_kind kind;
	char *text;
	int (*sink)(const void *bytes, size_t size, void *data);
	void *sink_data;
	service_done_fn done;
	void *data;
};

void fake_init(struct fake_api *f)
{
	memset(f, 0, sizeof(*f));
	list_init(&f->calls);
}

static int start(struct fake_api *f, enum fake_kind kind, const char *text, service_done_fn done,
		 void *data, struct service_call **out)
{
	struct service_call *call;

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

static int fake_create(void *self, const char *model, const char *input, service_done_fn done,
		       void *data, struct service_call **out)
{
	struct buf body = BUF_INIT;
	int r;

	oom_pause();
	assert_int_equal(buf_printf(&body, "{\"model\":\"%s\",\"input\":%s}", model, input), 0);
	oom_resume();
	r = start(self, FAKE_CREATE, buf_text(&body), done, data, out);
	buf_release(&body);
	return r;
}

static int fake_poll(void *self, const char *prediction_id, service_done_fn done, void *data,
		     struct service_call **out)
{
	return start(self, FAKE_POLL, prediction_id, done, data, out);
}

static int fake_cancel(void *self, const char *prediction_id, service_done_fn done, void *data,
		       struct service_call **out)
{
	return start(self, FAKE_CANCEL, prediction_id, done, data, out);
}

static int fake_download(void *self, const char *link, int (*sink)(const void *, size_t, void *),
			 void *sink_data, service_done_fn done, void *data,
			 struct service_call **out)
{
	int r = start(self, FAKE_DOWNLOAD, link, done, data, out);

	if (r == 0) {
		(*out)->sink = sink;
		(*out)->sink_data = sink_data;
	}
	return r;
}

/* As the real one: the call is gone before its owner hears of it. */
static void finish(struct service_call *call, const struct service_answer *answer)
{
	service_done_fn done = call->done;
	void *data = call->data;

	list_remove(&call->in);
	free(call->text);
	free(call);
	done(answer, data);
}

static void fake_stop(void *self, struct service_call *call)
{
	struct fake_api *f = self;
	struct service_answer closed = fake_verdict(SERVICE_CLOSED);

	f->stopped[call->kind]++;
	finish(call, &closed);
}

const struct service_ops fake_ops = {
	.create = fake_create,
	.poll = fake_poll,
	.cancel = fake_cancel,
	.download = fake_download,
	.stop = fake_stop,
};

static struct service_call *oldest(const struct fake_api *f, enum fake_kind kind)
{
	list_each (p, &f->calls) {
		struct service_call *call = list_entry(p, struct service_call, in);

		if (call->kind == kind)
			return call;
	}
	return NULL;
}

unsigned fake_in_flight(const struct fake_api *f, enum fake_kind kind)
{
	unsigned n = 0;

	list_each (p, &f->calls)
		n += list_entry(p, struct service_call, in)->kind == kind;
	return n;
}

const char *fake_text(const struct fake_api *f, enum fake_kind kind)
{
	struct service_call *call = oldest(f, kind);

	return call ? call->text : NULL;
}

void fake_answer(struct fake_api *f, enum fake_kind kind, const struct service_answer *answer)
{
	struct service_call *call = oldest(f, kind);

	assert_non_null(call);
	finish(call, answer);
}

static const struct {
	enum error_class class;
	int http_status;
} errors[] = {
	[SERVICE_FAILED] = { ERROR_SERVICE, 200 },  [SERVICE_ENDED] = { ERROR_CANCELLED, 200 },
	[SERVICE_REFUSED] = { ERROR_INVALID, 422 }, [SERVICE_AUTH] = { ERROR_AUTH, 401 },
	[SERVICE_BUSY] = { ERROR_SERVICE, 429 },    [SERVICE_TROUBLE] = { ERROR_SERVICE, 503 },
	[SERVICE_OFFLINE] = { ERROR_NETWORK, 0 },   [SERVICE_UNCERTAIN] = { ERROR_UNCERTAIN, 0 },
	[SERVICE_UNKNOWN] = { ERROR_SERVICE, 404 }, [SERVICE_BAD_BODY] = { ERROR_DOWNLOAD, 200 },
	[SERVICE_SINK] = { ERROR_DOWNLOAD, 200 },   [SERVICE_CLOSED] = { ERROR_CANCELLED, 0 },
};

struct service_answer fake_verdict(enum service_verdict verdict)
{
	struct service_answer a = {
		.verdict = verdict,
		.predict_time_s = -1,
		.cost_usd = -1,
		.retry_after_ms = -1,
	};

	if (errors[verdict].class != ERROR_NONE) {
		error_set(&a.error, errors[verdict].class, "the service said so");
		a.error.http_status = errors[verdict].http_status;
	}
	if (verdict == SERVICE_SINK)
		a.sink_error = -ENOSPC;
	return a;
}

void fake_say(struct fake_api *f, enum fake_kind kind, enum service_verdict verdict)
{
	struct service_answer a = fake_verdict(verdict);

	fake_answer(f, kind, &a);
}

void fake_accept(struct fake_api *f, const char *prediction_id)
{
	struct service_answer a = fake_verdict(SERVICE_ACCEPTED);
	char id[64];

	strncpy(id, prediction_id, sizeof(id) - 1);
	id[sizeof(id) - 1] = '\0';
	a.prediction_id = id;
	fake_answer(f, FAKE_CREATE, &a);
}

void fake_done(struct fake_api *f, const char *link)
{
	struct service_answer a = fake_verdict(SERVICE_DONE);
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
	struct service_call *call = oldest(f, FAKE_DOWNLOAD);
	struct service_answer a = fake_verdict(SERVICE_DONE);
	int r;

	assert_non_null(call);
	/* In two pieces, as a download comes. */
	r = call->sink(bytes, size / 2, call->sink_data);
	if (r == 0)
		r = call->sink((const char *)bytes + size / 2, size - size / 2, call->sink_data);
	if (r < 0) {
		a = fake_verdict(SERVICE_SINK);
		a.sink_error = r;
	}
	finish(call, &a);
	if (f->sim)
		sim_world_work(f->sim);
}
