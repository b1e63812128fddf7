/*
 * loop: the one thread that runs handlers, database sockets, timers and (in the gateway) HTTP, on libevent.
 *
 * Invariants
 * - A process has one loop, run by its main thread. Everything but loop_post() and loop_stop() is called on that thread.
 * - Nothing on the loop blocks: what has to wait does so as a coroutine (coroutine.h), what must block goes to a side thread and comes back by loop_post().
 * - Callbacks run on the thread's own large stack; handlers run on a coroutine's small one.
 *
 * Usage
 *     struct loop *loop = loop_new();
 *     struct loop_timer *tick = loop_timer_new(loop, on_tick, state);
 *     loop_timer_set(tick, 5 * CLOCK_SECOND);
 *     loop_run(loop);
 *     loop_timer_free(tick);
 *     loop_free(loop);
 */
#ifndef QUAYSIDE_RUNTIME_LOOP_H
#define QUAYSIDE_RUNTIME_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct loop;
struct loop_timer;

/* Work handed to the loop by another thread; embedded in the owner's object and owned by the loop until run() is called. */
struct loop_task {
	void (*run)(struct loop_task *task);
	struct loop_task *next;
};

/* Stops the process when the system refuses. */
struct loop *loop_new(void);
void loop_free(struct loop *loop);

/* Runs until loop_stop(); may be called again. */
void loop_run(struct loop *loop);

/* Any thread. */
void loop_stop(struct loop *loop);

/* Runs task->run(task) on the loop soon, in the order of posting. Any thread; wakes the loop once per batch. */
void loop_post(struct loop *loop, struct loop_task *task);

/* For what speaks libevent itself: the database's sockets, the gateway's connections. */
struct event_base *loop_base(struct loop *loop);

/* A timer that calls fire(owner) once for each loop_timer_set(), after so many microseconds. Setting again moves it; cancelling an idle timer is harmless. */
struct loop_timer *loop_timer_new(struct loop *loop, void (*fire)(void *owner), void *owner);
void loop_timer_set(struct loop_timer *timer, int64_t delay);
void loop_timer_cancel(struct loop_timer *timer);
void loop_timer_free(struct loop_timer *timer);

#endif
