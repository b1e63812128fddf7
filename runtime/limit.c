/* See limit.h. */
#include "runtime/limit.h"

#include "base/clock.h"

#define WINDOW (100 * CLOCK_MILLISECOND)
#define SAMPLES_LEAST 10
#define CONGESTED_LEAST 2 /* windows in a row: a burst is over by then */
#define TOLERANCE 2
#define SMOOTHING 0.5
#define GRADIENT_LEAST 0.5
#define LEARN_EVERY CLOCK_SECOND
#define LEARN_QUIET 0.5
#define LEARN_BUSY (1.0 / 300)

static double square_root(double x)
{
	double root = x > 1 ? x : 1;

	for (int i = 0; i < 20; i++) /* Newton; sizes are small */
		root = (root + x / root) / 2;
	return root;
}

static void resize(struct limit *limit, double size)
{
	const double min = limit->options.min, max = limit->options.max;

	limit->size = size < min ? min : size > max ? max : size;
	limit->room[LIMIT_WORK] = (int)limit->size;
	limit->room[LIMIT_NORMAL] = (int)(limit->size * 0.9);
	limit->room[LIMIT_OPTIONAL] = (int)(limit->size * 0.5);
}

void limit_init(struct limit *limit, const struct limit_options *options)
{
	*limit = (struct limit){ .options = *options };
	resize(limit, options->max);
}

bool limit_enter(struct limit *limit, enum limit_priority priority)
{
	if (limit->busy >= limit->room[priority]) {
		limit->peak = limit->peak > limit->busy ? limit->peak : limit->busy;
		return false;
	}
	limit_return(limit);
	return true;
}

void limit_leave(struct limit *limit)
{
	limit->busy--;
}

void limit_return(struct limit *limit)
{
	limit->busy++;
	if (limit->busy > limit->peak)
		limit->peak = limit->busy;
}

static bool in_use(const struct limit *limit)
{
	return limit->peak * 2 >= (int)limit->size;
}

/* The quickest one of a second had to wait least: it is nearest to what the work itself takes. */
static void learn(const struct limit *limit, struct limit_kind *kind, int64_t now, int64_t took)
{
	if (kind->quickest == 0 || took < kind->quickest)
		kind->quickest = took;
	if (now - kind->since < LEARN_EVERY)
		return;

	const double change = (double)kind->quickest - kind->usual;

	kind->usual += change * (in_use(limit) && change > 0 ? LEARN_BUSY : LEARN_QUIET);
	kind->quickest = 0;
	kind->since = now;
}

/* What allowed / actual says: 1 is no congestion, less is how much less there should be. Few things at once cannot be too many. */
static double gradient_of(const struct limit *limit)
{
	const double gradient = limit->actual > 0 ? limit->allowed / limit->actual : 1;

	if (gradient > 1 || limit->peak < 2 * limit->options.min)
		return 1;
	return gradient < GRADIENT_LEAST ? GRADIENT_LEAST : gradient;
}

static void end_window(struct limit *limit, int64_t now)
{
	const double gradient = gradient_of(limit);
	double size = limit->size;

	limit->congested = gradient < 1 ? limit->congested + 1 : 0;
	/* Congestion comes from what was there, not from what might have been. */
	if (limit->congested >= CONGESTED_LEAST && limit->peak < size)
		size = limit->peak;
	if (limit->congested == 0 || limit->congested >= CONGESTED_LEAST)
		resize(limit, size + SMOOTHING * (size * gradient + square_root(size) - size));
	limit->allowed = limit->actual = 0;
	limit->count = 0;
	limit->peak = limit->busy;
	limit->window_end = now + WINDOW;
}

void limit_exit(struct limit *limit, struct limit_kind *kind, int64_t now, int64_t took)
{
	const double allowed = TOLERANCE * kind->usual, target = (double)limit->options.target;

	limit->busy--;
	if (took < 0)
		return;
	limit->allowed += allowed > target ? allowed : target;
	limit->actual += (double)took;
	limit->count++;
	learn(limit, kind, now, took);
	if (now >= limit->window_end && limit->count >= SAMPLES_LEAST)
		end_window(limit, now);
}
