/*
 * http_guard: where a request may go, and what a few texts of HTTP mean. Pure but for the
 * environment's proxy names.
 *
 * A target is a URL after curl's own parser has normalised it, so that the checks here and the
 * connection see the same host: 0x7f.1, 2130706433 and 127.0.0.1 are one. Addresses are judged by
 * the IANA registries of special-purpose addresses; an IPv6 address that carries an IPv4 address is
 * judged by that one.
 *
 * What cannot be parsed is refused: a text that is no address is not public, a Retry-After that is
 * no time says nothing.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http_internal.h"

#define DAY_MS INT64_C(86400000)

struct block {
	unsigned char bytes[16];
	unsigned bits;
};

static const struct block v4_special[] = {
	{ { 0 }, 8 },             /* this network */
	{ { 10 }, 8 },            /* private */
	{ { 100, 64 }, 10 },      /* carrier-grade NAT */
	{ { 127 }, 8 },           /* loopback */
	{ { 169, 254 }, 16 },     /* link-local, metadata services */
	{ { 172, 16 }, 12 },      /* private */
	{ { 192, 0, 0 }, 24 },    /* protocol assignments */
	{ { 192, 0, 2 }, 24 },    /* documentation */
	{ { 192, 88, 99 }, 24 },  /* 6to4 relays */
	{ { 192, 168 }, 16 },     /* private */
	{ { 198, 18 }, 15 },      /* benchmarks */
	{ { 198, 51, 100 }, 24 }, /* documentation */
	{ { 203, 0, 113 }, 24 },  /* documentation */
	{ { 224 }, 4 },           /* multicast */
	{ { 240 }, 4 },           /* reserved, broadcast */
};

static const struct block v6_special[] = {
	{ { 0 }, 8 }, /* unspecified, loopback, v4-compatible; v4-mapped is looked into first */
	{ { 0x00, 0x64, 0xff, 0x9b, 0, 1 }, 48 }, /* local NAT64 */
	{ { 0x01, 0x00 }, 64 },                   /* discard */
	{ { 0x20, 0x01 }, 23 },                   /* protocol assignments, Teredo */
	{ { 0x20, 0x01, 0x0d, 0xb8 }, 32 },       /* documentation */
	{ { 0xfc }, 7 },                          /* unique local */
	{ { 0xfe, 0x80 }, 9 },                    /* link-local and the old site-local */
	{ { 0xff }, 8 },                          /* multicast */
};

/* Where an IPv6 address carries an IPv4 address. */
struct v6_carrier {
	struct block block;
	unsigned at;
};

static const struct v6_carrier v6_carriers[] = {
	{ { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff }, 96 }, 12 }, /* v4-mapped */
	{ { { 0x00, 0x64, 0xff, 0x9b }, 96 }, 12 },                   /* NAT64 */
	{ { { 0x20, 0x02 }, 16 }, 2 },                                /* 6to4 */
};

static bool in_block(const unsigned char *address, const struct block *block)
{
	unsigned whole = block->bits / 8, rest = block->bits % 8;

	if (memcmp(address, block->bytes, whole) != 0)
		return false;
	return !rest || (address[whole] ^ block->bytes[whole]) >> (8 - rest) == 0;
}

static bool in_any(const unsigned char *address, const struct block *blocks, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (in_block(address, &blocks[i]))
			return true;
	return false;
}

static bool v4_is_public(const unsigned char *address)
{
	return !in_any(address, v4_special, sizeof(v4_special) / sizeof(*v4_special));
}

static bool v6_is_public(const unsigned char *address)
{
	for (size_t i = 0; i < sizeof(v6_carriers) / sizeof(*v6_carriers); i++)
		if (in_block(address, &v6_carriers[i].block))
			return v4_is_public(address + v6_carriers[i].at);
	return !in_any(address, v6_special, sizeof(v6_special) / sizeof(*v6_special));
}

bool http_address_is_public(const struct sockaddr *address)
{
	const void *raw = address;

	if (address->sa_family == AF_INET)
		return v4_is_public((const void *)&((const struct sockaddr_in *)raw)->sin_addr);
	if (address->sa_family == AF_INET6)
		return v6_is_public((const void *)&((const struct sockaddr_in6 *)raw)->sin6_addr);
	return false;
}

