/*
 * reflection: grpc.reflection.v1 and v1alpha from the embedded descriptor set, so that any client can discover and call the services.
 *
 * Invariants
 * - Both versions share one implementation: their messages are the same on the wire.
 * - Answers the requested file first, then the imports that this stream has not sent yet. What is unknown is an error_response with code 5 on a stream that stays open.
 *
 * Usage: give both services to rpc_server_new() and the names to reflection_setup().
 */
#ifndef QUAYSIDE_RUNTIME_REFLECTION_H
#define QUAYSIDE_RUNTIME_REFLECTION_H

#include "runtime/rpc_server.h"

extern const struct rpc_service reflection_service;
extern const struct rpc_service reflection_alpha_service;

/* The full names of the services that this process serves, ended by NULL; they must stay valid. */
void reflection_setup(const char *const *services);

#endif
