/* clock: the two clocks, and times as text. Floor 0. */
#ifndef PIMAGEFS_CLOCK_H
#define PIMAGEFS_CLOCK_H

#include <stdint.h>

/* Milliseconds since some fixed moment; never goes back. */
int64_t clock_mono_ms(void);
/* Milliseconds since 1970 UTC; may jump. */
int64_t clock_wall_ms(void);

#define CLOCK_DAY 11
#define CLOCK_TIME 7
#define CLOCK_TEXT 25 /* "2026-11-22T14:15:03.123Z" and its NUL */
/* RFC 3339 in UTC, with milliseconds. */
void clock_rfc3339(int64_t wall_ms, char out[CLOCK_TEXT]);
/* The same moment in local time, as "2026-11-22" and "141503"; outside of the years 0 to 9999 as
 * clock_rfc3339. */
void clock_local(int64_t wall_ms, char day[CLOCK_DAY], char time[CLOCK_TIME]);
/* The reverse of clock_rfc3339, for exactly that form; 0 or -EINVAL. */
int clock_parse_rfc3339(const char *text, int64_t *wall_ms);

#endif
