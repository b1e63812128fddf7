/* What coroutine.h promises, and call.h of spawned calls. */
#include "runtime/coroutine.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "runtime/call.h"

#define MANY 2000

/* Of the test that runs: the letters say what happened in which order. */
static char story[64];
static size_t chapters;
static struct loop *loop;

static int make_loop(void **state)
{
	(void)state;
	memset(story, 0, sizeof(story));
	chapters = 0;
	loop = loop_new();
	return 0;
}

static int drop_loop(void **state)
{
	(void)state;
	assert_int_equal(coroutine_count(), 0);
	assert_null(coroutine_current());
	loop_free(loop);
	return 0;
}

static void tell(char chapter)
{
	assert_true(chapters < sizeof(story) - 1);
	story[chapters++] = chapter;
}

static void stop_when_alone(void)
{
	if (coroutine_count() == 1)
		loop_stop(loop);
}

struct gate {
	struct coroutine *waiter;
	bool open;
	char name;
};

static void pass_gate(void *argument)
{
	struct gate *gate = argument;

	gate->waiter = coroutine_current();
	tell(gate->name);
	while (!gate->open)
		coroutine_wait();
	tell((char)(gate->name - 'a' + 'A'));
	stop_when_alone();
}

static void open_gate(struct gate *gate)
{
	gate->open = true;
	coroutine_wake(gate->waiter);
}

static void it_runs_at_once_waits_and_goes_on_in_the_order_of_waking(void **state)
{
	struct gate a = { .name = 'a' }, b = { .name = 'b' }, c = { .name = 'c' };

	(void)state;
	coroutine_start(loop, pass_gate, &a);
	coroutine_start(loop, pass_gate, &b);
	coroutine_start(loop, pass_gate, &c);
	assert_string_equal(story, "abc");
	assert_int_equal(coroutine_count(), 3);
	open_gate(&c);
	open_gate(&a);
	open_gate(&b);
	assert_string_equal(story, "abc");
	loop_run(loop);
	assert_string_equal(story, "abcCAB");
}

static void wake_self(void *argument)
{
	(void)argument;
	coroutine_wake(coroutine_current());
	coroutine_wait();
	tell('w');
	loop_stop(loop);
}

static void waking_one_that_is_awake_is_remembered(void **state)
{
	(void)state;
	coroutine_start(loop, wake_self, NULL);
	assert_string_equal(story, "w");
	loop_run(loop);
}

static void start_child(void *argument)
{
	tell('1');
	coroutine_start(loop, pass_gate, argument);
	tell('2');
}

static void a_coroutine_that_another_starts_runs_after_it(void **state)
{
	struct gate child = { .name = 'c', .open = true };

	(void)state;
	coroutine_start(loop, start_child, &child);
	assert_string_equal(story, "12");
	loop_run(loop);
	assert_string_equal(story, "12cC");
}

static void woken_twice(void *argument)
{
	struct gate *gate = argument;

	gate->waiter = coroutine_current();
	while (!gate->open)
		coroutine_wait();
	coroutine_sleep(loop, 5 * CLOCK_MILLISECOND);
	tell('s');
	loop_stop(loop);
}

static void waking_one_that_is_about_to_go_on_is_harmless(void **state)
{
	struct gate gate = { 0 };
	const int64_t start = clock_monotonic();

	(void)state;
	coroutine_start(loop, woken_twice, &gate);
	open_gate(&gate);
	coroutine_wake(gate.waiter);
	coroutine_wake(gate.waiter);
	loop_run(loop);
	assert_string_equal(story, "s");
	assert_true(clock_monotonic() - start >= 5 * CLOCK_MILLISECOND);
}

static void sleep_by_name(void *argument)
{
	const struct gate *gate = argument;
	const int64_t delay = (gate->name - 'a') * 10 * CLOCK_MILLISECOND, start = clock_monotonic();

	coroutine_sleep(loop, delay);
	assert_true(clock_monotonic() - start >= delay);
	tell(gate->name);
	stop_when_alone();
}

static void sleepers_sleep_side_by_side_and_never_too_short(void **state)
{
	struct gate a = { .name = 'a' }, b = { .name = 'b' }, c = { .name = 'c' };

	(void)state;
	coroutine_start(loop, sleep_by_name, &a);
	coroutine_start(loop, sleep_by_name, &b);
	coroutine_start(loop, sleep_by_name, &c);
	assert_int_equal(coroutine_count(), 3);
	loop_run(loop);
	assert_string_equal(story, "abc");
}

