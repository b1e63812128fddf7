/* See mutex.h. A waiter lives on its coroutine's stack. */
#include "runtime/mutex.h"

#include <stddef.h>

#include "base/clock.h"
#include "runtime/coroutine.h"

struct waiter {
	struct link link;
	struct coroutine *coroutine;
	bool granted, expired;
};

static void expire(void *owner)
{
	struct waiter *waiter = owner;

	waiter->expired = true;
	coroutine_wake(waiter->coroutine);
}

static struct status wait_for(struct call *call, struct mutex *mutex)
{
	struct waiter self = { .coroutine = coroutine_current() };
	struct loop_timer *timer = loop_timer_new(call->loop, expire, &self);

	if (call->deadline != CLOCK_NEVER)
		loop_timer_set(timer, call_remaining(call));
	list_append(&mutex->waiters, &self.link);
	while (!self.granted && !self.expired && !call->cancelled)
		coroutine_wait();
	list_remove(&self.link);
	loop_timer_free(timer);
	if (self.granted)
		return STATUS_OK;
	return status_of(call->cancelled ? &CALL_CANCELLED : &DEADLINE_PASSED);
}

struct status mutex_lock(struct call *call, struct mutex *mutex)
{
	TRY(call_check(call));
	if (mutex->held)
		return wait_for(call, mutex);
	mutex->held = true;
	return STATUS_OK;
}

void mutex_unlock(struct mutex *mutex)
{
	if (list_empty(&mutex->waiters)) {
		mutex->held = false;
		return;
	}

	struct waiter *next = LIST_ENTRY(list_first(&mutex->waiters), struct waiter, link);

	list_remove(&next->link);
	next->granted = true;
	coroutine_wake(next->coroutine);
}
