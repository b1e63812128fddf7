/*
 * str: bytes with a length, and text built in an arena.
 *
 * Invariants
 * - A `struct str` is a view: it owns nothing and need not end in NUL.
 * - A `struct buf` grows inside its arena; its text always ends in NUL, which is not counted.
 *
 * Usage
 *     struct buf b = buf_new(arena);
 *     buf_text(&b, "skus: ");
 *     buf_printf(&b, "%d", n);
 *     return b.data;
 */
#ifndef QUAYSIDE_BASE_STR_H
#define QUAYSIDE_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

struct str {
	const char *data;
	size_t len;
};

/* A view of a string literal, or of a C string (NULL becomes empty). */
#define STR(literal) ((struct str){ "" literal, sizeof(literal) - 1 })
struct str str_of(const char *text);

/* Byte equality; with a C string; ASCII case-insensitive. */
bool str_equal(struct str a, struct str b);
bool str_is(struct str a, const char *text);
bool str_is_nocase(struct str a, const char *text);
bool str_starts(struct str a, const char *prefix);

/*
 * Cuts everything up to the first separator off *rest and returns it (all of it when there is none); returns false when
 * *rest was exhausted.
 * "a,b," gives "a", "b" and "": exhausted is data == NULL, which an empty text is not.
 */
bool str_cut(struct str *rest, char separator, struct str *ret_head);

/* Without leading and trailing ASCII space and tab. */
struct str str_trim(struct str a);

/* Decimal, whole view, in range, no sign but '-': false otherwise (output untouched). */
bool str_to_int64(struct str a, int64_t *ret_value);
bool str_to_uint64(struct str a, uint64_t *ret_value);

/*
 * Is it well-formed UTF-8 (RFC 3629: no surrogates, nothing overlong, at most U+10FFFF)? And how many code points has
 * it (only for valid text)?
 */
bool utf8_valid(const char *data, size_t len);
size_t utf8_length(const char *data, size_t len);

/* How many bytes (1-4) the first code point has; 0 when the text is empty or does not start with a well-formed one. */
size_t utf8_next(const char *data, size_t len);

struct buf {
	struct arena *arena;
	char *data;
	size_t len;
	size_t capacity;
};

struct buf buf_new(struct arena *arena);
void buf_byte(struct buf *buf, char byte);
void buf_bytes(struct buf *buf, const void *data, size_t len);
void buf_text(struct buf *buf, const char *text);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Appends text as a quoted JSON string (RFC 8259): quotes, backslashes, control characters (also DEL, U+0080..U+009F)
 * and the line separators U+2028 and U+2029 escaped. What is not valid UTF-8 becomes U+FFFD, byte by byte.
 */
void buf_json(struct buf *buf, const char *text, size_t len);

/*
 * The same for one code point (len > 0): writes what stands for it, without NUL; returns how many bytes that are, and
 * how many it took from data.
 */
#define JSON_ESCAPED 6
size_t json_escape(const char *data, size_t len, char ret_text[JSON_ESCAPED], size_t *ret_used);

/*
 * Base64 of RFC 4648: standard alphabet with padding, or URL-safe without. Decoding accepts exactly what encoding
 * makes; returns false otherwise.
 */
void buf_base64(struct buf *buf, const void *data, size_t len);
void buf_base64url(struct buf *buf, const void *data, size_t len);
bool base64url_decode(struct arena *arena, struct str text, struct str *ret_data);

/* Lower-case hexadecimal. */
void buf_hex(struct buf *buf, const void *data, size_t len);

#endif
