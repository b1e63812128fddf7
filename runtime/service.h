/*
 * service: a whole service process, from its settings to its last call.
 *
 * Invariants
 * - service_run() does everything in a fixed order: settings, log, migrations, loop, database, server, peers, events, readiness; and back in reverse on SIGTERM or SIGINT.
 * - Draining: health goes to NOT_SERVING, new calls are refused, accepted ones are answered, then everything stops. At most 10 s; exit status 0.
 * - A service refuses to start when a setting is wrong (named), when its database is not what it must be, or when its address is taken.
 *
 * Usage: a service's main.c is this and nothing else:
 *     int main(int argc, char *argv[])
 *     {
 *             return service_run(&(const struct service_spec){ .name = "customers", ... }, argc, argv);
 *     }
 */
#ifndef QUAYSIDE_RUNTIME_SERVICE_H
#define QUAYSIDE_RUNTIME_SERVICE_H

#include "base/config.h"
#include "runtime/events.h"
#include "runtime/migrate.h"
#include "runtime/rpc_client.h"
#include "runtime/rpc_server.h"

struct saga_kind;

/* Another service that this one calls: makes the setting `<name>-address`, and the client once the service runs. */
struct service_peer {
	const char *name; /* NULL ends a list */
	const char *default_address;
	struct rpc_client **client;
};

/* Maintenance: a named step that runs every `period` microseconds in a call of its own. */
struct service_step {
	const char *name; /* NULL ends a list */
	int64_t period;
	struct status (*run)(struct call *call);
};

#define OWN_SETTINGS_MAX 8

struct service_spec {
	const char *name;                          /* "customers" */
	const char *variables;                     /* prefix of the environment variables: "QUAYSIDE_CUSTOMERS" */
	const char *description;                   /* one sentence for --help */
	const char *default_listen;                /* addresses, separated by commas */
	const struct rpc_service *const *services; /* ends with NULL; health, reflection and events are added */
	const struct migration *migrations;
	const struct service_peer *peers;       /* or NULL */
	const struct event_consumer *consumers; /* or NULL */
	const struct service_step *steps;       /* or NULL */
	const struct saga_kind *const *sagas;   /* that its workers take up; ends with NULL; or NULL */
	const struct setting
	    *settings; /* of its own, at most OWN_SETTINGS_MAX, beside those of every service; or NULL */
};

/* Returns the exit status. */
int service_run(const struct service_spec *spec, int argc, char *argv[]);

#endif
