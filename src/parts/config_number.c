/*
 * config_number: whole numbers, sizes in bytes and amounts of money, to their field and back.
 *
 * Happy path: digits, for a size K, M or G behind them, for an amount a point and some more digits.
 * What is printed is read back to the same value.
 *
 * Failures: -EINVAL and a sentence with the range and the unit; the field is then as it was. Only
 * printing needs memory.
 *
 * On close: nothing is held.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_internal.h"

#define REAL_DIGITS 9 /* behind the point */

static int refuse_number(const struct config_key *key, const char *text, struct error *err)
{
	const char *size = key->type == CONFIG_SIZE ? " (K, M or G may follow: 64M)" : "";

	error_set(err, ERROR_INVALID,
		  "%s: \"%.100s\" is not allowed; give a whole number from %" PRId64 " to %" PRId64
		  " %s%s",
		  key->name, text, key->min, key->max, key->unit, size);
	return -EINVAL;
}

/* What K, M, G stand for; 0 for anything else. */
static int64_t multiplier(const char *suffix)
{
	static const char letters[] = "KMG";
	const char *at;

	if (!*suffix)
		return 1;
	at = suffix[1] ? NULL : strchr(letters, toupper((unsigned char)*suffix));
	return at ? INT64_C(1) << (10 * (at - letters + 1)) : 0;
}

static int read_number(const struct config_key *key, const char *text, int64_t *out,
		       struct error *err)
{
	char *end;
	long long value;
	int64_t times;

	if (!isdigit((unsigned char)*text))
		return refuse_number(key, text, err);
	errno = 0;
	value = strtoll(text, &end, 10);
	times = key->type == CONFIG_SIZE ? multiplier(end) : !*end;
	if (errno || !times || value > key->max / times || value * times < key->min)
		return refuse_number(key, text, err);
	*out = value * times;
	return 0;
}

static int set_whole(const struct config_key *key, void *field, const char *text, struct error *err)
{
	int64_t value;
	int r = read_number(key, text, &value, err);

	if (r < 0)
		return r;
	if (key->type == CONFIG_SIZE)
		*(int64_t *)field = value;
	else
		*(int *)field = (int)value;
	return 0;
}

static int refuse_real(const struct config_key *key, const char *text, struct error *err)
{
	error_set(err, ERROR_INVALID,
		  "%s: \"%.100s\" is not allowed; give a number from %" PRId64 " to %" PRId64
		  " %s, as 2 or 0.005 (at most %d digits behind the point)",
		  key->name, text, key->min, key->max, key->unit, REAL_DIGITS);
	return -EINVAL;
}

/* Not by strtod, which takes hexadecimal, exponents, "inf" and "nan" too. */
static int set_real(const struct config_key *key, double *field, const char *text,
		    struct error *err)
{
	const char *p = text;
	double value = 0, unit = 1;

	for (; isdigit((unsigned char)*p) && value <= (double)key->max; p++)
		value = value * 10 + (*p - '0');
	if (p > text && p[0] == '.' && isdigit((unsigned char)p[1])) {
		const char *first = ++p;

		for (; isdigit((unsigned char)*p) && p - first < REAL_DIGITS; p++) {
			value = value * 10 + (*p - '0');
			unit *= 10;
		}
	}
	value /= unit;
	if (p == text || *p || value < (double)key->min || value > (double)key->max)
		return refuse_real(key, text, err);
	*field = value;
	return 0;
}

int config_number_set(const struct config_key *key, void *field, const char *text,
		      struct error *err)
{
	return key->type == CONFIG_REAL ? set_real(key, field, text, err)
					: set_whole(key, field, text, err);
}

static int print_size(int64_t bytes, struct buf *out)
{
	if (bytes && bytes % (1 << 20) == 0)
		return buf_printf(out, "%" PRId64 "M", bytes >> 20);
	if (bytes && bytes % (1 << 10) == 0)
		return buf_printf(out, "%" PRId64 "K", bytes >> 10);
	return buf_printf(out, "%" PRId64, bytes);
}

static int print_real(double value, struct buf *out)
{
	char text[64];
	int size = snprintf(text, sizeof(text), "%.*f", REAL_DIGITS, value);

	while (text[size - 1] == '0')
		size--;
	if (text[size - 1] == '.')
		size--;
	return buf_printf(out, "%.*s", size, text);
}

int config_number_print(const struct config_key *key, const void *field, struct buf *out)
{
	switch (key->type) {
	case CONFIG_SIZE:
		return print_size(*(const int64_t *)field, out);
	case CONFIG_REAL:
		return print_real(*(const double *)field, out);
	default:
		return buf_printf(out, "%d", *(const int *)field);
	}
}
