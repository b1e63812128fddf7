/*
 * http: an HTTP/1.1 server for strangers (RFC 9110, 9112), with or without TLS: connections, limits, deadlines,
 * orderly answers.
 *
 * Invariants
 * - Messages are read by llhttp, and what it would let pass is refused by our own checks: see http_parser.h. After a
 *   refusal nothing more is read.
 * - A connection has one request at a time; further ones wait unread, so answers keep their order and a client that
 *   does not read stops being read.
 * - Every wait has an absolute deadline: for the head and for the body of a request, between requests, for taking the
 *   answer. A trickle of bytes does not extend it.
 * - handle() is called once for each request, on the loop's own stack; http_respond() must follow once for each, then
 *   or later. The request and its arena live until then, even when the client has gone meanwhile: request->gone()
 *   tells (the client's half-close counts as going).
 * - An answer may be a stream: its pieces go out as they come, and it ends with the connection. Whoever sends one waits until the client has taken what was sent
 *   before there is more (http_stream_unsent(), request->taken()); a client that has not done so within write_timeout is cut off.
 * - Every answer carries the headers that keep a browser from doing what was not meant (nosniff, no referrer, own
 *   origin only, ...).
 * - One log line per request; the query, which may hold personal data, is not in it.
 *
 * Usage
 *     struct http_server *server = http_server_new(loop, &limits, tls, handle, owner);
 *     if (!http_server_listen(server, "127.0.0.1:8080")) ...
 *     static void handle(void *owner, struct http_request *request)
 *     {
 *             const struct http_response hello = { .status = 200, .content_type = "text/plain", .body = STR("hello") };
 *
 *             http_respond(request, &hello);
 *     }
 */
#ifndef QUAYSIDE_GATEWAY_HTTP_H
#define QUAYSIDE_GATEWAY_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "runtime/loop.h"

struct ssl_ctx_st; /* OpenSSL's SSL_CTX */
struct http_server;
struct http_connection;

struct http_field {
	struct str name, value;
};

struct http_request {
	struct arena *arena;
	struct str method;      /* "GET" */
	struct str path, query; /* as sent, still percent-encoded, without '?' */
	const struct http_field *fields;
	size_t n_fields;
	struct str body;
	const char *peer; /* the client's address, without port */

	/*
	 * Set when the request cannot be served whatever it asks for: the status to answer, and why. Then the rest
	 * may be missing.
	 */
	int refusal;
	const char *refusal_detail;

	/*
	 * For the handler: called when the client goes before the answer, and for a stream also when the server drains. The answer, or the stream's end, is still due.
	 */
	void (*gone)(struct http_request *request);
	/* Likewise for a stream: called when the client has taken all that was sent. May be NULL. */
	void (*taken)(struct http_request *request);
	void *owner;

	/* Private. */
	struct http_connection *connection;
	struct http_server *server;
	int64_t started;
	bool keep_alive;
	int streamed_status; /* 0: no stream has begun */
	size_t streamed;     /* bytes */
};

struct http_response {
	int status;
	const char *content_type;        /* NULL: there is no body */
	struct str body;                 /* copied, unless: */
	bool body_is_kept;               /* the body lives as long as the process */
	const char *policy;              /* Content-Security-Policy; NULL: HTTP_POLICY_NONE */
	const char *cache;               /* Cache-Control; NULL: "no-store" */
	const struct http_field *fields; /* further ones */
	size_t n_fields;
	const char *reason, *trace; /* for the log; may be NULL */
};

/* What a browser may do with an answer: nothing; be our page; show a document with our styles. */
#define HTTP_POLICY_NONE "default-src 'none'; frame-ancestors 'none'"
#define HTTP_POLICY_PAGE                                                                                               \
	"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src " \
	"'self'; "                                                                                                     \
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
#define HTTP_POLICY_DOCUMENT                                                                                           \
	"default-src 'none'; style-src 'self'; img-src 'self' data:; font-src 'self'; form-action 'none'; base-uri "   \
	"'none'; frame-ancestors 'self'"

struct http_limits {
	int64_t max_connections, max_connections_per_address; /* IPv6: per /64 */
	int64_t max_body;                                     /* bytes of one request's body */
	int64_t max_bodies;                                   /* bytes of all bodies that are being received */
	int64_t head_timeout, body_timeout, idle_timeout, write_timeout; /* microseconds */
};

/* tls: NULL for plain HTTP; belongs to the caller. */
struct http_server *http_server_new(struct loop *loop, const struct http_limits *limits, struct ssl_ctx_st *tls,
				    void (*handle)(void *owner, struct http_request *request), void *owner);

/*
 * "127.0.0.1:8080" or "[::1]:8080"; port 0 picks one (it is in the log). False, with a log line, when the address
 * cannot be had.
 */
bool http_server_listen(struct http_server *server, const char *address);

/*
 * Takes no new connections, answers what was asked (with Connection: close), and cuts what is left after grace
 * microseconds. drained(context) is called on the loop when no connection and no request is left.
 */
void http_server_drain(struct http_server *server, int64_t grace, void (*drained)(void *context), void *context);

/* After drained. */
void http_server_free(struct http_server *server);

/* Answers a request and ends its life. From the loop's stack or a coroutine. */
void http_respond(struct http_request *request, const struct http_response *response);

/*
 * Answers with a stream: begin sends the head (of the response's body nothing is sent), then any number of pieces, then the end, which ends the request's life. A piece for a
 * client that is gone, or that is cut off because of it, is dropped; gone() has told. A HEAD request gets the head alone.
 */
void http_stream_begin(struct http_request *request, const struct http_response *response);
void http_stream_piece(struct http_request *request, struct str bytes);
void http_stream_end(struct http_request *request, const char *reason, const char *trace);

/* Bytes of the stream that its client has not taken yet; 0 when it is gone. */
size_t http_stream_unsent(const struct http_request *request);

/* The value of the first field with this name (any case); data is NULL when there is none. */
struct str http_field(const struct http_request *request, const char *name);

/* "Not Found" for 404. */
const char *http_phrase(int status);

#endif
