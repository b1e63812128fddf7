/*
 * wellknown: the messages of google.protobuf that proto3 JSON writes as one string: Timestamp, Duration, FieldMask.
 *
 * Invariants
 * - Timestamp: RFC 3339, years 1 to 9999, any offset in, UTC ("Z") out; Duration: decimal seconds with an "s"; both
 *   with 0, 3, 6 or 9 digits of fraction out.
 * - FieldMask: lowerCamelCase paths joined by commas; only paths that come back the same are written.
 * - What is out of range is refused in both directions.
 *
 * Usage
 *     const enum wellknown kind = wellknown_of(field->message);
 *     if (kind != WELLKNOWN_NONE && wellknown_pack(&buf, kind, reader.text) != NULL) ...
 */
#ifndef QUAYSIDE_GATEWAY_WELLKNOWN_H
#define QUAYSIDE_GATEWAY_WELLKNOWN_H

#include "base/str.h"
#include "runtime/contract.h"

enum wellknown {
	WELLKNOWN_NONE,
	WELLKNOWN_TIMESTAMP,
	WELLKNOWN_DURATION,
	WELLKNOWN_FIELD_MASK,
	WELLKNOWN_ANY, /* an object with "@type": not written as a string */
};

enum wellknown wellknown_of(const struct contract_message *message);

/* Is it written as one string? */
bool wellknown_is_text(enum wellknown kind);

/*
 * Appends the content of the message (without tag and length) that the text stands for. Returns NULL, or what is
 * wrong with the text.
 */
const char *wellknown_pack(struct buf *buf, enum wellknown kind, struct str text);

/* Appends the text (no quotes) that stands for a message's content; false when there is none. */
bool wellknown_text(struct buf *buf, enum wellknown kind, struct str content);

/* "first_name" from "firstName" and the other way; false for what would not come back the same. */
bool wellknown_snake(struct buf *buf, struct str camel);
bool wellknown_camel(struct buf *buf, struct str snake);

#endif
