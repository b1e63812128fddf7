/*
 * Who is let in, and who is told to come back later.
 *
 * Three bounds, because calls cost three things. Every call costs memory as long as it is here: `max_calls` in flight. Work costs the loop and the database: one limit
 * (limit.h) for all methods finds out how much they bear, and lists have one of their own, so that they never take a place that something else needs. What a method asks of peers costs them: a limit for each method, by the whole time, so that what the peers
 * cannot bear is refused here, before any of them has worked for it; a peer that is slow closes the doors of those methods only that need it. Long polls and streams
 * mostly wait, so they hold no place at either limit, nor do operators' calls, which must work when nothing else does; they have half of the room in flight at most.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/uuid.h"
#include "runtime/rpc_private.h"

#define KEY_MAX 255
#define RESERVE 16      /* one part of so many is kept for workers, operators and health */
#define DOOR_FACTOR 2   /* the target of all that a call takes, in targets of what it takes here */
#define OPTIONAL_PART 4 /* one part of so many is for lists and reports, beside what is needed */
#define RETRY_AFTER_MS 200
#define RETRY_OPTIONAL_MS 1000

/* One part of so many of the work, and so many times the target. */
static void set_limit(const struct rpc_server *server, struct limit *limit, int part, int factor)
{
	const int min = (int)server->limits.min_work / part, max = (int)server->limits.max_work / part;
	const int least = min > 0 ? min : 1;

	limit_init(limit, &(const struct limit_options){ .min = least,
							 .max = max > least ? max : least,
							 .target = server->limits.target * factor });
}

/* What has no class (health, reflection) is for operators. Lists and reports are shed first. */
void rpc_admit_setup(struct rpc_server *server)
{
	const int64_t all = server->limits.max_calls;
	const int64_t common = all - (all + RESERVE - 1) / RESERVE;

	server->room[CLASS_UNSPECIFIED] = server->room[CLASS_ADMIN] = server->room[CLASS_WORKER] = all;
	server->room[CLASS_INTERACTIVE] = common > 0 ? common : 1;
	server->room[CLASS_SHEDDABLE] = common * 3 / 4 > 0 ? common * 3 / 4 : 1;
	server->limited = server->limits.max_work > 0;
	set_limit(server, &server->limit, 1, 1);
	set_limit(server, &server->optional, OPTIONAL_PART, 1);
	for (size_t i = 0; i < server->n_methods; i++)
		set_limit(server, &server->served[i].door, 1, DOOR_FACTOR);
}

static struct status read_key(struct rpc_server_call *sc)
{
	struct call *call = &sc->call;
	const struct str key = rpc_metadata_find(&sc->metadata, RPC_KEY);

	call->key_given = key.data != NULL;
	if (!call->key_given) {
		char *made = arena_alloc(call->arena, UUID_TEXT);

		uuid_new(made);
		call->key = made;
		return STATUS_OK;
	}
	if (key.len == 0 || key.len > KEY_MAX || !rpc_is_visible(key))
		return status_field(call->arena, &INVALID_REQUEST, RPC_KEY, "must be 1 to %d visible ASCII characters",
				    KEY_MAX);
	call->key = arena_strndup(call->arena, key.data, key.len);
	return STATUS_OK;
}

/* Not all at the same moment: spread over as much time again, by a sequence that is as good as random for that (Knuth's multiplicative hash). */
static int retry_after(const struct rpc_server_call *sc)
{
	const uint32_t least = sc->call.call_class == CLASS_SHEDDABLE ? RETRY_OPTIONAL_MS : RETRY_AFTER_MS;

	return (int)(least + (uint32_t)sc->server->refused * UINT32_C(2654435761) % least);
}

static struct status refuse(struct rpc_server_call *sc, const char *what, int64_t count)
{
	struct rpc_server *server = sc->server;
	struct status status = status_private(sc->call.arena, &OVERLOADED, "%lld %s", (long long)count, what);

