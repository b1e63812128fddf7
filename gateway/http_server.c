/* Listening, connection limits, draining. See http.h. */
#include <errno.h>
#include <event2/listener.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "gateway/http_private.h"

#define BACKLOG 1024
#define PAUSE (CLOCK_SECOND / 10) /* when the system has no descriptors left */

static struct http_address address_of(const struct sockaddr *address)
{
	struct http_address result = { .text = "" };

	if (address->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;

		memcpy(result.key + 12, &in->sin_addr, 4);
		(void)evutil_inet_ntop(AF_INET, &in->sin_addr, result.text, sizeof(result.text));
	} else if (address->sa_family == AF_INET6) {
		const struct in6_addr *in6 = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;

		/* A household or host has a /64 of its own; what is mapped is IPv4. */
		if (IN6_IS_ADDR_V4MAPPED(in6))
			memcpy(result.key + 12, in6->s6_addr + 12, 4);
		else
			memcpy(result.key, in6->s6_addr, 8);
		(void)evutil_inet_ntop(AF_INET6, in6, result.text, sizeof(result.text));
	}
	return result;
}

static struct link *bucket_of(struct http_server *server, const struct http_address *address)
{
	uint32_t hash = 2166136261U; /* FNV-1a */

	for (size_t i = 0; i < sizeof(address->key); i++)
		hash = (hash ^ address->key[i]) * 16777619U;
	return &server->buckets[hash % HTTP_BUCKETS];
}

static bool is_full(const struct http_server *server, const struct http_address *address, const struct link *bucket)
{
	int64_t same = 0;

	if ((int64_t)server->n_connections >= server->limits.max_connections)
		return true;
	LIST_EACH (bucket, cursor) {
		const struct http_connection *c = LIST_ENTRY(cursor, struct http_connection, neighbour);

		same += memcmp(c->address.key, address->key, sizeof(address->key)) == 0;
	}
	return same >= server->limits.max_connections_per_address;
}

/* Said once, as far as the socket takes it at once; TLS clients see only the end. */
static void turn_away(const struct http_server *server, evutil_socket_t fd, const struct http_address *address)
{
	static const char answer[] =
	    "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\nRetry-After: 1\r\n\r\n";

	if (server->tls == NULL)
		(void)send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)shutdown(fd, SHUT_WR);
	evutil_closesocket(fd);
	log_warn("connection refused: too many", LOG_TEXT("peer", address->text),
		 LOG_INT("connections", server->n_connections));
}

static void on_accepted(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from, int len,
			void *context)
{
	struct http_server *server = context;
	const struct http_address address = address_of(from);
	struct link *bucket = bucket_of(server, &address);

	(void)listener;
	(void)len;
	if (is_full(server, &address, bucket))
		turn_away(server, fd, &address);
	else
		http_connection_open(server, fd, &address, bucket);
}

/* No descriptors, no memory: trying again at once would only burn time. */
static void on_accept_failed(struct evconnlistener *listener, void *context)
{
	struct http_server *server = context;

	log_error("connections cannot be accepted, pausing", LOG_TEXT("why", strerror(errno)));
	(void)evconnlistener_disable(listener);
	loop_timer_set(server->pause, PAUSE);
}

static void accept_again(void *owner)
{
	struct http_server *server = owner;

	for (size_t i = 0; i < server->n_listeners; i++)
		(void)evconnlistener_enable(server->listeners[i]);
}

static void cut_all(void *owner)
{
	struct http_server *server = owner;

	log_warn("cutting what is left", LOG_INT("connections", server->n_connections),
		 LOG_INT("requests", server->n_requests));
	LIST_EACH (&server->connections, cursor)
		http_connection_close(LIST_ENTRY(cursor, struct http_connection, link));
}

struct http_server *http_server_new(struct loop *loop, const struct http_limits *limits, struct ssl_ctx_st *tls,
				    void (*handle)(void *owner, struct http_request *request), void *owner)
{
	struct arena *arena = arena_new(sizeof(struct http_server) + 64, 0);
	struct http_server *server = arena_alloc(arena, sizeof(*server));

	server->arena = arena;
	server->loop = loop;
	server->limits = *limits;
	server->tls = tls;
	server->handle = handle;
	server->owner = owner;
	server->pause = loop_timer_new(loop, accept_again, server);
	server->patience = loop_timer_new(loop, cut_all, server);
	list_init(&server->connections);
	for (size_t i = 0; i < HTTP_BUCKETS; i++)
		list_init(&server->buckets[i]);
	return server;
}

