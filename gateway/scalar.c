/* See scalar.h. */
#include "gateway/scalar.h"

#include <string.h>

#include "gateway/packer.h"

static const char NOT_WHOLE[] = "must be a whole number";
static const char OUT_OF_RANGE[] = "is out of range";

static const char *whole(enum json_token token, struct str text, uint64_t lowest, uint64_t highest, uint64_t *ret_bits)
{
	bool negative;
	uint64_t magnitude;

	if ((token != JSON_NUMBER && token != JSON_STRING) || !json_is_number(text))
		return NOT_WHOLE;
	if (!json_whole(text, &negative, &magnitude))
		return memchr(text.data, '.', text.len) != NULL || memchr(text.data + 1, '-', text.len - 1) != NULL
			   ? NOT_WHOLE
			   : OUT_OF_RANGE;
	if (magnitude > (negative ? lowest : highest))
		return OUT_OF_RANGE;
	*ret_bits = negative ? ~magnitude + 1 : magnitude;
	return NULL;
}

static const char *signed_number(enum json_token token, struct str text, uint64_t highest, uint64_t *ret_bits)
{
	return whole(token, text, highest + 1, highest, ret_bits);
}

static const char *unsigned_number(enum json_token token, struct str text, uint64_t highest, uint64_t *ret_bits)
{
	return whole(token, text, 0, highest, ret_bits);
}

static const char *zigzagged(const char *refusal, uint64_t *bits)
{
	if (refusal == NULL)
		*bits = pack_zigzag((int64_t)*bits);
	return refusal;
}

/* The three values that JSON has no numbers for. */
static bool special(enum json_token token, struct str text, double *ret_value)
{
	static const struct {
		const char *name;
		double value;
	} specials[] = { { "NaN", __builtin_nan("") },
			 { "Infinity", __builtin_inf() },
			 { "-Infinity", -__builtin_inf() } };

	for (size_t i = 0; token == JSON_STRING && i < sizeof(specials) / sizeof(specials[0]); i++)
		if (str_is(text, specials[i].name)) {
			*ret_value = specials[i].value;
			return true;
		}
	return false;
}

static const char *double_bits(struct arena *arena, enum json_token token, struct str text, uint64_t *ret_bits)
{
	double value = 0;

	if (!special(token, text, &value)) {
		if ((token != JSON_NUMBER && token != JSON_STRING) || !json_is_number(text))
			return "must be a number";
		if (!json_double(arena, text, &value))
			return OUT_OF_RANGE;
	}
	memcpy(ret_bits, &value, sizeof(value));
	return NULL;
}

static const char *float_bits(struct arena *arena, enum json_token token, struct str text, uint64_t *ret_bits)
{
	double named = 0;
	float value = 0;
	uint32_t bits;

	if (special(token, text, &named)) {
		value = (float)named;
	} else {
		if ((token != JSON_NUMBER && token != JSON_STRING) || !json_is_number(text))
			return "must be a number";
		if (!json_float(arena, text, &value))
			return OUT_OF_RANGE;
	}
	memcpy(&bits, &value, sizeof(value));
	*ret_bits = bits;
	return NULL;
}

static const char *list_of_names(struct arena *arena, const struct contract_enum *enumeration)
{
	struct buf text = buf_new(arena);

	buf_text(&text, "must be one of ");
	for (size_t i = 0; i < enumeration->n_values; i++) {
		buf_text(&text, i == 0 ? "" : ", ");
		buf_text(&text, enumeration->values[i].name);
	}
	return text.data;
}

/* By name or number; an unknown number is kept, for the service to judge. */
static const char *enum_bits(struct arena *arena, const struct contract_field *field, enum json_token token,
			     struct str text, uint64_t *ret_bits)
{
	const struct contract_enum_value *value =
	    token == JSON_STRING ? contract_enum_named(field->enumeration, text) : NULL;

