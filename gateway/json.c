/*
 * The reader: a state machine over what may come next; containers are remembered one bool per level. Numbers and the
 * writer are in json_value.c.
 */
#include "gateway/json.h"

#include <string.h>

struct json_reader json_reader_of(struct arena *arena, struct str input)
{
	return (struct json_reader){ .arena = arena, .input = input, .expected = JSON_EXPECT_VALUE };
}

static enum json_token broken(struct json_reader *reader, const char *error)
{
	if (reader->error == NULL)
		reader->error = error;
	return JSON_BROKEN;
}

static bool at_end(const struct json_reader *reader)
{
	return reader->offset == reader->input.len;
}

static char peek(const struct json_reader *reader)
{
	return at_end(reader) ? '\0' : reader->input.data[reader->offset];
}

static void skip_space(struct json_reader *reader)
{
	while (!at_end(reader) && memchr(" \t\n\r", reader->input.data[reader->offset], 4) != NULL)
		reader->offset++;
}

static enum json_token open(struct json_reader *reader, bool array)
{
	if (reader->depth == JSON_DEPTH)
		return broken(reader, "too deeply nested");
	reader->is_array[reader->depth++] = array;
	reader->offset++;
	reader->expected = array ? JSON_EXPECT_ELEMENT_OR_END : JSON_EXPECT_NAME_OR_END;
	return array ? JSON_ARRAY : JSON_OBJECT;
}

static enum json_token close(struct json_reader *reader)
{
	reader->depth--;
	reader->offset++;
	reader->expected = JSON_EXPECT_MORE;
	return reader->is_array[reader->depth] ? JSON_ARRAY_END : JSON_OBJECT_END;
}

static enum json_token word(struct json_reader *reader, const char *text, enum json_token token)
{
	const size_t len = strlen(text);

	if (reader->input.len - reader->offset < len || memcmp(reader->input.data + reader->offset, text, len) != 0)
		return broken(reader, "an unknown word");
	reader->offset += len;
	reader->expected = JSON_EXPECT_MORE;
	return token;
}

static bool is_digit(char byte)
{
	return byte >= '0' && byte <= '9';
}

static size_t digits(struct str text, size_t at)
{
	size_t end = at;

	while (end < text.len && is_digit(text.data[end]))
		end++;
	return end - at;
}

/* How many bytes of the text are a number; 0 when it does not start with one. */
static size_t number_length(struct str text)
{
	size_t at = text.len > 0 && text.data[0] == '-' ? 1 : 0;
	size_t count = digits(text, at);

	if (count == 0)
		return 0;
	at += text.data[at] == '0' ? 1 : count;
	if (at < text.len && text.data[at] == '.') {
		count = digits(text, at + 1);
		if (count == 0)
			return 0;
		at += 1 + count;
	}
	if (at < text.len && (text.data[at] == 'e' || text.data[at] == 'E')) {
		at++;
		if (at < text.len && (text.data[at] == '+' || text.data[at] == '-'))
			at++;
		count = digits(text, at);
		if (count == 0)
			return 0;
		at += count;
	}
	return at;
}

bool json_is_number(struct str text)
{
	return text.len > 0 && number_length(text) == text.len;
}

static enum json_token number(struct json_reader *reader)
{
	const struct str rest = { reader->input.data + reader->offset, reader->input.len - reader->offset };
	const size_t len = number_length(rest);

	if (len == 0)
		return broken(reader, "an incomplete number");
	reader->text = (struct str){ rest.data, len };
	reader->offset += len;
	reader->expected = JSON_EXPECT_MORE;
	return JSON_NUMBER;
}

/* Four hexadecimal digits at this place of the input. */
static bool hex4(const struct json_reader *reader, size_t at, uint32_t *ret_value)
{
	uint32_t value = 0;

	if (reader->input.len < 4 || at > reader->input.len - 4)
		return false;
	for (size_t i = 0; i < 4; i++) {
		static const char alphabet[] = "0123456789abcdefABCDEF";
		const char *found = memchr(alphabet, reader->input.data[at + i], sizeof(alphabet) - 1);

		if (found == NULL)
			return false;

		const uint32_t digit = (uint32_t)(found - alphabet);

		value = value * 16 + (digit < 16 ? digit : digit - 6);
	}
	*ret_value = value;
	return true;
}

static size_t put_utf8(char *out, uint32_t point)
{
	if (point < 0x80) {
		out[0] = (char)point;
		return 1;
	}

	const size_t len = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
	static const unsigned char lead[] = { 0, 0, 0xC0, 0xE0, 0xF0 };

	for (size_t i = len - 1; i > 0; i--, point >>= 6)
		out[i] = (char)(0x80 | (point & 0x3F));
	out[0] = (char)(lead[len] | point);
	return len;
}

/*
 * \uXXXX, or a pair of them for a code point beyond U+FFFF; at is behind the 'u'. Returns the bytes written, or 0;
 * *at moves on.
 */
static size_t unicode_escape(const struct json_reader *reader, size_t *at, char *out)
{
	uint32_t high;
	uint32_t low;

	if (!hex4(reader, *at, &high))
		return 0;
	*at += 4;
	if (high < 0xD800 || high > 0xDFFF)
		return put_utf8(out, high);
	if (high > 0xDBFF || reader->input.len - *at < 6 || memcmp(reader->input.data + *at, "\\u", 2) != 0 ||
	    !hex4(reader, *at + 2, &low) || low < 0xDC00 || low > 0xDFFF)
		return 0;
	*at += 6;
	return put_utf8(out, 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00));
}

