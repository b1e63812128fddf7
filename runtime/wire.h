/*
 * wire: the protobuf encoding, read one field at a time (protobuf.dev/programming-guides/encoding).
 *
 * Invariants
 * - A view is read from the front and never copied; nothing is allocated.
 * - Groups (wire types 3 and 4), field numbers outside 1 to 2^29-1, varints of more than 64 bits and lengths beyond the end are refused.
 *
 * Usage
 *     struct wire_field field;
 *     while (rest.len > 0) {
 *             if (!wire_next(&rest, &field)) return false;
 *             if (field.number == 1 && field.type == WIRE_BYTES) name = field.bytes;
 *     }
 */
#ifndef QUAYSIDE_RUNTIME_WIRE_H
#define QUAYSIDE_RUNTIME_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "runtime/contract.h"

/* With their numbers in the encoding. */
enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

struct wire_field {
	uint32_t number;
	enum wire_type type;
	uint64_t value;   /* of a number */
	struct str bytes; /* of WIRE_BYTES: into the view that was read */
};

/* Takes one field, varint, or value of this type off the front of *rest; false when that cannot be read (outputs are undefined then). */
bool wire_next(struct str *rest, struct wire_field *ret_field);
bool wire_varint(struct str *rest, uint64_t *ret_value);
bool wire_value(struct str *rest, enum wire_type type, struct wire_field *ret_field);

/* How values of this type are written when they are not packed. */
enum wire_type wire_type_of(enum contract_type type);

/* sint32 and sint64 are written so that small negative numbers stay short. */
int64_t wire_unzigzag(uint64_t value);

#endif