/* Fills a good part of the stack with a pattern that must survive the others' turns. */
static void keep_a_pattern(void *argument)
{
	volatile unsigned char pattern[24 * 1024];
	const uintptr_t seed = (uintptr_t)argument;

	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (unsigned char)(i * 31 + seed);
	for (int turn = 0; turn < 3; turn++) {
		coroutine_wake(coroutine_current());
		coroutine_wait();
		coroutine_sleep(loop, (int64_t)(seed % 7) * CLOCK_MILLISECOND);
		for (size_t i = 0; i < sizeof(pattern); i++)
			assert_int_equal(pattern[i], (unsigned char)(i * 31 + seed));
	}
	stop_when_alone();
}

static void many_stacks_keep_apart_and_are_used_again(void **state)
{
	(void)state;
	for (int round = 0; round < 2; round++) {
		for (uintptr_t i = 0; i < MANY; i++)
			coroutine_start(loop, keep_a_pattern, (void *)i);
		assert_int_equal(coroutine_count(), MANY);
		loop_run(loop);
		assert_int_equal(coroutine_count(), 0);
	}
}

/* Far more than any stack holds. */
static int go_down(volatile char *above, int levels)
{
	volatile char frame[1024];

	frame[0] = *above;
	return levels > 0 ? go_down(frame, levels - 1) + frame[0] : 0;
}

static void overflow(void *argument)
{
	volatile char top = 1;

	(void)argument;
	top = (char)go_down(&top, 100000);
	_exit(0);
}

/* Into the guard page, instead of over a neighbour. */
static void a_stack_that_is_too_small_stops_the_process(void **state)
{
	int status;
	const pid_t child = fork();

	(void)state;
	assert_true(child >= 0);
	if (child == 0) {
		/* What a sanitizer has to say about it is not for the test's output. */
		close(STDERR_FILENO);
		coroutine_start(loop, overflow, NULL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_not_equal(status, 0);
}

static struct status look_around(struct call *call, void *context)
{
	int64_t *ret_left = context;

	assert_non_null(coroutine_current());
	assert_ptr_equal(call->loop, loop);
	assert_string_equal(call->actor, "tester");
	assert_null(call->method);
	assert_null(call->key);
	assert_false(call->key_given);
	assert_int_equal(strlen(call->trace_parent), 55);
	assert_memory_equal(call->trace_parent, "00-", 3);
	assert_string_equal(call->trace_parent + 52, "-01");
	assert_true(call->time > 0);
	*ret_left = call_remaining(call);
	TRY(call_check(call));
	call->cancelled = true;
	return call_check(call);
}

static void note_cancelled(void *context, struct status status)
{
	(void)context;
	assert_true(status_is(status, &CALL_CANCELLED));
	tell('d');
}

static void a_spawned_call_has_what_work_needs(void **state)
{
	int64_t left = -1;

	(void)state;
	call_spawn(loop, NULL, "tester", CLOCK_SECOND, look_around, note_cancelled, &left);
	assert_string_equal(story, "d");
	assert_true(left > 0 && left <= CLOCK_SECOND);
	call_spawn(loop, NULL, "tester", CLOCK_NEVER, look_around, NULL, &left);
	assert_true(left == CLOCK_NEVER);
}

static struct status outlive_deadline(struct call *call, void *context)
{
	(void)context;
	coroutine_sleep(call->loop, 3 * CLOCK_MILLISECOND);
	loop_stop(loop);
	return call_check(call);
}

static void note_late(void *context, struct status status)
{
	(void)context;
	assert_true(status_is(status, &DEADLINE_PASSED));
	tell('l');
}

static void a_call_past_its_deadline_says_so(void **state)
{
	(void)state;
	call_spawn(loop, NULL, "tester", CLOCK_MILLISECOND, outlive_deadline, note_late, NULL);
	loop_run(loop);
	assert_string_equal(story, "l");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_runs_at_once_waits_and_goes_on_in_the_order_of_waking, make_loop,
						drop_loop),
		cmocka_unit_test_setup_teardown(waking_one_that_is_awake_is_remembered, make_loop, drop_loop),
		cmocka_unit_test_setup_teardown(a_coroutine_that_another_starts_runs_after_it, make_loop, drop_loop),
		cmocka_unit_test_setup_teardown(waking_one_that_is_about_to_go_on_is_harmless, make_loop, drop_loop),
		cmocka_unit_test_setup_teardown(sleepers_sleep_side_by_side_and_never_too_short, make_loop, drop_loop),
		cmocka_unit_test_setup_teardown(many_stacks_keep_apart_and_are_used_again, make_loop, drop_loop),
		cmocka_unit_test_setup_teardown(a_stack_that_is_too_small_stops_the_process, make_loop, drop_loop),
		cmocka_unit_test_setup_teardown(a_spawned_call_has_what_work_needs, make_loop, drop_loop),
		cmocka_unit_test_setup_teardown(a_call_past_its_deadline_says_so, make_loop, drop_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
