/* See trace.h. */
#include "runtime/trace.h"

#include <stdint.h>
#include <string.h>

#include "base/uuid.h"

#define TRACE_BYTES 16
#define SPAN_BYTES 8
#define PARENT_LEN 55
#define TRACE_AT 3
#define SPAN_AT 36
#define FLAGS_AT 53

/* Ids need not be secret, only different: the kernel is asked for many at once. */
static void fresh_id(uint8_t *ret_id, size_t len)
{
	static uint8_t pool[1024];
	static size_t left;

	if (left < len) {
		random_bytes(pool, sizeof(pool));
		left = sizeof(pool);
	}
	left -= len;
	memcpy(ret_id, pool + left, len);
}

static bool is_hex(struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (strchr("0123456789abcdef", text.data[i]) == NULL || text.data[i] == '\0')
			return false;
	return true;
}

/* Not all zeros (section 3.2.2.3). */
static bool is_id(struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] != '0')
			return is_hex(text);
	return false;
}

static struct str part(struct str text, size_t at, size_t len)
{
	return (struct str){ text.data + at, len };
}

/* Section 3.2.2. A version beyond 00 may go on after the flags, with a hyphen. */
static bool is_valid(struct str text)
{
	const struct str version = part(text, 0, 2);

	if (text.len < PARENT_LEN || !is_hex(version) || str_is(version, "ff"))
		return false;
	if (text.len > PARENT_LEN && (str_is(version, "00") || text.data[PARENT_LEN] != '-'))
		return false;
	return text.data[2] == '-' && text.data[SPAN_AT - 1] == '-' && text.data[FLAGS_AT - 1] == '-' &&
	       is_id(part(text, TRACE_AT, 2 * TRACE_BYTES)) && is_id(part(text, SPAN_AT, 2 * SPAN_BYTES)) &&
	       is_hex(part(text, FLAGS_AT, 2));
}

static void put_hex(char *to, const uint8_t *from, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		to[2 * i] = digits[from[i] >> 4];
		to[2 * i + 1] = digits[from[i] & 0xF];
	}
}

char *trace_child(struct arena *arena, struct str parent)
{
	char *text = arena_memdup(arena, "00-00000000000000000000000000000000-0000000000000000-01", PARENT_LEN + 1);
	uint8_t id[TRACE_BYTES];

	if (is_valid(parent)) {
		memcpy(text + TRACE_AT, parent.data + TRACE_AT, PARENT_LEN - TRACE_AT);
	} else {
		fresh_id(id, TRACE_BYTES);
		put_hex(text + TRACE_AT, id, TRACE_BYTES);
	}
	fresh_id(id, SPAN_BYTES);
	put_hex(text + SPAN_AT, id, SPAN_BYTES);
	return text;
}

struct str trace_id(const char *trace_parent)
{
	return (struct str){ trace_parent + TRACE_AT, 2 * TRACE_BYTES };
}
