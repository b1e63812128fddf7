/* One connection: its phases, each with an absolute deadline. See http.h. */
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "gateway/http_private.h"

#define READ_AHEAD ((size_t)16 * 1024) /* bytes read before they can be used: pipelined requests, the body in flight */
#define LINGER (2 * CLOCK_SECOND)
#define LAST_CHANCE (CLOCK_SECOND / 2) /* for a request that is on its way when the server drains */
#define REQUEST_BLOCK ((size_t)8 * 1024)

static int64_t deadline_of(const struct http_connection *c, enum http_phase phase)
{
	const struct http_limits *limits = &c->server->limits;
	const int64_t deadlines[PHASES] = {
		[PHASE_HANDSHAKE] = limits->head_timeout,
		[PHASE_IDLE] = c->server->draining ? LAST_CHANCE : limits->idle_timeout,
		[PHASE_HEAD] = limits->head_timeout,
		[PHASE_BODY] = limits->body_timeout,
		[PHASE_HANDLING] = CLOCK_NEVER,  /* its call has a deadline */
		[PHASE_STREAMING] = CLOCK_NEVER, /* as long as the client reads */
		[PHASE_WRITING] = limits->write_timeout,
		[PHASE_LINGERING] = LINGER,
	};

	return deadlines[phase];
}

static void enter(struct http_connection *c, enum http_phase phase)
{
	const int64_t deadline = deadline_of(c, phase);

	c->phase = phase;
	if (deadline == CLOCK_NEVER)
		loop_timer_cancel(c->timer);
	else
		loop_timer_set(c->timer, deadline);
}

static bool is_receiving(const struct http_connection *c)
{
	return c->phase == PHASE_HEAD || c->phase == PHASE_BODY;
}

static void count_body(struct http_connection *c, size_t bytes)
{
	c->server->bodies += (int64_t)bytes - (int64_t)c->body_counted;
	c->body_counted = bytes;
}

void http_connection_close(struct http_connection *c)
{
	struct http_server *server = c->server;
	struct http_request *request = c->request;

	count_body(c, 0);
	if (request != NULL && (c->phase == PHASE_HANDLING || c->phase == PHASE_STREAMING)) {
		request->connection = NULL;
		if (request->gone != NULL)
			request->gone(request);
	} else if (request != NULL) {
		arena_free(request->arena);
	}
	list_remove(&c->link);
	list_remove(&c->neighbour);
	server->n_connections--;
	loop_timer_free(c->timer);
	bufferevent_free(c->socket);
	arena_free(c->arena);
	http_server_check(server);
}

/* Receiving. */

static void begin_request(struct http_connection *c)
{
	const size_t max_body = (size_t)c->server->limits.max_body;
	struct arena *arena = arena_new(REQUEST_BLOCK, 8 * max_body);
	struct http_request *request = arena_alloc(arena, sizeof(*request));

	request->arena = arena;
	request->connection = c;
	request->server = c->server;
	request->started = clock_monotonic();
	request->peer = arena_strdup(arena, c->address.text);
	request->method = request->path = request->query = request->body = STR("");
	c->request = request;
	http_parser_start(&c->parser, request, max_body);
	enter(c, PHASE_HEAD);
}

/* The request is complete, or refused: from here on the handler owns it. */
static void hand_over(struct http_connection *c)
{
	struct http_request *request = c->request;

	c->keep_alive = request->keep_alive && request->refusal == 0 && !c->server->draining;
	c->server->n_requests++;
	enter(c, PHASE_HANDLING);
	c->server->handle(c->server->owner, request);
}

static void refuse(struct http_connection *c, int status, const char *detail)
{
	c->request->refusal = status;
	c->request->refusal_detail = detail;
	hand_over(c);
}

static void ask_for_body(struct http_connection *c)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";

	bufferevent_write(c->socket, go_on, sizeof(go_on) - 1);
}

/* One bite of what was read; false when there is nothing more to do now. */
static bool digest(struct http_connection *c)
{
	struct evbuffer *input = bufferevent_get_input(c->socket);
	struct evbuffer_iovec piece;
	enum http_progress progress;
	size_t used;

	if (evbuffer_peek(input, -1, NULL, &piece, 1) < 1 || piece.iov_len == 0)
		return false;
	if (c->phase == PHASE_IDLE)
		begin_request(c);
	progress = http_parse(
	    &c->parser, (struct str){ piece.iov_base, piece.iov_len < HTTP_BITE ? piece.iov_len : HTTP_BITE }, &used);
	evbuffer_drain(input, used);
	count_body(c, c->parser.body.len);
	if (c->phase == PHASE_HEAD && c->parser.head_done)
		enter(c, PHASE_BODY);
	if (progress == HTTP_CONTINUE)
		ask_for_body(c);
	if (progress == HTTP_MORE || progress == HTTP_CONTINUE) {
		if (c->server->bodies <= c->server->limits.max_bodies)
			return true;
		refuse(c, 503, "Too much is being received at the moment.");
		return false;
	}
	hand_over(c);
	return false;
}

static void receive(struct http_connection *c)
{
	while (c->phase == PHASE_IDLE || is_receiving(c))
		if (!digest(c))
			return;
}

static void on_readable(struct bufferevent *socket, void *context)
{
	struct http_connection *c = context;
	struct evbuffer *input = bufferevent_get_input(socket);

	if (c->phase == PHASE_LINGERING)
		evbuffer_drain(input, evbuffer_get_length(input));
	else
		receive(c);
}

/* Sending. */

