/*
 * What the store and the handlers of billing promise, on a real database, as the role that owns it in production: not a
 * superuser.
 */
#include "billing/store.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "billing/handlers.h"
#include "billing/store_test.h"
#include "runtime/pb.h"

#define MANY 50

static void what_was_issued_is_found(void **state)
{
	Billing__IssueInvoiceRequest *request = new_invoice("ORD-1", "Zoë O'Neill");
	Billing__Invoice *issued, *found;

	(void)state;
	clock_freeze(NOON_2026_11_21);
	issued = issue(request);
	found = get(issued->invoice_id);
	assert_same(&found->base, &issued->base);
	assert_string_equal(found->number, "INV-2026-000001");
	assert_string_equal(found->issue_date, "2026-11-21");
	assert_string_equal(found->due_date, "2026-12-05");
	assert_string_equal(found->customer_name, "Zoë O'Neill");
	assert_string_equal(found->shipment_id, request->shipment_id);
	assert_same(&found->billing_address->base, &request->billing_address->base);
	assert_int_equal(found->n_lines, 2);
	assert_string_equal(found->lines[0]->item_id, request->lines[0]->item_id);
	assert_int_equal(found->gross->minor_units, INVOICE_GROSS);
	assert_int_equal(found->open->minor_units, INVOICE_GROSS);
	assert_int_equal(found->state, BILLING__INVOICE_STATE__INVOICE_STATE_ISSUED);
	assert_int_equal(found->n_tax_totals, 2);
	assert_string_equal(found->etag, "1");
	assert_books_balance();
}

static void an_unknown_invoice_is_not_found(void **state)
{
	Billing__GetInvoiceRequest request = BILLING__GET_INVOICE_REQUEST__INIT;

	(void)state;
	request.invoice_id = new_id();
	assert_true(status_is(service_call("GetInvoice", NULL, &request.base, NULL), &NOT_FOUND));
	assert_true(status_is(try_to_pay(request.invoice_id, 1), &NOT_FOUND));
}

static struct db_statement COUNT_EVENTS = DB_READ("count_events", "SELECT count(*) AS n FROM outbox");

/* Under the same key, another key, no key, all at once. */
static void a_shipment_has_one_invoice(void **state)
{
	const Billing__IssueInvoiceRequest *request = new_invoice("ORD-1", "Ada Byron");
	struct invocation again[MANY];

	(void)state;
	for (int i = 0; i < MANY; i++) {
		again[i] = (struct invocation){ .method = "IssueInvoice", .request = &request->base };
		if (i % 3 > 0)
			again[i].key = i % 3 == 1 ? "one key" : arena_printf(service_arena(), "key %d", i);
		service_start(&again[i]);
	}
	service_finish();
	for (int i = 0; i < MANY; i++) {
		assert_null(again[i].outcome.reason);
		assert_true(str_equal(again[i].bytes, again[0].bytes));
	}
	assert_int_equal(assert_numbers_have_no_gap(), 1);
	assert_int_equal(service_number(&COUNT_EVENTS), 1);
	assert_string_equal(issue(new_invoice("ORD-2", "Ada Byron"))->number + strlen("INV-2026-"), "000002");
}

static void a_repeat_gets_the_same_bytes(void **state)
{
	const Billing__IssueInvoiceRequest *request = new_invoice("ORD-1", "Ada Byron");
	struct invocation calls[6];
	const Billing__RecordPaymentRequest *payment = NULL;

	(void)state;
	for (int i = 0; i < 6; i++) {
		calls[i] = (struct invocation){ .method = "IssueInvoice",
						.request = &request->base,
						.key = i % 3 == 1 ? "b" : "a" };
		if (i % 3 == 2)
			calls[i] =
			    (struct invocation){ .method = "RecordPayment", .request = &payment->base, .key = "c" };
		service_start(&calls[i]);
		service_finish();
		assert_null(calls[i].outcome.reason);
		if (i == 0)
			payment = payment_of(((Billing__Invoice *)calls[0].reply)->invoice_id, 100);
	}
	for (int i = 0; i < 3; i++)
		assert_true(str_equal(calls[i + 3].bytes, calls[i].bytes));
	assert_int_equal(get(payment->invoice_id)->paid->minor_units, 100);
}

static void another_order_cannot_have_the_shipment(void **state)
{
	Billing__IssueInvoiceRequest *request = new_invoice("ORD-1", "Ada Byron");

	(void)state;
	issue(request);
	request->order_id = new_id();
	assert_true(status_is(service_call("IssueInvoice", "key", &request->base, NULL), &ALREADY_EXISTS));
	assert_int_equal(assert_numbers_have_no_gap(), 1);
}

