/*
 * scalar: the values of fields that are no messages, between JSON (proto3 JSON mapping), plain text (paths and
 * queries) and the protobuf encoding.
 *
 * Invariants
 * - Whole numbers are exact in all of their 64 bits; they may come quoted or bare, go out quoted from 64 bits on.
 *   What is out of range is refused, never cut.
 * - Text is UTF-8; bytes are Base64 of either alphabet, with or without padding, and go out in the standard form.
 * - Enums come as name or number, and go out by name (unknown ones as number).
 * - A refusal is a sentence without subject that fits behind the field's name: "must be a whole number".
 *
 * Usage
 *     struct scalar scalar;
 *     const char *refusal = scalar_of_json(arena, field, json_next(&reader), reader.text, &scalar);
 *     if (refusal == NULL && !scalar_is_zero(&scalar)) scalar_pack(&buf, field, &scalar);
 */
#ifndef QUAYSIDE_GATEWAY_SCALAR_H
#define QUAYSIDE_GATEWAY_SCALAR_H

#include "gateway/json.h"
#include "runtime/contract.h"
#include "runtime/wire.h"

struct scalar {
	uint64_t bits;    /* as the encoding has them: zigzag and sign extension are done */
	struct str bytes; /* of text and bytes */
};

/* From the token of a JSON value, or from the text of a parameter. Return NULL, or what is wrong with it. */
const char *scalar_of_json(struct arena *arena, const struct contract_field *field, enum json_token token,
			   struct str text, struct scalar *ret_scalar);
const char *scalar_of_text(struct arena *arena, const struct contract_field *field, struct str text,
			   struct scalar *ret_scalar);

/* Is it what an absent field means? */
bool scalar_is_zero(const struct scalar *scalar);

/* Appends the value as the field's type is written, without tag. */
void scalar_pack(struct buf *buf, const struct contract_field *field, const struct scalar *scalar);

/* Writes a value from the wire as JSON. */
void scalar_to_json(struct json_writer *writer, const struct contract_field *field, const struct wire_field *value);

/* Base64 of either alphabet, with or without padding. */
bool scalar_base64(struct arena *arena, struct str text, struct str *ret_bytes);

#endif