	if (server->refused == 0)
		log_warn("calls are refused for lack of room", LOG_INT("in_flight", server->admitted),
			 LOG_INT("at_work", server->limit.busy), LOG_INT("limit", server->limit.size),
			 LOG_TEXT("first", sc->served->method->path));
	server->refused++;
	server->refused_lately++;
	status.detail->retry_after_ms = retry_after(sc);
	return status;
}

bool rpc_admit_look(struct rpc_server *server)
{
	if (server->refused > 0 && server->refused_lately == 0) {
		log_info("calls are no longer refused", LOG_INT("refused", server->refused),
			 LOG_INT("limit", server->limit.size));
		server->refused = 0;
	}
	server->refused_lately = 0;
	return server->refused > 0;
}

static bool mostly_waits(const struct rpc_server_call *sc)
{
	const struct contract_method *method = sc->served->method;

	return method->server_streaming || method->client_streaming || method->policy.call_class == CLASS_WORKER;
}

struct status rpc_admit(struct rpc_server_call *sc)
{
	struct rpc_server *server = sc->server;
	const struct contract_policy *policy;

	if (sc->served == NULL || sc->served->handler == NULL)
		return status_of(&NOT_IMPLEMENTED);
	policy = &sc->served->method->policy;
	if (server->phase != RPC_SERVING && policy->present)
		return status_of(&SHUTTING_DOWN);
	if ((int64_t)server->admitted >= server->room[sc->call.call_class])
		return refuse(sc, "calls in flight", (int64_t)server->admitted);
	if (mostly_waits(sc) && server->waiting >= (size_t)server->limits.max_calls / 2)
		return refuse(sc, "calls that wait", (int64_t)server->waiting);
	TRY(policy->write ? read_key(sc) : STATUS_OK);
	sc->admitted = true;
	sc->waiting = mostly_waits(sc);
	server->waiting += sc->waiting;
	server->admitted++;
	server->business += policy->present;
	return STATUS_OK;
}

static bool is_limited(const struct rpc_server_call *sc)
{
	const enum contract_call_class class = sc->served->method->policy.call_class;

	return sc->server->limited && !sc->waiting && (class == CLASS_INTERACTIVE || class == CLASS_SHEDDABLE);
}

static enum limit_priority priority_of(const struct rpc_server_call *sc)
{
	if (sc->call.call_class == CLASS_WORKER)
		return LIMIT_WORK;
	return sc->call.call_class == CLASS_SHEDDABLE ? LIMIT_OPTIONAL : LIMIT_NORMAL;
}

struct status rpc_admit_work(struct rpc_server_call *sc)
{
	const bool optional = priority_of(sc) == LIMIT_OPTIONAL;
	struct limit *limit = optional ? &sc->server->optional : &sc->server->limit, *door = &sc->served->door;

	if (!is_limited(sc))
		return STATUS_OK;
	if (!limit_enter(door, priority_of(sc)))
		return refuse(sc, "calls of this method", door->busy);
	if (!limit_enter(limit, optional ? LIMIT_WORK : priority_of(sc))) {
		limit_exit(door, &sc->served->usual, 0, -1);
		return refuse(sc, "calls at work", limit->busy);
	}
	sc->begun = clock_monotonic();
	sc->call.limit = limit;
	return STATUS_OK;
}

/* What peers took is theirs. A call that no handler has seen says nothing, nor does one that was refused further below: that is quick, but no sign of ease. */
void rpc_admit_done(struct rpc_server_call *sc)
{
	const int64_t now = sc->call.started + sc->duration, took = now - sc->begun;

	if (sc->call.limit == NULL)
		return;
	const bool says = sc->handled && status_code(sc->outcome) != CODE_UNAVAILABLE;

	limit_exit(&sc->served->door, &sc->served->usual, now, says ? took : -1);
	limit_exit(sc->call.limit, &sc->served->usual_here, now, says ? took - sc->call.away : -1);
	sc->call.limit = NULL;
}
