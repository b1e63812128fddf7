/*
 * rpc_status: our status as google.rpc.Status and back (AIP-193).
 *
 * Invariants
 * - Packed: code and public message; details are ErrorInfo {reason, domain "quayside", metadata}, BadRequest with the violations, RetryInfo. What is private is never packed.
 * - Unpacked: reason, texts and lists live in the arena; an unknown detail is ignored; a status without ErrorInfo gets the code's name as its reason.
 *
 * Usage
 *     struct str details = rpc_status_pack(call->arena, status);   // the value of grpc-status-details-bin; also kept under idempotency keys
 *     return rpc_status_unpack(call->arena, details);
 */
#ifndef QUAYSIDE_RUNTIME_RPC_STATUS_H
#define QUAYSIDE_RUNTIME_RPC_STATUS_H

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"

struct str rpc_status_pack(struct arena *arena, struct status status);

/* Bytes that are no google.rpc.Status, or one with code OK, give INTERNAL_ERROR. */
struct status rpc_status_unpack(struct arena *arena, struct str bytes) MUST_USE;

#endif
