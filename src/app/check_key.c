/*
 * check_key: is the key one that the service takes?
 *
 * Happy path: a poll of a prediction that cannot exist, with the key in its header as with every
 * call. "There is no such prediction" is an answer to somebody who was let in. Nothing is created,
 * so nothing is billed.
 *
 * Failures: 401 and 403 are a key that is refused. No connection, a page of something on the way
 * and an error of the service tell nothing of the key, and that is what is said.
 *
 * On close: the call is over, and everything is taken apart, the key wiped.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <uv.h>

#include "check.h"
#include "pimagefs/http.h"
#include "pimagefs/service.h"

#define NO_SUCH_PREDICTION "00000000-0000-0000-0000-000000000000"

struct trial {
	const char *url;
	struct error *err;
	int status;
};

static void on_answer(const struct service_answer *answer, void *data)
{
	struct trial *t = data;
	const char *message = answer->error.message;

	switch (answer->verdict) {
	case SERVICE_AUTH:
		/* No balance is said only to a key that is known. */
		t->status = CHECK_WRONG;
		error_set(t->err, answer->error.class, "%s says: %s", t->url, message);
		break;
	case SERVICE_UNKNOWN:
	case SERVICE_REFUSED:
	case SERVICE_PENDING:
	case SERVICE_DONE:
	case SERVICE_FAILED:
	case SERVICE_ENDED:
	case SERVICE_BUSY:
		t->status = CHECK_FINE;
		break;
	default:
		t->status = CHECK_UNKNOWN;
		error_set(t->err, answer->error.class,
			  "not known whether the service takes the key: %s: %s", t->url, message);
	}
}

static int ask(struct trial *t, uv_loop_t *loop, const struct settings *s)
{
	const struct http_settings settings = {
		.connect_timeout_s = s->api.connect_timeout_s,
		.idle_timeout_s = s->api.idle_timeout_s,
		.timeout_s = s->api.timeout_s,
		.ca_file = s->api.ca_file,
	};
	struct eachlabs *api = NULL;
	struct http *http = NULL;
	int r = http_new(&http, loop, &settings);

	if (r == 0)
		r = eachlabs_new(&api, http, s);
	if (r == 0)
		r = eachlabs_ops.poll(api, NO_SUCH_PREDICTION, on_answer, t, NULL);
	while (r == 0 && t->status < 0)
		uv_run(loop, UV_RUN_ONCE);
	http_free(http, NULL, NULL);
	uv_run(loop, UV_RUN_DEFAULT);
	eachlabs_free(api);
	return r;
}

int check_key(const struct settings *settings, struct error *err)
{
	struct trial t = { .url = settings->api.base_url, .err = err, .status = -1 };
	uv_loop_t loop;
	int r = uv_loop_init(&loop);

	if (r == 0) {
		signal(SIGPIPE, SIG_IGN);
		r = ask(&t, &loop, settings);
		uv_loop_close(&loop);
	}
	if (r == 0)
		return t.status;
	error_set(err, ERROR_INVALID, "cannot ask the service: %s", strerror(-r));
	return CHECK_UNKNOWN;
}
