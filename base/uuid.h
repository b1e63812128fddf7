/*
 * uuid: identifiers of resources (RFC 9562).
 *
 * Invariants
 * - Text is lower case, 36 characters with hyphens; parsing accepts upper case too.
 * - uuid_new() is version 7: 48 bits of Unix milliseconds, then random bits from the kernel. It never fails (no
 *   randomness stops the process).
 * - uuid_derive() is version 8: the same inputs always give the same id, so that a retry names the same thing.
 *
 * Usage
 *     char order_id[UUID_TEXT];
 *     uuid_new(order_id);
 */
#ifndef QUAYSIDE_BASE_UUID_H
#define QUAYSIDE_BASE_UUID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UUID_BYTES 16
#define UUID_TEXT 37 /* with the NUL */

void uuid_new(char ret_text[UUID_TEXT]);

/*
 * From two texts, by FNV-1a with 128 bits, finalised, of which 122 remain. Chance collisions do not occur in practice,
 * but the hash is not cryptographic: whoever chooses a text freely can make two collide, so texts from strangers belong
 * in a space of their own (their account).
 * Derived ids are stored: the algorithm never changes.
 */
void uuid_derive(const char *space, const char *name, char ret_text[UUID_TEXT]);

bool uuid_valid(const char *text);
bool uuid_parse(const char *text, uint8_t ret_bytes[UUID_BYTES]);
void uuid_format(const uint8_t bytes[UUID_BYTES], char ret_text[UUID_TEXT]);

/* Bytes from the kernel's random generator. */
void random_bytes(void *ret_data, size_t len);

#endif
