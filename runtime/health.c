/* See health.h. */
#include "runtime/health.h"

#include <string.h>

#include "base/list.h"
#include "grpc/health/v1/health.pb-c.h"
#include "runtime/coroutine.h"

#define STATUS(name_) GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__##name_

/* A stream that wants to hear of changes; on its handler's stack. */
struct watcher {
	struct coroutine *coroutine;
	struct link link;
};

static const char *const nothing[] = { NULL };
static const char *const *names = nothing;
static bool serving, closed;
static struct link watchers = { &watchers, &watchers };

RPC_UNARY(check, Grpc__Health__V1__HealthCheckRequest, Grpc__Health__V1__HealthCheckResponse);

/* The empty name is the whole server. */
static bool is_known(const char *service)
{
	if (*service == '\0')
		return true;
	for (const char *const *name = names; *name != NULL; name++)
		if (strcmp(*name, service) == 0)
			return true;
	return false;
}

static struct status check(struct call *call, const Grpc__Health__V1__HealthCheckRequest *request,
			   Grpc__Health__V1__HealthCheckResponse *reply)
{
	if (!is_known(request->service))
		return status_not_found(call->arena, "service", request->service);
	reply->status = serving ? STATUS(SERVING) : STATUS(NOT_SERVING);
	return STATUS_OK;
}

static void wake_watchers(void)
{
	LIST_EACH (&watchers, link)
		coroutine_wake(LIST_ENTRY(link, struct watcher, link)->coroutine);
}

/* Sends what is and every change; changes that come while a message is under way are sent as one. */
static struct status send_changes(struct call *call, bool known)
{
	Grpc__Health__V1__HealthCheckResponse reply = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
	bool sent = false;

	for (;;) {
		const Grpc__Health__V1__HealthCheckResponse__ServingStatus now = !known    ? STATUS(SERVICE_UNKNOWN)
										 : serving ? STATUS(SERVING)
											   : STATUS(NOT_SERVING);

		TRY(call_check(call));
		if (!sent || reply.status != now) {
			reply.status = now;
			TRY(rpc_send(call, &reply.base));
			sent = true;
		} else if (closed) {
			return status_of(&SHUTTING_DOWN);
		} else {
			coroutine_wait();
		}
	}
}

static struct status watch(struct call *call, const void *in, void *out)
{
	const Grpc__Health__V1__HealthCheckRequest *request = in;
	struct watcher watcher = { .coroutine = coroutine_current() };
	struct status status;

	(void)out;
	list_append(&watchers, &watcher.link);
	status = send_changes(call, is_known(request->service));
	list_remove(&watcher.link);
	return status;
}

static const struct rpc_method methods[] = {
	{ .name = "Check",
	  .handler = check_rpc_,
	  .in_size = check_in_size_,
	  .out_size = check_out_size_,
	  .immediate = true },
	{ .name = "Watch", .handler = watch, .in_size = sizeof(Grpc__Health__V1__HealthCheckRequest) },
	RPC_METHODS_END,
};

const struct rpc_service health_service = { &grpc__health__v1__health__descriptor, methods };

void health_setup(const char *const *services)
{
	names = services;
	serving = closed = false;
}

void health_set(bool now)
{
	serving = now;
	wake_watchers();
}

bool health_serving(void)
{
	return serving;
}

void health_close(void)
{
	closed = true;
	wake_watchers();
}