static void what_cannot_be_computed_takes_no_number(void **state)
{
	Billing__IssueInvoiceRequest *request = new_invoice("ORD-1", "Ada Byron");

	(void)state;
	request->lines[1]->unit_price = new_money(service_arena(), "USD", 1);
	assert_true(status_is(service_call("IssueInvoice", "key", &request->base, NULL), &INVALID_REQUEST));
	assert_int_equal(assert_numbers_have_no_gap(), 0);
}

static void a_new_year_starts_at_one(void **state)
{
	static const struct {
		int64_t time;
		const char *number;
	} ISSUES[] = {
		{ NOON_2026_11_21, "INV-2026-000001" },
		{ NOON_2026_11_21 + 40 * CLOCK_DAY + CLOCK_DAY / 2 - 1, "INV-2026-000002" },
		{ NOON_2026_11_21 + 40 * CLOCK_DAY + CLOCK_DAY / 2, "INV-2027-000001" },
		{ NOON_2026_11_21 + 40 * CLOCK_DAY + CLOCK_DAY / 2, "INV-2027-000002" },
		{ NOON_2026_11_21, "INV-2026-000003" }, /* a clock that was put right */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ISSUES) / sizeof(ISSUES[0]); i++) {
		clock_freeze(ISSUES[i].time);
		assert_string_equal(issue(new_invoice("ORD-1", "Ada Byron"))->number, ISSUES[i].number);
	}
}

static void payments_are_booked_until_nothing_is_open(void **state)
{
	Billing__Invoice *issued = issue(new_invoice("ORD-1", "Ada Byron")), *partly, *paid;

	(void)state;
	partly = pay(issued->invoice_id, 100);
	assert_int_equal(partly->state, BILLING__INVOICE_STATE__INVOICE_STATE_PARTLY_PAID);
	assert_int_equal(partly->paid->minor_units, 100);
	assert_int_equal(partly->open->minor_units, INVOICE_GROSS - 100);
	assert_int_equal(partly->n_payments, 1);
	assert_string_equal(partly->payments[0]->method, "bank transfer");
	assert_string_equal(partly->payments[0]->actor, "tester");
	assert_same(&get(issued->invoice_id)->base, &partly->base);
	assert_true(status_is(try_to_pay(issued->invoice_id, INVOICE_GROSS - 99), &PAYMENT_EXCEEDS_OPEN));
	paid = pay(issued->invoice_id, INVOICE_GROSS - 100);
	assert_int_equal(paid->state, BILLING__INVOICE_STATE__INVOICE_STATE_PAID);
	assert_int_equal(paid->open->minor_units, 0);
	assert_int_equal(paid->n_payments, 2);
	assert_same(&paid->payments[0]->base, &partly->payments[0]->base);
	assert_same(&get(issued->invoice_id)->base, &paid->base);
	assert_true(status_is(try_to_pay(issued->invoice_id, 1), &PAYMENT_EXCEEDS_OPEN));
	assert_books_balance();
}

static void a_stale_etag_pays_nothing(void **state)
{
	Billing__Invoice *issued = issue(new_invoice("ORD-1", "Ada Byron"));
	Billing__RecordPaymentRequest *payment = payment_of(issued->invoice_id, 100);

	(void)state;
	payment->etag = text("1");
	assert_null(service_call("RecordPayment", NULL, &payment->base, NULL).reason);
	assert_true(status_is(service_call("RecordPayment", NULL, &payment->base, NULL), &ETAG_MISMATCH));
	assert_int_equal(get(issued->invoice_id)->n_payments, 1);
}

/* Each pays a part; all of them together would be more than is open. */
static void many_payers_at_once_never_pay_too_much(void **state)
{
	const int64_t part = INVOICE_GROSS / 20 + 1; /* 19 fit, 20 do not */
	const char *invoice_id = issue(new_invoice("ORD-1", "Ada Byron"))->invoice_id;
	struct invocation payers[MANY];
	const Billing__Invoice *invoice;
	int accepted = 0, left = MANY;

	(void)state;
	for (int i = 0; i < MANY; i++)
		payers[i] = (struct invocation){ .method = "RecordPayment",
						 .request = &payment_of(invoice_id, part)->base,
						 .key = arena_printf(service_arena(), "payer %d", i),
						 .outcome = status_of(&CONCURRENT_CHANGE) };
	/* Who lost against others every time may try again, as a client does. */
	for (int round = 0; left > 0; round++) {
		assert_true(round < 10);
		for (int i = 0; i < MANY; i++) {
			if (status_is(payers[i].outcome, &CONCURRENT_CHANGE))
				service_start(&payers[i]);
		}
		service_finish();
		left = 0;
		for (int i = 0; i < MANY; i++)
			left += status_is(payers[i].outcome, &CONCURRENT_CHANGE);
	}
	for (int i = 0; i < MANY; i++) {
		if (payers[i].outcome.reason == NULL)
			accepted++;
		else
			assert_true(status_is(payers[i].outcome, &PAYMENT_EXCEEDS_OPEN));
	}
	invoice = get(invoice_id);
	assert_int_equal(accepted, 19);
	assert_int_equal(invoice->n_payments, 19);
	assert_int_equal(invoice->paid->minor_units, 19 * part);
	assert_books_balance();
}

