/* See http_parser.h. */
#include "gateway/http_parser.h"

#include <string.h>

static bool refuse(struct http_parser *parser, int status, const char *detail)
{
	if (parser->request->refusal == 0) {
		parser->request->refusal = status;
		parser->request->refusal_detail = detail;
	}
	return false;
}

/* The guard looks at every byte that is not body. */

static bool within_limits(struct http_parser *parser)
{
	if (parser->line > HTTP_LINE_MAX)
		return parser->first_line ? refuse(parser, 414, "The request line is too long.")
					  : refuse(parser, 431, "A header field is too long.");
	if (!parser->head_done && parser->section > HTTP_HEAD_MAX)
		return refuse(parser, 431, "The header fields are too long altogether.");
	if (parser->head_done && parser->section > parser->max_body)
		return refuse(parser, 413, "The body comes in too many chunks.");
	return true;
}

static bool guard_byte(struct http_parser *parser, char byte)
{
	const unsigned char c = (unsigned char)byte;

	parser->section++;
	if (parser->after_chunk && c != '\r')
		return refuse(parser, 400, "A chunk is longer than its size says.");
	parser->after_chunk = false;
	if (parser->carriage_return) {
		if (c != '\n')
			return refuse(parser, 400, "A line ends in CR without LF.");
		parser->carriage_return = false;
		parser->first_line = parser->first_line && parser->line == 0;
		parser->line = 0;
		return true;
	}
	if (c == '\r') {
		parser->carriage_return = true;
		return true;
	}
	if (c == '\n')
		return refuse(parser, 400, "A line ends in LF without CR.");
	if ((c < ' ' && c != '\t') || c == 0x7F)
		return refuse(parser, 400, "There is a control character among the header fields.");
	if (parser->line == 0 && (c == ' ' || c == '\t'))
		return refuse(parser, 400, "A line begins with a space.");
	parser->line++;
	return true;
}

static bool guard(struct http_parser *parser, const char *end)
{
	for (const char *at = parser->unguarded; at < end; at++)
		if (!guard_byte(parser, *at) || !within_limits(parser))
			return false;
	parser->unguarded = end;
	return true;
}

/* Callbacks of llhttp. */

static struct http_parser *parser_of(llhttp_t *llhttp)
{
	return llhttp->data;
}

static int add_to_head(llhttp_t *llhttp, const char *at, size_t len)
{
	struct http_parser *parser = parser_of(llhttp);

	if (!parser->head_done) /* trailers are read over */
		buf_bytes(&parser->head, at, len);
	return 0;
}

static int end_of_part(llhttp_t *llhttp)
{
	struct http_parser *parser = parser_of(llhttp);

	if (parser->head_done)
		return 0;
	if (parser->n_ends == sizeof(parser->ends) / sizeof(parser->ends[0])) {
		refuse(parser, 431, "There are too many header fields.");
		return HPE_USER;
	}
	parser->ends[parser->n_ends++] = parser->head.len;
	return 0;
}

static int end_of_head(llhttp_t *llhttp)
{
	(void)llhttp;
	return HPE_PAUSED;
}

static int add_to_body(llhttp_t *llhttp, const char *at, size_t len)
{
	struct http_parser *parser = parser_of(llhttp);

	if (!guard(parser, at))
		return HPE_USER;
	parser->unguarded = at + len;
	if (len > parser->max_body - parser->body.len) {
		refuse(parser, 413, "The body is too large.");
		return HPE_USER;
	}
	buf_bytes(&parser->body, at, len);
	parser->chunk -= parser->chunked ? len : 0;
	parser->after_chunk = parser->chunked && parser->chunk == 0;
	return 0;
}

static int start_of_chunk(llhttp_t *llhttp)
{
	parser_of(llhttp)->chunk = llhttp->content_length;
	return 0;
}

static int end_of_message(llhttp_t *llhttp)
{
	(void)llhttp;
	return HPE_PAUSED;
}

static const llhttp_settings_t callbacks = {
	.on_url = add_to_head,
	.on_url_complete = end_of_part,
	.on_header_field = add_to_head,
	.on_header_field_complete = end_of_part,
	.on_header_value = add_to_head,
	.on_header_value_complete = end_of_part,
	.on_headers_complete = end_of_head,
	.on_chunk_header = start_of_chunk,
	.on_body = add_to_body,
	.on_message_complete = end_of_message,
};

