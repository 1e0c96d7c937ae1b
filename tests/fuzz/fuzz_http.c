/* What a service says in its head and what a link names: Retry-After, header lines, URLs and the
 * guard that judges them, ids put into a path. */
#include "fuzz.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <string.h>

#include "http/http_internal.h"

#define DAY_MS INT64_C(86400000)
#define NOW_MS INT64_C(1795356900000)

static void check_host(const struct http_target *t)
{
	struct in_addr loose;

	promise(t->host[0] && !strpbrk(t->host, "/@?#[] "));
	for (const char *c = t->host; *c; c++)
		promise(!isupper((unsigned char)*c));
	if (http_target_is_local(t))
		promise(http_target_is_private(t));
	/* Whatever the resolver takes for an address must be one to the guard, too. */
	if (inet_aton(t->host, &loose)) {
		struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = loose };
		bool public = http_address_is_public((const struct sockaddr *)&address);

		promise(http_target_is_private(t) == !public);
	}
}

static void check_url(const char *text)
{
	struct http_target t, again;

	if (http_target_parse(&t, text) < 0) {
		promise(!t.url && !t.host && !http_is_loopback(text));
		return;
	}
	promise(strcmp(t.scheme, "http") == 0 || strcmp(t.scheme, "https") == 0);
	promise(t.port <= 65535);
	promise(!strpbrk(t.origin, "@\n\r"));
	promise(http_is_loopback(text) == http_target_is_local(&t));
	check_host(&t);
	promise(http_target_parse(&again, t.url) == 0);
	promise(http_same_origin(&t, &again));
	http_target_release(&again);
	http_target_release(&t);
}

static int hex(char c)
{
	promise(isdigit((unsigned char)c) || (c >= 'A' && c <= 'F'));
	return isdigit((unsigned char)c) ? c - '0' : c - 'A' + 10;
}

static void check_segment(const char *text)
{
	struct buf coded = BUF_INIT;
	const char *c;

	promise(http_encode_segment(&coded, text) == 0);
	for (c = buf_text(&coded); *c; c++, text++) {
		promise(isalnum((unsigned char)*c) || strchr("-_~.%", *c));
		if (*c == '%') {
			promise((unsigned char)*text == hex(c[1]) * 16 + hex(c[2]));
			c += 2;
		} else {
			promise(*text == *c);
		}
	}
	promise(!*text);
	c = buf_text(&coded);
	promise(strcmp(c, ".") != 0 && strcmp(c, "..") != 0);
	buf_release(&coded);
}

static void check_field(const char *field, size_t room)
{
	promise(memchr(field, 0, room) != NULL);
	for (; *field; field++)
		promise(isascii((unsigned char)*field) && isprint((unsigned char)*field));
}

static void check_head(const char *text, size_t size)
{
	struct http_transfer t = { .easy = curl_easy_init() };

	promise(t.easy != NULL);
	/* Each line ends where it ends, so that a read behind it is seen. */
	for (const char *end = text + size; text < end;) {
		const char *lf = memchr(text, '\n', (size_t)(end - text));
		size_t n = lf ? (size_t)(lf - text) + 1 : (size_t)(end - text), taken;
		char *line = malloc(n);

		promise(line != NULL);
		memcpy(line, text, n);
		taken = http_take_header(line, 1, n, &t);
		free(line);
		promise(taken == n || t.header_bytes > HTTP_MAX_HEADERS);
		text += n;
	}
	check_field(t.answer.content_type, sizeof(t.answer.content_type));
	check_field(t.answer.retry_after, sizeof(t.answer.retry_after));
	check_field(t.answer.request_id, sizeof(t.answer.request_id));
	curl_easy_cleanup(t.easy);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char *text = malloc(size + 1);
	int64_t wait;

	if (!text)
		return 0;
	memcpy(text, bytes, size);
	text[size] = '\0';
	wait = http_retry_after_ms(text, NOW_MS);
	promise(wait >= -1 && wait <= DAY_MS);
	check_url(text);
	check_segment(text);
	check_head(text, size);
	free(text);
	return 0;
}
