/*
 * coroutine: a handler's own stack, so that straight-line C can wait without blocking the loop.
 *
 * Invariants
 * - A coroutine is pinned to its loop: it starts, waits and ends on the loop's thread. There is no other scheduler.
 * - It waits in three places of the runtime only (a call to a peer, a unit of work for PostgreSQL, a timer) and in one of the gateway: a stream for its client. Handlers never
 *   call coroutine_wait() themselves.
 * - No lock is held and no thread-local value (errno included) is kept across a wait.
 * - Stacks are small (64 KiB, more under sanitizers), mapped on demand behind a guard page, and pooled: no deep recursion and no large local arrays.
 * - The sanitizers and valgrind are told of every stack and every switch, here and nowhere else.
 *
 * Usage
 *     coroutine_start(loop, run_call, call);
 *     ...
 *     op->waiter = coroutine_current();
 *     while (!op->done)
 *             coroutine_wait();
 *     ...
 *     coroutine_wake(op->waiter);
 */
#ifndef QUAYSIDE_RUNTIME_COROUTINE_H
#define QUAYSIDE_RUNTIME_COROUTINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/loop.h"

struct coroutine;

/* Runs run(argument) on a stack of its own: at once up to its first wait when called from the loop, soon when called from a coroutine. */
void coroutine_start(struct loop *loop, void (*run)(void *argument), void *argument);

/* The coroutine that is running, or NULL on the loop's own stack. */
struct coroutine *coroutine_current(void);

/* Gives the thread back to the loop until coroutine_wake(). May return early: callers check their condition in a loop. */
void coroutine_wait(void);

/* Lets a waiting coroutine go on, in this turn of the loop, after those woken before it. Waking one that is awake already is remembered for its next wait. */
void coroutine_wake(struct coroutine *coroutine);

/* Waits so many microseconds. */
void coroutine_sleep(struct loop *loop, int64_t delay);

/* Coroutines that exist now (running or waiting), for limits and for tests. */
size_t coroutine_count(void);

#endif
