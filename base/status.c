/* See status.h. The sentences are for people who use the product: no jargon, and what to do next where that helps. */
#include "base/status.h"

#include <stdarg.h>
#include <string.h>

#define REASON(name_, code_, sentence_) const struct reason name_ = { code_, #name_, sentence_ }

REASON(INVALID_REQUEST, CODE_INVALID_ARGUMENT, "Some of the values are not valid. Please correct them and try again.");
REASON(MALFORMED_MESSAGE, CODE_INVALID_ARGUMENT, "The request could not be read.");
REASON(MESSAGE_TOO_COMPLEX, CODE_RESOURCE_EXHAUSTED,
       "The request holds too much at once. Please split it into smaller ones.");
REASON(NOT_FOUND, CODE_NOT_FOUND, "What you asked for does not exist.");
REASON(ALREADY_EXISTS, CODE_ALREADY_EXISTS, "This already exists.");
REASON(ETAG_MISMATCH, CODE_ABORTED,
       "Someone else has changed this since you opened it. Please reload it and try again.");
REASON(CONCURRENT_CHANGE, CODE_ABORTED, "Others were changing the same thing at the same time. Please try again.");
REASON(KEY_REUSED, CODE_INVALID_ARGUMENT, "This idempotency key was already used for a different request.");
REASON(KEY_IN_PROGRESS, CODE_ABORTED, "The same request is still being worked on. Please wait a moment and try again.");
REASON(OVERLOADED, CODE_UNAVAILABLE, "There are too many requests at the moment. Please try again shortly.");
REASON(DEADLINE_PASSED, CODE_DEADLINE_EXCEEDED, "This took too long and was given up.");
REASON(CALL_CANCELLED, CODE_CANCELLED, "The request was cancelled.");
REASON(DATABASE_UNAVAILABLE, CODE_UNAVAILABLE,
       "We cannot reach our records at the moment, so nothing was changed. Please try again shortly.");
REASON(OUTCOME_UNKNOWN, CODE_UNAVAILABLE,
       "We cannot tell whether this was done. Please repeat the same request: it will not be done twice.");
REASON(PEER_UNAVAILABLE, CODE_UNAVAILABLE,
       "A part of the system does not answer at the moment. Please try again shortly.");
REASON(SHUTTING_DOWN, CODE_UNAVAILABLE, "The service is restarting. Please try again shortly.");
REASON(NOT_IMPLEMENTED, CODE_UNIMPLEMENTED, "This is not available.");
REASON(INTERNAL_ERROR, CODE_INTERNAL, "Something went wrong on our side.");

bool status_is(struct status status, const struct reason *reason)
{
	if (status.reason == NULL)
		return false;
	return status.reason == reason || strcmp(status.reason->name, reason->name) == 0;
}

enum code status_code(struct status status)
{
	return status.reason == NULL ? CODE_OK : status.reason->code;
}

const char *status_message(struct status status)
{
	if (status.reason == NULL)
		return "";
	if (status.reason->code == CODE_INTERNAL || status.reason->code == CODE_UNAVAILABLE)
		return status.reason->sentence;
	if (status.detail == NULL || status.detail->message == NULL)
		return status.reason->sentence;
	return status.detail->message;
}

static struct status with_detail(struct arena *arena, struct status status)
{
	if (status.detail == NULL)
		status.detail = arena_alloc(arena, sizeof(*status.detail));
	return status;
}

struct status status_printf(struct arena *arena, const struct reason *reason, const char *format, ...)
{
	struct status status = with_detail(arena, status_of(reason));
	va_list args;

	va_start(args, format);
	status.detail->message = arena_vprintf(arena, format, args);
	va_end(args);
	return status;
}

struct status status_private(struct arena *arena, const struct reason *reason, const char *format, ...)
{
	struct status status = with_detail(arena, status_of(reason));
	va_list args;

	va_start(args, format);
	status.detail->private = arena_vprintf(arena, format, args);
	va_end(args);
	return status;
}

struct status status_field(struct arena *arena, const struct reason *reason, const char *field, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	const char *description = arena_vprintf(arena, format, args);

	va_end(args);
	return status_violation(arena, status_of(reason), field, description);
}

struct status status_violation(struct arena *arena, struct status status, const char *field, const char *description)
{
	if (status.reason == NULL)
		status = status_of(&INVALID_REQUEST);
	status = with_detail(arena, status);

	struct violation **end = &status.detail->violations;
	int count = 0;

	for (; *end != NULL; end = &(*end)->next)
		count++;
	if (count == STATUS_VIOLATIONS_MAX)
		return status;
	*end = arena_alloc(arena, sizeof(**end));
	(*end)->field = arena_strdup(arena, field);
	(*end)->description = arena_strdup(arena, description);
	return status;
}

struct status status_metadata(struct arena *arena, struct status status, const char *name, const char *value)
{
	if (status.reason == NULL)
		return status;
	status = with_detail(arena, status);

	struct status_pair **end = &status.detail->metadata;

	while (*end != NULL)
		end = &(*end)->next;
	*end = arena_alloc(arena, sizeof(**end));
	(*end)->name = arena_strdup(arena, name);
	(*end)->value = arena_strdup(arena, value);
	return status;
}

static struct status about(struct arena *arena, struct status status, const char *resource, const char *id)
{
	status = status_metadata(arena, status, "resource", resource);
	return status_metadata(arena, status, "id", id);
}

struct status status_not_found(struct arena *arena, const char *resource, const char *id)
{
	return about(arena, status_printf(arena, &NOT_FOUND, "There is no %s with the id %s.", resource, id), resource,
		     id);
}

struct status status_already_exists(struct arena *arena, const char *resource, const char *id)
{
	return about(arena,
		     status_printf(arena, &ALREADY_EXISTS, "There is already a %s with the id %s.", resource, id),
		     resource, id);
}

const char *code_name(enum code code)
{
	static const char *const names[] = {
		[CODE_OK] = "OK",
		[CODE_CANCELLED] = "CANCELLED",
		[CODE_UNKNOWN] = "UNKNOWN",
		[CODE_INVALID_ARGUMENT] = "INVALID_ARGUMENT",
		[CODE_DEADLINE_EXCEEDED] = "DEADLINE_EXCEEDED",
		[CODE_NOT_FOUND] = "NOT_FOUND",
		[CODE_ALREADY_EXISTS] = "ALREADY_EXISTS",
		[CODE_PERMISSION_DENIED] = "PERMISSION_DENIED",
		[CODE_RESOURCE_EXHAUSTED] = "RESOURCE_EXHAUSTED",
		[CODE_FAILED_PRECONDITION] = "FAILED_PRECONDITION",
		[CODE_ABORTED] = "ABORTED",
		[CODE_OUT_OF_RANGE] = "OUT_OF_RANGE",
		[CODE_UNIMPLEMENTED] = "UNIMPLEMENTED",
		[CODE_INTERNAL] = "INTERNAL",
		[CODE_UNAVAILABLE] = "UNAVAILABLE",
		[CODE_DATA_LOSS] = "DATA_LOSS",
		[CODE_UNAUTHENTICATED] = "UNAUTHENTICATED",
	};
	const size_t index = (size_t)code;

	return index < sizeof(names) / sizeof(names[0]) ? names[index] : "UNKNOWN";
}
