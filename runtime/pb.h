/*
 * pb: protobuf messages between the wire and C structs, with everything checked first.
 *
 * Invariants
 * - Bytes from a caller are checked against the contract before protobuf-c sees them: wire types, UTF-8 without NUL, known enum values, the field rules.
 *   All violations are answered at once, each with its path from the request message ("customer.addresses[2].label").
 * - Unpacking allocates from the call's arena; a message that unpacks to more than the budget is refused, not served.
 * - Checking and unpacking run on the loop's own stack (protobuf-c recurses); at most PB_MAX_DEPTH messages may be nested.
 *
 * Usage
 *     TRY(pb_check(arena, method->input, bytes));
 *     TRY(pb_unpack(arena, descriptor, bytes, &message));
 *     struct str reply = pb_pack(arena, message);
 */
#ifndef QUAYSIDE_RUNTIME_PB_H
#define QUAYSIDE_RUNTIME_PB_H

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"
#include "runtime/contract.h"

#define PB_MAX_DEPTH 32
#define PB_MAX_VIOLATIONS 50 /* more are counted, not listed */

/*
 * Checks bytes against a message of the contract and its field rules. Fails with INVALID_REQUEST (violations name the fields) or, when the bytes are
 * no protobuf at all, MALFORMED_MESSAGE.
 * Where the message has an `update_mask`, the resource beside it is checked only in the fields that the mask names (AIP-134);
 * without a mask, absent fields are not required.
 */
struct status pb_check(struct arena *arena, const struct contract_message *message, struct str bytes) MUST_USE;

/* Unpacks into the arena. Fails with MESSAGE_TOO_COMPLEX at the arena's budget, MALFORMED_MESSAGE otherwise. */
struct status pb_unpack(struct arena *arena, const ProtobufCMessageDescriptor *descriptor, struct str bytes, void **ret_message) MUST_USE;

/* Packs into the arena: canonical for one build of the contracts (fields by number). */
struct str pb_pack(struct arena *arena, const ProtobufCMessage *message);

/* A zeroed, initialised message in the arena; a deep copy (through the wire). */
void *pb_new(struct arena *arena, const ProtobufCMessageDescriptor *descriptor);
void *pb_copy(struct arena *arena, const ProtobufCMessage *message);

/* The name of an enum's value in the contract ("ORDER_STATE_OPEN"), "" when unknown; and its number, -1 when unknown. */
const char *pb_enum_name(const ProtobufCEnumDescriptor *descriptor, int value);
int pb_enum_number(const ProtobufCEnumDescriptor *descriptor, const char *name);

#endif
