/* See rpc_guard.h. */
#include "runtime/rpc_guard.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "runtime/breaker.h"
#include "runtime/coroutine.h"
#include "runtime/limit.h"

#define LOOK_EVERY (100 * CLOCK_MILLISECOND) /* for a connection, while a breaker is open */
#define PAUSE_MIN (10 * CLOCK_MILLISECOND)
#define WAIT_MAX CLOCK_SECOND               /* of a worker, who then has other things to do */
#define PAUSE_MAX (100 * CLOCK_MILLISECOND) /* of a waiting worker, so that it sees its end in time */

static const struct rpc_guard_options USUAL = { .slow = CLOCK_SECOND, .rest = 5 * CLOCK_SECOND, .max_calls = 256 };

/* A method of the peer. */
struct rpc_guarded {
	struct rpc_guard *guard;
	const char *path;
	struct breaker breaker;
	struct link under_way; /* by start, without those that are told of already */
};

struct rpc_guard {
	const char *peer;
	struct rpc_guard_options options;
	bool (*connected)(void *context);
	void *context;
	struct rpc_guarded **methods; /* in the order of the contract's; NULL: never called */
	size_t n_methods;
	const struct contract_method *first;
	int64_t calls;            /* under way */
	bool was_down;            /* there was no connection since the look before last */
	struct loop_timer *timer; /* set while a breaker is open */
	bool looking;
};

static void *allocate(size_t count, size_t size)
{
	void *memory = calloc(count, size); /* house: allocation because it lives as long as the process */

	if (memory == NULL) {
		fprintf(stderr, "rpc_guard: no memory\n");
		abort();
	}
	return memory;
}

/* ---- Breakers ---- */

/* A connection that was lost and is there again is as good a sign as any. */
static void look(void *owner)
{
	struct rpc_guard *guard = owner;
	const bool up = guard->connected(guard->context);
	const int64_t now = clock_monotonic();
	bool open = false;

	for (size_t i = 0; i < guard->n_methods; i++) {
		if (guard->methods[i] == NULL || guard->methods[i]->breaker.state != BREAKER_OPEN)
			continue;
		if (up && guard->was_down)
			breaker_hope(&guard->methods[i]->breaker, now);
		open = open || breaker_rest(&guard->methods[i]->breaker, now) > 0;
	}
	guard->was_down = !up;
	guard->looking = open;
	if (open)
		loop_timer_set(guard->timer, LOOK_EVERY);
}

static void log_change(const struct rpc_guarded *guarded, enum breaker_state before)
{
	const enum breaker_state state = guarded->breaker.state;

	if (state == before)
		return;
	log_event(state == BREAKER_OPEN ? LOG_WARN : LOG_INFO, "circuit breaker",
		  (struct log_field[]){ LOG_TEXT("peer", guarded->guard->peer),
					LOG_TEXT("method", guarded->path),
					LOG_TEXT("state", breaker_state_name(state)),
					LOG_TEXT("before", breaker_state_name(before)),
					{ .name = NULL } });
	if (state == BREAKER_OPEN && !guarded->guard->looking) {
		guarded->guard->looking = true;
		guarded->guard->was_down = false;
		loop_timer_set(guarded->guard->timer, 0);
	}
}

static void tell(struct rpc_pass *pass, int64_t now, enum breaker_outcome outcome)
{
	struct rpc_guarded *guarded = pass->guarded;
	const enum breaker_state before = guarded->breaker.state;

	if (pass->told)
		return;
	pass->told = true;
	list_remove(&pass->link);
	breaker_tell(&guarded->breaker, pass->ticket, now, outcome);
	log_change(guarded, before);
}

/* Those under way that have become slow. */
static void tell_slow(struct rpc_guarded *guarded, int64_t now)
{
	while (!list_empty(&guarded->under_way)) {
		struct rpc_pass *pass = LIST_ENTRY(list_first(&guarded->under_way), struct rpc_pass, link);

		if (now - pass->started <= guarded->guard->options.slow)
			return;
		tell(pass, now, BREAKER_BAD);
	}
}

static bool ask(struct rpc_guarded *guarded, struct rpc_pass *pass)
{
	const int64_t now = clock_monotonic();
	enum breaker_state before;
	bool may;

	tell_slow(guarded, now);
	before = guarded->breaker.state;
	may = breaker_ask(&guarded->breaker, now, &pass->ticket);
	log_change(guarded, before);
	pass->started = now;
	return may;
}

static struct status wait_until_allowed(struct rpc_guarded *guarded, struct call *call, struct rpc_pass *pass)
{
	const int64_t patience = call->call_class == CLASS_WORKER ? clock_monotonic() + WAIT_MAX : 0;

	while (!ask(guarded, pass)) {
		const int64_t rest = breaker_rest(&guarded->breaker, pass->started);

		if (clock_monotonic() >= patience) {
			struct status status = status_private(
			    call->arena, &PEER_UNAVAILABLE, "%s %s: the breaker is %s", guarded->guard->peer,
			    guarded->path, breaker_state_name(guarded->breaker.state));

			status.detail->retry_after_ms = (int)(rest / CLOCK_MILLISECOND) + 1;
			return status;
		}
		coroutine_sleep(call->loop, rest < PAUSE_MIN ? PAUSE_MIN : rest > PAUSE_MAX ? PAUSE_MAX : rest);
		TRY(call_check(call));
	}
	return STATUS_OK;
}

