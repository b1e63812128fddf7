/*
 * delivery: requests that come twice, late, or in another order, as they do where processes die and networks fail.
 *
 * Invariants
 * - A script is what is asked about one thing, one step after the other, each step under a key of its own. However often it is delivered, a step is the same request.
 * - Chance comes from one seed, which delivery_begin() prints: SEED=n repeats a run.
 *
 * Usage: a test's own script holds a struct delivery_script; two of them with the same steps, one played smoothly and one roughly, must come to the same end.
 *     delivery_begin("duplicates and stragglers");
 *     delivery_add(&script.asked, "ReserveStock", &request->base); ...
 *     delivery_play(scripts, count, true);
 *     delivery_assert_alike(&script.asked);
 */
#ifndef QUAYSIDE_TEST_HARNESS_DELIVERY_H
#define QUAYSIDE_TEST_HARNESS_DELIVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "test/harness/service.h"

#define DELIVERY_STEPS_MAX 8
#define DELIVERIES_MAX 24

struct delivery_step {
	const char *method, *key;
	const ProtobufCMessage *request;
};

struct delivery_script {
	size_t n_steps;
	struct delivery_step steps[DELIVERY_STEPS_MAX];
	size_t n_deliveries;
	struct invocation deliveries[DELIVERIES_MAX];
};

/* Before each test: chance begins anew. */
void delivery_begin(const char *test);

/* By chance, from 0 to bound - 1. */
uint64_t delivery_draw(uint64_t bound);

/* One step more, under a new key. The request must last as long as the script. */
void delivery_add(struct delivery_script *script, const char *method, const ProtobufCMessage *request);

/* Starts a step, maybe not for the first time; or, by chance, some of the first n_known ones again. service_finish() waits for them. */
void delivery_of(struct delivery_script *script, size_t step);
void delivery_late(struct delivery_script *script, size_t n_known);

/* All go on together, step by step; rough ones get old requests again, before, beside and after the new one. */
void delivery_play(struct delivery_script **scripts, size_t count, bool rough);

/* Whatever came under one key was answered alike: fails the test otherwise. */
void delivery_assert_alike(const struct delivery_script *script);

#endif
