/* What mutex.h promises. */
#include "runtime/mutex.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "runtime/coroutine.h"

#define CALLS 5

/*
 * Of the test that runs. A call tells its letter when it has the mutex, and the same in upper case when it gives it
 * back.
 */
static struct loop *loop;
static struct mutex mutex;
static char story[64];
static size_t chapters;
static int running;

struct visitor {
	char name;
	int64_t timeout; /* 0: 10 s */
	int64_t stay;
	struct call *call;
	const struct reason *refused;
};

static int make_loop(void **state)
{
	(void)state;
	memset(story, 0, sizeof(story));
	chapters = 0;
	running = 0;
	mutex = (struct mutex)MUTEX(mutex);
	loop = loop_new();
	return 0;
}

static int drop_loop(void **state)
{
	(void)state;
	assert_int_equal(coroutine_count(), 0);
	assert_false(mutex.held);
	assert_true(list_empty(&mutex.waiters));
	loop_free(loop);
	return 0;
}

static void tell(char chapter)
{
	assert_true(chapters < sizeof(story) - 1);
	story[chapters++] = chapter;
}

static struct status visit(struct call *call, void *context)
{
	struct visitor *visitor = context;

	visitor->call = call;
	TRY(mutex_lock(call, &mutex));
	tell(visitor->name);
	coroutine_sleep(loop, visitor->stay);
	tell((char)(visitor->name - 'a' + 'A'));
	mutex_unlock(&mutex);
	return STATUS_OK;
}

static void left(void *context, struct status status)
{
	struct visitor *visitor = context;

	visitor->refused = status.reason;
	if (--running == 0)
		loop_stop(loop);
}

static void start(struct visitor *visitor)
{
	running++;
	call_spawn(loop, NULL, "tester", visitor->timeout != 0 ? visitor->timeout : 10 * CLOCK_SECOND, visit, left,
		   visitor);
}

static void calls_take_turns_in_the_order_in_which_they_came(void **state)
{
	struct visitor visitors[CALLS];

	(void)state;
	for (int i = 0; i < CALLS; i++) {
		/* The later they came the shorter they stay: without the mutex they would end in the opposite order. */
		visitors[i] = (struct visitor){ .name = (char)('a' + i), .stay = (CALLS - i) * CLOCK_MILLISECOND };
		start(&visitors[i]);
	}
	loop_run(loop);
	assert_string_equal(story, "aAbBcCdDeE");
}

static void one_that_waits_past_its_deadline_leaves_the_queue(void **state)
{
	struct visitor first = { .name = 'a', .stay = 20 * CLOCK_MILLISECOND };
	struct visitor late = { .name = 'b', .timeout = 2 * CLOCK_MILLISECOND };
	struct visitor last = { .name = 'c' };

	(void)state;
	start(&first);
	start(&late);
	start(&last);
	loop_run(loop);
	assert_string_equal(story, "aAcC");
	assert_null(first.refused);
	assert_ptr_equal(late.refused, &DEADLINE_PASSED);
	assert_null(last.refused);
}

static void cancel(void *owner)
{
	struct visitor *victim = owner;

	call_cancel(victim->call);
}

static void one_that_is_cancelled_leaves_the_queue(void **state)
{
	struct visitor first = { .name = 'a', .stay = 20 * CLOCK_MILLISECOND };
	struct visitor victim = { .name = 'b' }, last = { .name = 'c' };
	struct loop_timer *timer = loop_timer_new(loop, cancel, &victim);

	(void)state;
	start(&first);
	start(&victim);
	start(&last);
	loop_timer_set(timer, CLOCK_MILLISECOND);
	loop_run(loop);
	loop_timer_free(timer);
	assert_string_equal(story, "aAcC");
	assert_ptr_equal(victim.refused, &CALL_CANCELLED);
	assert_null(last.refused);
}

static struct status hand_over_and_cancel(struct call *call, void *context)
{
	TRY(mutex_lock(call, &mutex));
	coroutine_sleep(loop, CLOCK_MILLISECOND);
	mutex_unlock(&mutex);
	cancel(context);
	return STATUS_OK;
}

static void one_that_got_it_before_it_was_cancelled_holds_it(void **state)
{
	struct visitor victim = { .name = 'b' }, last = { .name = 'c' };
	struct visitor holder = { .name = 'a' };

	(void)state;
	call_spawn(loop, NULL, "tester", CLOCK_SECOND, hand_over_and_cancel, NULL, &victim);
	start(&victim);
	start(&last);
	loop_run(loop);
	assert_string_equal(story, "bBcC");
	assert_null(victim.refused);
	start(&holder);
	loop_run(loop);
	assert_string_equal(story, "bBcCaA");
}

static void one_that_came_too_late_does_not_take_it(void **state)
{
	struct visitor late = { .name = 'a', .timeout = -1 };

	(void)state;
	start(&late);
	assert_ptr_equal(late.refused, &DEADLINE_PASSED);
	assert_string_equal(story, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(calls_take_turns_in_the_order_in_which_they_came, make_loop, drop_loop),
		cmocka_unit_test_setup_teardown(one_that_waits_past_its_deadline_leaves_the_queue, make_loop,
						drop_loop),
		cmocka_unit_test_setup_teardown(one_that_is_cancelled_leaves_the_queue, make_loop, drop_loop),
		cmocka_unit_test_setup_teardown(one_that_got_it_before_it_was_cancelled_holds_it, make_loop, drop_loop),
		cmocka_unit_test_setup_teardown(one_that_came_too_late_does_not_take_it, make_loop, drop_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
