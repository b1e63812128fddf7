/*
 * pb: protobuf messages between the wire and C structs, with everything checked first.
 *
 * Invariants
 * - Bytes from a caller are checked against the contract before protobuf-c sees them: wire types, UTF-8 without NUL, known enum values, the field rules.
 *   All violations are answered at once, each with its path from the request message ("customer.addresses[2].label").
 * - A request that was let in has its ids (FORMAT_UUID) in lower case, whatever case they came in (RFC 9562, 4): they are compared, kept and answered as texts.
 * - Unpacking allocates from the call's arena; a message that unpacks to more than the budget is refused, not served.
 * - Checking and unpacking run on the loop's own stack (protobuf-c recurses); at most PB_MAX_DEPTH messages may be nested.
 *
 * Usage
 *     TRY(pb_request(arena, method->input, descriptor, bytes, &request));
 *     struct str reply = pb_pack(arena, message);
 */
#ifndef QUAYSIDE_RUNTIME_PB_H
#define QUAYSIDE_RUNTIME_PB_H

#include <protobuf-c/protobuf-c.h>

#include "google/protobuf/field_mask.pb-c.h"
#include "google/protobuf/timestamp.pb-c.h"

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"
#include "runtime/contract.h"

#define PB_MAX_DEPTH 32
#define PB_MAX_VIOLATIONS STATUS_VIOLATIONS_MAX /* more are counted (metadata violations), not listed */

/*
 * Checks bytes against a message of the contract and its field rules. Fails with INVALID_REQUEST (violations name the fields) or, when the bytes are
 * no protobuf at all, MALFORMED_MESSAGE.
 * Where the message has an `update_mask`, the resource beside it is checked only in the fields that the mask names (AIP-134);
 * without a mask, absent fields are not required. The resource's first field (which one it is) is always required, and its etag always checked.
 * A singular message given twice is refused (it would have to be merged).
 */
struct status pb_check(struct arena *arena, const struct contract_message *message, struct str bytes) MUST_USE;

/* Unpacks into the arena. Fails with MESSAGE_TOO_COMPLEX at the arena's budget, MALFORMED_MESSAGE otherwise. */
struct status pb_unpack(struct arena *arena, const ProtobufCMessageDescriptor *descriptor, struct str bytes,
			void **ret_message) MUST_USE;

/* A request: checked, unpacked, its ids in lower case. The descriptor is that of the message. Fails as pb_check() and pb_unpack() do. */
struct status pb_request(struct arena *arena, const struct contract_message *message,
			 const ProtobufCMessageDescriptor *descriptor, struct str bytes, void **ret_request) MUST_USE;

/* Packs into the arena: canonical for one build of the contracts (fields by number). */
struct str pb_pack(struct arena *arena, const ProtobufCMessage *message);

/* A zeroed, initialised message in the arena; a deep copy (through the wire). */
void *pb_new(struct arena *arena, const ProtobufCMessageDescriptor *descriptor);
void *pb_copy(struct arena *arena, const ProtobufCMessage *message);

/* The name of an enum's value in the contract ("ORDER_STATE_OPEN"), "" when unknown; and its number, -1 when unknown. */
const char *pb_enum_name(const ProtobufCEnumDescriptor *descriptor, int value);
int pb_enum_number(const ProtobufCEnumDescriptor *descriptor, const char *name);

/* Microseconds since 1970 as a message in the arena, and back (NULL is 0). */
Google__Protobuf__Timestamp *pb_time(struct arena *arena, int64_t micros);
int64_t pb_micros(const Google__Protobuf__Timestamp *time);

/* Does an update mask name this field? "*" names all; a missing or empty mask names none (what that means, the handler says: AIP-134). */
bool pb_masked(const Google__Protobuf__FieldMask *mask, const char *path);

#endif
