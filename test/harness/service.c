/* See service.h. */
#include "test/harness/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "runtime/coroutine.h"
#include "runtime/pb.h"
#include "runtime/rpc_status.h"
#include "runtime/write.h"

#define ACTOR "tester"
#define TIMEOUT (30 * CLOCK_SECOND)

#define SERVICES_MAX 4

static struct {
	const struct rpc_service *services[SERVICES_MAX];
	size_t n_services;
	struct arena *arena;
	struct loop *loop;
	struct db *db;
	size_t running;
} test;

static void fail(const char *what, const char *name) __attribute__((noreturn));

static void fail(const char *what, const char *name)
{
	fprintf(stderr, "service: %s: %s\n", what, name);
	exit(1);
}

void service_open(const struct rpc_service *service, const char *conninfo)
{
	const struct db_options options = { .conninfo = conninfo,
					    .read_connections = 2,
					    .write_connections = 1,
					    .group_limit = 64,
					    .queue_limit = 16384,
					    .statement_timeout = 10 * CLOCK_SECOND };

	test.services[0] = service;
	test.n_services = 1;
	test.arena = arena_new(64 * 1024, 0);
	test.loop = loop_new();
	test.db = db_new(test.loop, &options);
}

void service_add(const struct rpc_service *service)
{
	if (test.n_services == SERVICES_MAX)
		fail("too many services", service->descriptor->name);
	test.services[test.n_services++] = service;
}

void service_close(void)
{
	if (test.running > 0 || coroutine_count() > 0)
		fail("closed while calls run", test.services[0]->descriptor->name);
	db_free(test.db);
	loop_free(test.loop);
	arena_free(test.arena);
}

struct arena *service_arena(void)
{
	return test.arena;
}

static const struct rpc_method *find_method(const struct rpc_service *service, const char *name)
{
	for (const struct rpc_method *method = service->methods; method->name != NULL; method++) {
		if (strcmp(method->name, name) == 0)
			return method;
	}
	return NULL;
}

/* The service that has this method. */
static const struct rpc_service *service_of(const char *name)
{
	for (size_t i = 0; i < test.n_services; i++) {
		if (find_method(test.services[i], name) != NULL)
			return test.services[i];
	}
	fail("no such method", name);
}

static const struct rpc_method *method_named(const char *name)
{
	return find_method(service_of(name), name);
}

static const ProtobufCMethodDescriptor *descriptor_of(const char *name)
{
	return protobuf_c_service_descriptor_get_method_by_name(service_of(name)->descriptor, name);
}

static const struct contract_method *contract_of(const char *name)
{
	const char *path = arena_printf(test.arena, "/%s/%s", service_of(name)->descriptor->name, name);

	return contract_method(contract_load(), str_of(path));
}

/* The reply, whether it was made now or kept under the key. */
static struct status answer(struct call *call, const struct rpc_method *method, const void *request,
			    struct str *ret_bytes)
{
	const ProtobufCMessageDescriptor *output = descriptor_of(method->name)->output;
	ProtobufCMessage *reply = pb_new(call->arena, output);
	struct write_answer kept = { .kept = false };
	void *again;

	if (call->method->policy.write) {
		write_open(call);
		TRY(write_close(call, method->handler(call, request, reply), &kept));
	} else {
		TRY(method->handler(call, request, reply));
	}
	if (kept.kept && method->complete != NULL && kept.n_values > 0) {
		TRY(pb_unpack(call->arena, output, kept.reply, &again));
		method->complete(call->arena, again, kept.values, kept.n_values);
		reply = again;
		kept.kept = false;
	}
	*ret_bytes = kept.kept ? kept.reply : pb_pack(call->arena, reply);
	return STATUS_OK;
}

static struct str copy_of(struct str bytes)
{
	return (struct str){ arena_memdup(test.arena, bytes.data, bytes.len), bytes.len };
}

