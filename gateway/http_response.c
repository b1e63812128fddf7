/* Answers: the head with the headers that every answer has, the log line, and the end of the request. See http.h. */
#include <openssl/ssl.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "gateway/http_private.h"

const char *http_phrase(int status)
{
	static const struct {
		int status;
		const char *phrase;
	} phrases[] = {
		{ 200, "OK" },
		{ 201, "Created" },
		{ 204, "No Content" },
		{ 304, "Not Modified" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 408, "Request Timeout" },
		{ 409, "Conflict" },
		{ 412, "Precondition Failed" },
		{ 413, "Content Too Large" },
		{ 414, "URI Too Long" },
		{ 415, "Unsupported Media Type" },
		{ 417, "Expectation Failed" },
		{ 422, "Unprocessable Content" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 499, "Client Closed Request" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" },
		{ 505, "HTTP Version Not Supported" },
	};

	for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
		if (phrases[i].status == status)
			return phrases[i].phrase;
	return "";
}

/* "Sat, 21 Nov 2026 11:38:44 GMT" (RFC 9110, 5.6.7). The loop's thread only. */
static const char *http_date(void)
{
	static const char *const days[] = {
		"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"
	}; /* 1970-01-01 was a Thursday */
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	static int64_t written = -1;
	static char text[64];
	const int64_t second = clock_now() / CLOCK_SECOND;

	if (second != written) {
		const struct date date = clock_date(second * CLOCK_SECOND);
		const int of_day = (int)(second % 86400);

		(void)snprintf(text, sizeof(text), "%s, %02d %s %04d %02d:%02d:%02d GMT", days[second / 86400 % 7],
			       date.day, months[date.month - 1], date.year, of_day / 3600, of_day / 60 % 60,
			       of_day % 60);
		written = second;
	}
	return text;
}

static void put(struct buf *head, const char *name, const char *value)
{
	buf_text(head, name);
	buf_text(head, ": ");
	buf_text(head, value);
	buf_text(head, "\r\n");
}

/* What a browser must not do with anything of ours (the policy says what it may). */
static void put_guards(struct buf *head, const struct http_request *request, const struct http_response *response)
{
	put(head, "Content-Security-Policy", response->policy == NULL ? HTTP_POLICY_NONE : response->policy);
	put(head, "Cache-Control", response->cache == NULL ? "no-store" : response->cache);
	buf_text(head, "X-Content-Type-Options: nosniff\r\n"
		       "Referrer-Policy: no-referrer\r\n"
		       "Permissions-Policy: accelerometer=(), camera=(), display-capture=(), geolocation=(), "
		       "gyroscope=(), hid=(), magnetometer=(), "
		       "microphone=(), midi=(), payment=(), serial=(), usb=()\r\n"
		       "Cross-Origin-Opener-Policy: same-origin\r\n"
		       "Cross-Origin-Resource-Policy: same-origin\r\n");
	if (request->server->tls != NULL)
		put(head, "Strict-Transport-Security", "max-age=31536000");
}

static struct str head_of(const struct http_request *request, const struct http_response *response, bool keep_alive)
{
	struct buf head = buf_new(request->arena);

	buf_printf(&head, "HTTP/1.1 %d %s\r\n", response->status, http_phrase(response->status));
	put(&head, "Date", http_date());
	if (response->content_type != NULL)
		put(&head, "Content-Type", response->content_type);
	if (response->status != 304 && response->status != 204 && request->streamed_status == 0)
		buf_printf(&head, "Content-Length: %zu\r\n", response->body.len);
	for (size_t i = 0; i < response->n_fields; i++)
		buf_printf(&head, "%.*s: %.*s\r\n", (int)response->fields[i].name.len, response->fields[i].name.data,
			   (int)response->fields[i].value.len, response->fields[i].value.data);
	put_guards(&head, request, response);
	put(&head, "Connection", keep_alive ? "keep-alive" : "close");
	buf_text(&head, "\r\n");
	return (struct str){ head.data, head.len };
}

static void end_request(struct http_request *request)
{
	struct http_server *server = request->server;

	arena_free(request->arena);
	server->n_requests--;
	http_server_check(server);
}

static void log_request(const struct http_request *request, const struct http_response *response, bool delivered)
{
	log_info("request",
		 LOG_TEXT("method", arena_strndup(request->arena, request->method.data, request->method.len)),
		 LOG_TEXT("path", arena_strndup(request->arena, request->path.data, request->path.len)),
		 LOG_INT("status", response->status), LOG_TEXT("reason", response->reason),
		 LOG_INT("bytes", response->body.len), LOG_INT("us", clock_monotonic() - request->started),
		 LOG_TEXT("peer", request->peer), LOG_TEXT("trace", response->trace),
		 LOG_TEXT("delivered", delivered ? "yes" : "client gone"));
}

void http_respond(struct http_request *request, const struct http_response *response)
{
	struct http_connection *connection = request->connection;
	const bool head_only = str_is(request->method, "HEAD");

	if (connection != NULL) {
		const struct str head = head_of(request, response, connection->keep_alive);

		http_connection_answer(connection, head, head_only ? STR("") : response->body, response->body_is_kept);
	}
	log_request(request, response, connection != NULL);
	end_request(request);
}

void http_stream_begin(struct http_request *request, const struct http_response *response)
{
	request->streamed_status = response->status;
	if (request->connection != NULL)
		http_connection_stream(request->connection, head_of(request, response, false));
}

void http_stream_piece(struct http_request *request, struct str bytes)
{
	if (request->connection == NULL || str_is(request->method, "HEAD"))
		return;
	request->streamed += bytes.len;
	http_connection_piece(request->connection, bytes);
}

size_t http_stream_unsent(const struct http_request *request)
{
	return request->connection == NULL ? 0 : http_connection_unsent(request->connection);
}

void http_stream_end(struct http_request *request, const char *reason, const char *trace)
{
	const struct http_response response = { .status = request->streamed_status,
						.body = { NULL, request->streamed },
						.reason = reason,
						.trace = trace };

	if (request->connection != NULL)
		http_connection_stream_end(request->connection);
	log_request(request, &response, request->connection != NULL);
	end_request(request);
}
