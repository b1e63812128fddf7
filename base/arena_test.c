/* What arena.h promises. The sanitizer's part is seen only in a build with AddressSanitizer. */
#include "base/arena.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAVE_ASAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define HAVE_ASAN 1
#endif
#ifdef HAVE_ASAN
#include <sanitizer/asan_interface.h>
#endif

static int setup(void **state)
{
	*state = arena_new(1024, 0);
	return 0;
}

static int teardown(void **state)
{
	arena_free(*state);
	return 0;
}

static bool is_zero(const unsigned char *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (data[i] != 0)
			return false;
	return true;
}

static void objects_are_zeroed_aligned_and_apart(void **state)
{
	unsigned char *previous = NULL;

	for (size_t size = 0; size < 3000; size += 7) {
		unsigned char *data = arena_alloc(*state, size);

		assert_non_null(data);
		assert_ptr_not_equal(data, previous);
		assert_int_equal((uintptr_t)data % _Alignof(max_align_t), 0);
		assert_true(is_zero(data, size));
		memset(data, 0xAA, size);
		previous = data;
	}
}

static void objects_keep_their_bytes_while_others_come(void **state)
{
	unsigned char *objects[200];

	for (size_t i = 0; i < 200; i++)
		memset(objects[i] = arena_alloc(*state, i * 37), (int)i, i * 37);
	for (size_t i = 0; i < 200; i++)
		for (size_t at = 0; at < i * 37; at++)
			assert_int_equal(objects[i][at], i);
}

static void memory_used_again_is_zeroed_again(void **state)
{
	const struct arena_mark mark = arena_mark(*state);

	memset(arena_alloc(*state, 512), 0xAA, 512);
	arena_rewind(*state, mark);
	assert_true(is_zero(arena_alloc(*state, 512), 512));
}

static void an_object_larger_than_any_block_is_served(void **state)
{
	const size_t size = 5 << 20;
	unsigned char *data = arena_alloc(*state, size);

	assert_true(is_zero(data, size));
	assert_true(arena_used(*state) >= size);
}

static void try_refuses_at_the_budget_and_remembers(void **state)
{
	(void)state;
	struct arena *arena = arena_new(256, 1024);

	assert_non_null(arena_try(arena, 512));
	assert_false(arena_exhausted(arena));
	assert_null(arena_try(arena, 513));
	assert_true(arena_exhausted(arena));
	assert_non_null(arena_try(arena, 512));
	assert_null(arena_try(arena, 1));
	assert_null(arena_try(arena, SIZE_MAX));
	assert_null(arena_try(arena, SIZE_MAX - 8));
	arena_free(arena);
}

static void alloc_counts_but_is_not_refused(void **state)
{
	(void)state;
	struct arena *arena = arena_new(256, 1024);

	assert_non_null(arena_alloc(arena, 4096));
	assert_false(arena_exhausted(arena));
	assert_null(arena_try(arena, 1));
	arena_free(arena);
}

static void tiny_objects_count_with_their_padding(void **state)
{
	(void)state;
	struct arena *arena = arena_new(256, 1600);
	int count = 0;

	while (arena_try(arena, 1) != NULL)
		count++;
	assert_int_equal(count, 1600 / _Alignof(max_align_t));
	arena_free(arena);
}

static void no_budget_never_refuses_what_fits_into_memory(void **state)
{
	assert_non_null(arena_try(*state, 3 << 20));
	assert_null(arena_try(*state, SIZE_MAX / 2));
	assert_true(arena_exhausted(*state));
}

static void texts_are_copied(void **state)
{
	char original[] = "order";
	char *copy = arena_strdup(*state, original);

	original[0] = 'X';
	assert_string_equal(copy, "order");
	assert_null(arena_strdup(*state, NULL));
	assert_null(arena_strndup(*state, NULL, 3));
	assert_string_equal(arena_strndup(*state, "order", 2), "or");
	assert_string_equal(arena_strndup(*state, "order", 99), "order");
	assert_string_equal(arena_strndup(*state, "order", 0), "");
	assert_memory_equal(arena_memdup(*state, "a\0b", 3), "a\0b", 3);
	assert_non_null(arena_memdup(*state, NULL, 0));
}

static void formatting_takes_any_length(void **state)
{
	char *text = arena_printf(*state, "%s %05d %4000s|", "order", 42, "");

	assert_int_equal(strlen(text), 12 + 4000 + 1);
	assert_memory_equal(text, "order 00042 ", 12);
	assert_int_equal(text[4012], '|');
	assert_string_equal(arena_printf(*state, "%s", ""), "");
}

static char order[16];

static void note(void *object)
{
	const size_t len = strlen(order);

	order[len] = *(const char *)object;
	order[len + 1] = '\0';
}

static void deferred_run_newest_first_at_the_end(void **state)
{
	(void)state;
	struct arena *arena = arena_new(64, 0);

	order[0] = '\0';
	arena_defer(arena, note, arena_strdup(arena, "a"));
	arena_defer(arena, note, arena_strdup(arena, "b"));
	arena_defer(arena, note, arena_strdup(arena, "c"));
	assert_string_equal(order, "");
	arena_free(arena);
	assert_string_equal(order, "cba");
}

