/*
 * mutex: calls that must not overlap wait for each other, in the order in which they came.
 *
 * Invariants
 * - Held by at most one call at a time; the next one in the queue gets it directly, nobody overtakes.
 * - Whoever waits is a coroutine: the thread goes on with other calls. So this one, unlike a thread's lock, may be held
 *   across a wait, which is what it is for: work on one thing that takes a round trip and cannot be told apart from
 *   another's. The holder's own deadline bounds how long that is.
 * - A call that is cancelled or whose deadline passes while it waits leaves the queue, and those behind it move up.
 * - It orders the calls of one process. What must also hold against other processes is guarded in the database.
 * - On the loop's thread only. Not recursive.
 *
 * Usage
 *     static struct mutex issuing = MUTEX(issuing);
 *
 *     TRY(mutex_lock(call, &issuing));
 *     status = issue(call, ...);
 *     mutex_unlock(&issuing);
 *     return status;
 */
#ifndef QUAYSIDE_RUNTIME_MUTEX_H
#define QUAYSIDE_RUNTIME_MUTEX_H

#include <stdbool.h>

#include "base/list.h"
#include "base/status.h"
#include "runtime/call.h"

struct mutex {
	struct link waiters;
	bool held;
};

/* The initial value of the mutex with this name. */
#define MUTEX(name_)                                                                                                   \
	{                                                                                                              \
		.waiters = { &(name_).waiters, &(name_).waiters }                                                      \
	}

/* Waits until the call holds the mutex. Fails with CALL_CANCELLED or DEADLINE_PASSED; it is not held then. */
struct status mutex_lock(struct call *call, struct mutex *mutex) MUST_USE;

/* Hands the mutex to the call that waits longest, if any. By its holder. */
void mutex_unlock(struct mutex *mutex);

#endif