void http_connection_answer(struct http_connection *c, struct str head, struct str body, bool body_is_kept)
{
	struct evbuffer *output = bufferevent_get_output(c->socket);

	c->request = NULL;
	count_body(c, 0);
	evbuffer_add(output, head.data, head.len);
	if (body_is_kept && body.len > 0)
		evbuffer_add_reference(output, body.data, body.len, NULL, NULL);
	else if (body.len > 0)
		evbuffer_add(output, body.data, body.len);
	enter(c, PHASE_WRITING);
}

/*
 * Everything is said. Closing now would reset the connection, and with it the answer, if the client is still sending.
 */
static void linger(struct http_connection *c)
{
	SSL *tls = bufferevent_openssl_get_ssl(c->socket);
	struct evbuffer *input = bufferevent_get_input(c->socket);

	if (tls != NULL)
		(void)SSL_shutdown(tls);
	if (c->half_closed || shutdown(bufferevent_getfd(c->socket), SHUT_WR) != 0) {
		http_connection_close(c);
		return;
	}
	enter(c, PHASE_LINGERING);
	evbuffer_drain(input, evbuffer_get_length(input));
}

/* To a stream, which has no end by itself, when the server drains. */
static void tell_end(struct http_connection *c)
{
	if (c->request->gone != NULL)
		c->request->gone(c->request);
}

void http_connection_stream(struct http_connection *c, struct str head)
{
	c->keep_alive = false; /* it has no other end */
	count_body(c, 0);
	enter(c, PHASE_STREAMING);
	http_connection_piece(c, head);
	if (c->server->draining)
		tell_end(c);
}

void http_connection_piece(struct http_connection *c, struct str bytes)
{
	if (http_connection_unsent(c) == 0)
		loop_timer_set(c->timer, c->server->limits.write_timeout);
	evbuffer_add(bufferevent_get_output(c->socket), bytes.data, bytes.len);
}

size_t http_connection_unsent(const struct http_connection *c)
{
	return evbuffer_get_length(bufferevent_get_output(c->socket));
}

void http_connection_stream_end(struct http_connection *c)
{
	c->request = NULL;
	enter(c, PHASE_WRITING);
	if (http_connection_unsent(c) == 0)
		linger(c);
}

static void on_taken(struct http_connection *c)
{
	loop_timer_cancel(c->timer);
	if (c->request->taken != NULL)
		c->request->taken(c->request);
}

static void on_written(struct bufferevent *socket, void *context)
{
	struct http_connection *c = context;

	(void)socket;
	if (c->phase == PHASE_STREAMING && http_connection_unsent(c) == 0)
		on_taken(c);
	if (c->phase != PHASE_WRITING || http_connection_unsent(c) > 0)
		return;
	if (!c->keep_alive || c->half_closed) {
		linger(c);
		return;
	}
	enter(c, PHASE_IDLE);
	receive(c);
}

/* The client's half-close counts as going, except that an answer on its way is still delivered. */
static void on_event(struct bufferevent *socket, short what, void *context)
{
	struct http_connection *c = context;

	(void)socket;
	if ((what & BEV_EVENT_CONNECTED) != 0) {
		if (c->phase == PHASE_HANDSHAKE)
			enter(c, PHASE_IDLE);
	} else if ((what & BEV_EVENT_EOF) != 0 && c->phase == PHASE_WRITING) {
		c->half_closed = true;
	} else {
		http_connection_close(c);
	}
}

static void on_deadline(void *owner)
{
	struct http_connection *c = owner;

	if (is_receiving(c))
		refuse(c, 408, c->phase == PHASE_HEAD ? "The header fields took too long." : "The body took too long.");
	else
		http_connection_close(c);
}

void http_connection_drain(struct http_connection *c)
{
	c->keep_alive = false;
	if (c->phase == PHASE_IDLE)
		enter(c, PHASE_IDLE);
	if (c->phase == PHASE_STREAMING)
		tell_end(c);
}

/* Opening. */

static struct bufferevent *open_socket(struct http_server *server, evutil_socket_t fd)
{
	const int options = BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS;
	struct event_base *base = loop_base(server->loop);
	const int one = 1;
	struct bufferevent *socket;
	SSL *tls;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (server->tls == NULL)
		return bufferevent_socket_new(base, fd, options);
	tls = SSL_new(server->tls);
	socket = tls == NULL ? NULL : bufferevent_openssl_socket_new(base, fd, tls, BUFFEREVENT_SSL_ACCEPTING, options);
	/* Messages have lengths, so a connection cut without a farewell cuts no message unseen. */
	if (socket != NULL)
		bufferevent_openssl_set_allow_dirty_shutdown(socket, 1);
	return socket;
}

void http_connection_open(struct http_server *server, evutil_socket_t fd, const struct http_address *address,
			  struct link *bucket)
{
	struct bufferevent *socket = open_socket(server, fd);
	struct arena *arena;
	struct http_connection *c;

	if (socket == NULL) {
		evutil_closesocket(fd);
		return;
	}
	arena = arena_new(sizeof(*c) + 64, 0);
	c = arena_alloc(arena, sizeof(*c));
	c->server = server;
	c->arena = arena;
	c->address = *address;
	c->socket = socket;
	c->timer = loop_timer_new(server->loop, on_deadline, c);
	list_append(&server->connections, &c->link);
	list_append(bucket, &c->neighbour);
	server->n_connections++;
	enter(c, server->tls == NULL ? PHASE_IDLE : PHASE_HANDSHAKE);
	bufferevent_setcb(socket, on_readable, on_written, on_event, c);
	bufferevent_setwatermark(socket, EV_READ, 0, READ_AHEAD);
	bufferevent_enable(socket, EV_READ | EV_WRITE);
}
