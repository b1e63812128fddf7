/* See breaker.h. */
#include "runtime/breaker.h"

#include "base/clock.h"

#define PERIOD (10 * CLOCK_SECOND)
#define PROBE_PAUSE (100 * CLOCK_MILLISECOND)

/* xorshift64 (Marsaglia): spreads moments, protects nothing. */
static uint64_t next_random(struct breaker *breaker)
{
	uint64_t x = breaker->random;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return breaker->random = x;
}

static void enter(struct breaker *breaker, enum breaker_state state)
{
	breaker->state = state;
	breaker->era++;
	breaker->n = breaker->next = 0;
	breaker->out = breaker->good = 0;
}

static void open_until_rested(struct breaker *breaker, int64_t now)
{
	const int64_t fifth = breaker->rest / 5;

	enter(breaker, BREAKER_OPEN);
	breaker->until = now + breaker->rest - fifth + (int64_t)(next_random(breaker) % (uint64_t)(2 * fifth + 1));
}

void breaker_init(struct breaker *breaker, int64_t rest, uint64_t seed)
{
	*breaker = (struct breaker){ .rest = rest, .random = seed | 1 };
}

static bool is_failing(const struct breaker *breaker, int64_t now)
{
	int count = 0, bad = 0;

	for (unsigned i = 0; i < breaker->n; i++) {
		if (breaker->results[i].time <= now - PERIOD)
			continue;
		count++;
		bad += breaker->results[i].bad;
	}
	return count >= BREAKER_LEAST && bad * 2 >= count;
}

static void note(struct breaker *breaker, int64_t now, bool bad)
{
	breaker->results[breaker->next] = (struct breaker_result){ now, bad };
	breaker->next = (breaker->next + 1) % BREAKER_WINDOW;
	if (breaker->n < BREAKER_WINDOW)
		breaker->n++;
	if (bad && is_failing(breaker, now))
		open_until_rested(breaker, now);
}

bool breaker_ask(struct breaker *breaker, int64_t now, uint32_t *ret_ticket)
{
	if (breaker->state == BREAKER_OPEN && now >= breaker->until)
		enter(breaker, BREAKER_PROBING);
	*ret_ticket = breaker->era;
	if (breaker->state == BREAKER_CLOSED)
		return true;
	if (breaker->state == BREAKER_OPEN || breaker->out + breaker->good >= BREAKER_PROBES)
		return false;
	breaker->out++;
	return true;
}

static void note_probe(struct breaker *breaker, int64_t now, enum breaker_outcome outcome)
{
	breaker->out--;
	if (outcome == BREAKER_BAD)
		open_until_rested(breaker, now);
	else if (outcome == BREAKER_GOOD && ++breaker->good == BREAKER_PROBES)
		enter(breaker, BREAKER_CLOSED);
}

void breaker_tell(struct breaker *breaker, uint32_t ticket, int64_t now, enum breaker_outcome outcome)
{
	if (ticket != breaker->era)
		return;
	if (breaker->state == BREAKER_PROBING)
		note_probe(breaker, now, outcome);
	else if (outcome != BREAKER_NEITHER)
		note(breaker, now, outcome == BREAKER_BAD);
}

void breaker_hope(struct breaker *breaker, int64_t now)
{
	if (breaker->state == BREAKER_OPEN)
		breaker->until = now;
}

int64_t breaker_rest(const struct breaker *breaker, int64_t now)
{
	switch (breaker->state) {
	case BREAKER_CLOSED:
		return 0;
	case BREAKER_OPEN:
		return breaker->until > now ? breaker->until - now : 0;
	case BREAKER_PROBING:
		return breaker->out + breaker->good < BREAKER_PROBES ? 0 : PROBE_PAUSE;
	}
	return 0;
}

const char *breaker_state_name(enum breaker_state state)
{
	static const char *const names[] = { "closed", "open", "probing" };

	return names[state];
}
