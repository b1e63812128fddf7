/*
 * status: the outcome of anything that can fail.
 *
 * Invariants
 * - A status is two pointers, returned by value, and must be used. `reason == NULL` is success.
 * - A reason is a static object: gRPC code, stable name, public sentence. Each service lists its own at the top of
 *   rules.h.
 *   One is compared by status_is(), which also recognises a reason that came from a peer by its name.
 * - What is particular to one failure (text, field, metadata, violations) lives in the call's arena, so a status never
 *   needs freeing.
 * - A function writes its outputs only on success, and either logs a failure or returns it, never both.
 * - TRY() is the only control-flow macro of the project.
 *
 * Usage
 *     static const struct reason ORDER_EMPTY = { CODE_FAILED_PRECONDITION, "ORDER_EMPTY", "The order has no items." };
 *
 *     TRY(order_check_items(order));
 *     return status_field(arena, &FIELD_INVALID, "order.customer_id", "no such customer");
 */
#ifndef QUAYSIDE_BASE_STATUS_H
#define QUAYSIDE_BASE_STATUS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

#define MUST_USE __attribute__((warn_unused_result))

/* The canonical codes of gRPC (doc/statuscodes.md of grpc) with their numbers on the wire. */
enum code {
	CODE_OK = 0,
	CODE_CANCELLED = 1,
	CODE_UNKNOWN = 2,
	CODE_INVALID_ARGUMENT = 3,
	CODE_DEADLINE_EXCEEDED = 4,
	CODE_NOT_FOUND = 5,
	CODE_ALREADY_EXISTS = 6,
	CODE_PERMISSION_DENIED = 7,
	CODE_RESOURCE_EXHAUSTED = 8,
	CODE_FAILED_PRECONDITION = 9,
	CODE_ABORTED = 10,
	CODE_OUT_OF_RANGE = 11,
	CODE_UNIMPLEMENTED = 12,
	CODE_INTERNAL = 13,
	CODE_UNAVAILABLE = 14,
	CODE_DATA_LOSS = 15,
	CODE_UNAUTHENTICATED = 16,
};

/* Why something was refused or failed. Static, or (from a peer) in the call's arena. */
struct reason {
	enum code code;
	const char *name;     /* UPPER_SNAKE_CASE, stable: the `reason` of google.rpc.ErrorInfo (AIP-193) */
	const char *sentence; /* what a person may read */
};

/* One field that breaks a rule: google.rpc.BadRequest.FieldViolation. */
struct violation {
	const char *field; /* path from the request message, for example "order.items[2].quantity" */
	const char *description;
	struct violation *next;
};

/* A name and a value that a program may need, such as sku and available: google.rpc.ErrorInfo.metadata. */
struct status_pair {
	const char *name;
	const char *value;
	struct status_pair *next;
};

struct status_detail {
	const char *message; /* a fuller sentence than the reason's, or NULL */
	const char *private; /* for the log only, never sent; or NULL */
	struct violation *violations;
	struct status_pair *metadata;
	int retry_after_ms; /* google.rpc.RetryInfo; 0 is none */
};

struct status {
	const struct reason *reason;
	struct status_detail *detail;
};

#define STATUS_OK ((struct status){ NULL, NULL })

/* Returns from the calling function when the expression fails. */
#define TRY(expression)                                                                                                \
	do {                                                                                                           \
		const struct status try_status_ = (expression);                                                        \
		if (try_status_.reason != NULL)                                                                        \
			return try_status_;                                                                            \
	} while (0)

/* Runs function(&variable) when the variable's scope ends. */
#define CLEANUP(function) __attribute__((cleanup(function)))