/*
 * The service's own role has no right to change or remove what was written; nor to pay more than is open, whatever its
 * code does.
 */
static struct db_statement COUNT_OPEN_TABLES = DB_READ(
    "count_open_tables",
    "SELECT count(*) AS n FROM unnest(ARRAY['invoice', 'invoice_line', 'payment', 'journal']) AS t, unnest(ARRAY["
    "'UPDATE', 'DELETE', 'TRUNCATE']) AS p WHERE has_table_privilege(t, p)");
static struct db_statement IS_SUPERUSER =
    DB_READ("is_superuser", "SELECT count(*) AS n FROM pg_roles WHERE rolname = current_user AND rolsuper");

static void documents_cannot_be_changed(void **state)
{
	(void)state;
	assert_int_equal(service_number(&IS_SUPERUSER), 0);
	assert_int_equal(service_number(&COUNT_OPEN_TABLES), 0);
}

static struct db_statement COUNT_TOLD = DB_READ(
    "count_told",
    "SELECT count(*) AS n FROM (SELECT string_agg(type, ' ' ORDER BY entry) AS story FROM outbox) AS told WHERE story ="
    " 'quayside.billing.v1.InvoiceIssued quayside.billing.v1.PaymentRecorded quayside.billing.v1.PaymentRecorded'");

static void history_and_events_tell_all_of_it(void **state)
{
	Billing__ListInvoiceHistoryRequest ask = BILLING__LIST_INVOICE_HISTORY_REQUEST__INIT;
	Billing__ListInvoiceHistoryResponse *history;
	void *reply;

	(void)state;
	ask.invoice_id = issue(new_invoice("ORD-1", "Ada Byron"))->invoice_id;
	pay(ask.invoice_id, 100);
	pay(ask.invoice_id, INVOICE_GROSS - 100);
	assert_null(service_call("ListInvoiceHistory", NULL, &ask.base, &reply).reason);
	history = reply;
	assert_int_equal(history->n_entries, 3);
	assert_string_equal(history->entries[0]->from_state, "INVOICE_STATE_PARTLY_PAID");
	assert_string_equal(history->entries[0]->to_state, "INVOICE_STATE_PAID");
	assert_string_equal(history->entries[1]->action, "RecordPayment");
	assert_string_equal(history->entries[1]->reason, "1.00 EUR");
	assert_string_equal(history->entries[2]->to_state, "INVOICE_STATE_ISSUED");
	assert_int_equal(service_number(&COUNT_TOLD), 1);
}

static void an_invoice_is_rendered(void **state)
{
	Billing__RenderInvoiceRequest request = BILLING__RENDER_INVOICE_REQUEST__INIT;
	const Common__Document *document;
	void *reply;

	(void)state;
	clock_freeze(NOON_2026_11_21);
	request.invoice_id = issue(new_invoice("ORD-1", "Ada <b>Byron</b>"))->invoice_id;
	assert_null(service_call("RenderInvoice", NULL, &request.base, &reply).reason);
	document = reply;
	assert_string_equal(document->content_type, "text/html; charset=utf-8");
	assert_string_equal(document->file_name, "INV-2026-000001.html");
	assert_non_null(memmem(document->content.data, document->content.len, "Ada &lt;b&gt;Byron&lt;/b&gt;", 26));
	request.format = BILLING__DOCUMENT_FORMAT__DOCUMENT_FORMAT_PDF;
	assert_true(status_is(service_call("RenderInvoice", NULL, &request.base, NULL), &NOT_IMPLEMENTED));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_issued_is_found),
		TEST(an_unknown_invoice_is_not_found),
		TEST(a_shipment_has_one_invoice),
		TEST(a_repeat_gets_the_same_bytes),
		TEST(another_order_cannot_have_the_shipment),
		TEST(what_cannot_be_computed_takes_no_number),
		TEST(a_new_year_starts_at_one),
		TEST(payments_are_booked_until_nothing_is_open),
		TEST(a_stale_etag_pays_nothing),
		TEST(many_payers_at_once_never_pay_too_much),
		TEST(documents_cannot_be_changed),
		TEST(history_and_events_tell_all_of_it),
		TEST(an_invoice_is_rendered),
	};

	return cmocka_run_group_tests(tests, make_database, NULL);
}