	if (value != NULL) {
		*ret_bits = (uint64_t)(int64_t)value->number;
		return NULL;
	}
	if (token == JSON_NUMBER && signed_number(token, text, INT32_MAX, ret_bits) == NULL)
		return NULL;
	return list_of_names(arena, field->enumeration);
}

static const char *text_bytes(enum json_token token, struct str text, struct str *ret_bytes)
{
	if (token != JSON_STRING)
		return "must be text";
	if (!utf8_valid(text.data, text.len))
		return "must be text in UTF-8";
	*ret_bytes = text;
	return NULL;
}

/* Six bits per letter, by either alphabet; -1 for anything else. */
static int base64_value(char letter)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char standard = letter == '-' ? '+' : letter == '_' ? '/' : letter;
	const char *found = memchr(alphabet, standard, sizeof(alphabet) - 1);

	return found == NULL ? -1 : (int)(found - alphabet);
}

bool scalar_base64(struct arena *arena, struct str text, struct str *ret_bytes)
{
	unsigned char *out = arena_alloc(arena, text.len / 4 * 3 + 3);
	size_t len = 0;
	uint32_t bits = 0;
	unsigned count = 0;

	if (text.len > 0 && text.len % 4 == 0 && text.data[text.len - 1] == '=')
		text.len -= text.data[text.len - 2] == '=' ? 2 : 1;
	if (text.len % 4 == 1)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		const int value = base64_value(text.data[i]);

		if (value < 0)
			return false;
		bits = bits << 6 | (uint32_t)value;
		count += 6;
		if (count >= 8) {
			count -= 8;
			out[len++] = (unsigned char)(bits >> count & 0xFF);
		}
	}
	*ret_bytes = (struct str){ (const char *)out, len };
	return true;
}

static const char *decoded_bytes(struct arena *arena, enum json_token token, struct str text, struct str *ret_bytes)
{
	if (token != JSON_STRING || !scalar_base64(arena, text, ret_bytes))
		return "must be Base64";
	return NULL;
}

const char *scalar_of_json(struct arena *arena, const struct contract_field *field, enum json_token token,
			   struct str text, struct scalar *ret_scalar)
{
	struct scalar *s = ret_scalar;

	*s = (struct scalar){ 0, { "", 0 } };
	switch (field->type) {
	case CONTRACT_INT32:
	case CONTRACT_SFIXED32:
		return signed_number(token, text, INT32_MAX, &s->bits);
	case CONTRACT_INT64:
	case CONTRACT_SFIXED64:
		return signed_number(token, text, INT64_MAX, &s->bits);
	case CONTRACT_SINT32:
		return zigzagged(signed_number(token, text, INT32_MAX, &s->bits), &s->bits);
	case CONTRACT_SINT64:
		return zigzagged(signed_number(token, text, INT64_MAX, &s->bits), &s->bits);
	case CONTRACT_UINT32:
	case CONTRACT_FIXED32:
		return unsigned_number(token, text, UINT32_MAX, &s->bits);
	case CONTRACT_UINT64:
	case CONTRACT_FIXED64:
		return unsigned_number(token, text, UINT64_MAX, &s->bits);
	case CONTRACT_DOUBLE:
		return double_bits(arena, token, text, &s->bits);
	case CONTRACT_FLOAT:
		return float_bits(arena, token, text, &s->bits);
	case CONTRACT_ENUM:
		return enum_bits(arena, field, token, text, &s->bits);
	case CONTRACT_BOOL:
		s->bits = token == JSON_TRUE;
		return token == JSON_TRUE || token == JSON_FALSE ? NULL : "must be true or false";
	case CONTRACT_STRING:
		return text_bytes(token, text, &s->bytes);
	case CONTRACT_BYTES:
		return decoded_bytes(arena, token, text, &s->bytes);
	case CONTRACT_GROUP:
	case CONTRACT_MESSAGE:
		break;
	}
	return "is not a single value";
}

