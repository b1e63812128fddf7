/* Views, UTF-8 and growing text. Encodings (JSON, Base64, hexadecimal) are in encode.c. See str.h. */
#include "base/str.h"

#include <stdio.h>
#include <string.h>

#define BUF_FIRST 64

struct str str_of(const char *text)
{
	return text == NULL ? STR("") : (struct str){ text, strlen(text) };
}

/* memcmp(3) must not be given NULL, and an empty view may hold it. */
static bool same(const char *a, const char *b, size_t len)
{
	return len == 0 || memcmp(a, b, len) == 0;
}

bool str_equal(struct str a, struct str b)
{
	return a.len == b.len && same(a.data, b.data, a.len);
}

bool str_is(struct str a, const char *text)
{
	return str_equal(a, str_of(text));
}

/* tolower(3) follows the locale; protocols do not. */
static char lower(char byte)
{
	return byte >= 'A' && byte <= 'Z' ? (char)(byte - 'A' + 'a') : byte;
}

bool str_is_nocase(struct str a, const char *text)
{
	const struct str b = str_of(text);

	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (lower(a.data[i]) != lower(b.data[i]))
			return false;
	return true;
}

bool str_starts(struct str a, const char *prefix)
{
	const struct str start = str_of(prefix);

	return a.len >= start.len && same(a.data, start.data, start.len);
}

bool str_cut(struct str *rest, char separator, struct str *ret_head)
{
	if (rest->data == NULL)
		return false;

	const char *found = memchr(rest->data, separator, rest->len);

	if (found == NULL) {
		*ret_head = *rest;
		*rest = (struct str){ NULL, 0 };
		return true;
	}

	const size_t len = (size_t)(found - rest->data);

	*ret_head = (struct str){ rest->data, len };
	*rest = (struct str){ found + 1, rest->len - len - 1 };
	return true;
}

static bool is_blank(char byte)
{
	return byte == ' ' || byte == '\t';
}

struct str str_trim(struct str a)
{
	while (a.len > 0 && is_blank(a.data[0])) {
		a.data++;
		a.len--;
	}
	while (a.len > 0 && is_blank(a.data[a.len - 1]))
		a.len--;
	return a;
}

bool str_to_uint64(struct str a, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (a.len == 0)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		if (a.data[i] < '0' || a.data[i] > '9')
			return false;
		if (__builtin_mul_overflow(value, UINT64_C(10), &value) ||
		    __builtin_add_overflow(value, (uint64_t)(a.data[i] - '0'), &value))
			return false;
	}
	*ret_value = value;
	return true;
}

bool str_to_int64(struct str a, int64_t *ret_value)
{
	const bool negative = a.len > 0 && a.data[0] == '-';
	uint64_t magnitude;

	if (negative) {
		a.data++;
		a.len--;
	}
	if (!str_to_uint64(a, &magnitude) || magnitude > (uint64_t)INT64_MAX + negative)
		return false;
	/* INT64_MIN has no positive counterpart, so the sign is applied to one less. */
	*ret_value = !negative ? (int64_t)magnitude : magnitude == 0 ? 0 : -(int64_t)(magnitude - 1) - 1;
	return true;
}

static bool is_continuation(unsigned char byte)
{
	return (byte & 0xC0) == 0x80;
}

/*
 * How many bytes the sequence has that starts so; 0 for a byte that cannot start one. C0, C1 and F5.. never occur (RFC
 * 3629, section 3).
 */
static size_t utf8_expected(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first >= 0xC2 && first <= 0xDF)
		return 2;
	if (first >= 0xE0 && first <= 0xEF)
		return 3;
	return first >= 0xF0 && first <= 0xF4 ? 4 : 0;
}

/*
 * RFC 3629, section 4: after four of the first bytes the second is bound more narrowly (overlong forms, surrogates,
 * beyond U+10FFFF).
 */
static bool utf8_second_allowed(unsigned char first, unsigned char second)
{
	switch (first) {
	case 0xE0:
		return second >= 0xA0;
	case 0xED:
		return second <= 0x9F;
	case 0xF0:
		return second >= 0x90;
	case 0xF4:
		return second <= 0x8F;
	default:
		return true;
	}
}

size_t utf8_next(const char *data, size_t len)
{
	const unsigned char *bytes = (const unsigned char *)data;
	const size_t expected = len == 0 ? 0 : utf8_expected(bytes[0]);

	if (expected == 0 || expected > len)
		return 0;
	for (size_t i = 1; i < expected; i++)
		if (!is_continuation(bytes[i]))
			return 0;
	return expected == 1 || utf8_second_allowed(bytes[0], bytes[1]) ? expected : 0;
}

bool utf8_valid(const char *data, size_t len)
{
	size_t at = 0;

	while (at < len) {
		uint64_t eight;

		/* Most text is ASCII: eight bytes without a high bit need no closer look. */
		if (len - at >= sizeof(eight)) {
			memcpy(&eight, data + at, sizeof(eight));
			if ((eight & UINT64_C(0x8080808080808080)) == 0) {
				at += sizeof(eight);
				continue;
			}
		}

		const size_t step = utf8_next(data + at, len - at);

		if (step == 0)
			return false;
		at += step;
	}
	return true;
}

size_t utf8_length(const char *data, size_t len)
{
	size_t count = 0;

	for (size_t i = 0; i < len; i++)
		count += !is_continuation((unsigned char)data[i]);
	return count;
}

struct buf buf_new(struct arena *arena)
{
	return (struct buf){ arena, arena_alloc(arena, BUF_FIRST), 0, BUF_FIRST };
}

/*
 * Makes room for len more bytes and the NUL. Lengths that could overflow are beyond any memory: arena_alloc() stops
 * there.
 */
static void reserve(struct buf *buf, size_t len)
{
	const size_t needed = len > SIZE_MAX / 2 ? SIZE_MAX : buf->len + len + 1;

	if (needed <= buf->capacity)
		return;

	const size_t capacity = needed > buf->capacity * 2 ? needed : buf->capacity * 2;
	char *data = arena_alloc(buf->arena, capacity);

	memcpy(data, buf->data, buf->len);
	buf->data = data;
	buf->capacity = capacity;
}

void buf_byte(struct buf *buf, char byte)
{
	reserve(buf, 1);
	buf->data[buf->len++] = byte;
	buf->data[buf->len] = '\0';
}

void buf_bytes(struct buf *buf, const void *data, size_t len)
{
	if (len == 0)
		return;
	reserve(buf, len);
	memcpy(buf->data + buf->len, data, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
}

void buf_text(struct buf *buf, const char *text)
{
	buf_bytes(buf, text, strlen(text));
}

void buf_printf(struct buf *buf, const char *format, ...)
{
	va_list args, again;

	va_start(args, format);
	va_copy(again, args);
	const int len = vsnprintf(buf->data + buf->len, buf->capacity - buf->len, format, args);

	va_end(args);
	if (len < 0) {
		buf->data[buf->len] = '\0';
	} else {
		if ((size_t)len >= buf->capacity - buf->len) {
			reserve(buf, (size_t)len);
			vsnprintf(buf->data + buf->len, buf->capacity - buf->len, format, again);
		}
		buf->len += (size_t)len;
	}
	va_end(again);
}
