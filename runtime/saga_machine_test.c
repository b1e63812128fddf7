/* What saga_machine.h promises: alone, and in a million interleavings with a model of what a saga works on. */
#include "runtime/saga_machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "base/uuid.h"

#define ROUNDS 1000000
#define ROUNDS_SLOW 20000 /* where every access is checked by an interpreter */
#define STEPS_MAX 4
#define BAG_MAX 32
#define HAPPENINGS 60
#define RUNNERS 2

/* ---- Chance ---- */

static uint64_t seed, chance;

/* splitmix64 */
static uint64_t draw(void)
{
	uint64_t z = chance += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static int below(int n)
{
	return (int)(draw() % (uint64_t)n);
}

/* ---- The world ---- */

/* A fault of the model itself, which the checks must find. */
enum mutant { NO_MUTANT, NO_TOMBSTONE, NO_EPOCH, NO_KEY };

enum answer { NO_ANSWER, YES, NO };

/* Who does a step, and undoes it. Answers are kept under the request's key. */
struct participant {
	enum answer kept[2]; /* to the step and to its undoing */
	bool effect, tombstone, gone_on;
	int effects, undoings;
};

struct message {
	int step;
	bool undo;
	int sender;
	int number; /* of the sender's requests: who has given up does not listen any more */
};

struct runner {
	bool running;
	struct saga_place place;
	int64_t epoch;
	int number;              /* of the request that it waits for; 0: it has an action to do */
	enum saga_action action; /* to do */
};

static struct world {
	enum mutant mutant;
	struct saga_shape shape;
	bool refusals, late,
	    leaves; /* what this world is like: business says no, time runs out, the last step goes on elsewhere */
	struct participant participants[STEPS_MAX];
	struct runner runners[RUNNERS];
	struct message bag[BAG_MAX];
	int n_bag, numbers, last_undone;
	struct saga_place stored;
	int64_t epoch;
	const char *wrong; /* what was seen that must not be */
} world;

static int ends[SAGA_STATE_NEEDS_OPERATOR + 1], left_anyway;

static void create_world(enum mutant mutant)
{
	memset(&world, 0, sizeof(world));
	world.mutant = mutant;
	world.shape.n_steps = 1 + below(STEPS_MAX);
	world.shape.undoable = (UINT32_C(1) << world.shape.n_steps) - 1;
	if (below(8) == 0)
		world.shape.undoable &= (uint32_t)draw();
	world.refusals = below(2) == 0;
	world.leaves = below(2) == 0;
	world.last_undone = STEPS_MAX;
}

static enum answer do_step(struct participant *participant)
{
	if (participant->tombstone || (world.refusals && below(6) == 0))
		return NO;
	if (!participant->effect)
		participant->effects++;
	participant->effect = true;
	return YES;
}

static enum answer undo_step(struct participant *participant, int step)
{
	if (participant->gone_on)
		return NO;
	participant->tombstone = world.mutant != NO_TOMBSTONE;
	if (participant->effect) {
		participant->undoings++;
		if (step > world.last_undone)
			world.wrong = "undone in the wrong order";
		world.last_undone = step;
	}
	participant->effect = false;
	return YES;
}

static enum answer ask(int step, bool undo)
{
	struct participant *participant = &world.participants[step];
	enum answer answer = world.mutant == NO_KEY ? NO_ANSWER : participant->kept[undo];

	if (answer == NO_ANSWER)
		answer = undo ? undo_step(participant, step) : do_step(participant);
	participant->kept[undo] = answer;
	return answer;
}

/* ---- Runners ---- */

static void decide(struct runner *runner, enum saga_event event)
{
	runner->action = saga_next(&world.shape, &runner->place, event);
	runner->number = 0;
}

/* Takes the saga, whoever else believes to have it: leases run out at any time. */
static void claim(struct runner *runner)
{
	if (!saga_live(world.stored.state))
		return;
	*runner = (struct runner){ .running = true, .place = world.stored, .epoch = ++world.epoch };
	decide(runner, world.late ? SAGA_LATE : SAGA_GO);
}

/* The record of an action; false when the runner was a zombie and stops. */
static bool record(const struct runner *runner)
{
	if (runner->epoch != world.epoch && world.mutant != NO_EPOCH)
		return false;
	if (!saga_live(world.stored.state))
		world.wrong = "an end was left";
	world.stored = runner->place;
	return true;
}

static void send(struct runner *runner, int sender)
{
	if (world.n_bag == BAG_MAX) {
		decide(runner, SAGA_UNKNOWN);
		return;
	}
	runner->number = ++world.numbers;
	world.bag[world.n_bag++] = (struct message){ .step = runner->place.step,
						     .undo = runner->action == SAGA_UNDO,
						     .sender = sender,
						     .number = runner->number };
}

static void act(int which)
{
	struct runner *runner = &world.runners[which];

	if (!runner->running) {
		claim(runner);
	} else if (runner->number != 0) {
		decide(runner, SAGA_UNKNOWN); /* it has waited long enough */
	} else if (runner->action == SAGA_RUN || runner->action == SAGA_UNDO) {
		send(runner, which);
	} else if (!record(runner) || runner->action != SAGA_TURN) {
		runner->running = false;
	} else {
		decide(runner, SAGA_GO);
	}
}

/* A message arrives, maybe not for the last time, and its answer, maybe. */
static void arrive(void)
{
	const int which = below(world.n_bag);
	const struct message message = world.bag[which];
	struct runner *runner = &world.runners[message.sender];
	enum answer answer;

	if (below(4) != 0)
		world.bag[which] = world.bag[--world.n_bag];
	if (below(8) == 0)
		return; /* lost, or the participant could not */
	answer = ask(message.step, message.undo);
	if (runner->running && runner->number == message.number && below(6) != 0)
		decide(runner, answer == YES ? SAGA_DONE : SAGA_REFUSED);
}

static void leave(void)
{
	struct participant *last = &world.participants[world.shape.n_steps - 1];

	if (world.leaves && last->effect)
		last->gone_on = true;
}

static void happen(void)
{
	const int what = below(32);

	if (what < 14 && world.n_bag > 0)
		arrive();
	else if (what < 28)
		act(below(RUNNERS));
	else if (what == 28)
		world.runners[below(RUNNERS)].running = false; /* it dies */
	else if (what == 29)
		claim(&world.runners[below(RUNNERS)]);
	else if (what == 30)
		leave();
	else
		world.late = world.late || below(4) == 0;
}

/* ---- The end ---- */

static void finish(void)
{
	struct runner *runner = &world.runners[0];

	for (int i = 0; i < RUNNERS; i++)
		world.runners[i].running = false;
	for (int i = 0; i < 1000 && saga_live(world.stored.state); i++) {
		if (runner->running && runner->number == 0 &&
		    (runner->action == SAGA_RUN || runner->action == SAGA_UNDO))
			decide(runner,
			       ask(runner->place.step, runner->action == SAGA_UNDO) == YES ? SAGA_DONE : SAGA_REFUSED);
		else
			act(0);
	}
	while (world.n_bag > 0)
		arrive();
}

static const char *check_participant(const struct participant *participant, bool wanted)
{
	if (participant->effects > 1)
		return "an effect happened twice";
	if (participant->undoings > 1)
		return "an effect was undone twice";
	return participant->effect == wanted ? NULL : wanted ? "an effect is missing" : "an effect was left behind";
}

/* All effects, or none: NULL, or what is wrong. */
static const char *check_world(void)
{
	const enum saga_state state = world.stored.state;
	const uint32_t undoable = world.shape.undoable;

	if (world.wrong != NULL)
		return world.wrong;
	if (saga_live(state))
		return "no end";
	if (state == SAGA_STATE_NEEDS_OPERATOR)
		return "an operator is needed";
	ends[state]++;
	left_anyway += state == SAGA_STATE_COMPLETED && world.stored.committed;
	for (int i = 0; i < world.shape.n_steps; i++) {
		const char *wrong = check_participant(&world.participants[i], state == SAGA_STATE_COMPLETED);

		if (wrong != NULL && (state == SAGA_STATE_COMPLETED || (undoable >> i & 1) != 0))
			return wrong;
	}
	return NULL;
}

static const char *play(uint64_t round, enum mutant mutant)
{
	chance = seed + (round << 20);
	create_world(mutant);
	for (int i = 0; i < HAPPENINGS; i++)
		happen();
	finish();
	return check_world();
}

/* ---- Tests ---- */

static int rounds(void)
{
	const char *mode = getenv("QUAYSIDE_MODE");

	return mode != NULL && str_is(str_of(mode), "valgrind") ? ROUNDS_SLOW : ROUNDS;
}

static void a_million_interleavings_agree(void **state)
{
	(void)state;
	for (int i = 0; i < rounds(); i++) {
		const char *wrong = play((uint64_t)i, NO_MUTANT);

		if (wrong != NULL)
			fail_msg("SEED=%llu, round %d: %s", (unsigned long long)seed, i, wrong);
	}
	print_message(
	    "%d interleavings (SEED=%llu): %d completed (%d of them could not be undone any more), %d compensated, %d refused\n",
	    rounds(), (unsigned long long)seed, ends[SAGA_STATE_COMPLETED], left_anyway, ends[SAGA_STATE_COMPENSATED],
	    ends[SAGA_STATE_REFUSED]);
	assert_true(ends[SAGA_STATE_COMPLETED] > 0 && ends[SAGA_STATE_COMPENSATED] > 0);
	assert_true(ends[SAGA_STATE_REFUSED] > 0 && left_anyway > 0);
}

static void assert_caught(enum mutant mutant, const char *name)
{
	const char *wrong = NULL;
	int i = 0;

	while (wrong == NULL && i < rounds())
		wrong = play((uint64_t)i++, mutant);
	assert_non_null(wrong);
	print_message("without %s: %s, in interleaving %d\n", name, wrong, i);
}

static void a_world_without_its_safeguards_is_caught(void **state)
{
	(void)state;
	assert_caught(NO_TOMBSTONE, "tombstones");
	assert_caught(NO_EPOCH, "epochs");
	assert_caught(NO_KEY, "keys");
}

static const struct saga_shape THREE = { 3, 7, 0 };

static void steps_run_in_order(void **state)
{
	struct saga_place place = { .state = SAGA_STATE_RUNNING };

	(void)state;
	assert_int_equal(saga_next(&THREE, &place, SAGA_GO), SAGA_RUN);
	assert_int_equal(saga_next(&THREE, &place, SAGA_DONE), SAGA_RUN);
	assert_int_equal(place.step, 1);
	assert_int_equal(saga_next(&THREE, &place, SAGA_UNKNOWN), SAGA_WAIT);
	assert_int_equal(saga_next(&THREE, &place, SAGA_GO), SAGA_RUN);
	assert_int_equal(place.step, 0);
	saga_next(&THREE, &place, SAGA_DONE);
	saga_next(&THREE, &place, SAGA_DONE);
	assert_int_equal(saga_next(&THREE, &place, SAGA_DONE), SAGA_END);
	assert_int_equal(place.state, SAGA_STATE_COMPLETED);
}

static void a_refusal_undoes_what_came_before(void **state)
{
	struct saga_place place = { .state = SAGA_STATE_RUNNING, .step = 2 };

	(void)state;
	assert_int_equal(saga_next(&THREE, &place, SAGA_REFUSED), SAGA_TURN);
	assert_int_equal(saga_next(&THREE, &place, SAGA_GO), SAGA_UNDO);
	assert_int_equal(place.step, 1);
	assert_int_equal(saga_next(&THREE, &place, SAGA_DONE), SAGA_UNDO);
	assert_int_equal(place.step, 0);
	assert_int_equal(saga_next(&THREE, &place, SAGA_DONE), SAGA_END);
	assert_int_equal(place.state, SAGA_STATE_COMPENSATED);
	place = (struct saga_place){ .state = SAGA_STATE_RUNNING };
	assert_int_equal(saga_next(&THREE, &place, SAGA_REFUSED), SAGA_END);
	assert_int_equal(place.state, SAGA_STATE_REFUSED);
}

static void time_undoes_also_what_is_unknown(void **state)
{
	struct saga_place place = { .state = SAGA_STATE_RUNNING };

	(void)state;
	assert_int_equal(saga_next(&THREE, &place, SAGA_LATE), SAGA_TURN);
	assert_int_equal(saga_next(&THREE, &place, SAGA_GO), SAGA_UNDO);
	assert_int_equal(place.step, 2);
	assert_int_equal(saga_next(&THREE, &place, SAGA_REFUSED), SAGA_TURN); /* it has gone on */
	assert_int_equal(saga_next(&THREE, &place, SAGA_GO), SAGA_RUN);
	assert_int_equal(place.step, 0);
	assert_int_equal(saga_next(&THREE, &place, SAGA_LATE), SAGA_RUN);
	assert_int_equal(saga_next(&THREE, &place, SAGA_REFUSED), SAGA_PARK);
}

static void what_needs_a_person_is_parked_and_tried_again(void **state)
{
	static const struct saga_shape final = { 2, 0, 3 };
	struct saga_place place = { .state = SAGA_STATE_RUNNING, .step = 1 };

	(void)state;
	assert_int_equal(saga_next(&final, &place, SAGA_REFUSED), SAGA_PARK);
	assert_int_equal(place.state, SAGA_STATE_NEEDS_OPERATOR);
	assert_int_equal(saga_next(&final, &place, SAGA_RETRY), SAGA_WAIT);
	assert_int_equal(place.state, SAGA_STATE_RUNNING);
	assert_int_equal(saga_next(&final, &place, SAGA_LATE), SAGA_RUN); /* there is no way back */
	place = (struct saga_place){ .state = SAGA_STATE_COMPENSATING, .step = 2, .backwards = true };
	assert_int_equal(saga_next(&THREE, &place, SAGA_DONE), SAGA_UNDO);
	assert_int_equal(saga_next(&THREE, &place, SAGA_REFUSED), SAGA_PARK);
	assert_int_equal(saga_next(&THREE, &place, SAGA_RETRY), SAGA_WAIT);
	assert_int_equal(place.state, SAGA_STATE_COMPENSATING);
	assert_int_equal(saga_next(&THREE, &place, SAGA_BUG), SAGA_PARK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steps_run_in_order),
		cmocka_unit_test(a_refusal_undoes_what_came_before),
		cmocka_unit_test(time_undoes_also_what_is_unknown),
		cmocka_unit_test(what_needs_a_person_is_parked_and_tried_again),
		cmocka_unit_test(a_million_interleavings_agree),
		cmocka_unit_test(a_world_without_its_safeguards_is_caught),
	};
	const char *given = getenv("SEED");
	int64_t number;

	random_bytes(&seed, sizeof(seed));
	seed >>= 16; /* so that it can be given back as a number */
	if (given != NULL && str_to_int64(str_of(given), &number))
		seed = (uint64_t)number;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