static void note(struct call *call, struct invocation *invocation, struct status outcome, struct str bytes)
{
	const ProtobufCMessageDescriptor *output = descriptor_of(invocation->method)->output;

	if (outcome.reason != NULL) {
		const char *cause = outcome.detail != NULL ? outcome.detail->private : NULL;

		if (status_code(outcome) == CODE_INTERNAL)
			fprintf(stderr, "# %s: %s\n", invocation->method, cause != NULL ? cause : outcome.reason->name);
		invocation->outcome = rpc_status_unpack(test.arena, copy_of(rpc_status_pack(call->arena, outcome)));
		return;
	}
	invocation->outcome = STATUS_OK;
	invocation->bytes = copy_of(bytes);
	if (pb_unpack(test.arena, output, invocation->bytes, &invocation->reply).reason != NULL)
		fail("cannot unpack the reply", invocation->method);
}

static struct status invoke(struct call *call, void *context)
{
	struct invocation *invocation = context;
	const struct rpc_method *method = method_named(invocation->method);
	struct str bytes = { "", 0 };
	struct status outcome;
	void *request;
	char key[UUID_TEXT];

	uuid_new(key);
	call->method = contract_of(invocation->method);
	call->key_given = invocation->key != NULL;
	call->key = arena_strdup(call->arena, call->key_given ? invocation->key : key);
	call->request = pb_pack(call->arena, invocation->request);
	invocation->call_ = call;
	invocation->coroutine_ = coroutine_current();
	outcome = pb_unpack(call->arena, invocation->request->descriptor, call->request, &request);
	if (outcome.reason == NULL)
		outcome = answer(call, method, request, &bytes);
	note(call, invocation, outcome, bytes);
	invocation->call_ = NULL;
	return STATUS_OK;
}

static void ended(void *context, struct status status)
{
	(void)context;
	(void)status;
	if (--test.running == 0)
		loop_stop(test.loop);
}

static void start(struct status (*work)(struct call *call, void *context), int64_t timeout, void *context)
{
	test.running++;
	call_spawn(test.loop, test.db, ACTOR, timeout, work, ended, context);
}

void service_start(struct invocation *invocation)
{
	invocation->reply = NULL;
	start(invoke, invocation->timeout != 0 ? invocation->timeout : TIMEOUT, invocation);
}

void service_cancel(struct invocation *invocation)
{
	if (invocation->call_ == NULL)
		return;
	invocation->call_->cancelled = true;
	coroutine_wake(invocation->coroutine_);
}

void service_finish(void)
{
	while (test.running > 0)
		loop_run(test.loop);
}

struct status service_call(const char *method, const char *key, const ProtobufCMessage *request, void **ret_reply)
{
	struct invocation invocation = { .method = method, .key = key, .request = request };

	service_start(&invocation);
	service_finish();
	if (ret_reply != NULL)
		*ret_reply = invocation.reply;
	return invocation.outcome;
}

struct step {
	struct status (*run)(struct call *call);
};

static struct status run_step(struct call *call, void *context)
{
	const struct step *step = context;
	const struct status status = step->run(call);

	if (status.reason != NULL)
		fail("a step failed", status.reason->name);
	return STATUS_OK;
}

void service_start_step(struct status (*run)(struct call *call))
{
	const struct step step = { run };

	start(run_step, TIMEOUT, arena_memdup(test.arena, &step, sizeof(step)));
}

struct query {
	struct db_statement *statement;
	int64_t number;
};

static struct status ask(struct call *call, void *context)
{
	struct query *query = context;
	struct db_unit *unit = db_unit(call, query->statement);
	struct status status = db_run(call, unit);

	if (status.reason != NULL)
		fail(status.detail != NULL && status.detail->private != NULL ? status.detail->private
									     : status.reason->name,
		     query->statement->name);
	if (db_count(db_rows(unit, 0)) != 1)
		fail("not one row", query->statement->name);
	query->number = db_int(db_rows(unit, 0), 0, "n");
	return STATUS_OK;
}

int64_t service_number(struct db_statement *statement)
{
	struct query query = { .statement = statement };

	start(ask, TIMEOUT, &query);
	service_finish();
	return query.number;
}
