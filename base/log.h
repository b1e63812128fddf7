/*
 * log: one line per event on standard error, as JSON or logfmt.
 *
 * Invariants
 * - One event is one line of at most PIPE_BUF (4 KiB), written by one write(2): what POSIX keeps whole when several
 *   processes share a pipe.
 *   Longer values are cut, and fields that do not fit left out; the line then ends with truncated=true and stays
 *   well-formed.
 * - Control characters are escaped and bytes that are not UTF-8 replaced, so no text can forge a line. Names keep
 *   letters, digits and "_-.:/+@".
 * - Every line has ts (RFC 3339, UTC), level, svc and msg; further fields are given as pairs.
 * - base/ and rules never log. The runtime logs one line per call; a failed call does not appear twice.
 * - Thread-safe (not for signal handlers); errno is kept. A line that cannot be written without blocking is dropped and
 *   counted (log_dropped()).
 *
 * Usage
 *     log_info("listening", LOG_TEXT("address", address), LOG_INT("port", port));
 */
#ifndef QUAYSIDE_BASE_LOG_H
#define QUAYSIDE_BASE_LOG_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_LINE_MAX ((size_t)PIPE_BUF)

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_OFF };
enum log_format { LOG_JSON, LOG_LOGFMT };

struct log_field {
	const char *name; /* NULL ends a list */
	const char *text; /* or NULL for a number */
	int64_t number;
};

/* NULL shows as "". A function, because compilers reject asking an array whether it is NULL. */
static inline struct log_field log_text(const char *name, const char *value)
{
	return (struct log_field){ name, value == NULL ? "" : value, 0 };
}

#define LOG_TEXT(name_, value_) log_text((name_), (value_))
#define LOG_INT(name_, value_) ((struct log_field){ (name_), NULL, (int64_t)(value_) })

/*
 * Who is speaking, from which level on, and how. Not thread-safe: once, before threads start. service must stay valid.
 */
void log_setup(const char *service, enum log_level level, enum log_format format);

/*
 * Writes an event with its fields (ended by a field whose name is NULL). msg is a constant sentence without
 * particulars.
 */
void log_event(enum log_level level, const char *msg, const struct log_field *fields);

/* Lines dropped since the start. */
uint64_t log_dropped(void);

#define log_debug(...) LOG_EVENT_(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) LOG_EVENT_(LOG_INFO, __VA_ARGS__)
#define log_warn(...) LOG_EVENT_(LOG_WARN, __VA_ARGS__)
#define log_error(...) LOG_EVENT_(LOG_ERROR, __VA_ARGS__)
#define LOG_EVENT_(level_, ...) LOG_SPLIT_(level_, __VA_ARGS__, ((struct log_field){ NULL, NULL, 0 }))
#define LOG_SPLIT_(level_, msg_, ...) log_event((level_), (msg_), (const struct log_field[]){ __VA_ARGS__ })

#endif
