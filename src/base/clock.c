/*
 * clock: the two clocks, and times as text.
 *
 * What waits is measured with the monotonic clock (the one libuv's timers use); what is shown or
 * must survive a restart is wall time. Texts are RFC 3339 in UTC with milliseconds and four digits
 * of year; a time outside of that range is shown as its nearest end.
 *
 * Reading the clocks cannot fail on Linux; a text of another form is -EINVAL. Nothing is kept.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "pimagefs/clock.h"

#define YEAR_0_MS (-62167219200000LL)
#define YEAR_10000_MS 253402300800000LL

static int64_t read_ms(clockid_t id)
{
	struct timespec now = { 0, 0 };

	clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_mono_ms(void)
{
	return read_ms(CLOCK_MONOTONIC);
}

int64_t clock_wall_ms(void)
{
	return read_ms(CLOCK_REALTIME);
}

static int64_t in_years(int64_t wall_ms)
{
	if (wall_ms < YEAR_0_MS)
		return YEAR_0_MS;
	return wall_ms >= YEAR_10000_MS ? YEAR_10000_MS - 1 : wall_ms;
}

/* The remainders only tell the compiler what is so anyway: that the digits fit. */
void clock_rfc3339(int64_t wall_ms, char out[CLOCK_TEXT])
{
	struct tm tm;
	time_t seconds;
	unsigned ms;

	wall_ms = in_years(wall_ms);
	ms = (unsigned)((wall_ms - YEAR_0_MS) % 1000);
	seconds = (wall_ms - (int64_t)ms) / 1000;
	gmtime_r(&seconds, &tm);
	snprintf(out, CLOCK_TEXT, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
		 (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)(tm.tm_mon + 1) % 100,
		 (unsigned)tm.tm_mday % 100, (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100,
		 (unsigned)tm.tm_sec % 100, ms);
}

void clock_local(int64_t wall_ms, char day[CLOCK_DAY], char time[CLOCK_TIME])
{
	struct tm tm = { .tm_mday = 1 };
	time_t seconds;

	wall_ms = in_years(wall_ms);
	seconds = (wall_ms - (wall_ms - YEAR_0_MS) % 1000) / 1000;
	tzset(); /* localtime_r need not see a zone that was changed */
	localtime_r(&seconds, &tm);
	snprintf(day, CLOCK_DAY, "%04u-%02u-%02u", (unsigned)(tm.tm_year + 1900) % 10000,
		 (unsigned)(tm.tm_mon + 1) % 100, (unsigned)tm.tm_mday % 100);
	snprintf(time, CLOCK_TIME, "%02u%02u%02u", (unsigned)tm.tm_hour % 100,
		 (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
}

int clock_parse_rfc3339(const char *text, int64_t *wall_ms)
{
	struct tm tm = { 0 };
	char again[CLOCK_TEXT];
	int64_t found;
	int ms;

	if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
		   &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &ms) != 7)
		return -EINVAL;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	found = (int64_t)timegm(&tm) * 1000 + ms;
	/* Signs, spaces, the 31st of April: what sscanf and timegm let pass comes out changed. */
	clock_rfc3339(found, again);
	if (strcmp(again, text) != 0)
		return -EINVAL;
	*wall_ms = found;
	return 0;
}
