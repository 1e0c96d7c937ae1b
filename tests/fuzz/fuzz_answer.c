/* Answers of the service: the first two bytes are the call and the status, the rest is the body. */
#include "fuzz.h"

#include <string.h>

#include "pimagefs/service.h"
#include "pimagefs/utf8.h"

static void check(const struct service_answer *a)
{
	promise(a->verdict <= SERVICE_CLOSED);
	promise((a->verdict == SERVICE_ACCEPTED) <= (a->prediction_id != NULL));
	if (a->prediction_id) {
		size_t size = strlen(a->prediction_id);

		promise(size >= 1 && size <= 1024);
	}
	promise(memchr(a->error.message, 0, sizeof(a->error.message)) != NULL);
	promise(utf8_valid(a->error.message, strlen(a->error.message)));
	promise(utf8_valid(a->error.details, strlen(a->error.details)));
	promise(!utf8_has_control(a->error.message, strlen(a->error.message)));
	promise(a->retry_after_ms >= -1);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const int status[] = { 200, 201, 202, 204, 301, 400, 401, 402, 403, 404,
				      408, 409, 410, 422, 429, 500, 502, 503, 504, 999 };
	struct service_answer a = { 0 };
	const char *type;
	char *body;
	int code, r;

	if (size < 2)
		return 0;
	/* A copy with a NUL behind it, as http hands it on. */
	body = malloc(size - 1);
	if (!body)
		return 0;
	memcpy(body, bytes + 2, size - 2);
	body[size - 2] = '\0';
	type = bytes[0] & 0x80 ? "text/html" : "application/json";
	code = status[bytes[1] % 20];
	if (bytes[0] % 3 == 0)
		r = answer_read_create(code, body, size - 2, type, bytes[0] & 0x40, &a);
	else if (bytes[0] % 3 == 1)
		r = answer_read_poll(code, body, size - 2, type, &a);
	else
		r = answer_read_cancel(code, body, size - 2, type, &a);
	if (r == 0) {
		check(&a);
		if (a.verdict == SERVICE_DONE && bytes[0] % 3 == 1)
			promise(a.link != NULL);
		answer_release(&a);
	}
	free(body);
	return 0;
}
