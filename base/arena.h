/*
 * arena: memory that lives exactly as long as one call (or one block of it).
 *
 * Invariants
 * - Everything allocated is aligned for any type and valid until the arena ends or is rewound past it; arena_alloc()
 *   and arena_array() zero it.
 * - Sizes count rounded up to the alignment, so that many tiny objects cannot slip under the budget.
 * - Nothing is freed singly. What is not memory is attached with arena_defer() and released in reverse order.
 * - An arena belongs to one thread at a time; it has no locks. Nothing in it may outlive it or cross a thread.
 * - arena_alloc() never returns NULL: out of memory stops the process. Only input from strangers goes through
 *   arena_try(), which refuses at the budget; a refusal is remembered (arena_exhausted()).
 *
 * Usage
 *     struct arena *a = arena_new(16 * 1024, 2 * 1024 * 1024);
 *     char *name = arena_printf(a, "order %s", id);
 *     arena_defer(a, (void (*)(void *))PQclear, result);
 *     arena_free(a);
 */
#ifndef QUAYSIDE_BASE_ARENA_H
#define QUAYSIDE_BASE_ARENA_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct arena;

/* A place to return to: see arena_mark(). */
struct arena_mark {
	void *block;
	size_t used;
	void *deferred;
	size_t total;
};

/*
 * Makes an arena whose first block has first_block bytes. budget bounds what arena_try() hands out, in bytes; 0 means
 * unbounded. Never NULL.
 */
struct arena *arena_new(size_t first_block, size_t budget);

/* Runs what was deferred, newest first, then frees everything. Accepts NULL. */
void arena_free(struct arena *arena);

/* Empties the arena for the next owner: as arena_free(), but keeps the first block; budget is set anew. */
void arena_reset(struct arena *arena, size_t budget);

/* Returns size zeroed bytes; size 0 returns a valid pointer. Stops the process when the system has no memory. */
void *arena_alloc(struct arena *arena, size_t size);

/* As arena_alloc() for count elements; stops the process on overflow of count * size. */
void *arena_array(struct arena *arena, size_t count, size_t size);

/* As arena_alloc(), but returns NULL when the budget would be exceeded or the system has no memory. Not zeroed. */
void *arena_try(struct arena *arena, size_t size);

/* Copies a string (NULL stays NULL), or at most len bytes of it with a NUL appended. */
char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t len);

/* Copies size bytes. */
void *arena_memdup(struct arena *arena, const void *data, size_t size);

/* Formats into the arena (see printf(3)). */
char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *arena, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

/* Calls release(object) when the arena ends or is rewound past this point. */
void arena_defer(struct arena *arena, void (*release)(void *object), void *object);

/*
 * Scratch: remembers this point, and later drops all that was allocated and deferred since. Marks are rewound newest
 * first, each once.
 */
struct arena_mark arena_mark(const struct arena *arena);
void arena_rewind(struct arena *arena, struct arena_mark mark);

/*
 * Bytes handed out now, the most there ever were, and whether arena_try() ever refused: since arena_new() or the last
 * arena_reset().
 */
size_t arena_used(const struct arena *arena);
size_t arena_peak(const struct arena *arena);
bool arena_exhausted(const struct arena *arena);

#endif