/* One escape; at is behind the backslash. Never more bytes come out than went in. */
static size_t escape(const struct json_reader *reader, size_t *at, char *out)
{
	static const char from[] = "\"\\/bfnrt";
	static const char to[] = "\"\\/\b\f\n\r\t";
	const char *found = memchr(from, reader->input.data[*at], sizeof(from) - 1);

	(*at)++;
	if (found == NULL)
		return reader->input.data[*at - 1] == 'u' ? unicode_escape(reader, at, out) : 0;
	*out = to[found - from];
	return 1;
}

/* Finds the closing quote of the string whose content starts at `at`; checks what may not stand inside. */
static bool find_quote(struct json_reader *reader, size_t at, size_t *ret_end, bool *ret_escaped)
{
	*ret_escaped = false;
	for (; at < reader->input.len; at++) {
		const char byte = reader->input.data[at];

		if (byte == '"') {
			*ret_end = at;
			return true;
		}
		if ((unsigned char)byte < 0x20) {
			broken(reader, "a control character inside a string");
			reader->offset = at;
			return false;
		}
		if (byte == '\\') {
			*ret_escaped = true;
			at++;
		}
	}
	broken(reader, "a string without end");
	return false;
}

static bool unescape(struct json_reader *reader, size_t at, size_t end)
{
	char *out = arena_try(reader->arena, end - at);
	size_t len = 0;

	if (out == NULL) {
		broken(reader, "too much of it");
		return false;
	}
	while (at < end) {
		if (reader->input.data[at] != '\\') {
			out[len++] = reader->input.data[at++];
			continue;
		}

		const size_t start = at++;
		const size_t written = escape(reader, &at, out + len);

		if (written == 0) {
			broken(reader, "a wrong escape inside a string");
			reader->offset = start;
			return false;
		}
		len += written;
	}
	reader->text = (struct str){ out, len };
	return true;
}

static enum json_token string(struct json_reader *reader, enum json_token token)
{
	const size_t start = reader->offset + 1;
	size_t end;
	bool escaped;

	if (!find_quote(reader, start, &end, &escaped))
		return JSON_BROKEN;
	reader->text = (struct str){ reader->input.data + start, end - start };
	if (!utf8_valid(reader->text.data, reader->text.len))
		return broken(reader, "a string that is not UTF-8");
	if (escaped && !unescape(reader, start, end))
		return JSON_BROKEN;
	reader->offset = end + 1;
	reader->expected = JSON_EXPECT_MORE;
	return token;
}

static enum json_token value(struct json_reader *reader)
{
	switch (peek(reader)) {
	case '{':
		return open(reader, false);
	case '[':
		return open(reader, true);
	case '"':
		return string(reader, JSON_STRING);
	case 't':
		return word(reader, "true", JSON_TRUE);
	case 'f':
		return word(reader, "false", JSON_FALSE);
	case 'n':
		return word(reader, "null", JSON_NULL);
	default:
		if (peek(reader) == '-' || is_digit(peek(reader)))
			return number(reader);
		return broken(reader, at_end(reader) ? "it ends too early" : "a value is missing");
	}
}

static enum json_token name(struct json_reader *reader)
{
	if (peek(reader) != '"')
		return broken(reader, at_end(reader) ? "it ends too early" : "a name is missing");
	if (string(reader, JSON_NAME) == JSON_BROKEN)
		return JSON_BROKEN;
	skip_space(reader);
	if (peek(reader) != ':')
		return broken(reader, "a colon is missing");
	reader->offset++;
	reader->expected = JSON_EXPECT_VALUE;
	return JSON_NAME;
}

/* After a value: the next one behind a comma, the end of the container, or of everything. */
static enum json_token more(struct json_reader *reader)
{
	if (reader->depth == 0)
		return at_end(reader) ? JSON_END : broken(reader, "something follows the value");

	const bool array = reader->is_array[reader->depth - 1];

	if (peek(reader) == (array ? ']' : '}'))
		return close(reader);
	if (peek(reader) != ',')
		return broken(reader, at_end(reader) ? "it ends too early" : "a comma is missing");
	reader->offset++;
	skip_space(reader);
	return array ? value(reader) : name(reader);
}

enum json_token json_next(struct json_reader *reader)
{
	if (reader->error != NULL)
		return JSON_BROKEN;
	skip_space(reader);
	switch (reader->expected) {
	case JSON_EXPECT_VALUE:
		return value(reader);
	case JSON_EXPECT_ELEMENT_OR_END:
		return peek(reader) == ']' ? close(reader) : value(reader);
	case JSON_EXPECT_NAME_OR_END:
		return peek(reader) == '}' ? close(reader) : name(reader);
	case JSON_EXPECT_MORE:
		return more(reader);
	}
	return JSON_BROKEN;
}

void json_skip(struct json_reader *reader, enum json_token first)
{
	if (first != JSON_OBJECT && first != JSON_ARRAY)
		return;

	const unsigned outside = reader->depth - 1;

	while (reader->depth > outside)
		if (json_next(reader) == JSON_BROKEN)
			return;
}
