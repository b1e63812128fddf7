/*
 * limit: how much a process works on at once, found by watching how long the work takes.
 *
 * Pure: time comes in as an argument. The method is that of Netflix's Gradient2 (concurrency-limits), with one difference: work that takes less than a target
 * is never taken for congestion, because our database answers better the more it gets at once (db.h).
 *
 * Invariants
 * - `busy` counts the work that is under way here. Who waits for somebody else (limit_leave() to limit_return()) holds no place meanwhile: another's slowness
 *   is not our congestion. Who comes back is never refused.
 * - The size lies between min and max. While work takes longer than the target and longer than twice what that kind of work usually does, it is every 100 ms up to
 *   a quarter less than what was under way at once; else it grows, slowly. A burst that is over within 200 ms is no congestion.
 * - What a kind of work usually takes is learned in quiet times; in busy ones hardly, so that a long overload does not become usual.
 * - Of the size, OPTIONAL work gets half, NORMAL work nine tenths, and work that others wait for all of it.
 *
 * Usage
 *     if (!limit_enter(&limit, LIMIT_NORMAL))
 *             return refused;
 *     ... the work ...
 *     limit_exit(&limit, &kind, now, now - began);
 */
#ifndef QUAYSIDE_RUNTIME_LIMIT_H
#define QUAYSIDE_RUNTIME_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

enum limit_priority { LIMIT_OPTIONAL, LIMIT_NORMAL, LIMIT_WORK };
#define LIMIT_PRIORITIES 3

struct limit_options {
	int min, max;
	int64_t target; /* microseconds */
};

/* One kind of work, such as a method. Zero is a good start. */
struct limit_kind {
	double usual;     /* microseconds, when it does not wait for its turn; 0: not known yet */
	int64_t quickest; /* one lately; 0: none yet */
	int64_t since;    /* that is: since then */
};

struct limit {
	struct limit_options options;
	double size;
	int room[LIMIT_PRIORITIES]; /* the size by priority */
	int busy;
	int peak; /* of busy in this window */
	int count;
	int congested;          /* windows in a row */
	double allowed, actual; /* microseconds, added up over this window */
	int64_t window_end;
};

/* Starts at max: what is too much is seen soon enough. */
void limit_init(struct limit *limit, const struct limit_options *options);

/* Takes a place, or refuses. */
bool limit_enter(struct limit *limit, enum limit_priority priority);

/* Gives the place away while something else is waited for, and takes it again. */
void limit_leave(struct limit *limit);
void limit_return(struct limit *limit);

/* Ends work that took so many microseconds of our own time; negative when it was not done and says nothing. */
void limit_exit(struct limit *limit, struct limit_kind *kind, int64_t now, int64_t took);

#endif
