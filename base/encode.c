/* How bytes become text: JSON strings, Base64, hexadecimal. See str.h. */
#include "base/str.h"

#include <string.h>

static const char HEX[] = "0123456789abcdef";

/* U+0080..U+009F steer terminals; U+2028 and U+2029 end lines in JavaScript before 2019 and in some viewers. */
static bool is_hidden(const unsigned char *bytes, size_t len)
{
	if (len == 2)
		return bytes[0] == 0xC2 && bytes[1] < 0xA0;
	return len == 3 && bytes[0] == 0xE2 && bytes[1] == 0x80 && (bytes[2] == 0xA8 || bytes[2] == 0xA9);
}

static size_t escape_unicode(unsigned code, char ret_text[JSON_ESCAPED])
{
	ret_text[0] = '\\';
	ret_text[1] = 'u';
	for (unsigned i = 0; i < 4; i++)
		ret_text[2 + i] = HEX[code >> (12 - 4 * i) & 0xF];
	return 6;
}

static size_t escape_ascii(char byte, char ret_text[JSON_ESCAPED])
{
	static const char plain[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
	const char *found = byte == '\0' ? NULL : strchr(plain, byte);

	if (found != NULL) {
		ret_text[0] = '\\';
		ret_text[1] = letters[found - plain];
		return 2;
	}
	if ((unsigned char)byte < 0x20 || byte == 0x7F)
		return escape_unicode((unsigned char)byte, ret_text);
	ret_text[0] = byte;
	return 1;
}

size_t json_escape(const char *data, size_t len, char ret_text[JSON_ESCAPED], size_t *ret_used)
{
	const unsigned char *bytes = (const unsigned char *)data;
	const size_t step = utf8_next(data, len);

	*ret_used = step == 0 ? 1 : step;
	if (step == 1)
		return escape_ascii(data[0], ret_text);
	if (step == 0) {
		memcpy(ret_text, "\xEF\xBF\xBD", 3);
		return 3;
	}
	if (is_hidden(bytes, step))
		return escape_unicode(step == 2 ? bytes[1] : 0x2000u + (bytes[2] & 0x3Fu), ret_text);
	memcpy(ret_text, data, step);
	return step;
}

static size_t plain_run(const char *data, size_t len)
{
	size_t run = 0;

	while (run < len && data[run] >= 0x20 && data[run] < 0x7F && data[run] != '"' && data[run] != '\\')
		run++;
	return run;
}

void buf_json(struct buf *buf, const char *text, size_t len)
{
	size_t at = 0;

	buf_byte(buf, '"');
	while (at < len) {
		const size_t run = plain_run(text + at, len - at);
		char escaped[JSON_ESCAPED];
		size_t used = 0;

		buf_bytes(buf, text + at, run);
		at += run;
		if (at == len)
			break;
		buf_bytes(buf, escaped, json_escape(text + at, len - at, escaped, &used));
		at += used;
	}
	buf_byte(buf, '"');
}

void buf_hex(struct buf *buf, const void *data, size_t len)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i < len; i++) {
		const char pair[] = { HEX[bytes[i] >> 4], HEX[bytes[i] & 0xF] };

		buf_bytes(buf, pair, sizeof(pair));
	}
}

static const char BASE64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char BASE64URL[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void encode_base64(struct buf *buf, const char *alphabet, bool pad, const unsigned char *bytes, size_t len)
{
	for (size_t at = 0; at < len; at += 3) {
		const size_t have = len - at < 3 ? len - at : 3;
		const unsigned group = (unsigned)bytes[at] << 16 | (have > 1 ? (unsigned)bytes[at + 1] << 8 : 0) |
				       (have > 2 ? bytes[at + 2] : 0);
		char digits[4] = { '=', '=', '=', '=' };

		for (unsigned i = 0; i <= have; i++)
			digits[i] = alphabet[group >> (18 - 6 * i) & 0x3F];
		buf_bytes(buf, digits, pad ? 4 : have + 1);
	}
}

void buf_base64(struct buf *buf, const void *data, size_t len)
{
	encode_base64(buf, BASE64, true, data, len);
}

void buf_base64url(struct buf *buf, const void *data, size_t len)
{
	encode_base64(buf, BASE64URL, false, data, len);
}

static bool base64url_digit(char byte, unsigned *ret_value)
{
	const char *found = byte == '\0' ? NULL : strchr(BASE64URL, byte);

	if (found == NULL)
		return false;
	*ret_value = (unsigned)(found - BASE64URL);
	return true;
}

bool base64url_decode(struct arena *arena, struct str text, struct str *ret_data)
{
	/* One digit alone holds no byte. */
	if (text.len % 4 == 1)
		return false;

	char *data = arena_alloc(arena, text.len / 4 * 3 + 3);
	unsigned pending = 0, bits = 0;
	size_t len = 0;

	for (size_t i = 0; i < text.len; i++) {
		unsigned digit;

		if (!base64url_digit(text.data[i], &digit))
			return false;
		pending = (pending << 6 | digit) & 0xFFF;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			data[len++] = (char)(unsigned char)(pending >> bits & 0xFF);
		}
	}
	/*
	 * Left-over bits are zero when encoded; anything else would be a second spelling of the same bytes (RFC 4648,
	 * section 3.5).
	 */
	if ((pending & ((1u << bits) - 1)) != 0)
		return false;
	*ret_data = (struct str){ data, len };
	return true;
}
