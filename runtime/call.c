/* See call.h. */
#include "runtime/call.h"

#include "base/clock.h"
#include "runtime/coroutine.h"
#include "runtime/trace.h"

#define FIRST_BLOCK ((size_t)16 * 1024)
#define BUDGET ((size_t)64 * 1024 * 1024) /* for what a spawned call decodes; it asks for no more than it can hold */

int64_t call_remaining(const struct call *call)
{
	if (call->deadline == CLOCK_NEVER)
		return CLOCK_NEVER;

	const int64_t left = call->deadline - clock_monotonic();

	return left > 0 ? left : 0;
}

struct status call_check(const struct call *call)
{
	if (call->cancelled)
		return status_of(&CALL_CANCELLED);
	if (call_remaining(call) == 0)
		return status_of(&DEADLINE_PASSED);
	return STATUS_OK;
}

void call_cancel(struct call *call)
{
	call->cancelled = true;
	if (call->coroutine != NULL)
		coroutine_wake(call->coroutine);
}

struct spawned {
	struct call call;
	struct status (*work)(struct call *call, void *context);
	void (*done)(void *context, struct status status);
	void *context;
};

static void run_spawned(void *argument)
{
	struct spawned *spawned = argument;

	spawned->call.coroutine = coroutine_current();

	const struct status status = spawned->work(&spawned->call, spawned->context);

	if (spawned->done != NULL)
		spawned->done(spawned->context, status);
	arena_free(spawned->call.arena);
}

static int64_t deadline_after(int64_t timeout)
{
	const int64_t now = clock_monotonic();

	return timeout >= CLOCK_NEVER - now ? CLOCK_NEVER : now + timeout;
}

void call_spawn(struct loop *loop, struct db *db, const char *actor, int64_t timeout,
		struct status (*work)(struct call *call, void *context),
		void (*done)(void *context, struct status status), void *context)
{
	struct arena *arena = arena_new(FIRST_BLOCK, BUDGET);
	struct spawned *spawned = arena_alloc(arena, sizeof(*spawned));

	spawned->call = (struct call){
		.arena = arena,
		.loop = loop,
		.db = db,
		.deadline = deadline_after(timeout),
		.started = clock_monotonic(),
		.call_class = CLASS_WORKER,
		.time = clock_now(),
		.actor = arena_strdup(arena, actor),
		.trace_parent = trace_child(arena, STR("")),
	};
	spawned->work = work;
	spawned->done = done;
	spawned->context = context;
	coroutine_start(loop, run_spawned, spawned);
}
