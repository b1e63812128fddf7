/* See log.h. A line is built on the stack and needs no memory, so that even the last words of a process get out. */
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"

#define TAIL_ROOM ((size_t)64)   /* kept for closing a line that is full */
#define VALUE_MAX ((size_t)1536) /* so that one long value does not crowd out the fields after it */

struct line {
	bool truncated;
	size_t len;
	/* Starts with a line feed that is sent only after a torn line. */
	char data[LOG_LINE_MAX];
};

static const char *log_service = "";
static enum log_level log_threshold = LOG_INFO;
static enum log_format log_style = LOG_JSON;

static pthread_mutex_t write_lock = PTHREAD_MUTEX_INITIALIZER;
static bool torn; /* under write_lock: the last line was written only in part */
static _Atomic uint64_t dropped;

void log_setup(const char *service, enum log_level level, enum log_format format)
{
	log_service = service;
	log_threshold = level;
	log_style = format;
}

uint64_t log_dropped(void)
{
	return atomic_load_explicit(&dropped, memory_order_relaxed);
}

static bool has_room(const struct line *line, size_t len)
{
	return len <= LOG_LINE_MAX - TAIL_ROOM && line->len <= LOG_LINE_MAX - TAIL_ROOM - len;
}

/* The caller has asked has_room(), or closes the line. */
static void put(struct line *line, const char *data, size_t len)
{
	memcpy(line->data + line->len, data, len);
	line->len += len;
}

static void put_quoted(struct line *line, const char *text)
{
	const size_t len = strlen(text), start = line->len;
	size_t at = 0;

	put(line, "\"", 1);
	while (at < len) {
		char escaped[JSON_ESCAPED];
		size_t used;
		const size_t bytes = json_escape(text + at, len - at, escaped, &used);

		if (!has_room(line, bytes) || line->len - start > VALUE_MAX) {
			line->truncated = true;
			break;
		}
		put(line, escaped, bytes);
		at += used;
	}
	put(line, "\"", 1);
}

/* Letters, digits and a few marks need no quotes in logfmt. */
static bool is_plain(char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
	       (byte != '\0' && strchr("_-.:/+@", byte) != NULL);
}

static bool is_plain_text(const char *text)
{
	size_t len = 0;

	while (is_plain(text[len]))
		len++;
	return len > 0 && text[len] == '\0' && len <= VALUE_MAX;
}

static void put_text(struct line *line, const char *text)
{
	if (log_style == LOG_LOGFMT && is_plain_text(text) && has_room(line, strlen(text)))
		put(line, text, strlen(text));
	else
		put_quoted(line, text);
}

static void put_number(struct line *line, int64_t number)
{
	char digits[24];
	const int len = snprintf(digits, sizeof(digits), "%" PRId64, number);

	put(line, digits, (size_t)len);
}

static void put_name(struct line *line, const char *name)
{
	const bool json = log_style == LOG_JSON;
	const bool first = line->len == 1;

	if (json)
		put(line, first ? "{\"" : ",\"", 2);
	else if (!first)
		put(line, " ", 1);
	for (; *name != '\0'; name++)
		put(line, is_plain(*name) ? name : "_", 1);
	if (json)
		put(line, "\":", 2);
	else
		put(line, "=", 1);
}

static void put_field(struct line *line, struct log_field field)
{
	/* 32: quotes, separators and the longest number. */
	if (!has_room(line, strnlen(field.name, LOG_LINE_MAX) + 32)) {
		line->truncated = true;
		return;
	}
	put_name(line, field.name);
	if (field.text != NULL)
		put_text(line, field.text);
	else
		put_number(line, field.number);
}

static const char *level_name(enum log_level level)
{
	switch (level) {
	case LOG_DEBUG:
		return "debug";
	case LOG_INFO:
		return "info";
	case LOG_WARN:
		return "warn";
	case LOG_ERROR:
		return "error";
	case LOG_OFF:
		break;
	}
	return "off";
}

static void put_end(struct line *line)
{
	if (line->truncated) {
		put_name(line, "truncated");
		put(line, "true", 4);
	}
	if (log_style == LOG_JSON)
		put(line, "}", 1);
	put(line, "\n", 1);
}

/*
 * poll(2) first, because making a shared standard error non-blocking would change it for the shell and for our siblings
 * as well. With the lock held nobody of ours fills the space in between, and PIPE_BUF bytes fit into any pipe that is
 * writable.
 */
static bool is_writable(void)
{
	struct pollfd out = { .fd = STDERR_FILENO, .events = POLLOUT };

	return poll(&out, 1, 0) == 1 && out.revents == POLLOUT;
}

static void send_line(const struct line *line)
{
	const size_t skip = torn ? 0 : 1;
	const size_t len = line->len - skip;
	ssize_t sent = -1;

	if (is_writable()) {
		do
			sent = write(STDERR_FILENO, line->data + skip, len);
		while (sent < 0 && errno == EINTR);
	}
	if (sent == (ssize_t)len) {
		torn = false;
		return;
	}
	if (sent > 0)
		torn = true;
	atomic_fetch_add_explicit(&dropped, 1, memory_order_relaxed);
}

void log_event(enum log_level level, const char *msg, const struct log_field *fields)
{
	if (level < log_threshold || level == LOG_OFF)
		return;

	const int saved_errno = errno;
	struct line line = { .truncated = false, .len = 1, .data[0] = '\n' };
	char now[CLOCK_TEXT];

	clock_text(clock_now(), now);
	put_field(&line, LOG_TEXT("ts", now));
	put_field(&line, LOG_TEXT("level", level_name(level)));
	put_field(&line, LOG_TEXT("svc", log_service));
	put_field(&line, LOG_TEXT("msg", msg));
	for (; fields->name != NULL; fields++)
		put_field(&line, *fields);
	put_end(&line);

	pthread_mutex_lock(&write_lock);
	send_line(&line);
	pthread_mutex_unlock(&write_lock);
	errno = saved_errno;
}
