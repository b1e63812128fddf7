/*
 * clock: the only place that reads the time (a house rule forbids every other).
 *
 * Invariants
 * - Wall time is microseconds since 1970-01-01T00:00:00Z; monotonic time is microseconds since some point in the past.
 * - Tests may freeze wall time; monotonic time always runs.
 *
 * Usage
 *     int64_t started = clock_monotonic();
 *     row.create_time = clock_now();
 */
#ifndef QUAYSIDE_BASE_CLOCK_H
#define QUAYSIDE_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

#define CLOCK_MILLISECOND INT64_C(1000)
#define CLOCK_SECOND INT64_C(1000000)
#define CLOCK_DAY (INT64_C(86400) * CLOCK_SECOND)
#define CLOCK_NEVER INT64_MAX /* a deadline that never comes */

int64_t clock_now(void);
int64_t clock_monotonic(void);

/* Tests only: wall time stands at this value until clock_thaw(). */
void clock_freeze(int64_t micros);
void clock_thaw(void);

/*
 * RFC 3339 in UTC with microseconds: "2026-11-21T11:38:44.000001Z". Times outside the years 1-9999 show as the first or
 * last moment of these.
 */
#define CLOCK_TEXT 28 /* with the NUL */
char *clock_format(struct arena *arena, int64_t micros);
void clock_text(int64_t micros, char ret_text[CLOCK_TEXT]);

/* The calendar date in UTC: month 1-12, day 1-31. */
struct date {
	int year, month, day;
};
struct date clock_date(int64_t micros);

#endif