static in_port_t *port_in(struct sockaddr_storage *address)
{
	if (address->ss_family == AF_INET6)
		return &((struct sockaddr_in6 *)(void *)address)->sin6_port;
	return &((struct sockaddr_in *)(void *)address)->sin_port;
}

static int port_of(struct evconnlistener *listener)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);

	memset(&address, 0, sizeof(address));
	if (getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)(void *)&address, &len) != 0)
		return 0;
	return ntohs(*port_in(&address));
}

/* "host:port" with an address for a host; the port may be 0, which libevent's own function refuses. */
static bool parse_address(const char *text, struct sockaddr_storage *ret_address, int *ret_len)
{
	char host[INET6_ADDRSTRLEN + 2];
	const char *colon = strrchr(text, ':');
	uint64_t port;

	if (colon == NULL || (size_t)(colon - text) >= sizeof(host) || !str_to_uint64(str_of(colon + 1), &port) ||
	    port > UINT16_MAX)
		return false;
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	*ret_len = sizeof(*ret_address);
	if (evutil_parse_sockaddr_port(host, (struct sockaddr *)(void *)ret_address, ret_len) != 0)
		return false;
	*port_in(ret_address) = htons((uint16_t)port);
	return true;
}

bool http_server_listen(struct http_server *server, const char *address)
{
	const unsigned flags = LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE;
	struct sockaddr_storage parsed = { .ss_family = AF_UNSPEC };
	int len = 0;
	struct evconnlistener *listener;

	if (server->n_listeners == HTTP_LISTENERS || !parse_address(address, &parsed, &len)) {
		log_error("not an address to listen on, or too many", LOG_TEXT("listen", address));
		return false;
	}
	listener = evconnlistener_new_bind(loop_base(server->loop), on_accepted, server, flags, BACKLOG,
					   (struct sockaddr *)(void *)&parsed, len);
	if (listener == NULL) {
		log_error("cannot listen", LOG_TEXT("listen", address), LOG_TEXT("why", strerror(errno)));
		return false;
	}
	evconnlistener_set_error_cb(listener, on_accept_failed);
	server->listeners[server->n_listeners++] = listener;
	log_info("listening", LOG_TEXT("address", address), LOG_INT("port", port_of(listener)));
	return true;
}

/* Connections that the kernel has taken already would be reset when the socket closes: they are taken over first. */
static void accept_last(struct http_server *server, struct evconnlistener *listener)
{
	struct sockaddr_storage from = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof(from);
	int fd;

	while ((fd = accept4(evconnlistener_get_fd(listener), (struct sockaddr *)(void *)&from, &len,
			     SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		on_accepted(listener, fd, (struct sockaddr *)(void *)&from, (int)len, server);
		len = sizeof(from);
	}
}

void http_server_check(struct http_server *server)
{
	if (!server->draining || server->n_connections > 0 || server->n_requests > 0 || server->drained == NULL)
		return;

	void (*drained)(void *context) = server->drained;

	server->drained = NULL;
	drained(server->context);
}

void http_server_drain(struct http_server *server, int64_t grace, void (*drained)(void *context), void *context)
{
	server->draining = true;
	for (size_t i = 0; i < server->n_listeners; i++) {
		accept_last(server, server->listeners[i]);
		evconnlistener_free(server->listeners[i]);
	}
	server->n_listeners = 0;
	server->drained = drained;
	server->context = context;
	loop_timer_set(server->patience, grace);
	LIST_EACH (&server->connections, cursor)
		http_connection_drain(LIST_ENTRY(cursor, struct http_connection, link));
	http_server_check(server);
}

void http_server_free(struct http_server *server)
{
	for (size_t i = 0; i < server->n_listeners; i++)
		evconnlistener_free(server->listeners[i]);
	loop_timer_free(server->pause);
	loop_timer_free(server->patience);
	arena_free(server->arena);
}