bool http_literal_is_public(const char *text)
{
	unsigned char address[16];

	if (inet_pton(AF_INET, text, address) == 1)
		return v4_is_public(address);
	return inet_pton(AF_INET6, text, address) == 1 && v6_is_public(address);
}

static bool is_literal(const char *host)
{
	unsigned char address[16];

	return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

/* Brackets, zone and the root's dot say nothing about where a host is. */
static void tidy_host(char *host)
{
	size_t size = strlen(host);

	if (host[0] == '[') {
		memmove(host, host + 1, size--);
		host[strcspn(host, "]%")] = '\0';
	}
	size = strlen(host);
	if (size > 1 && host[size - 1] == '.')
		host[size - 1] = '\0';
	for (char *c = host; *c; c++)
		*c = (char)tolower((unsigned char)*c);
}

static int url_result(CURLUcode code)
{
	switch (code) {
	case CURLUE_OK:
		return 0;
	case CURLUE_OUT_OF_MEMORY:
		return -ENOMEM;
	case CURLUE_UNSUPPORTED_SCHEME:
		return -EPROTONOSUPPORT;
	default:
		return -EINVAL;
	}
}

static int part(CURLU *u, CURLUPart what, unsigned flags, char **out)
{
	return url_result(curl_url_get(u, what, out, flags));
}

static int target_fill(struct http_target *t, const char *url, const char *scheme, const char *host,
		       const char *port)
{
	if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
		return -EPROTONOSUPPORT;
	t->url = strdup(url);
	t->host = strdup(host);
	if (!t->url || !t->host)
		return -ENOMEM;
	tidy_host(t->host);
	snprintf(t->scheme, sizeof(t->scheme), "%s", scheme);
	snprintf(t->origin, sizeof(t->origin), "%s://%s", scheme, host);
	t->port = (unsigned)strtoul(port, NULL, 10);
	return t->host[0] && t->port ? 0 : -EINVAL;
}

/* "%31%32%37.1" is a name that becomes an address only when it is read again: nobody writes so
 * without a reason. */
static int check_settled(CURLU *u, const char *whole)
{
	char *again = NULL;
	int r = url_result(curl_url_set(u, CURLUPART_URL, whole, CURLU_PATH_AS_IS));

	if (r == 0)
		r = part(u, CURLUPART_URL, 0, &again);
	if (r == 0 && strcmp(whole, again) != 0)
		r = -EINVAL;
	curl_free(again);
	return r;
}

int http_target_parse(struct http_target *out, const char *url)
{
	struct http_target t = { 0 };
	CURLU *u = curl_url();
	char *whole = NULL, *scheme = NULL, *host = NULL, *port = NULL;
	int r = u ? 0 : -ENOMEM;

	memset(out, 0, sizeof(*out));
	if (r == 0)
		r = url_result(
			curl_url_set(u, CURLUPART_URL, url,
				     CURLU_URLENCODE | CURLU_PATH_AS_IS | CURLU_DISALLOW_USER));
	if (r == 0)
		r = url_result(curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0));
	if (r == 0)
		r = part(u, CURLUPART_URL, 0, &whole);
	if (r == 0)
		r = check_settled(u, whole);
	if (r == 0)
		r = part(u, CURLUPART_SCHEME, 0, &scheme);
	if (r == 0)
		r = part(u, CURLUPART_HOST, 0, &host);
	if (r == 0)
		r = part(u, CURLUPART_PORT, CURLU_DEFAULT_PORT, &port);
	if (r == 0)
		r = target_fill(&t, whole, scheme, host, port);
	if (r == 0)
		*out = t;
	else
		http_target_release(&t);
	curl_free(whole);
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(u);
	return r;
}

void http_target_release(struct http_target *t)
{
	free(t->url);
	free(t->host);
	memset(t, 0, sizeof(*t));
}

bool http_same_origin(const struct http_target *a, const struct http_target *b)
{
	return strcmp(a->scheme, b->scheme) == 0 && strcmp(a->host, b->host) == 0 &&
	       a->port == b->port;
}

static bool is_local_name(const char *host)
{
	size_t size = strlen(host), at = size < 10 ? 0 : size - 10;

	return strcmp(host, "localhost") == 0 || strcmp(host + at, ".localhost") == 0;
}

