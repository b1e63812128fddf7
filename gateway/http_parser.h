/*
 * http_parser: bytes to requests. llhttp reads; what it is lax about is checked here, because proxies and servers
 * that read one message differently are how requests get smuggled.
 *
 * Invariants
 * - Lines end in CR LF. A bare CR or LF, a NUL or other control character, and a folded line are refused, also in the
 *   framing of chunks.
 * - HTTP/1.1 needs exactly one Host. Content-Length is at most one field of digits; Transfer-Encoding is at most one
 *   field, "chunked"; never both. Fields that decide something come once.
 * - A line has at most HTTP_LINE_MAX bytes, a head HTTP_HEAD_MAX bytes and HTTP_FIELDS_MAX fields, a body what the
 *   limit says, also when it comes in chunks (whose framing may take as much again).
 *
 * Usage
 *     http_parser_start(&parser, request, max_body);
 *     switch (http_parse(&parser, bytes, &used)) ...
 */
#ifndef QUAYSIDE_GATEWAY_HTTP_PARSER_H
#define QUAYSIDE_GATEWAY_HTTP_PARSER_H

#include <llhttp.h>

#include "gateway/http.h"

#define HTTP_LINE_MAX ((size_t)8 * 1024)
#define HTTP_HEAD_MAX ((size_t)16 * 1024)
#define HTTP_FIELDS_MAX 100
#define HTTP_BITE ((size_t)4 * 1024) /* bytes to feed at once: what is refused costs at most so much more memory */

enum http_progress {
	HTTP_MORE,     /* needs more bytes */
	HTTP_CONTINUE, /* needs more bytes, for which the client waits to be asked (Expect: 100-continue) */
	HTTP_COMPLETE,
	HTTP_REFUSED, /* request->refusal says why */
};

struct http_parser {
	llhttp_t llhttp;
	struct http_request *request;
	size_t max_body;
	bool head_done;
	struct buf body;

	/* Private. */
	struct buf head;                      /* target, then name, value, name, value, ... */
	size_t ends[1 + 2 * HTTP_FIELDS_MAX]; /* where each ends in `head` */
	size_t n_ends;
	bool chunked;
	uint64_t chunk;        /* bytes of this chunk that are still to come */
	bool after_chunk;      /* all of it came: the end of the line must follow, which llhttp skips unseen */
	const char *unguarded; /* the first byte fed that was neither guarded nor body */
	bool carriage_return;  /* the last byte was one */
	size_t line, section;  /* bytes of this line; of all lines of the head, or of the framing */
	bool first_line;
};

/* For a new request, which must stay valid until it is complete or refused; its arena takes everything. */
void http_parser_start(struct http_parser *parser, struct http_request *request, size_t max_body);

/*
 * Reads at most bytes.len bytes, at most one request; *ret_used is how many. After HTTP_COMPLETE or HTTP_REFUSED it
 * must be started anew.
 */
enum http_progress http_parse(struct http_parser *parser, struct str bytes, size_t *ret_used);

#endif