/* Text has no kinds of its own: words become booleans, digits the numbers of enums. */
const char *scalar_of_text(struct arena *arena, const struct contract_field *field, struct str text,
			   struct scalar *ret_scalar)
{
	enum json_token token = JSON_STRING;

	if (field->type == CONTRACT_BOOL && str_is(text, "true"))
		token = JSON_TRUE;
	if (field->type == CONTRACT_BOOL && str_is(text, "false"))
		token = JSON_FALSE;
	if (field->type == CONTRACT_ENUM && json_is_number(text))
		token = JSON_NUMBER;
	return scalar_of_json(arena, field, token, text, ret_scalar);
}

bool scalar_is_zero(const struct scalar *scalar)
{
	return scalar->bits == 0 && scalar->bytes.len == 0;
}

void scalar_pack(struct buf *buf, const struct contract_field *field, const struct scalar *scalar)
{
	if (wire_type_of(field->type) != WIRE_BYTES) {
		pack_number(buf, field->type, scalar->bits);
		return;
	}
	pack_varint(buf, scalar->bytes.len);
	buf_bytes(buf, scalar->bytes.data, scalar->bytes.len);
}

/* Whole numbers of 64 bits go out quoted, because many readers take numbers for doubles. */
static void quoted(struct json_writer *writer, int64_t value)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%lld", (long long)value);
	json_text(writer, str_of(text));
}

static void quoted_unsigned(struct json_writer *writer, uint64_t value)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	json_text(writer, str_of(text));
}

static void enum_to_json(struct json_writer *writer, const struct contract_field *field, int32_t number)
{
	const struct contract_enum_value *value = contract_enum_value(field->enumeration, number);

	if (value == NULL)
		json_int(writer, number);
	else
		json_text(writer, str_of(value->name));
}

static void double_to_json(struct json_writer *writer, uint64_t bits)
{
	double value;

	memcpy(&value, &bits, sizeof(value));
	json_from_double(writer, value);
}

static void float_to_json(struct json_writer *writer, uint64_t bits)
{
	const uint32_t low = (uint32_t)bits;
	float value;

	memcpy(&value, &low, sizeof(value));
	json_from_float(writer, value);
}

static int64_t number32(enum contract_type type, uint64_t value)
{
	if (type == CONTRACT_UINT32 || type == CONTRACT_FIXED32)
		return (int64_t)(value & UINT32_MAX);
	return type == CONTRACT_SINT32 ? (int32_t)wire_unzigzag(value & UINT32_MAX) : (int32_t)value;
}

void scalar_to_json(struct json_writer *writer, const struct contract_field *field, const struct wire_field *value)
{
	switch (field->type) {
	case CONTRACT_INT32:
	case CONTRACT_SFIXED32:
	case CONTRACT_SINT32:
	case CONTRACT_UINT32:
	case CONTRACT_FIXED32:
		json_int(writer, number32(field->type, value->value));
		return;
	case CONTRACT_INT64:
	case CONTRACT_SFIXED64:
	case CONTRACT_SINT64:
		quoted(writer, field->type == CONTRACT_SINT64 ? wire_unzigzag(value->value) : (int64_t)value->value);
		return;
	case CONTRACT_UINT64:
	case CONTRACT_FIXED64:
		quoted_unsigned(writer, value->value);
		return;
	case CONTRACT_DOUBLE:
		double_to_json(writer, value->value);
		return;
	case CONTRACT_FLOAT:
		float_to_json(writer, value->value);
		return;
	case CONTRACT_ENUM:
		enum_to_json(writer, field, (int32_t)value->value);
		return;
	case CONTRACT_BOOL:
		json_raw(writer, value->value != 0 ? "true" : "false");
		return;
	case CONTRACT_STRING:
		json_text(writer, value->bytes);
		return;
	case CONTRACT_BYTES:
		json_base64(writer, value->bytes);
		return;
	case CONTRACT_GROUP:
	case CONTRACT_MESSAGE:
		return;
	}
}