static void rewinding_runs_only_what_was_deferred_since(void **state)
{
	order[0] = '\0';
	arena_defer(*state, note, arena_strdup(*state, "a"));
	const struct arena_mark outer = arena_mark(*state);

	arena_defer(*state, note, arena_strdup(*state, "b"));
	const struct arena_mark inner = arena_mark(*state);

	arena_alloc(*state, 100000);
	arena_defer(*state, note, arena_strdup(*state, "c"));
	arena_rewind(*state, inner);
	assert_string_equal(order, "c");
	arena_rewind(*state, outer);
	assert_string_equal(order, "cb");
	arena_reset(*state, 0);
	assert_string_equal(order, "cba");
}

static void defer_again(void *arena)
{
	note(arena_strdup(arena, "x"));
	arena_defer(arena, note, arena_strdup(arena, "y"));
}

static void what_a_release_defers_runs_too(void **state)
{
	order[0] = '\0';
	arena_defer(*state, defer_again, *state);
	arena_reset(*state, 0);
	assert_string_equal(order, "xy");
}

static void rewinding_gives_back_exactly_what_came_since(void **state)
{
	char *kept = arena_strdup(*state, "kept");
	const size_t before = arena_used(*state);
	const struct arena_mark mark = arena_mark(*state);

	for (int i = 0; i < 100; i++)
		arena_alloc(*state, 1000);
	const size_t most = arena_used(*state);

	arena_rewind(*state, mark);
	assert_int_equal(arena_used(*state), before);
	assert_int_equal(arena_peak(*state), most);
	assert_string_equal(kept, "kept");
}

static void reset_starts_anew(void **state)
{
	(void)state;
	struct arena *arena = arena_new(1024, 16);
	const void *first = arena_alloc(arena, 32);

	assert_null(arena_try(arena, 1));
	arena_alloc(arena, 100000);
	arena_reset(arena, 4096);
	assert_int_equal(arena_used(arena), 0);
	assert_int_equal(arena_peak(arena), 0);
	assert_false(arena_exhausted(arena));
	assert_non_null(arena_try(arena, 4096));
	arena_reset(arena, 0);
	/* The first block was kept, so its first object is in the same place. */
	assert_ptr_equal(arena_alloc(arena, 32), first);
	arena_free(arena);
	arena_free(NULL);
}

static void an_overflowing_array_stops_the_process(void **state)
{
	(void)state;
	int ended;
	const pid_t child = fork();

	if (child == 0) {
		signal(SIGABRT, SIG_DFL); /* cmocka turns it into a failure of the test */
		fclose(stderr);
		(void)arena_array(arena_new(64, 0), SIZE_MAX / 2, 3);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &ended, 0), child);
	assert_true(WIFSIGNALED(ended) && WTERMSIG(ended) == SIGABRT);
}

static void arrays_have_room_for_all_elements(void **state)
{
	uint64_t *numbers = arena_array(*state, 1000, sizeof(*numbers));

	for (size_t i = 0; i < 1000; i++)
		numbers[i] = i;
	assert_non_null(arena_array(*state, 0, 8));
}

#ifdef HAVE_ASAN
static void what_is_not_handed_out_is_poisoned(void **state)
{
	const struct arena_mark mark = arena_mark(*state);
	char *first = arena_alloc(*state, 10), *second = arena_alloc(*state, 16), *third = arena_alloc(*state, 16);

	assert_false(__asan_address_is_poisoned(first + 9));
	assert_true(__asan_address_is_poisoned(first + 10));
	assert_true(__asan_address_is_poisoned(second - 1));
	assert_true(__asan_address_is_poisoned(second + 16));
	assert_true(__asan_address_is_poisoned(third - 1));
	arena_rewind(*state, mark);
	assert_true(__asan_address_is_poisoned(first));
	assert_true(__asan_address_is_poisoned(third));
}
#endif

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(objects_are_zeroed_aligned_and_apart),
		TEST(objects_keep_their_bytes_while_others_come),
		TEST(memory_used_again_is_zeroed_again),
		TEST(an_object_larger_than_any_block_is_served),
		TEST(try_refuses_at_the_budget_and_remembers),
		TEST(alloc_counts_but_is_not_refused),
		TEST(tiny_objects_count_with_their_padding),
		TEST(no_budget_never_refuses_what_fits_into_memory),
		TEST(texts_are_copied),
		TEST(formatting_takes_any_length),
		TEST(deferred_run_newest_first_at_the_end),
		TEST(rewinding_runs_only_what_was_deferred_since),
		TEST(what_a_release_defers_runs_too),
		TEST(rewinding_gives_back_exactly_what_came_since),
		TEST(reset_starts_anew),
		TEST(an_overflowing_array_stops_the_process),
		TEST(arrays_have_room_for_all_elements),
#ifdef HAVE_ASAN
		TEST(what_is_not_handed_out_is_poisoned),
#endif
	};

	return cmocka_run_group_tests_name("base/arena", tests, NULL, NULL);
}
