/* See rpc_status.h. Errors travel in HTTP/2 headers, which are small: texts are cut and details left out beyond a limit. */
#include "runtime/rpc_status.h"

#include <string.h>

#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"
#include "runtime/pb.h"

#define DOMAIN "quayside"
#define TYPE_PREFIX "type.googleapis.com/"
#define DETAILS_MAX 3
#define PACKED_MAX                                                                                                     \
	((size_t)4096) /* so that it fits the 8 KiB of headers that clients take, in Base64 and with company */
#define TEXT_MAX ((size_t)512)

/* At most TEXT_MAX bytes, and never half a character. */
static char *cut(struct arena *arena, const char *text)
{
	size_t len = 0;

	if (strlen(text) <= TEXT_MAX)
		return arena_strdup(arena, text);
	while (len < TEXT_MAX) {
		const size_t next = utf8_next(text + len, strlen(text + len));

		if (next == 0 || len + next > TEXT_MAX)
			break;
		len += next;
	}
	return arena_strndup(arena, text, len);
}

static Google__Protobuf__Any *any_of(struct arena *arena, const ProtobufCMessage *message)
{
	Google__Protobuf__Any *any = pb_new(arena, &google__protobuf__any__descriptor);
	const struct str bytes = pb_pack(arena, message);

	any->type_url = arena_printf(arena, TYPE_PREFIX "%s", message->descriptor->name);
	any->value = (ProtobufCBinaryData){ bytes.len, (uint8_t *)(uintptr_t)bytes.data };
	return any;
}

static Google__Protobuf__Any *error_info(struct arena *arena, struct status status)
{
	Google__Rpc__ErrorInfo *info = pb_new(arena, &google__rpc__error_info__descriptor);
	size_t count = 0;

	info->reason = (char *)(uintptr_t)status.reason->name;
	info->domain = (char *)(uintptr_t)DOMAIN;
	for (const struct status_pair *pair = status.detail == NULL ? NULL : status.detail->metadata; pair != NULL;
	     pair = pair->next)
		count++;
	if (count == 0)
		return any_of(arena, &info->base);
	info->metadata = arena_array(arena, count, sizeof(*info->metadata));
	for (const struct status_pair *pair = status.detail->metadata; pair != NULL; pair = pair->next) {
		Google__Rpc__ErrorInfo__MetadataEntry *entry =
		    pb_new(arena, &google__rpc__error_info__metadata_entry__descriptor);

		entry->key = (char *)(uintptr_t)pair->name;
		entry->value = cut(arena, pair->value);
		info->metadata[info->n_metadata++] = entry;
	}
	return any_of(arena, &info->base);
}

/* As many violations as there is room for, first come first served. */
static Google__Protobuf__Any *bad_request(struct arena *arena, const struct violation *first, size_t room)
{
	Google__Rpc__BadRequest *bad = pb_new(arena, &google__rpc__bad_request__descriptor);

	bad->field_violations = arena_array(arena, STATUS_VIOLATIONS_MAX, sizeof(*bad->field_violations));
	for (const struct violation *from = first; from != NULL && bad->n_field_violations < STATUS_VIOLATIONS_MAX;
	     from = from->next) {
		Google__Rpc__BadRequest__FieldViolation *violation =
		    pb_new(arena, &google__rpc__bad_request__field_violation__descriptor);

		violation->field = cut(arena, from->field);
		violation->description = cut(arena, from->description);
		bad->field_violations[bad->n_field_violations++] = violation;
		if (protobuf_c_message_get_packed_size(&bad->base) > room) {
			bad->n_field_violations--;
			break;
		}
	}
	return any_of(arena, &bad->base);
}

static Google__Protobuf__Any *retry_info(struct arena *arena, int after_ms)
{
	Google__Rpc__RetryInfo *retry = pb_new(arena, &google__rpc__retry_info__descriptor);

	retry->retry_delay = pb_new(arena, &google__protobuf__duration__descriptor);
	retry->retry_delay->seconds = after_ms / 1000;
	retry->retry_delay->nanos = after_ms % 1000 * 1000000;
	return any_of(arena, &retry->base);
}

