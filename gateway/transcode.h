/*
 * transcode: JSON text to protobuf bytes and back, by the contracts' descriptors alone (proto3 JSON mapping). No
 * structs, no tree.
 *
 * Invariants
 * - A request is its body plus bindings: single values from the path, the query and headers, each for one field.
 *   Where body and binding name the same field they must agree.
 * - Strict: unknown fields, fields given twice (also once by each spelling), two members of a oneof, null in a list
 *   and wrong types are refused, all at once (INVALID_REQUEST), each with its path in the body as JSON has it
 *   ("addresses[2].postalCode"). Both spellings of names are taken; null means absent.
 * - What is no JSON at all is MALFORMED_MESSAGE and says where.
 * - A reply has lowerCamelCase names, fields by number, zeros left out (but not in a oneof), 64-bit numbers quoted,
 *   enums by name. Its bytes may come in any order that protobuf allows.
 * - Requests nest at most as deep as the contracts, which have no recursive messages; replies at most TRANSCODE_DEPTH
 *   (an Any may hold anything).
 *
 * Usage
 *     struct transcode_request request = { .message = method->input, .body = body, .bindings = bindings };
 *     TRY(transcode_request(arena, &request, &bytes));
 *     ...
 *     TRY(transcode_reply(arena, method->output, reply, &buf));
 */
#ifndef QUAYSIDE_GATEWAY_TRANSCODE_H
#define QUAYSIDE_GATEWAY_TRANSCODE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "base/str.h"
#include "runtime/contract.h"

#define TRANSCODE_DEPTH 32
#define BINDING_DEPTH 4 /* "a.b.c.d" */

/* One value for one field, from elsewhere than the body. */
struct binding {
	const struct contract_field
	    *path[BINDING_DEPTH]; /* from the request message; none but the last may be repeated */
	size_t depth;
	struct str text;
	const char *source; /* "the path": for the sentence when the body says otherwise */
	struct binding *next;

	/* Private to transcode_request(). */
	size_t matched;
	bool done;
};

struct transcode_request {
	const struct contract_message *message;
	const struct contract_field *body_field; /* the field that the body is; NULL: the body is the message */
	struct str body;                         /* empty: none */
	struct binding *bindings;
	struct status violations; /* found elsewhere already, to be told together with those found here */
	/*
	 * Fill an absent `update_mask` with the members that the body has (AIP-134); not the bound ones, `etag`, or what is
	 * output only.
	 */
	bool derive_mask;
};

struct status transcode_request(struct arena *arena, const struct transcode_request *request,
				struct str *ret_bytes) MUST_USE;

/*
 * Appends the JSON object for a message. Fails with INTERNAL_ERROR when the bytes are not this message, or have no
 * JSON (a time out of range).
 */
struct status transcode_reply(struct arena *arena, const struct contract_message *message, struct str bytes,
			      struct buf *out) MUST_USE;

/* The value of a text or bytes field of the message itself; empty when it is absent or there is no such field. */
struct str transcode_text(const struct contract_message *message, struct str bytes, const char *field_name);

/*
 * A field's path from the request message ("customer.addresses[2].postal_code") as the path in the body
 * ("addresses[2].postalCode").
 */
const char *transcode_json_path(struct arena *arena, const struct contract_message *message,
				const struct contract_field *body_field, const char *path);

#endif