bool http_target_is_local(const struct http_target *t)
{
	static const struct block v4_loopback = { { 127 }, 8 };
	static const struct block v6_loopback = { { [15] = 1 }, 128 };
	unsigned char address[16];

	if (is_local_name(t->host))
		return true;
	if (inet_pton(AF_INET, t->host, address) == 1)
		return in_block(address, &v4_loopback);
	if (inet_pton(AF_INET6, t->host, address) != 1)
		return false;
	if (in_block(address, &v6_carriers[0].block))
		return in_block(address + v6_carriers[0].at, &v4_loopback);
	return in_block(address, &v6_loopback);
}

bool http_target_is_private(const struct http_target *t)
{
	struct in_addr loose;

	/* curl leaves "0x7f.1." as it is; whoever resolves it may not. */
	if (inet_aton(t->host, &loose) && !v4_is_public((const void *)&loose))
		return true;
	return is_local_name(t->host) || (is_literal(t->host) && !http_literal_is_public(t->host));
}

int http_check_url(const char *url)
{
	struct http_target t;
	int r = http_target_parse(&t, url);

	http_target_release(&t);
	return r;
}

bool http_is_loopback(const char *url)
{
	struct http_target t;
	bool is;

	if (http_target_parse(&t, url) < 0)
		return false;
	is = http_target_is_local(&t);
	http_target_release(&t);
	return is;
}

static const char *environment(const char *lower, const char *upper)
{
	const char *value = getenv(lower);

	if ((!value || !*value) && upper)
		value = getenv(upper);
	return value && *value ? value : NULL;
}

/* As in curl: "*", or names of which the host is one or lies below. */
static bool is_exempt(const char *host)
{
	const char *list = environment("no_proxy", "NO_PROXY");
	size_t host_size = strlen(host);

	for (; list && *(list += strspn(list, ", \t")); list += strcspn(list, ", \t")) {
		size_t size = strcspn(list, ", \t"), dots = strspn(list, ".");
		const char *name = list + dots;

		if (size == 1 && *list == '*')
			return true;
		if (size <= dots)
			continue;
		size -= dots;
		if (size > host_size || strncasecmp(host + host_size - size, name, size) != 0)
			continue;
		if (size == host_size || host[host_size - size - 1] == '.')
			return true;
	}
	return false;
}

bool http_target_by_proxy(const struct http_target *t)
{
	bool https = strcmp(t->scheme, "https") == 0;
	/* HTTP_PROXY in capitals is what a CGI's client can set: curl ignores it. */
	const char *proxy = https ? environment("https_proxy", "HTTPS_PROXY")
				  : environment("http_proxy", NULL);

	if (!proxy)
		proxy = environment("all_proxy", "ALL_PROXY");
	return proxy && !http_target_is_local(t) && !is_exempt(t->host);
}

static int64_t seconds_ms(const char *value)
{
	char *end;
	unsigned long long seconds = strtoull(value, &end, 10);

	if (*end == '.')
		end += 1 + strspn(end + 1, "0123456789");
	end += strspn(end, " \t");
	if (*end)
		return -1;
	return seconds > DAY_MS / 1000 ? DAY_MS : (int64_t)seconds * 1000;
}

int64_t http_retry_after_ms(const char *value, int64_t wall_now_ms)
{
	time_t when;
	int64_t wait;

	value += strspn(value, " \t");
	if (isdigit((unsigned char)*value))
		return seconds_ms(value);
	/* curl's parser is generous; an HTTP date begins with the day's name. */
	if (!isalpha((unsigned char)*value))
		return -1;
	when = curl_getdate(value, NULL);
	if (when == -1)
		return -1;
	wait = (int64_t)when * 1000 - wall_now_ms;
	return wait < 0 ? 0 : wait > DAY_MS ? DAY_MS : wait;
}

int http_encode_segment(struct buf *out, const char *text)
{
	/* A segment of dots only would be a way up. */
	bool dots = text[strspn(text, ".")] == '\0';
	char *coded = *text ? curl_easy_escape(NULL, text, 0) : strdup("");
	size_t before = out->size;
	int r = coded ? 0 : -ENOMEM;

	for (const char *c = text; dots && *c && r == 0; c++)
		r = buf_puts(out, "%2E");
	if (!dots && r == 0)
		r = buf_puts(out, coded);
	if (r < 0)
		(void)buf_resize(out, before);
	curl_free(coded);
	return r;
}
