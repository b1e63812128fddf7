/*
 * packer: writes the protobuf encoding, field by field, into a buffer. (runtime/wire.h reads it.)
 *
 * Invariants
 * - What has a length is written in place and its length put before it afterwards, in the shortest form, so that
 *   nothing is measured twice.
 * - Opened lengths are closed in reverse order.
 *
 * Usage
 *     const size_t mark = pack_open(&buf, field->number);
 *     pack_tag(&buf, 1, WIRE_VARINT);
 *     pack_varint(&buf, 42);
 *     pack_close(&buf, mark);
 */
#ifndef QUAYSIDE_GATEWAY_PACKER_H
#define QUAYSIDE_GATEWAY_PACKER_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "runtime/wire.h"

void pack_tag(struct buf *buf, uint32_t number, enum wire_type type);
void pack_varint(struct buf *buf, uint64_t value);

/* Tag and content of a length-delimited field. */
void pack_bytes(struct buf *buf, uint32_t number, struct str bytes);

/* The same for content that is about to be written; the mark belongs to pack_close(). */
size_t pack_open(struct buf *buf, uint32_t number);
void pack_close(struct buf *buf, size_t mark);

/* A number without its tag, as this type is written. */
void pack_number(struct buf *buf, enum contract_type type, uint64_t bits);

/* The other way of wire_unzigzag(). */
uint64_t pack_zigzag(int64_t value);

#endif