void http_parser_start(struct http_parser *parser, struct http_request *request, size_t max_body)
{
	parser->request = request;
	parser->max_body = max_body;
	parser->head_done = parser->chunked = parser->carriage_return = parser->after_chunk = false;
	parser->first_line = true;
	parser->line = parser->section = parser->n_ends = 0;
	parser->head = buf_new(request->arena);
	parser->body = buf_new(request->arena);
	llhttp_init(&parser->llhttp, HTTP_REQUEST, &callbacks);
	parser->llhttp.data = parser;
}

/* The head as a whole. */

static struct str part(const struct http_parser *parser, size_t index)
{
	const size_t start = index == 0 ? 0 : parser->ends[index - 1];

	return (struct str){ parser->head.data + start, parser->ends[index] - start };
}

static bool is_token(struct str text)
{
	static const char others[] = "!#$%&'*+-.^_`|~";

	for (size_t i = 0; i < text.len; i++) {
		const char c = text.data[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') &&
		    memchr(others, c, sizeof(others) - 1) == NULL)
			return false;
	}
	return text.len > 0;
}

static bool take_fields(struct http_parser *parser)
{
	struct http_request *request = parser->request;
	const size_t count = (parser->n_ends - 1) / 2;
	struct http_field *fields = arena_array(request->arena, count, sizeof(*fields));

	for (size_t i = 0; i < count; i++) {
		fields[i].name = part(parser, 1 + 2 * i);
		fields[i].value = str_trim(part(parser, 2 + 2 * i));
		if (!is_token(fields[i].name))
			return refuse(parser, 400, "A header field has a name that is none.");
	}
	request->fields = fields;
	request->n_fields = count;
	return true;
}

static size_t count_of(const struct http_request *request, const char *name)
{
	size_t count = 0;

	for (size_t i = 0; i < request->n_fields; i++)
		count += str_is_nocase(request->fields[i].name, name);
	return count;
}

/* Fields that decide something must not be there twice, or two readers could choose differently. */
static bool check_singles(struct http_parser *parser)
{
	static const char *const singles[] = { "host",        "content-length", "transfer-encoding", "content-type",
					       "expect",      "if-match",       "authorization",     "idempotency-key",
					       "traceparent", "request-timeout" };

	for (size_t i = 0; i < sizeof(singles) / sizeof(singles[0]); i++)
		if (count_of(parser->request, singles[i]) > 1)
			return refuse(parser, 400,
				      arena_printf(parser->request->arena, "There is more than one %s.", singles[i]));
	return true;
}

static bool check_host(struct http_parser *parser)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%:[]";
	const struct str host = http_field(parser->request, "host");

	if (host.data == NULL)
		return parser->llhttp.http_minor == 0 || refuse(parser, 400, "There is no Host.");
	for (size_t i = 0; i < host.len; i++)
		if (memchr(allowed, host.data[i], sizeof(allowed) - 1) == NULL)
			return refuse(parser, 400, "Host is no host.");
	return true;
}

static bool check_length(struct http_parser *parser)
{
	const struct str length = http_field(parser->request, "content-length");
	const struct str encoding = http_field(parser->request, "transfer-encoding");
	uint64_t value;

	if (length.data != NULL && encoding.data != NULL)
		return refuse(parser, 400, "There are both Content-Length and Transfer-Encoding.");
	if (encoding.data != NULL && (!str_is_nocase(encoding, "chunked") || parser->llhttp.http_minor == 0))
		return refuse(parser, 400, "Only the transfer encoding chunked is understood, from HTTP/1.1 on.");
	if (length.data != NULL && !str_to_uint64(length, &value))
		return refuse(parser, 400, "Content-Length is no length.");
	if (length.data != NULL && value > parser->max_body)
		return refuse(parser, 413, "The body is too large.");
	parser->chunked = encoding.data != NULL;
	return true;
}

