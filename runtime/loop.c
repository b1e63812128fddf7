/* See loop.h. Other threads push their tasks onto an atomic stack; the one who finds it empty wakes the loop, which turns the whole batch around. */
#include "runtime/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"

struct loop {
	struct arena *arena; /* with the loop itself */
	struct event_base *base;
	struct event *woken;
	int wake_fd;
	_Atomic(struct loop_task *) posted; /* newest first */
	atomic_bool stopping;
};

struct loop_timer {
	struct event *event;
	void (*fire)(void *owner);
	void *owner;
	int64_t due;
};

static void *required(void *object, const char *what)
{
	if (object == NULL) {
		fprintf(stderr, "loop: %s: refused by the system (errno %d)\n", what, errno);
		abort();
	}
	return object;
}

static struct event_base *make_base(void)
{
	struct event_config *config = required(event_config_new(), "event_config_new");

	/* One thread, so no locks; and timers count from now, not from the start of the turn: a turn may be long. */
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_NO_CACHE_TIME);

	struct event_base *base = required(event_base_new_with_config(config), "event_base_new_with_config");

	event_config_free(config);
	return base;
}

/* In the order of posting. */
static struct loop_task *take_posted(struct loop *loop)
{
	struct loop_task *newest = atomic_exchange_explicit(&loop->posted, NULL, memory_order_acquire);
	struct loop_task *oldest = NULL;

	while (newest != NULL) {
		struct loop_task *task = newest;

		newest = task->next;
		task->next = oldest;
		oldest = task;
	}
	return oldest;
}

static void on_wake(evutil_socket_t fd, short events, void *argument)
{
	struct loop *loop = argument;
	uint64_t wakes;

	(void)events;
	/* Emptied before the tasks are taken, so that none is posted unseen. Nothing to read is no harm. */
	(void)!read(fd, &wakes, sizeof(wakes));
	for (struct loop_task *task = take_posted(loop), *next; task != NULL; task = next) {
		next = task->next; /* run() may free the task */
		task->run(task);
	}
	if (atomic_exchange(&loop->stopping, false))
		event_base_loopbreak(loop->base);
}

static void wake(struct loop *loop)
{
	const uint64_t one = 1;

	/* Fails only when the counter is full: then the loop is awake already. */
	(void)!write(loop->wake_fd, &one, sizeof(one));
}

struct loop *loop_new(void)
{
	struct arena *arena = arena_new(sizeof(struct loop), 0);
	struct loop *loop = arena_alloc(arena, sizeof(*loop));

	loop->arena = arena;
	loop->base = make_base();
	loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	loop->woken = required(
	    loop->wake_fd < 0 ? NULL : event_new(loop->base, loop->wake_fd, EV_READ | EV_PERSIST, on_wake, loop),
	    "eventfd");
	if (event_add(loop->woken, NULL) != 0)
		required(NULL, "event_add");
	return loop;
}

void loop_free(struct loop *loop)
{
	if (loop == NULL)
		return;
	event_free(loop->woken);
	event_base_free(loop->base);
	close(loop->wake_fd);
	arena_free(loop->arena);
}

void loop_run(struct loop *loop)
{
	if (event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY) < 0)
		required(NULL, "event_base_loop");
}

void loop_stop(struct loop *loop)
{
	atomic_store(&loop->stopping, true);
	wake(loop);
}

void loop_post(struct loop *loop, struct loop_task *task)
{
	struct loop_task *newest = atomic_load_explicit(&loop->posted, memory_order_relaxed);

	do
		task->next = newest;
	while (!atomic_compare_exchange_weak_explicit(&loop->posted, &newest, task, memory_order_release,
						      memory_order_relaxed));
	if (newest == NULL)
		wake(loop);
}

struct event_base *loop_base(struct loop *loop)
{
	return loop->base;
}

static void add_timer(struct loop_timer *timer, int64_t delay)
{
	const struct timeval after = { .tv_sec = delay / CLOCK_SECOND, .tv_usec = delay % CLOCK_SECOND };

	if (event_add(timer->event, &after) != 0)
		required(NULL, "event_add");
}

/* libevent counts in milliseconds of a coarse clock and may be a little early. A deadline that is checked here has truly passed. */
static void on_timeout(evutil_socket_t fd, short events, void *argument)
{
	struct loop_timer *timer = argument;
	const int64_t left = timer->due - clock_monotonic();

	(void)fd;
	(void)events;
	if (left > 0)
		add_timer(timer, left);
	else
		timer->fire(timer->owner);
}

struct loop_timer *loop_timer_new(struct loop *loop, void (*fire)(void *owner), void *owner)
{
	/* house: allocation because timers come and go in any order, each with its waiter */
	struct loop_timer *timer = required(calloc(1, sizeof(*timer)), "memory");

	timer->event = required(event_new(loop->base, -1, 0, on_timeout, timer), "event_new");
	timer->fire = fire;
	timer->owner = owner;
	return timer;
}

/* Longer than a year is cut to a year, which keeps the sums in range: nothing here waits that long. */
void loop_timer_set(struct loop_timer *timer, int64_t delay)
{
	const int64_t longest = 366 * CLOCK_DAY;

	if (delay < 0)
		delay = 0;
	if (delay > longest)
		delay = longest;
	timer->due = clock_monotonic() + delay;
	add_timer(timer, delay);
}

void loop_timer_cancel(struct loop_timer *timer)
{
	event_del(timer->event);
}

void loop_timer_free(struct loop_timer *timer)
{
	if (timer == NULL)
		return;
	event_free(timer->event);
	free(timer);
}
