/*
 * breaker: gives a peer that fails some rest instead of one more call.
 *
 * Pure: time and randomness come in as arguments, nothing is logged or asked here. rpc_guard.c holds one for each method of a peer.
 *
 * Invariants
 * - CLOSED lets every call through. Of the last 20 outcomes, those of the last 10 s count; when there are at least 10 of them and at least half are bad, it opens.
 * - OPEN lets none through, for `rest` microseconds, a fifth more or less, so that many callers do not come back in the same moment.
 * - PROBING lets 3 calls through: all three good close it, the first bad one opens it again.
 * - What a call that began in an earlier state has to tell is not heard: it speaks of the past.
 *
 * Usage
 *     if (!breaker_ask(&breaker, now, &ticket))
 *             return refused; // worth another try in breaker_rest(&breaker, now)
 *     ... the call ...
 *     breaker_tell(&breaker, ticket, now, BREAKER_GOOD);
 */
#ifndef QUAYSIDE_RUNTIME_BREAKER_H
#define QUAYSIDE_RUNTIME_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#define BREAKER_WINDOW 20
#define BREAKER_LEAST 10
#define BREAKER_PROBES 3

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_PROBING };

/* NEITHER: the call says nothing about the peer, for example because its caller left. */
enum breaker_outcome { BREAKER_GOOD, BREAKER_BAD, BREAKER_NEITHER };

struct breaker_result {
	int64_t time;
	bool bad;
};

struct breaker {
	int64_t rest;
	uint64_t random;
	enum breaker_state state;
	uint32_t era;     /* counts the states: the ticket of calls that begin now */
	int64_t until;    /* OPEN: when it may be tried again */
	int out, good;    /* PROBING: calls under way, calls that went well */
	unsigned n, next; /* of results */
	struct breaker_result results[BREAKER_WINDOW];
};

/* rest: microseconds. seed: any number, another one for each breaker. */
void breaker_init(struct breaker *breaker, int64_t rest, uint64_t seed);

/* May a call be made? Each that may is told of once, with its ticket. now never goes back. */
bool breaker_ask(struct breaker *breaker, int64_t now, uint32_t *ret_ticket);

/* What became of a call. */
void breaker_tell(struct breaker *breaker, uint32_t ticket, int64_t now, enum breaker_outcome outcome);

/* There is a sign that the peer is back: an open breaker probes from now on. */
void breaker_hope(struct breaker *breaker, int64_t now);

/* Microseconds until the next question is worth asking; 0 when it is now. Unknown while probes are under way: then a little. */
int64_t breaker_rest(const struct breaker *breaker, int64_t now);

const char *breaker_state_name(enum breaker_state state);

#endif
