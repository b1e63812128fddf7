/* What list.h promises. */
#include "base/list.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

struct item {
	int number;
	struct link link;
};

/* The numbers of the list in order, as one decimal number. */
static int numbers(const struct link *list)
{
	int all = 0;

	LIST_EACH (list, cursor)
		all = all * 10 + LIST_ENTRY(cursor, struct item, link)->number;
	return all;
}

static void elements_stand_in_the_order_they_came(void **state)
{
	(void)state;
	struct link list;
	struct item items[] = { { .number = 1 }, { .number = 2 }, { .number = 3 } };

	list_init(&list);
	assert_true(list_empty(&list));
	assert_int_equal(numbers(&list), 0);
	for (size_t i = 0; i < 3; i++)
		list_append(&list, &items[i].link);
	assert_false(list_empty(&list));
	assert_ptr_equal(LIST_ENTRY(list_first(&list), struct item, link), &items[0]);
	assert_int_equal(numbers(&list), 123);
}

static void any_element_can_be_removed_even_twice(void **state)
{
	(void)state;
	struct link list;
	struct item items[] = { { .number = 1 }, { .number = 2 }, { .number = 3 } };

	list_init(&list);
	for (size_t i = 0; i < 3; i++)
		list_append(&list, &items[i].link);
	list_remove(&items[1].link);
	list_remove(&items[1].link);
	assert_int_equal(numbers(&list), 13);
	list_remove(&items[0].link);
	list_append(&list, &items[1].link);
	assert_int_equal(numbers(&list), 32);
	list_remove(&items[2].link);
	list_remove(&items[1].link);
	assert_true(list_empty(&list));
}

static void the_current_element_may_be_removed_while_walking(void **state)
{
	(void)state;
	struct link list;
	struct item items[] = { { .number = 1 }, { .number = 2 }, { .number = 3 }, { .number = 4 } };

	list_init(&list);
	for (size_t i = 0; i < 4; i++)
		list_append(&list, &items[i].link);
	LIST_EACH (&list, cursor)
		if (LIST_ENTRY(cursor, struct item, link)->number % 2 == 0)
			list_remove(cursor);
	assert_int_equal(numbers(&list), 13);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(elements_stand_in_the_order_they_came),
		cmocka_unit_test(any_element_can_be_removed_even_twice),
		cmocka_unit_test(the_current_element_may_be_removed_while_walking),
	};

	return cmocka_run_group_tests_name("base/list", tests, NULL, NULL);
}
