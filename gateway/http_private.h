/*
 * http_private: what the parts of the HTTP server share. Included by http_server.c, http_connection.c and
 * http_response.c only.
 *
 * Invariants
 * - A connection lives in its own arena; a request in another, from its first byte until http_respond(), which may be
 *   longer than the connection.
 */
#ifndef QUAYSIDE_GATEWAY_HTTP_PRIVATE_H
#define QUAYSIDE_GATEWAY_HTTP_PRIVATE_H

#include <event2/bufferevent.h>
#include <event2/util.h>
#include <netinet/in.h>

#include "base/list.h"
#include "gateway/http.h"
#include "gateway/http_parser.h"

#define HTTP_BUCKETS 1024
#define HTTP_LISTENERS 4

enum http_phase {
	PHASE_HANDSHAKE, /* of TLS */
	PHASE_IDLE,      /* between requests */
	PHASE_HEAD,      /* a request has begun */
	PHASE_BODY,
	PHASE_HANDLING,  /* it is complete, the answer is awaited */
	PHASE_STREAMING, /* an answer without an end is being given */
	PHASE_WRITING,   /* the answer is on its way */
	PHASE_LINGERING, /* all is said; what still comes is thrown away, so that the client gets to read the answer */
	PHASES,
};

/* Whose connection it is. */
struct http_address {
	uint8_t key[16]; /* equal for those that share a limit */
	char text[INET6_ADDRSTRLEN];
};

struct http_connection {
	struct http_server *server;
	struct arena *arena;
	struct link link;      /* in server->connections */
	struct link neighbour; /* in the bucket of its address */
	struct bufferevent *socket;
	struct loop_timer *timer; /* the deadline of the phase */
	enum http_phase phase;
	struct http_parser parser;
	struct http_request *request; /* from its first byte to its answer */
	size_t body_counted;          /* bytes of its body within server->bodies */
	bool keep_alive;
	bool half_closed; /* the client sends no more */
	struct http_address address;
};

struct http_server {
	struct arena *arena;
	struct loop *loop;
	struct http_limits limits;
	struct ssl_ctx_st *tls;
	void (*handle)(void *owner, struct http_request *request);
	void *owner;
	struct evconnlistener *listeners[HTTP_LISTENERS];
	size_t n_listeners;
	struct loop_timer *pause; /* until connections are accepted again, after the system refused one */
	struct link connections;
	struct link buckets[HTTP_BUCKETS];
	size_t n_connections;
	size_t n_requests; /* handed over, not yet answered */
	int64_t bodies;    /* bytes that are being received */

	bool draining;
	struct loop_timer *patience; /* until what is left is cut */
	void (*drained)(void *context);
	void *context;
};

/* A new connection on an accepted socket, which it owns; bucket is that of the address. */
void http_connection_open(struct http_server *server, evutil_socket_t fd, const struct http_address *address,
			  struct link *bucket);

/* No new requests on this connection, unless one is on its way already. */
void http_connection_drain(struct http_connection *connection);

/* At once. A request that is being handled is told that its client has gone. */
void http_connection_close(struct http_connection *connection);

/* Takes the answer to its request. */
void http_connection_answer(struct http_connection *connection, struct str head, struct str body, bool body_is_kept);

/* The same for a stream. */
void http_connection_stream(struct http_connection *connection, struct str head);
void http_connection_piece(struct http_connection *connection, struct str bytes);
void http_connection_stream_end(struct http_connection *connection);
size_t http_connection_unsent(const struct http_connection *connection);

/* A connection or request has ended: is that all? */
void http_server_check(struct http_server *server);

#endif
