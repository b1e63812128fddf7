/* What customers/store.h and the handlers above it promise about lists: order, pages, filters, searches. */
#include "customers/store.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "customers/store_test.h"

#define PAGE 3

static Customers__ListCustomersResponse *list(const Customers__ListCustomersRequest *request)
{
	void *reply;

	assert_null(service_call("ListCustomers", NULL, &request->base, &reply).reason);
	return reply;
}

/* Seven customers, called 0 to 6, each a second after the one before. The even ones are blocked; those from 4 on live in Köln and Bath. */
static void make_seven(void)
{
	static const char *const ELSEWHERE[] = { "Köln", "Bath" };

	for (int i = 0; i < 7; i++) {
		Customers__CreateCustomerRequest *request =
		    new_customer(arena_printf(service_arena(), "%d", i), i < 4 ? "Byron" : "O'Neill_100%");

		clock_freeze(INT64_C(1795262400) * CLOCK_SECOND + i * CLOCK_SECOND);
		if (i >= 4)
			settle(request->customer, ELSEWHERE, 2);
		create(request);
		if (i % 2 == 0)
			assert_null(block(NULL, request->customer_id, "unpaid", "").reason);
	}
}

/* All pages, as the customers' first names; each customer is as GetCustomer shows it. */
static const char *names(Customers__ListCustomersRequest request)
{
	struct buf seen = buf_new(service_arena());

	request.page_size = PAGE;
	do {
		const Customers__ListCustomersResponse *page = list(&request);

		assert_true(page->n_customers <= PAGE);
		for (size_t i = 0; i < page->n_customers; i++) {
			assert_same(&page->customers[i]->base, &get(page->customers[i]->customer_id)->base);
			buf_text(&seen, page->customers[i]->first_name);
		}
		request.page_token = page->next_page_token;
	} while (*request.page_token != '\0');
	return seen.len == 0 ? "" : seen.data;
}

static void lists_are_in_order_and_complete(void **state)
{
	Customers__ListCustomersRequest request = CUSTOMERS__LIST_CUSTOMERS_REQUEST__INIT;

	(void)state;
	assert_string_equal(names(request), "");
	make_seven();
	assert_string_equal(names(request), "6543210");
	request.status = STATUS(ACTIVE);
	assert_string_equal(names(request), "531");
	request.status = STATUS(BLOCKED);
	assert_string_equal(names(request), "6420");
	request.status = STATUS(ERASED);
	assert_string_equal(names(request), "");
}

static void customers_of_one_moment_are_listed_once(void **state)
{
	Customers__ListCustomersRequest request = CUSTOMERS__LIST_CUSTOMERS_REQUEST__INIT;
	const char *seen;

	(void)state;
	clock_freeze(INT64_C(1795262400) * CLOCK_SECOND);
	for (int i = 0; i < 7; i++)
		create(new_customer(arena_printf(service_arena(), "%d", i), "Byron"));
	seen = names(request);
	assert_int_equal(strlen(seen), 7);
	for (int name = '0'; name < '7'; name++)
		assert_non_null(strchr(seen, name));
}

static void a_search_finds_all_words(void **state)
{
	static const struct {
		const char *query, *found;
	} SEARCHES[] = {
		{ "byron", "3210" },     { "2@EXAMPLE", "2" },   { "engines  byron", "3210" },
		{ "köln", "654" },       { "BATH o'ne", "654" }, { "leeds 5@", "" },
		{ "100%", "654" },       { "l_1", "654" },       { "o_neill", "" },
		{ "7946-0000 0@", "0" }, { "\\", "" },
	};
	Customers__ListCustomersRequest request = CUSTOMERS__LIST_CUSTOMERS_REQUEST__INIT;

	(void)state;
	make_seven();
	for (size_t i = 0; i < sizeof(SEARCHES) / sizeof(SEARCHES[0]); i++) {
		request.query = text(SEARCHES[i].query);
		assert_string_equal(names(request), SEARCHES[i].found);
	}
	request.query = text("byron");
	request.status = STATUS(ACTIVE);
	assert_string_equal(names(request), "31");
}

static void a_search_follows_changes(void **state)
{
	static const char *const MOVED[] = { "Zürich" };
	Customers__ListCustomersRequest request = CUSTOMERS__LIST_CUSTOMERS_REQUEST__INIT;
	Customers__Customer *customer = ada();

	(void)state;
	settle(customer, MOVED, 1);
	assert_null(update(NULL, customer, "addresses", NULL).reason);
	request.query = text("zürich");
	assert_string_equal(names(request), "Ada");
	request.query = text("leeds");
	assert_string_equal(names(request), "");
}

static void a_page_token_belongs_to_its_filters(void **state)
{
	Customers__ListCustomersRequest request = CUSTOMERS__LIST_CUSTOMERS_REQUEST__INIT;

	(void)state;
	make_seven();
	request.page_size = PAGE;
	request.page_token = list(&request)->next_page_token;
	request.status = STATUS(ACTIVE);
	assert_refused(service_call("ListCustomers", NULL, &request.base, NULL), INVALID_REQUEST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lists_are_in_order_and_complete),
		TEST(customers_of_one_moment_are_listed_once),
		TEST(a_search_finds_all_words),
		TEST(a_search_follows_changes),
		TEST(a_page_token_belongs_to_its_filters),
	};

	return cmocka_run_group_tests(tests, make_database, NULL);
}
