/* Blocks are chained newest first; each is twice the size of the one before, up to BLOCK_LARGEST. See arena.h. */
#include "base/arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_POISONS 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define ARENA_POISONS 1
#endif

/*
 * AddressSanitizer sees objects inside a block only when told: what is not handed out is poisoned, and a gap parts
 * neighbours.
 */
#ifdef ARENA_POISONS
#include <sanitizer/asan_interface.h>
#if !defined(__clang__)
/* gcc takes the pointer to const for a reading of memory that nobody wrote yet. */
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#define POISON(data_, size_) __asan_poison_memory_region((data_), (size_))
#define UNPOISON(data_, size_) __asan_unpoison_memory_region((data_), (size_))
#define GAP alignof(max_align_t)
#else
#define POISON(data_, size_) ((void)(data_), (void)(size_))
#define UNPOISON(data_, size_) ((void)(data_), (void)(size_))
#define GAP ((size_t)0)
#endif

#define BLOCK_LARGEST ((size_t)1 << 20)
#define OBJECT_LARGEST (SIZE_MAX / 4) /* so that adding padding, gap and header cannot overflow */

struct block {
	struct block *previous;
	size_t capacity;
	size_t used;
	alignas(max_align_t) unsigned char data[];
};

struct deferred {
	struct deferred *previous;
	void (*release)(void *object);
	void *object;
};

struct arena {
	struct block *first;
	struct block *newest;
	struct deferred *deferred;
	size_t budget;
	size_t total;
	size_t peak;
	bool exhausted;
};

static void die(const char *why) __attribute__((noreturn));

static void die(const char *why)
{
	fprintf(stderr, "arena: %s\n", why);
	abort();
}

static struct block *block_new(size_t capacity, struct block *previous)
{
	struct block *block = malloc(sizeof(*block) + capacity);

	if (block == NULL)
		return NULL;
	block->previous = previous;
	block->capacity = capacity;
	block->used = 0;
	POISON(block->data, capacity);
	return block;
}

struct arena *arena_new(size_t first_block, size_t budget)
{
	struct arena *arena = calloc(1, sizeof(*arena));
	struct block *block = first_block > OBJECT_LARGEST ? NULL : block_new(first_block, NULL);

	if (arena == NULL || block == NULL)
		die("out of memory");
	arena->first = arena->newest = block;
	arena->budget = budget;
	return arena;
}

static bool add_block(struct arena *arena, size_t needed)
{
	const size_t doubled = arena->newest->capacity * 2;
	const size_t usual = doubled < BLOCK_LARGEST ? doubled : BLOCK_LARGEST;
	struct block *block = block_new(needed > usual ? needed : usual, arena->newest);

	if (block == NULL)
		return false;
	arena->newest = block;
	return true;
}

static size_t padded(size_t size)
{
	const size_t unit = alignof(max_align_t);

	return size == 0 ? unit : (size + unit - 1) / unit * unit;
}

/* NULL when the size is absurd or the system has no memory. Not zeroed. */
static void *take(struct arena *arena, size_t size)
{
	if (size > OBJECT_LARGEST)
		return NULL;

	const size_t room = padded(size) + GAP;

	if (arena->newest->capacity - arena->newest->used < room && !add_block(arena, room))
		return NULL;

	unsigned char *data = arena->newest->data + arena->newest->used;

	arena->newest->used += room;
	arena->total += padded(size);
	if (arena->total > arena->peak)
		arena->peak = arena->total;
	UNPOISON(data, size);
	return data;
}

static void *take_or_die(struct arena *arena, size_t size)
{
	void *data = take(arena, size);

	if (data == NULL)
		die("out of memory");
	return data;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	return memset(take_or_die(arena, size), 0, size);
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes))
		die("the size of an array overflows");
	return arena_alloc(arena, bytes);
}

static bool within_budget(const struct arena *arena, size_t size)
{
	if (arena->budget == 0)
		return true;
	if (size > arena->budget)
		return false;
	return padded(size) <= arena->budget && arena->total <= arena->budget - padded(size);
}

void *arena_try(struct arena *arena, size_t size)
{
	void *data = within_budget(arena, size) ? take(arena, size) : NULL;

	if (data == NULL)
		arena->exhausted = true;
	return data;
}

void *arena_memdup(struct arena *arena, const void *data, size_t size)
{
	void *copy = take_or_die(arena, size);

	/* memcpy(3) must not be given NULL, not even for nothing. */
	return size == 0 ? copy : memcpy(copy, data, size);
}

char *arena_strndup(struct arena *arena, const char *text, size_t len)
{
	if (text == NULL)
		return NULL;

	const size_t bytes = strnlen(text, len);
	char *copy = take_or_die(arena, bytes + 1);

	memcpy(copy, text, bytes);
	copy[bytes] = '\0';
	return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
	return text == NULL ? NULL : arena_memdup(arena, text, strlen(text) + 1);
}

char *arena_vprintf(struct arena *arena, const char *format, va_list args)
{
	va_list again;

	va_copy(again, args);
	const int len = vsnprintf(NULL, 0, format, args);

	if (len < 0)
		die("a text cannot be formatted");

	char *text = take_or_die(arena, (size_t)len + 1);

	vsnprintf(text, (size_t)len + 1, format, again);
	va_end(again);
	return text;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	char *text = arena_vprintf(arena, format, args);

	va_end(args);
	return text;
}

void arena_defer(struct arena *arena, void (*release)(void *object), void *object)
{
	struct deferred *deferred = take_or_die(arena, sizeof(*deferred));

	*deferred = (struct deferred){ arena->deferred, release, object };
	arena->deferred = deferred;
}

struct arena_mark arena_mark(const struct arena *arena)
{
	return (struct arena_mark){
		.block = arena->newest,
		.used = arena->newest->used,
		.deferred = arena->deferred,
		.total = arena->total,
	};
}

/* Each is unlinked before it runs, so that it may itself allocate or defer. */
static void run_deferred(struct arena *arena, const struct deferred *until)
{
	while (arena->deferred != until) {
		struct deferred *deferred = arena->deferred;

		assert(deferred != NULL && "the mark is of this arena and was not rewound past");
		arena->deferred = deferred->previous;
		deferred->release(deferred->object);
	}
}

static void drop_newest(struct arena *arena)
{
	struct block *block = arena->newest;

	arena->newest = block->previous;
	free(block);
}

void arena_rewind(struct arena *arena, struct arena_mark mark)
{
	run_deferred(arena, mark.deferred);
	while (arena->newest != mark.block) {
		assert(arena->newest != arena->first && "the mark is of this arena and was not rewound past");
		drop_newest(arena);
	}
	assert(mark.used <= arena->newest->used && "the mark was not rewound past");
	POISON(arena->newest->data + mark.used, arena->newest->used - mark.used);
	arena->newest->used = mark.used;
	arena->total = mark.total;
}

void arena_reset(struct arena *arena, size_t budget)
{
	arena_rewind(arena, (struct arena_mark){ .block = arena->first });
	arena->budget = budget;
	arena->peak = 0;
	arena->exhausted = false;
}

void arena_free(struct arena *arena)
{
	if (arena == NULL)
		return;
	run_deferred(arena, NULL);
	while (arena->newest != NULL)
		drop_newest(arena);
	free(arena);
}

size_t arena_used(const struct arena *arena)
{
	return arena->total;
}

size_t arena_peak(const struct arena *arena)
{
	return arena->peak;
}

bool arena_exhausted(const struct arena *arena)
{
	return arena->exhausted;
}
