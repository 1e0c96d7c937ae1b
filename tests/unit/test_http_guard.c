/* http's pure parts: addresses, URLs, encoded segments, Retry-After. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http/http_internal.h"
#include "http_world.h"
#include "oom.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static void test_retry_after(void **state)
{
	/* 2026-11-22 14:15:00 UTC */
	const int64_t now = INT64_C(1795356900000);
	static const struct {
		const char *value;
		int64_t ms;
	} rows[] = {
		{ "0", 0 },
		{ "120", 120000 },
		{ " 7 ", 7000 },
		{ "1.5", 1000 },
		{ "86400", 86400000 },
		{ "86401", 86400000 },
		{ "99999999999999999999999", 86400000 },
		{ "Sun, 22 Nov 2026 14:16:30 GMT", 90000 },
		{ "Sunday, 22-Nov-26 14:16:30 GMT", 90000 },
		{ "Sun Nov 22 14:16:30 2026", 90000 },
		{ "Sun, 22 Nov 2026 14:14:00 GMT", 0 },
		{ "Tue, 22 Nov 2033 14:14:00 GMT", 86400000 },
		{ "", -1 },
		{ "-5", -1 },
		{ "soon", -1 },
		{ "12 minutes", -1 },
		{ "0x10", -1 },
		{ "1e9", -1 },
		{ "\xff\xfe", -1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (http_retry_after_ms(rows[i].value, now) != rows[i].ms)
			fail_msg("'%s': %lld", rows[i].value,
				 (long long)http_retry_after_ms(rows[i].value, now));
}

static void test_encode(void **state)
{
	static const struct {
		const char *text, *coded;
	} rows[] = {
		{ "0b1c2d3e-aaaa-bbbb", "x0b1c2d3e-aaaa-bbbb" },
		{ "a/b?c#d%e f", "xa%2Fb%3Fc%23d%25e%20f" },
		{ "..", "x%2E%2E" },
		{ ".", "x%2E" },
		{ "a..b_~", "xa..b_~" },
		{ "f\xc3\xbcr", "xf%C3%BCr" },
		{ "\r\n\x01", "x%0D%0A%01" },
		{ "", "x" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf b = BUF_INIT;

		assert_int_equal(buf_puts(&b, "x"), 0);
		assert_int_equal(http_encode_segment(&b, rows[i].text), 0);
		assert_string_equal(buf_text(&b), rows[i].coded);
		buf_release(&b);
	}
}

static void test_encode_out_of_memory(void **state)
{
	unsigned failed = 1;

	(void)state;
	for (unsigned n = 0; failed; n++) {
		struct buf b = BUF_INIT;
		int r;

		oom_fail_after(n);
		r = http_encode_segment(&b, "a/b");
		failed = oom_off();
		assert_int_equal(r, failed ? -ENOMEM : 0);
		assert_string_equal(buf_text(&b), failed ? "" : "a%2Fb");
		buf_release(&b);
	}
}

static void test_loopback(void **state)
{
	static const char *const yes[] = { "http://127.0.0.1:80/v1",    "http://localhost",
					   "https://LOCALHOST./x",      "http://[::1]:8/",
					   "http://127.9.9.9",          "http://0x7f.1/",
					   "http://[::ffff:127.0.0.1]/" };
	static const char *const no[] = { "http://128.0.0.1",
					  "https://api.eachlabs.ai/v1",
					  "http://127.0.0.1.example.org",
					  "http://localhost.example.org",
					  "http://[::2]/",
					  "",
					  "localhost",
					  "http://0.0.0.0/",
					  "https://example.org/http://127.0.0.1/",
					  "https://127.0.0.1@example.org/" };

	(void)state;
	for (size_t i = 0; i < COUNT(yes); i++)
		if (!http_is_loopback(yes[i]))
			fail_msg("%s", yes[i]);
	for (size_t i = 0; i < COUNT(no); i++)
		if (http_is_loopback(no[i]))
			fail_msg("%s", no[i]);
}

static void test_public_addresses(void **state)
{
	static const char *const yes[] = {
		"1.1.1.1",         "9.255.255.255",   "11.0.0.0",       "100.63.255.255",
		"100.128.0.0",     "126.255.255.255", "128.0.0.1",      "169.253.255.255",
		"172.15.255.255",  "172.32.0.0",      "192.0.1.1",      "192.167.255.255",
		"192.169.0.0",     "198.17.255.255",  "198.20.0.0",     "223.255.255.255",
		"2606:4700::1111", "2a00::1",         "::ffff:8.8.8.8", "64:ff9b::808:808",
		"2002:808:808::1"
	};
	static const char *const no[] = { "0.0.0.0",
					  "0.1.2.3",
					  "10.0.0.1",
					  "10.255.255.255",
					  "100.64.0.1",
					  "100.127.255.255",
					  "127.0.0.1",
					  "127.255.255.255",
					  "169.254.169.254",
					  "172.16.0.1",
					  "172.31.255.255",
					  "192.0.0.8",
					  "192.168.0.1",
					  "198.18.0.1",
					  "198.19.255.255",
					  "224.0.0.1",
					  "239.1.1.1",
					  "240.0.0.1",
					  "255.255.255.255",
					  "::",
					  "::1",
					  "fc00::1",
					  "fdff::1",
					  "fe80::1",
					  "febf::1",
					  "fec0::1",
					  "ff02::1",
					  "::ffff:127.0.0.1",
					  "::ffff:10.1.2.3",
					  "64:ff9b::7f00:1",
					  "64:ff9b::a00:1",
					  "64:ff9b:1::1",
					  "2001::1",
					  "2001:db8::1",
					  "2002:7f00:1::",
					  "::7f00:1",
					  "",
					  "example.org",
					  "1.1.1",
					  "fe80::1%eth0" };

	(void)state;
	for (size_t i = 0; i < COUNT(yes); i++)
		if (!http_literal_is_public(yes[i]))
			fail_msg("%s", yes[i]);
	for (size_t i = 0; i < COUNT(no); i++)
		if (http_literal_is_public(no[i]))
			fail_msg("%s", no[i]);
	assert_false(http_address_is_public(&(struct sockaddr){ .sa_family = AF_UNIX }));
}

static void test_targets(void **state)
{
	static const struct {
		const char *url;
		int r;
		const char *whole, *host, *origin;
		unsigned port;
	} rows[] = {
		{ "https://Example.ORG/a b?q=1#frag", 0, "https://Example.ORG/a%20b?q=1",
		  "example.org", "https://Example.ORG", 443 },
		{ "HTTP://example.org:8080", 0, "http://example.org:8080/", "example.org",
		  "http://example.org", 8080 },
		{ "https://[2001:db8::1]:99/x", 0, "https://[2001:db8::1]:99/x", "2001:db8::1",
		  NULL, 99 },
		{ "https://example.org/a/../b/%2e%2e/c", 0, "https://example.org/a/../b/%2e%2e/c",
		  "example.org", NULL, 443 },
		{ "ftp://example.org/", -EPROTONOSUPPORT, NULL, NULL, NULL, 0 },
		{ "mailto:a@example.org", -EPROTONOSUPPORT, NULL, NULL, NULL, 0 },
		{ "https://a:b@example.org/", -EINVAL, NULL, NULL, NULL, 0 },
		{ "https://a@example.org/", -EINVAL, NULL, NULL, NULL, 0 },
		{ "https://exa mple.org/", -EINVAL, NULL, NULL, NULL, 0 },
		{ "https://example.org/\r\nX: y", -EINVAL, NULL, NULL, NULL, 0 },
		{ "https://%65xample.org/", 0, "https://example.org/", "example.org", NULL, 443 },
		{ "https://%31%32%37.1/", -EINVAL, NULL, NULL, NULL, 0 },
		{ "https://", -EINVAL, NULL, NULL, NULL, 0 },
		{ "/path", -EINVAL, NULL, NULL, NULL, 0 },
		{ "", -EINVAL, NULL, NULL, NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct http_target t;
		int r = http_target_parse(&t, rows[i].url);

		if (r != rows[i].r)
			fail_msg("%s: %d", rows[i].url, r);
		if (r == 0) {
			assert_string_equal(t.url, rows[i].whole);
			assert_string_equal(t.host, rows[i].host);
			if (rows[i].origin)
				assert_string_equal(t.origin, rows[i].origin);
			assert_int_equal(t.port, rows[i].port);
		}
		http_target_release(&t);
	}
}

static void test_private_targets(void **state)
{
	static const char *const yes[] = { "http://127.0.0.1/",        "http://0x7f.1/",
					   "http://127.1./",           "http://0x7f./",
					   "http://0300.0250.1.1./",   "http://10.0.0.1/",
					   "http://a.localhost/",      "http://[fe80::1]/",
					   "http://[::ffff:10.0.0.1]/" };
	static const char *const no[] = { "http://example.org/", "http://8.8.8.8/", "http://8.8./",
					  "http://[2a00::1]/", "http://127.0.0.1.example.org/" };
	struct http_target t;

	(void)state;
	for (size_t i = 0; i < COUNT(yes) + COUNT(no); i++) {
		bool private = i < COUNT(yes);
		const char *url = private ? yes[i] : no[i - COUNT(yes)];

		assert_int_equal(http_target_parse(&t, url), 0);
		if (http_target_is_private(&t) != private)
			fail_msg("%s", url);
		http_target_release(&t);
	}
	/* What only some resolvers take for this machine is no reason to trust it with a key. */
	assert_false(http_is_loopback("http://0x7f.1./"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_retry_after),          cmocka_unit_test(test_encode),
		cmocka_unit_test(test_encode_out_of_memory), cmocka_unit_test(test_loopback),
		cmocka_unit_test(test_public_addresses),     cmocka_unit_test(test_targets),
		cmocka_unit_test(test_private_targets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
