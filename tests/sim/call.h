/* call: a call on the simulated wire, shared by the wire (wire.c) and the service behind it. */
#ifndef TESTS_SIM_CALL_H
#define TESTS_SIM_CALL_H

#include "pimagefs/http.h"
#include "sim.h"

enum call_kind { CALL_CREATE, CALL_POLL, CALL_CANCEL, CALL_DOWNLOAD };

struct http_transfer {
	struct list in;
	struct sim *sim;
	enum call_kind kind;
	char *path;        /* of a poll and a cancel the id, of a download the link */
	struct text *text; /* of a create */
	struct prediction *prediction;
	http_done_fn done; /* NULL: nobody is there any more */
	void *data;
	int (*sink)(const void *bytes, size_t size, void *data);
	void *sink_data;
	int64_t began_ms;
	int day; /* it began on */
	struct event *event;

	struct http_answer answer; /* as it will come */
	struct buf body;
	size_t delivered;
	bool has_id, surely_not_taken;
	enum { TELLS_NOTHING, TELLS_PENDING, TELLS_DONE, TELLS_OVER, TELLS_UNKNOWN } tells;
};

/* The request is at the service: decide about it. */
void service_create(struct http_transfer *t);
void service_poll(struct http_transfer *t);
void service_cancel(struct http_transfer *t);
void service_download(struct http_transfer *t);

/* The answer comes after so long. body NULL: none. */
void wire_answer(struct http_transfer *t, int64_t delay_ms, int status, const char *type,
		 const char *body);
void wire_json(struct http_transfer *t, int64_t delay_ms, int status, const char *body);
void wire_html(struct http_transfer *t, int64_t delay_ms, int status);
/* No whole answer comes. */
void wire_break(struct http_transfer *t, int64_t delay_ms, enum http_outcome outcome);
void wire_retry_after(struct http_transfer *t, int64_t s);
/* Of a call from one end to the other. */
int64_t wire_latency(struct sim *s);

#endif
