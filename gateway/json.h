/*
 * json: JSON text (RFC 8259), token by token, and text made from it. No tree is ever built.
 *
 * Invariants
 * - The reader is strict: no comments, trailing commas, single quotes, leading zeros, byte order mark, raw control
 *   characters, lone surrogates or text that is not UTF-8; at most JSON_DEPTH containers are open at once; nothing
 *   but white space follows the value.
 * - Numbers stay text, so that none loses a digit. Texts without escapes are views of the input; others are decoded
 *   into the arena.
 * - A failure is final: every further token is JSON_BROKEN. Duplicate names are not the reader's business (it keeps
 *   no list): see transcode.
 * - The writer places commas; what is opened and closed in pairs is well-formed.
 *
 * Usage
 *     struct json_reader reader = json_reader_of(arena, body);
 *     if (json_next(&reader) != JSON_OBJECT) ...
 *     while (json_next(&reader) == JSON_NAME) {
 *             struct str name = reader.text;
 *             json_skip(&reader, json_next(&reader));
 *     }
 *
 *     struct json_writer writer = { .out = &buf };
 *     json_open(&writer, '{');
 *     json_name(&writer, "sku");
 *     json_text(&writer, sku);
 *     json_close(&writer, '}');
 */
#ifndef QUAYSIDE_GATEWAY_JSON_H
#define QUAYSIDE_GATEWAY_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

#define JSON_DEPTH 100

enum json_token {
	JSON_BROKEN, /* not JSON: see json_reader.error */
	JSON_END,    /* after the value */
	JSON_OBJECT,
	JSON_OBJECT_END,
	JSON_ARRAY,
	JSON_ARRAY_END,
	JSON_NAME, /* of a member; its value comes next */
	JSON_STRING,
	JSON_NUMBER,
	JSON_TRUE,
	JSON_FALSE,
	JSON_NULL,
};

enum json_expected { JSON_EXPECT_VALUE, JSON_EXPECT_ELEMENT_OR_END, JSON_EXPECT_NAME_OR_END, JSON_EXPECT_MORE };

struct json_reader {
	struct str text;   /* of the last token: decoded name or string, number as written */
	const char *error; /* what is wrong, or NULL */
	size_t offset;     /* of the byte where it is, or of the byte after the last token */

	/* Private. */
	struct arena *arena;
	struct str input;
	enum json_expected expected;
	unsigned depth;
	bool is_array[JSON_DEPTH];
};

/* The input must stay valid as long as the reader's texts are used. */
struct json_reader json_reader_of(struct arena *arena, struct str input);

enum json_token json_next(struct json_reader *reader);

/* Reads past the value that began with this token. */
void json_skip(struct json_reader *reader, enum json_token first);

/* Is the text one JSON number? */
bool json_is_number(struct str text);

/*
 * The exact value of a JSON number (in any spelling: 1.0, 1e3) as sign and magnitude. False when it is not whole or
 * its magnitude is beyond 2^64-1. Zero is never negative.
 */
bool json_whole(struct str number, bool *ret_negative, uint64_t *ret_magnitude);

/* The nearest double, or float, of a JSON number. False when it is out of range. */
bool json_double(struct arena *arena, struct str number, double *ret_value);
bool json_float(struct arena *arena, struct str number, float *ret_value);

struct json_writer {
	struct buf *out;
	bool comma; /* something stands before */
};

/* bracket: '{' or '[', '}' or ']'. */
void json_open(struct json_writer *writer, char bracket);
void json_close(struct json_writer *writer, char bracket);
void json_name(struct json_writer *writer, const char *name);

/*
 * Values: a string; a word or number that is JSON already; bytes as Base64; numbers. Text that is not UTF-8 gets
 * U+FFFD.
 */
void json_text(struct json_writer *writer, struct str text);
void json_raw(struct json_writer *writer, const char *text);
void json_base64(struct json_writer *writer, struct str bytes);
void json_int(struct json_writer *writer, int64_t value);

/* Shortest decimal that reads back the same; NaN and infinities as the strings of proto3 JSON. */
void json_from_double(struct json_writer *writer, double value);
void json_from_float(struct json_writer *writer, float value);

#endif
