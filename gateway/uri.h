/*
 * uri: percent-encoding (RFC 3986), decoded once and in one place.
 *
 * Invariants
 * - An incomplete or wrong %XX is refused. What comes out may be any bytes: whoever takes it as text checks UTF-8.
 *
 * Usage
 *     struct str id;
 *     if (!uri_decode(arena, segment, URI_SEGMENT, &id)) ...
 */
#ifndef QUAYSIDE_GATEWAY_URI_H
#define QUAYSIDE_GATEWAY_URI_H

#include <stdbool.h>

#include "base/str.h"

enum uri_part {
	URI_SEGMENT,  /* one segment of a path: everything is decoded */
	URI_SEGMENTS, /* several: %2F stays encoded, since it is no separator */
	URI_QUERY,    /* name or value of a query: '+' is a space */
};

bool uri_decode(struct arena *arena, struct str text, enum uri_part part, struct str *ret_text);

/* Appends text so that it is one segment of a path. */
void uri_encode(struct buf *buf, struct str text);

#endif
