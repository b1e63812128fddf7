/* What loop.h promises. */
#include "runtime/loop.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <pthread.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"

#define THREADS 4
#define POSTS 5000

struct post {
	struct loop_task task;
	int sender, number;
};

struct sender {
	pthread_t thread;
	struct loop *loop;
	int id;
	struct post posts[POSTS];
};

/* Of the test that runs: what arrived. */
static int next_of[THREADS];
static int arrived;
static struct loop *the_loop;

static int make_loop(void **state)
{
	arrived = 0;
	*state = the_loop = loop_new();
	return 0;
}

static int drop_loop(void **state)
{
	loop_free(*state);
	return 0;
}

static void count_post(struct loop_task *task)
{
	struct post *post = (struct post *)(void *)task;

	assert_int_equal(post->number, next_of[post->sender]++);
	if (++arrived == THREADS * POSTS)
		loop_stop(the_loop);
}

static void *send_posts(void *argument)
{
	struct sender *sender = argument;

	for (int i = 0; i < POSTS; i++) {
		sender->posts[i] = (struct post){ .task.run = count_post, .sender = sender->id, .number = i };
		loop_post(sender->loop, &sender->posts[i].task);
	}
	return NULL;
}

static void tasks_of_many_threads_all_arrive_in_order(void **state)
{
	static struct sender senders[THREADS];

	for (int i = 0; i < THREADS; i++) {
		next_of[i] = 0;
		senders[i].loop = *state;
		senders[i].id = i;
		assert_int_equal(pthread_create(&senders[i].thread, NULL, send_posts, &senders[i]), 0);
	}
	loop_run(*state);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(senders[i].thread, NULL), 0);
	assert_int_equal(arrived, THREADS * POSTS);
}

static void count_and_stop(struct loop_task *task)
{
	(void)task;
	arrived++;
	loop_stop(the_loop);
}

static void post_next(struct loop_task *task)
{
	static struct loop_task second = { .run = count_and_stop };

	(void)task;
	loop_post(the_loop, &second);
}

static void a_task_may_post_another(void **state)
{
	struct loop_task first = { .run = post_next };

	loop_post(*state, &first);
	loop_run(*state);
	assert_int_equal(arrived, 1);
}

static void stopping_before_running_is_remembered_and_running_again_works(void **state)
{
	struct loop_task task = { .run = count_and_stop };

	loop_stop(*state);
	loop_run(*state);
	assert_int_equal(arrived, 0);
	loop_post(*state, &task);
	loop_run(*state);
	assert_int_equal(arrived, 1);
}

struct alarm {
	int rings;
	int64_t rang;
	bool last;
};

static void ring(void *owner)
{
	struct alarm *alarm = owner;

	alarm->rings++;
	alarm->rang = clock_monotonic();
	if (alarm->last)
		loop_stop(the_loop);
}

static void timers_ring_once_never_early_and_by_time(void **state)
{
	struct alarm early = { 0 }, late = { .last = true };
	struct loop_timer *first = loop_timer_new(*state, ring, &early), *second = loop_timer_new(*state, ring, &late);
	const int64_t start = clock_monotonic();

	loop_timer_set(first, 10 * CLOCK_MILLISECOND);
	loop_timer_set(second, 30 * CLOCK_MILLISECOND);
	loop_run(*state);
	assert_int_equal(early.rings, 1);
	assert_int_equal(late.rings, 1);
	assert_true(early.rang >= start + 10 * CLOCK_MILLISECOND);
	assert_true(late.rang >= start + 30 * CLOCK_MILLISECOND);
	assert_true(early.rang <= late.rang);
	loop_timer_free(first);
	loop_timer_free(second);
}

static void a_timer_can_be_moved_and_cancelled(void **state)
{
	struct alarm moved = { .last = true }, cancelled = { 0 };
	struct loop_timer *first = loop_timer_new(*state, ring, &moved),
			  *second = loop_timer_new(*state, ring, &cancelled);
	const int64_t start = clock_monotonic();

	loop_timer_set(first, 0);
	loop_timer_set(first, 20 * CLOCK_MILLISECOND);
	loop_timer_set(second, 5 * CLOCK_MILLISECOND);
	loop_timer_cancel(second);
	loop_timer_cancel(second);
	loop_run(*state);
	assert_int_equal(moved.rings, 1);
	assert_int_equal(cancelled.rings, 0);
	assert_true(moved.rang >= start + 20 * CLOCK_MILLISECOND);
	loop_timer_free(first);
	loop_timer_free(second);
	loop_timer_free(NULL);
}

static void negative_and_endless_delays_are_taken(void **state)
{
	struct alarm now = { .last = true }, never = { 0 };
	struct loop_timer *first = loop_timer_new(*state, ring, &now), *second = loop_timer_new(*state, ring, &never);

	loop_timer_set(second, CLOCK_NEVER);
	loop_timer_set(first, -1);
	loop_run(*state);
	assert_int_equal(now.rings, 1);
	assert_int_equal(never.rings, 0);
	loop_timer_free(first);
	loop_timer_free(second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(tasks_of_many_threads_all_arrive_in_order, make_loop, drop_loop),
		cmocka_unit_test_setup_teardown(a_task_may_post_another, make_loop, drop_loop),
		cmocka_unit_test_setup_teardown(stopping_before_running_is_remembered_and_running_again_works,
						make_loop, drop_loop),
		cmocka_unit_test_setup_teardown(timers_ring_once_never_early_and_by_time, make_loop, drop_loop),
		cmocka_unit_test_setup_teardown(a_timer_can_be_moved_and_cancelled, make_loop, drop_loop),
		cmocka_unit_test_setup_teardown(negative_and_endless_delays_are_taken, make_loop, drop_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