/* ---- One call ---- */

static struct rpc_guarded *guarded_of(struct rpc_guard *guard, const struct contract_method *method)
{
	struct rpc_guarded **slot;

	if (method == NULL || method->server_streaming || method->policy.call_class == CLASS_WORKER)
		return NULL;
	slot = &guard->methods[method - guard->first];
	if (*slot == NULL) {
		*slot = allocate(1, sizeof(**slot));
		(*slot)->guard = guard;
		(*slot)->path = method->path;
		list_init(&(*slot)->under_way);
		breaker_init(&(*slot)->breaker, guard->options.rest, (uint64_t)clock_monotonic());
	}
	return *slot;
}

static struct status take_room(struct rpc_guard *guard, struct call *call, const struct contract_method *method,
			       struct rpc_pass *pass)
{
	const bool optional = call->call_class == CLASS_SHEDDABLE || method->policy.call_class == CLASS_SHEDDABLE;

	if (call->call_class == CLASS_WORKER)
		return STATUS_OK;
	if (guard->calls >= (optional ? guard->options.max_calls / 2 : guard->options.max_calls))
		return status_private(call->arena, &OVERLOADED, "%lld calls to %s under way", (long long)guard->calls,
				      guard->peer);
	guard->calls++;
	pass->counted = true;
	return STATUS_OK;
}

static void leave(struct rpc_guard *guard, struct call *call)
{
	(void)guard;
	if (call->limit != NULL)
		limit_leave(call->limit);
}

struct status rpc_guard_enter(struct rpc_guard *guard, struct call *call, const struct contract_method *method,
			      struct rpc_pass *ret_pass)
{
	*ret_pass = (struct rpc_pass){ .guard = guard, .guarded = guarded_of(guard, method), .told = true };
	list_init(&ret_pass->link);
	if (ret_pass->guarded == NULL) {
		ret_pass->started = clock_monotonic();
	} else {
		TRY(wait_until_allowed(ret_pass->guarded, call, ret_pass));
		ret_pass->told = false;
		list_append(&ret_pass->guarded->under_way, &ret_pass->link);
		const struct status room = take_room(guard, call, method, ret_pass);

		if (room.reason != NULL)
			tell(ret_pass, ret_pass->started, BREAKER_NEITHER);
		TRY(room);
	}
	leave(guard, call);
	return STATUS_OK;
}

/* What an answer, or its absence, says about the peer. */
static enum breaker_outcome judge(const struct rpc_guard *guard, struct status outcome, bool answered, int64_t took)
{
	if (took > guard->options.slow)
		return BREAKER_BAD;
	if (status_is(outcome, &OVERLOADED))
		return BREAKER_GOOD;
	switch (status_code(outcome)) {
	case CODE_OK:
	case CODE_INVALID_ARGUMENT:
	case CODE_NOT_FOUND:
	case CODE_ALREADY_EXISTS:
	case CODE_PERMISSION_DENIED:
	case CODE_RESOURCE_EXHAUSTED:
	case CODE_FAILED_PRECONDITION:
	case CODE_ABORTED:
	case CODE_OUT_OF_RANGE:
	case CODE_UNIMPLEMENTED:
	case CODE_UNAUTHENTICATED:
		return BREAKER_GOOD;
	case CODE_CANCELLED:
		return BREAKER_NEITHER;
	case CODE_DEADLINE_EXCEEDED: /* a caller in a hurry proves nothing */
		return answered || took > guard->options.slow / 4 ? BREAKER_BAD : BREAKER_NEITHER;
	case CODE_UNKNOWN:
	case CODE_INTERNAL:
	case CODE_UNAVAILABLE:
	case CODE_DATA_LOSS:
		return BREAKER_BAD;
	}
	return BREAKER_BAD;
}

void rpc_guard_exit(struct rpc_pass *pass, struct call *call, struct status outcome, bool answered)
{
	const int64_t now = clock_monotonic();
	const int64_t took = now - pass->started;

	if (pass->guarded != NULL)
		tell(pass, now, judge(pass->guard, outcome, answered, took));
	pass->guard->calls -= pass->counted;
	call->away += took;
	if (call->limit != NULL)
		limit_return(call->limit);
}

/* ---- The guard of a peer ---- */

struct rpc_guard *rpc_guard_new(struct loop *loop, const char *peer, bool (*connected)(void *context), void *context)
{
	struct rpc_guard *guard = allocate(1, sizeof(*guard));

	*guard = (struct rpc_guard){ .peer = peer, .options = USUAL, .connected = connected, .context = context };
	guard->first = contract_methods(contract_load(), &guard->n_methods);
	guard->methods = allocate(guard->n_methods, sizeof(struct rpc_guarded *));
	guard->timer = loop_timer_new(loop, look, guard);
	return guard;
}

void rpc_guard_set(struct rpc_guard *guard, const struct rpc_guard_options *options)
{
	guard->options = *options;
}

void rpc_guard_free(struct rpc_guard *guard)
{
	if (guard == NULL)
		return;
	loop_timer_free(guard->timer);
	for (size_t i = 0; i < guard->n_methods; i++)
		free(guard->methods[i]);
	free(guard->methods);
	free(guard);
}