struct str rpc_status_pack(struct arena *arena, struct status status)
{
	Google__Rpc__Status *packed = pb_new(arena, &google__rpc__status__descriptor);

	packed->code = (int32_t)status_code(status);
	packed->message = cut(arena, status_message(status));
	if (status.reason == NULL)
		return pb_pack(arena, &packed->base);
	packed->details = arena_array(arena, DETAILS_MAX, sizeof(*packed->details));
	packed->details[packed->n_details++] = error_info(arena, status);
	if (status.detail != NULL && status.detail->retry_after_ms > 0)
		packed->details[packed->n_details++] = retry_info(arena, status.detail->retry_after_ms);

	const size_t used = protobuf_c_message_get_packed_size(&packed->base);

	if (status.detail != NULL && status.detail->violations != NULL && used < PACKED_MAX)
		packed->details[packed->n_details++] = bad_request(arena, status.detail->violations, PACKED_MAX - used);
	return pb_pack(arena, &packed->base);
}

/* NULL when the detail is of another type, or cannot be read. */
static void *detail_of(struct arena *arena, const Google__Protobuf__Any *any,
		       const ProtobufCMessageDescriptor *descriptor)
{
	const char *slash = strrchr(any->type_url, '/');
	const struct str bytes = { (const char *)any->value.data, any->value.len };
	void *message;

	if (slash == NULL || strcmp(slash + 1, descriptor->name) != 0)
		return NULL;
	return pb_unpack(arena, descriptor, bytes, &message).reason == NULL ? message : NULL;
}

static struct status read_detail(struct arena *arena, struct status status, const Google__Protobuf__Any *any)
{
	const Google__Rpc__ErrorInfo *info = detail_of(arena, any, &google__rpc__error_info__descriptor);
	const Google__Rpc__BadRequest *bad = detail_of(arena, any, &google__rpc__bad_request__descriptor);
	const Google__Rpc__RetryInfo *retry = detail_of(arena, any, &google__rpc__retry_info__descriptor);

	for (size_t i = 0; info != NULL && i < info->n_metadata; i++)
		status = status_metadata(arena, status, info->metadata[i]->key, info->metadata[i]->value);
	for (size_t i = 0; bad != NULL && i < bad->n_field_violations; i++)
		status = status_violation(arena, status, bad->field_violations[i]->field,
					  bad->field_violations[i]->description);
	if (retry != NULL && retry->retry_delay != NULL && retry->retry_delay->seconds >= 0 &&
	    retry->retry_delay->seconds < 3600)
		status.detail->retry_after_ms =
		    (int)retry->retry_delay->seconds * 1000 + retry->retry_delay->nanos / 1000000;
	return status;
}

static const char *reason_name(struct arena *arena, const Google__Rpc__Status *packed)
{
	for (size_t i = 0; i < packed->n_details; i++) {
		const Google__Rpc__ErrorInfo *info =
		    detail_of(arena, packed->details[i], &google__rpc__error_info__descriptor);

		if (info != NULL && *info->reason != '\0')
			return info->reason;
	}
	return code_name((enum code)packed->code);
}

struct status rpc_status_unpack(struct arena *arena, struct str bytes)
{
	struct reason *reason = arena_alloc(arena, sizeof(*reason));
	Google__Rpc__Status *packed;
	void *message;

	if (pb_unpack(arena, &google__rpc__status__descriptor, bytes, &message).reason != NULL)
		return status_of(&INTERNAL_ERROR);
	packed = message;
	if (packed->code <= CODE_OK || packed->code > CODE_UNAUTHENTICATED)
		return status_of(&INTERNAL_ERROR);
	reason->code = (enum code)packed->code;
	reason->name = reason_name(arena, packed);
	reason->sentence = packed->message;

	struct status status = { reason, arena_alloc(arena, sizeof(struct status_detail)) };

	status.detail->message = packed->message;
	for (size_t i = 0; i < packed->n_details; i++)
		status = read_detail(arena, status, packed->details[i]);
	return status;
}
