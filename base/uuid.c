/* See uuid.h. */
#include "base/uuid.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"

/*
 * Straight from the kernel each time: a buffer of our own would be handed to both sides of a fork, and ids would
 * repeat.
 */
void random_bytes(void *ret_data, size_t len)
{
	unsigned char *data = ret_data;

	while (len > 0) {
		const ssize_t got = getrandom(data, len, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			perror("random_bytes: getrandom");
			abort();
		}
		data += got;
		len -= (size_t)got;
	}
}

/* RFC 9562, sections 4.1 and 4.2: the version stands in byte 6, the variant (binary 10) in byte 8. */
static void set_version(uint8_t bytes[UUID_BYTES], unsigned version)
{
	bytes[6] = (uint8_t)(version << 4 | (bytes[6] & 0x0Fu));
	bytes[8] = (uint8_t)(0x80u | (bytes[8] & 0x3Fu));
}

/* RFC 9562, section 5.7. */
void uuid_new(char ret_text[UUID_TEXT])
{
	const uint64_t milliseconds = (uint64_t)(clock_now() / CLOCK_MILLISECOND);
	uint8_t bytes[UUID_BYTES];

	for (unsigned i = 0; i < 6; i++)
		bytes[i] = (uint8_t)(milliseconds >> (40 - 8 * i));
	random_bytes(bytes + 6, UUID_BYTES - 6);
	set_version(bytes, 7);
	uuid_format(bytes, ret_text);
}

__extension__ typedef unsigned __int128 hash128;

#define HASH128(high_, low_) ((hash128)UINT64_C(high_) << 64 | UINT64_C(low_))
#define FNV_OFFSET HASH128(0x6c62272e07bb0142, 0x62b821756295c58d)
#define FNV_PRIME HASH128(0x0000000001000000, 0x000000000000013b)

/* FNV-1a with 128 bits (Fowler, Noll, Vo), over the text and its NUL, so that ("ab", "c") and ("a", "bc") differ. */
static hash128 fnv1a(hash128 hash, const char *text)
{
	const size_t len = strlen(text) + 1;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)text[i]) * FNV_PRIME;
	return hash;
}

/* The finaliser of MurmurHash3 (Appleby): every bit of the input reaches every bit of the output, and none is lost. */
static uint64_t mix(uint64_t x)
{
	x ^= x >> 33;
	x *= UINT64_C(0xff51afd7ed558ccd);
	x ^= x >> 33;
	x *= UINT64_C(0xc4ceb9fe1a85ec53);
	x ^= x >> 33;
	return x;
}

/*
 * FNV-1a alone leaves texts that differ in the last byte alike in most bits. Each step can be undone, so no two hashes
 * become one.
 */
void uuid_derive(const char *space, const char *name, char ret_text[UUID_TEXT])
{
	const hash128 hash = fnv1a(fnv1a(FNV_OFFSET, space), name);
	uint64_t high = (uint64_t)(hash >> 64), low = (uint64_t)hash;
	uint8_t bytes[UUID_BYTES];

	high ^= mix(low);
	low ^= mix(high);
	high ^= mix(low);
	for (unsigned i = 0; i < 8; i++) {
		bytes[i] = (uint8_t)(high >> (56 - 8 * i));
		bytes[8 + i] = (uint8_t)(low >> (56 - 8 * i));
	}
	set_version(bytes, 8);
	uuid_format(bytes, ret_text);
}

static bool is_hyphen_place(size_t at)
{
	return at == 8 || at == 13 || at == 18 || at == 23;
}

static bool hex_digit(char byte, uint8_t *ret_value)
{
	if (byte >= '0' && byte <= '9')
		*ret_value = (uint8_t)(byte - '0');
	else if (byte >= 'a' && byte <= 'f')
		*ret_value = (uint8_t)(byte - 'a' + 10);
	else if (byte >= 'A' && byte <= 'F')
		*ret_value = (uint8_t)(byte - 'A' + 10);
	else
		return false;
	return true;
}

bool uuid_parse(const char *text, uint8_t ret_bytes[UUID_BYTES])
{
	uint8_t bytes[UUID_BYTES] = { 0 };
	size_t digits = 0;

	if (text == NULL || strnlen(text, UUID_TEXT) != UUID_TEXT - 1)
		return false;
	for (size_t at = 0; at < UUID_TEXT - 1; at++) {
		uint8_t digit;

		if (is_hyphen_place(at)) {
			if (text[at] != '-')
				return false;
			continue;
		}
		if (!hex_digit(text[at], &digit))
			return false;
		bytes[digits / 2] = (uint8_t)(bytes[digits / 2] << 4 | digit);
		digits++;
	}
	memcpy(ret_bytes, bytes, UUID_BYTES);
	return true;
}

bool uuid_valid(const char *text)
{
	uint8_t ignored[UUID_BYTES];

	return uuid_parse(text, ignored);
}

void uuid_format(const uint8_t bytes[UUID_BYTES], char ret_text[UUID_TEXT])
{
	static const char digits[] = "0123456789abcdef";
	char *out = ret_text;

	for (size_t i = 0; i < UUID_BYTES; i++) {
		if (is_hyphen_place((size_t)(out - ret_text)))
			*out++ = '-';
		*out++ = digits[bytes[i] >> 4];
		*out++ = digits[bytes[i] & 0xF];
	}
	*out = '\0';
}
