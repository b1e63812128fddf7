/*
 * health: grpc.health.v1 (Check, Watch) for the whole server ("") and for each service by name.
 *
 * Invariants
 * - SERVING means: the database is usable and the process is not draining. A dead neighbour never makes us NOT_SERVING.
 * - Watch sends the current state first and then every change; an unknown name gets SERVICE_UNKNOWN and stays open (gRPC health checking protocol). Check answers NOT_FOUND for it.
 *
 * Usage
 *     struct health *health = health_new(names);
 *     health_set(health, true);
 */
#ifndef QUAYSIDE_RUNTIME_HEALTH_H
#define QUAYSIDE_RUNTIME_HEALTH_H

#include <stdbool.h>

#include "runtime/rpc_server.h"

/* The service to give to rpc_server_new(). */
extern const struct rpc_service health_service;

/* The full names of the services that this process serves, ended by NULL; they must stay valid. Not serving at first. */
void health_setup(const char *const *services);

/* Changes the state of all of them and tells every watcher. */
void health_set(bool serving);

bool health_serving(void);

/* Ends all watches, so that a drain does not wait for them. */
void health_close(void);

#endif