/* Reasons that every service shares. */
extern const struct reason INVALID_REQUEST;     /* INVALID_ARGUMENT: fields break their rules; violations name them */
extern const struct reason MALFORMED_MESSAGE;   /* INVALID_ARGUMENT: not the message that the contract says */
extern const struct reason MESSAGE_TOO_COMPLEX; /* RESOURCE_EXHAUSTED: unpacks to more than the budget */
extern const struct reason NOT_FOUND;           /* NOT_FOUND: metadata name resource and id */
extern const struct reason ALREADY_EXISTS;      /* ALREADY_EXISTS: metadata name resource and id */
extern const struct reason ETAG_MISMATCH;       /* ABORTED: changed by someone else since it was read (AIP-154) */
extern const struct reason CONCURRENT_CHANGE;   /* ABORTED: lost every round against other writers; try again */
extern const struct reason KEY_REUSED;          /* INVALID_ARGUMENT: idempotency key came with another request before */
extern const struct reason KEY_IN_PROGRESS;     /* ABORTED: the first request with this key has no answer yet */
extern const struct reason OVERLOADED;          /* UNAVAILABLE: too much at once; nothing was done */
extern const struct reason DEADLINE_PASSED;     /* DEADLINE_EXCEEDED */
extern const struct reason CALL_CANCELLED;      /* CANCELLED */
extern const struct reason DATABASE_UNAVAILABLE; /* UNAVAILABLE: nothing was changed */
extern const struct reason OUTCOME_UNKNOWN;  /* UNAVAILABLE: may or may not have happened; repeat with the same key */
extern const struct reason PEER_UNAVAILABLE; /* UNAVAILABLE: another service did not answer */
extern const struct reason SHUTTING_DOWN;    /* UNAVAILABLE */
extern const struct reason NOT_IMPLEMENTED;  /* UNIMPLEMENTED */
extern const struct reason INTERNAL_ERROR;   /* INTERNAL: our own mistake; the cause goes to the log only */

/* True when the status failed for this reason: same object, or same name (a reason that a peer sent). */
bool status_is(struct status status, const struct reason *reason);

/* CODE_OK for success. */
enum code status_code(struct status status);

/* The sentence to show: INTERNAL and UNAVAILABLE always show the reason's own, never particulars. "" for success. */
const char *status_message(struct status status);

/* Fails for a reason, without particulars. Inline, so that an analyzer of one file sees that it never succeeds. */
static inline MUST_USE struct status status_of(const struct reason *reason)
{
	return (struct status){ .reason = reason };
}

/* Fails with a public sentence formatted into the arena. */
struct status status_printf(struct arena *arena, const struct reason *reason, const char *format, ...)
    __attribute__((format(printf, 3, 4))) MUST_USE;

/* Fails with a text that only the log shows. */
struct status status_private(struct arena *arena, const struct reason *reason, const char *format, ...)
    __attribute__((format(printf, 3, 4))) MUST_USE;

/* Fails because of one field of the request; the sentence becomes the violation's description. */
struct status status_field(struct arena *arena, const struct reason *reason, const char *field, const char *format, ...)
    __attribute__((format(printf, 4, 5))) MUST_USE;

/*
 * Adds a violation (field and description are copied) or a metadata pair (copied) to a failed status, and returns it.
 * A violation makes STATUS_OK fail for INVALID_REQUEST, so that a check can gather them; metadata leaves STATUS_OK as
 * it is.
 * Violations beyond STATUS_VIOLATIONS_MAX are dropped: errors travel in HTTP/2 headers, which are small.
 */
#define STATUS_VIOLATIONS_MAX 32
struct status status_violation(struct arena *arena, struct status status, const char *field,
			       const char *description) MUST_USE;
struct status status_metadata(struct arena *arena, struct status status, const char *name, const char *value) MUST_USE;

/* NOT_FOUND / ALREADY_EXISTS with metadata {resource, id}, for example status_not_found(a, "order", id). */
struct status status_not_found(struct arena *arena, const char *resource, const char *id) MUST_USE;
struct status status_already_exists(struct arena *arena, const char *resource, const char *id) MUST_USE;

/* "INVALID_ARGUMENT" for CODE_INVALID_ARGUMENT, and so on; "UNKNOWN" for a number outside the list. */
const char *code_name(enum code code);

#endif
