/* See wire.h. */
#include "runtime/wire.h"

#define NUMBER_MAX ((UINT64_C(1) << 29) - 1)

bool wire_varint(struct str *rest, uint64_t *ret_value)
{
	uint64_t value = 0;

	for (size_t i = 0; i < rest->len && i < 10; i++) {
		const uint8_t byte = (uint8_t)rest->data[i];

		if (i == 9 && byte > 1)
			return false;
		value |= (uint64_t)(byte & 0x7F) << (7 * i);
		if (byte < 0x80) {
			*rest = (struct str){ rest->data + i + 1, rest->len - i - 1 };
			*ret_value = value;
			return true;
		}
	}
	return false;
}

static bool take(struct str *rest, size_t len, struct str *ret_bytes)
{
	if (len > rest->len)
		return false;
	*ret_bytes = (struct str){ rest->data, len };
	*rest = (struct str){ rest->data + len, rest->len - len };
	return true;
}

static bool fixed(struct str *rest, size_t len, uint64_t *ret_value)
{
	struct str bytes;

	if (!take(rest, len, &bytes))
		return false;
	*ret_value = 0;
	for (size_t i = 0; i < len; i++)
		*ret_value |= (uint64_t)(uint8_t)bytes.data[i] << (8 * i);
	return true;
}

bool wire_value(struct str *rest, enum wire_type type, struct wire_field *ret_field)
{
	ret_field->type = type;
	switch (type) {
	case WIRE_VARINT:
		return wire_varint(rest, &ret_field->value);
	case WIRE_FIXED64:
		return fixed(rest, 8, &ret_field->value);
	case WIRE_FIXED32:
		return fixed(rest, 4, &ret_field->value);
	case WIRE_BYTES:
		return wire_varint(rest, &ret_field->value) && ret_field->value <= rest->len &&
		       take(rest, (size_t)ret_field->value, &ret_field->bytes);
	}
	return false;
}

bool wire_next(struct str *rest, struct wire_field *ret_field)
{
	uint64_t tag;

	if (!wire_varint(rest, &tag) || tag >> 3 == 0 || tag >> 3 > NUMBER_MAX)
		return false;
	ret_field->number = (uint32_t)(tag >> 3);
	return wire_value(rest, (enum wire_type)(tag & 7), ret_field);
}

enum wire_type wire_type_of(enum contract_type type)
{
	switch (type) {
	case CONTRACT_DOUBLE:
	case CONTRACT_FIXED64:
	case CONTRACT_SFIXED64:
		return WIRE_FIXED64;
	case CONTRACT_FLOAT:
	case CONTRACT_FIXED32:
	case CONTRACT_SFIXED32:
		return WIRE_FIXED32;
	case CONTRACT_STRING:
	case CONTRACT_BYTES:
	case CONTRACT_MESSAGE:
	case CONTRACT_GROUP:
		return WIRE_BYTES;
	case CONTRACT_INT64:
	case CONTRACT_UINT64:
	case CONTRACT_INT32:
	case CONTRACT_BOOL:
	case CONTRACT_UINT32:
	case CONTRACT_ENUM:
	case CONTRACT_SINT32:
	case CONTRACT_SINT64:
		return WIRE_VARINT;
	}
	return WIRE_VARINT;
}

int64_t wire_unzigzag(uint64_t value)
{
	return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}
