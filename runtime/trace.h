/*
 * trace: W3C Trace Context (https://www.w3.org/TR/trace-context/), as far as it is passed on: the traceparent header.
 *
 * Invariants
 * - A traceparent is "00-<32 hex: trace>-<16 hex: span>-<2 hex: flags>"; ids are lower case and not all zero.
 * - Of a later version what we know is taken, and version 00 is passed on (section 3.2.4).
 * - Used on the loop's thread only.
 *
 * Usage
 *     call->trace_parent = trace_child(call->arena, header);   // a span of ours in the caller's trace, or in a new one
 */
#ifndef QUAYSIDE_RUNTIME_TRACE_H
#define QUAYSIDE_RUNTIME_TRACE_H

#include "base/arena.h"
#include "base/str.h"

/* A new span below this one; of a new, sampled trace when parent is empty or not valid. */
char *trace_child(struct arena *arena, struct str parent);

/* The 32 digits of the trace within a traceparent that trace_child() made. */
struct str trace_id(const char *trace_parent);

#endif