static bool check_expectation(struct http_parser *parser)
{
	const struct str expected = http_field(parser->request, "expect");

	if (expected.data != NULL && !str_is_nocase(expected, "100-continue"))
		return refuse(parser, 417, "Only 100-continue can be expected.");
	return true;
}

/*
 * Behind scheme and authority, which proxies may be sent (RFC 9112, 3.2.2), the target is a path with an optional
 * query.
 */
static bool take_target(struct http_parser *parser)
{
	struct http_request *request = parser->request;
	struct str target = part(parser, 0);

	if (str_starts(target, "http://") || str_starts(target, "https://")) {
		const char *authority =
		    target.data + (str_starts(target, "https") ? strlen("https://") : strlen("http://"));
		const char *path = memchr(authority, '/', target.len - (size_t)(authority - target.data));

		target = path == NULL ? STR("/") : (struct str){ path, target.len - (size_t)(path - target.data) };
	}
	for (size_t i = 0; i < target.len; i++)
		if ((unsigned char)target.data[i] <= ' ' || (unsigned char)target.data[i] >= 0x7F ||
		    target.data[i] == '#')
			return refuse(parser, 400, "The request target has characters that must be percent-encoded.");
	if (target.len == 0 || target.data[0] != '/')
		return refuse(parser, 400, "The request target is no path.");
	request->query = target;
	(void)str_cut(&request->query, '?', &request->path);
	if (request->query.data == NULL)
		request->query = STR("");
	return true;
}

static bool check_version(struct http_parser *parser)
{
	if (parser->llhttp.http_major != 1 || parser->llhttp.http_minor > 1)
		return refuse(parser, 505, "Only HTTP/1.1 and HTTP/1.0 are spoken here.");
	return true;
}

static bool take_head(struct http_parser *parser)
{
	struct http_request *request = parser->request;

	request->method = str_of(llhttp_method_name((llhttp_method_t)parser->llhttp.method));
	request->keep_alive = llhttp_should_keep_alive(&parser->llhttp) != 0;
	parser->llhttp.upgrade = 0; /* an offer to speak another protocol may be ignored (RFC 9110, 7.8) */
	parser->section = 0;
	parser->head_done = true;
	return check_version(parser) && take_target(parser) && take_fields(parser) && check_singles(parser) &&
	       check_host(parser) && check_length(parser) && check_expectation(parser);
}

static bool has_body(const struct http_parser *parser)
{
	return parser->chunked || parser->llhttp.content_length > 0;
}

/* What went wrong for llhttp, if nothing of ours was first. */
static enum http_progress failed(struct http_parser *parser)
{
	const char *reason = llhttp_get_error_reason(&parser->llhttp);

	(void)refuse(parser, 400,
		     arena_printf(parser->request->arena, "This is not HTTP: %s.",
				  reason == NULL ? "no more is known" : reason));
	return HTTP_REFUSED;
}

enum http_progress http_parse(struct http_parser *parser, struct str bytes, size_t *ret_used)
{
	const char *const end = bytes.data + bytes.len;
	const char *at = bytes.data;

	parser->unguarded = bytes.data;
	for (;;) {
		const llhttp_errno_t outcome = llhttp_execute(&parser->llhttp, at, (size_t)(end - at));
		const bool paused = outcome == HPE_PAUSED;

		at = outcome == HPE_OK ? end : llhttp_get_error_pos(&parser->llhttp);
		*ret_used = (size_t)(at - bytes.data);
		if (!guard(parser, at))
			return HTTP_REFUSED;
		if (outcome == HPE_OK)
			return HTTP_MORE;
		if (!paused)
			return failed(parser);
		llhttp_resume(&parser->llhttp);
		if (parser->head_done) {
			parser->request->body = (struct str){ parser->body.data, parser->body.len };
			return HTTP_COMPLETE;
		}
		if (!take_head(parser))
			return HTTP_REFUSED;
		if (has_body(parser) && at == end && http_field(parser->request, "expect").data != NULL)
			return HTTP_CONTINUE;
	}
}

struct str http_field(const struct http_request *request, const char *name)
{
	for (size_t i = 0; i < request->n_fields; i++)
		if (str_is_nocase(request->fields[i].name, name))
			return request->fields[i].value;
	return (struct str){ NULL, 0 };
}
