/* See clock.h. */
#include "base/clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#define RUNNING INT64_MIN

/* The seconds of 0001-01-01T00:00:00Z and of 9999-12-31T23:59:59Z: outside of these RFC 3339 has no text. */
#define FIRST_SECOND INT64_C(-62135596800)
#define LAST_SECOND INT64_C(253402300799)

static _Atomic int64_t frozen = RUNNING;

static int64_t read_clock(clockid_t id)
{
	struct timespec now;

	/* Cannot fail for these clocks and a valid pointer (clock_gettime(2)). */
	(void)clock_gettime(id, &now);
	return (int64_t)now.tv_sec * CLOCK_SECOND + now.tv_nsec / 1000;
}

int64_t clock_now(void)
{
	const int64_t fixed = atomic_load_explicit(&frozen, memory_order_relaxed);

	return fixed == RUNNING ? read_clock(CLOCK_REALTIME) : fixed;
}

int64_t clock_monotonic(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

void clock_freeze(int64_t micros)
{
	atomic_store(&frozen, micros);
}

void clock_thaw(void)
{
	atomic_store(&frozen, RUNNING);
}

/* Rounds down, also before 1970: the microseconds that remain are never negative. */
static int64_t whole_seconds(int64_t micros, int64_t *ret_rest)
{
	const int64_t rest = micros % CLOCK_SECOND;

	*ret_rest = rest < 0 ? rest + CLOCK_SECOND : rest;
	return micros / CLOCK_SECOND - (rest < 0);
}

static struct tm calendar(int64_t seconds)
{
	const time_t when = (time_t)seconds;
	struct tm parts = { 0 };

	/* Fails only beyond the year 2^31, which microseconds in 64 bits do not reach. */
	(void)gmtime_r(&when, &parts);
	return parts;
}

void clock_text(int64_t micros, char ret_text[CLOCK_TEXT])
{
	int64_t rest;
	int64_t seconds = whole_seconds(micros, &rest);

	if (seconds < FIRST_SECOND) {
		seconds = FIRST_SECOND;
		rest = 0;
	} else if (seconds > LAST_SECOND) {
		seconds = LAST_SECOND;
		rest = CLOCK_SECOND - 1;
	}

	const struct tm parts = calendar(seconds);

	/* The remainders change nothing; they let the compiler see that the text always fits. */
	snprintf(ret_text, CLOCK_TEXT, "%04u-%02u-%02uT%02u:%02u:%02u.%06uZ", (unsigned)(parts.tm_year + 1900) % 10000,
		 (unsigned)(parts.tm_mon + 1) % 100, (unsigned)parts.tm_mday % 100, (unsigned)parts.tm_hour % 100,
		 (unsigned)parts.tm_min % 100, (unsigned)parts.tm_sec % 100, (unsigned)rest % 1000000);
}

char *clock_format(struct arena *arena, int64_t micros)
{
	char *text = arena_alloc(arena, CLOCK_TEXT);

	clock_text(micros, text);
	return text;
}

struct date clock_date(int64_t micros)
{
	int64_t rest;
	const struct tm parts = calendar(whole_seconds(micros, &rest));

	return (struct date){ parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday };
}
