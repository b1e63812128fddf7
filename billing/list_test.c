/*
 * What the store and the handlers of billing promise about lists: order, pages, filters, and that they are right at any
 * moment.
 */
#include "billing/store.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "billing/store_test.h"

#define MANY 50
#define PAGE 3

static Billing__ListInvoicesResponse *list(const Billing__ListInvoicesRequest *request)
{
	void *reply;

	assert_null(service_call("ListInvoices", NULL, &request->base, &reply).reason);
	return reply;
}

/* All pages, as the last digits of the orders' numbers. */
static const char *digits(Billing__ListInvoicesRequest request)
{
	struct buf seen = buf_new(service_arena());

	request.page_size = PAGE;
	do {
		const Billing__ListInvoicesResponse *page = list(&request);

		assert_true(page->n_invoices <= PAGE);
		for (size_t i = 0; i < page->n_invoices; i++) {
			assert_same(&page->invoices[i]->base, &get(page->invoices[i]->invoice_id)->base);
			buf_text(&seen, page->invoices[i]->order_number + strlen("ORD-"));
		}
		request.page_token = page->next_page_token;
	} while (*request.page_token != '\0');
	return seen.len == 0 ? "" : seen.data;
}

/*
 * Seven invoices, ORD-0 to ORD-6, each three days after the one before. The even ones are paid, ORD-1 in part. Read 17
 * days after the first.
 */
static Billing__IssueInvoiceRequest **make_seven(void)
{
	Billing__IssueInvoiceRequest **made = arena_array(service_arena(), 7, sizeof(void *));

	for (int i = 0; i < 7; i++) {
		const char *invoice_id;

		clock_freeze(NOON_2026_11_21 + 3 * i * CLOCK_DAY);
		made[i] =
		    new_invoice(arena_printf(service_arena(), "ORD-%d", i), i < 4 ? "Ada Byron" : "Zoë O'Neill_100%");
		invoice_id = issue(made[i])->invoice_id;
		if (i % 2 == 0)
			pay(invoice_id, INVOICE_GROSS);
		if (i == 1)
			pay(invoice_id, 1);
	}
	return made;
}

static void lists_are_in_order_and_complete(void **state)
{
	const Billing__ListInvoicesRequest all = BILLING__LIST_INVOICES_REQUEST__INIT;
	Billing__IssueInvoiceRequest **made = make_seven();
	Billing__ListInvoicesRequest some = all;

	(void)state;
	assert_string_equal(digits(all), "6543210");
	some.state = BILLING__INVOICE_STATE__INVOICE_STATE_ISSUED;
	assert_string_equal(digits(some), "53");
	some.state = BILLING__INVOICE_STATE__INVOICE_STATE_PARTLY_PAID;
	assert_string_equal(digits(some), "1");
	some.state = BILLING__INVOICE_STATE__INVOICE_STATE_PAID;
	assert_string_equal(digits(some), "6420");
	some = all;
	some.order_id = made[3]->order_id;
	assert_string_equal(digits(some), "3");
	some = all;
	some.customer_id = made[4]->customer_id;
	assert_string_equal(digits(some), "4");
}

static void overdue_is_what_is_open_after_its_date(void **state)
{
	Billing__ListInvoicesRequest request = BILLING__LIST_INVOICES_REQUEST__INIT;

	(void)state;
	make_seven();
	request.overdue_only = true;
	clock_freeze(NOON_2026_11_21 + 17 * CLOCK_DAY); /* the due date of ORD-1 */
	assert_string_equal(digits(request), "");
	clock_freeze(NOON_2026_11_21 + 18 * CLOCK_DAY);
	assert_string_equal(digits(request), "1");
	clock_freeze(NOON_2026_11_21 + 24 * CLOCK_DAY);
	assert_string_equal(digits(request), "31");
	assert_true(list(&request)->invoices[0]->overdue);
	request.state = BILLING__INVOICE_STATE__INVOICE_STATE_PARTLY_PAID;
	assert_string_equal(digits(request), "1");
}

static void a_search_finds_all_words(void **state)
{
	static const struct {
		const char *query, *found;
	} SEARCHES[] = {
		{ "ada", "3210" }, { "ord-5", "5" },           { "ZOË o'neill", "654" }, { "100%", "654" },
		{ "l_1", "654" },  { "inv-2026-000007", "6" }, { "000002 byron", "1" },  { "byron zoë", "" },
	};
	Billing__ListInvoicesRequest request = BILLING__LIST_INVOICES_REQUEST__INIT;

	(void)state;
	make_seven();
	for (size_t i = 0; i < sizeof(SEARCHES) / sizeof(SEARCHES[0]); i++) {
		request.query = text(SEARCHES[i].query);
		assert_string_equal(digits(request), SEARCHES[i].found);
	}
}

static void assert_paid_by_its_payments(const Billing__Invoice *invoice)
{
	int64_t sum = 0;

	for (size_t i = 0; i < invoice->n_payments; i++)
		sum += invoice->payments[i]->amount->minor_units;
	assert_int_equal(invoice->paid->minor_units, sum);
}

/* While payments come in, every answer shows what was paid and by what at one and the same moment. */
static void readers_never_see_half_a_payment(void **state)
{
	Billing__ListInvoicesRequest all = BILLING__LIST_INVOICES_REQUEST__INIT;
	Billing__GetInvoiceRequest one = BILLING__GET_INVOICE_REQUEST__INIT;
	struct invocation payers[MANY], gets[MANY], lists[MANY];
	int64_t most = 0;

	(void)state;
	one.invoice_id = issue(new_invoice("ORD-1", "Ada Byron"))->invoice_id;
	for (int i = 0; i < MANY; i++) {
		payers[i] =
		    (struct invocation){ .method = "RecordPayment", .request = &payment_of(one.invoice_id, 1)->base };
		gets[i] = (struct invocation){ .method = "GetInvoice", .request = &one.base };
		lists[i] = (struct invocation){ .method = "ListInvoices", .request = &all.base };
	}
	for (int i = 0; i < MANY; i++) {
		service_start(&payers[i]);
		if (i % 5 > 0)
			continue;
		for (int reader = i; reader < i + 5; reader++) {
			service_start(&gets[reader]);
			service_start(&lists[reader]);
		}
		service_finish();
	}
	service_finish();
	for (int i = 0; i < MANY; i++) {
		const Billing__Invoice *got = gets[i].reply, *listed;

		assert_paid_by_its_payments(got);
		listed = ((const Billing__ListInvoicesResponse *)lists[i].reply)->invoices[0];
		assert_paid_by_its_payments(listed);
		most = got->paid->minor_units > most ? got->paid->minor_units : most;
	}
	assert_true(most > 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lists_are_in_order_and_complete),
		TEST(overdue_is_what_is_open_after_its_date),
		TEST(a_search_finds_all_words),
		TEST(readers_never_see_half_a_payment),
	};

	return cmocka_run_group_tests(tests, make_database, NULL);
}
