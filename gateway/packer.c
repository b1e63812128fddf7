/* See packer.h. */
#include "gateway/packer.h"

#include <string.h>

void pack_varint(struct buf *buf, uint64_t value)
{
	while (value >= 0x80) {
		buf_byte(buf, (char)(0x80 | (value & 0x7F)));
		value >>= 7;
	}
	buf_byte(buf, (char)value);
}

void pack_tag(struct buf *buf, uint32_t number, enum wire_type type)
{
	pack_varint(buf, (uint64_t)number << 3 | (uint64_t)type);
}

void pack_bytes(struct buf *buf, uint32_t number, struct str bytes)
{
	pack_tag(buf, number, WIRE_BYTES);
	pack_varint(buf, bytes.len);
	buf_bytes(buf, bytes.data, bytes.len);
}

/* One byte is kept free for the length, which is enough for most; for longer ones the content moves. */
size_t pack_open(struct buf *buf, uint32_t number)
{
	pack_tag(buf, number, WIRE_BYTES);
	buf_byte(buf, '\0');
	return buf->len;
}

void pack_close(struct buf *buf, size_t mark)
{
	const size_t len = buf->len - mark;
	size_t more = 0;

	for (size_t rest = len; rest >= 0x80; rest >>= 7) {
		buf_byte(buf, '\0');
		more++;
	}
	if (more > 0)
		memmove(buf->data + mark + more, buf->data + mark, len);

	char *at = buf->data + mark - 1;
	size_t rest = len;

	for (; rest >= 0x80; rest >>= 7)
		*at++ = (char)(0x80 | (rest & 0x7F));
	*at = (char)rest;
}

static void fixed(struct buf *buf, uint64_t bits, int bytes)
{
	for (int i = 0; i < bytes; i++)
		buf_byte(buf, (char)(bits >> (8 * i) & 0xFF));
}

void pack_number(struct buf *buf, enum contract_type type, uint64_t bits)
{
	switch (wire_type_of(type)) {
	case WIRE_FIXED64:
		fixed(buf, bits, 8);
		return;
	case WIRE_FIXED32:
		fixed(buf, bits, 4);
		return;
	case WIRE_VARINT:
		pack_varint(buf, bits);
		return;
	case WIRE_BYTES:
		return;
	}
}

uint64_t pack_zigzag(int64_t value)
{
	return (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
}
