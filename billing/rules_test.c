/* What rules.h of billing promises. */
#include "billing/rules.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"

#define ORDER "0192d3a0-0000-7000-8000-00000000000a"
#define NOON_2026_11_21 (INT64_C(1795262400) * CLOCK_SECOND)
#define MANY 60

#define ISSUED BILLING__INVOICE_STATE__INVOICE_STATE_ISSUED
#define PARTLY_PAID BILLING__INVOICE_STATE__INVOICE_STATE_PARTLY_PAID
#define PAID BILLING__INVOICE_STATE__INVOICE_STATE_PAID

static struct arena *arena;

static int make_arena(void **state)
{
	(void)state;
	arena = arena_new(4096, 0);
	return 0;
}

static int drop_arena(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static Common__Money *money(const char *currency, int64_t minor_units)
{
	Common__Money *made = arena_alloc(arena, sizeof(*made));

	common__money__init(made);
	made->currency_code = arena_strdup(arena, currency);
	made->minor_units = minor_units;
	return made;
}

struct asked {
	int64_t price, quantity;
	int32_t rate;
};

static Billing__IssueInvoiceRequest *request(const struct asked *lines, size_t count)
{
	Billing__IssueInvoiceRequest *made = arena_alloc(arena, sizeof(*made));

	billing__issue_invoice_request__init(made);
	made->order_id = arena_strdup(arena, ORDER);
	made->lines = arena_array(arena, count, sizeof(*made->lines));
	made->n_lines = count;
	for (size_t i = 0; i < count; i++) {
		Billing__InvoiceLine *line = arena_alloc(arena, sizeof(*line));

		billing__invoice_line__init(line);
		line->item_id = arena_printf(arena, "0192d3a0-0000-7000-8000-%012zu", i);
		line->quantity = lines[i].quantity;
		line->unit_price = money("EUR", lines[i].price);
		line->tax_rate_basis_points = lines[i].rate;
		made->lines[i] = line;
	}
	return made;
}

/* An invoice number 7 of 2026, issued at noon of 21 November. */
static Billing__Invoice *invoice_of(const struct asked *lines, size_t count)
{
	const struct number number = { INVOICE_SERIES, 2026, 7 };
	Billing__Invoice *made = arena_alloc(arena, sizeof(*made));

	assert_null(invoice_compute(arena, request(lines, count), made).reason);
	invoice_issue(arena, made, &number, NOON_2026_11_21);
	return made;
}

#define INVOICE_OF(...)                                                                                                \
	invoice_of((struct asked[]){ __VA_ARGS__ }, sizeof((struct asked[]){ __VA_ARGS__ }) / sizeof(struct asked))
#define COMPUTE(ret_, ...)                                                                                             \
	invoice_compute(                                                                                               \
	    arena,                                                                                                     \
	    request((struct asked[]){ __VA_ARGS__ }, sizeof((struct asked[]){ __VA_ARGS__ }) / sizeof(struct asked)),  \
	    ret_)

static void assert_money(const Common__Money *actual, int64_t minor_units)
{
	assert_int_equal(actual->minor_units, minor_units);
	assert_string_equal(actual->currency_code, "EUR");
}

static void an_invoice_adds_up(void **state)
{
	const Billing__Invoice *invoice = INVOICE_OF({ 1999, 3, 1900 }, { 250, 10, 700 }, { 0, 1, 1900 });

	(void)state;
	assert_money(invoice->lines[0]->net, 5997);
	assert_money(invoice->lines[0]->tax, 1139); /* 1139.43 */
	assert_money(invoice->lines[0]->gross, 7136);
	assert_money(invoice->lines[1]->net, 2500);
	assert_money(invoice->lines[1]->tax, 175);
	assert_money(invoice->lines[2]->gross, 0);
	assert_money(invoice->net, 8497);
	assert_money(invoice->tax, 1314);
	assert_money(invoice->gross, 9811);
	assert_money(invoice->paid, 0);
	assert_money(invoice->credited, 0);
	assert_money(invoice->open, 9811);
	assert_int_equal(invoice->state, ISSUED);
}

/* Half a cent goes up, in each line by itself: three times 0.5 is 3, not 1.5 rounded. */
static void tax_is_rounded_per_line(void **state)
{
	static const struct {
		int64_t net;
		int32_t rate;
		int64_t tax;
	} ROUNDED[] = {
		{ 1, 5000, 1 },  { 1, 4999, 0 },   { 3, 5000, 2 },  { 50, 100, 1 },      { 49, 100, 0 },
		{ 150, 100, 2 }, { 99, 1900, 19 }, { 1, 10000, 1 }, { 1000000, 1, 100 }, { 4999, 1, 0 },
	};
	const Billing__Invoice *thrice = INVOICE_OF({ 1, 1, 5000 }, { 1, 1, 5000 }, { 1, 1, 5000 });

	(void)state;
	for (size_t i = 0; i < sizeof(ROUNDED) / sizeof(ROUNDED[0]); i++) {
		const Billing__Invoice *invoice = INVOICE_OF({ ROUNDED[i].net, 1, ROUNDED[i].rate });

		assert_money(invoice->tax, ROUNDED[i].tax);
	}
	assert_money(thrice->tax, 3);
}

static void taxes_are_summed_by_rate_lowest_first(void **state)
{
	const Billing__Invoice *invoice =
	    INVOICE_OF({ 100, 1, 1900 }, { 100, 1, 0 }, { 300, 2, 700 }, { 500, 1, 1900 }, { 10, 1, 700 });

	(void)state;
	assert_int_equal(invoice->n_tax_totals, 3);
	assert_int_equal(invoice->tax_totals[0]->tax_rate_basis_points, 0);
	assert_money(invoice->tax_totals[0]->net, 100);
	assert_money(invoice->tax_totals[0]->tax, 0);
	assert_int_equal(invoice->tax_totals[1]->tax_rate_basis_points, 700);
	assert_money(invoice->tax_totals[1]->net, 610);
	assert_money(invoice->tax_totals[1]->tax, 43); /* 42 and 0.7 */
	assert_int_equal(invoice->tax_totals[2]->tax_rate_basis_points, 1900);
	assert_money(invoice->tax_totals[2]->net, 600);
	assert_money(invoice->tax_totals[2]->tax, 114);
}

/* Whatever the lines are, the parts are the whole. */
static void totals_agree_with_lines(void **state)
{
	struct asked lines[MANY];
	int64_t net = 0, tax = 0, gross = 0, net_by_rate = 0, tax_by_rate = 0;
	const Billing__Invoice *invoice;
	uint32_t seed = 20261121;

	(void)state;
	for (size_t i = 0; i < MANY; i++) {
		seed = seed * 1664525 + 1013904223;
		lines[i] = (struct asked){ seed % 100000, seed / 7 % 1000 + 1, (int32_t)(seed / 11 % 6 * 475) };
	}
	invoice = invoice_of(lines, MANY);
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(invoice->lines[i]->net->minor_units, lines[i].price * lines[i].quantity);
		net += invoice->lines[i]->net->minor_units;
		tax += invoice->lines[i]->tax->minor_units;
		gross += invoice->lines[i]->gross->minor_units;
	}
	for (size_t i = 0; i < invoice->n_tax_totals; i++) {
		net_by_rate += invoice->tax_totals[i]->net->minor_units;
		tax_by_rate += invoice->tax_totals[i]->tax->minor_units;
		assert_true(i == 0 || invoice->tax_totals[i - 1]->tax_rate_basis_points <
					  invoice->tax_totals[i]->tax_rate_basis_points);
	}
	assert_int_equal(invoice->n_tax_totals, 6);
	assert_money(invoice->net, net);
	assert_money(invoice->tax, tax);
	assert_money(invoice->gross, gross);
	assert_int_equal(gross, net + tax);
	assert_int_equal(net_by_rate, net);
	assert_int_equal(tax_by_rate, tax);
}

static void expect_violation(struct status status, const char *field)
{
	assert_true(status_is(status, &INVALID_REQUEST));
	assert_string_equal(status.detail->violations->field, field);
}

static void amounts_beyond_all_counting_are_refused(void **state)
{
	const int64_t trillion = INT64_C(1000000000000);
	Billing__Invoice invoice;

	(void)state;
	memset(&invoice, 0x5a, sizeof(invoice));
	/* The largest price and quantity that the contract lets through still fit; ten such lines do not. */
	assert_null(COMPUTE(&(Billing__Invoice){ 0 }, { trillion, 1000000, 10000 }).reason);
	expect_violation(COMPUTE(&invoice, { 1, 1, 0 }, { trillion, 1000000, 10000 }, { trillion, 1000000, 10000 },
				 { trillion, 1000000, 10000 }, { trillion, 1000000, 10000 },
				 { trillion, 1000000, 10000 }),
			 "lines[5]");
	expect_violation(COMPUTE(&invoice, { INT64_MAX, 2, 0 }), "lines[0]");
	expect_violation(COMPUTE(&invoice, { INT64_MAX, 1, 1 }), "lines[0]");
	assert_int_equal(invoice.state, 0x5a5a5a5a);
}

static void lines_must_agree(void **state)
{
	Billing__IssueInvoiceRequest *odd = request((struct asked[]){ { 1, 1, 0 }, { -1, 1, 0 }, { 1, 1, 0 } }, 3);
	Billing__IssueInvoiceRequest *twice = request((struct asked[]){ { 1, 1, 0 }, { 1, 1, 0 } }, 2);
	Billing__Invoice invoice;
	struct status status;

	(void)state;
	odd->lines[2]->unit_price = money("USD", 1);
	status = invoice_compute(arena, odd, &invoice);
	expect_violation(status, "lines[1].unit_price.minor_units");
	assert_string_equal(status.detail->violations->next->field, "lines[2].unit_price.currency_code");
	twice->lines[1]->item_id = twice->lines[0]->item_id;
	expect_violation(invoice_compute(arena, twice, &invoice), "lines[1].item_id");
}

static void numbers_and_dates(void **state)
{
	const struct number high = { "CRN", 2027, 12345678 };
	Billing__Invoice *invoice = INVOICE_OF({ 100, 1, 0 });

	(void)state;
	assert_string_equal(invoice->number, "INV-2026-000007");
	assert_string_equal(invoice->issue_date, "2026-11-21");
	assert_string_equal(invoice->due_date, "2026-12-05");
	/* A year's last moment, and a leap year's February. */
	invoice_issue(arena, invoice, &high, NOON_2026_11_21 + 41 * CLOCK_DAY - CLOCK_DAY / 2 - 1);
	assert_string_equal(invoice->number, "CRN-2027-12345678");
	assert_string_equal(invoice->issue_date, "2026-12-31");
	assert_string_equal(invoice->due_date, "2027-01-14");
	assert_string_equal(date_text(arena, INT64_C(1835395200) * CLOCK_SECOND), "2028-02-29");
}

static void it_is_overdue_after_the_due_date(void **state)
{
	Billing__Invoice *invoice = INVOICE_OF({ 100, 1, 0 });
	const int64_t due = NOON_2026_11_21 + 14 * CLOCK_DAY;

	(void)state;
	assert_false(invoice->overdue);
	invoice_derive(arena, invoice, due + CLOCK_DAY / 2 - 1);
	assert_false(invoice->overdue);
	invoice_derive(arena, invoice, due + CLOCK_DAY / 2);
	assert_true(invoice->overdue);
	invoice->paid = money("EUR", 100);
	invoice_derive(arena, invoice, due + CLOCK_DAY / 2);
	assert_false(invoice->overdue);
}

static Billing__Payment *payment(const char *currency, int64_t minor_units)
{
	Billing__Payment *made = arena_alloc(arena, sizeof(*made));

	billing__payment__init(made);
	made->amount = money(currency, minor_units);
	return made;
}

static void payments_add_up_to_paid(void **state)
{
	Billing__Invoice *invoice = INVOICE_OF({ 1000, 1, 0 });

	(void)state;
	assert_null(invoice_pay(arena, invoice, payment("EUR", 1)).reason);
	assert_int_equal(invoice->state, PARTLY_PAID);
	assert_null(invoice_pay(arena, invoice, payment("EUR", 998)).reason);
	assert_int_equal(invoice->state, PARTLY_PAID);
	assert_null(invoice_pay(arena, invoice, payment("EUR", 1)).reason);
	assert_int_equal(invoice->state, PAID);
	assert_money(invoice->paid, 1000);
	assert_int_equal(invoice->n_payments, 3);
	assert_money(invoice->payments[1]->amount, 998);
	invoice_derive(arena, invoice, NOON_2026_11_21);
	assert_money(invoice->open, 0);
}

static const char *metadata(struct status status, const char *name)
{
	for (const struct status_pair *pair = status.detail->metadata; pair != NULL; pair = pair->next) {
		if (strcmp(pair->name, name) == 0)
			return pair->value;
	}
	return "";
}

static void nobody_pays_more_than_is_open(void **state)
{
	Billing__Invoice *invoice = INVOICE_OF({ 1000, 1, 0 });
	struct status status;

	(void)state;
	assert_null(invoice_pay(arena, invoice, payment("EUR", 400)).reason);
	status = invoice_pay(arena, invoice, payment("EUR", 601));
	assert_ptr_equal(status.reason, &PAYMENT_EXCEEDS_OPEN);
	assert_int_equal(status_code(status), CODE_FAILED_PRECONDITION);
	assert_string_equal(metadata(status, "open"), "600");
	assert_string_equal(metadata(status, "currency_code"), "EUR");
	assert_string_equal(status_message(status), "Only 6.00 EUR are open.");
	assert_ptr_equal(invoice_pay(arena, invoice, payment("EUR", INT64_MAX)).reason, &PAYMENT_EXCEEDS_OPEN);
	assert_money(invoice->paid, 400);
	assert_int_equal(invoice->n_payments, 1);
	assert_int_equal(invoice->state, PARTLY_PAID);
}

static void a_payment_is_money_of_the_same_kind(void **state)
{
	Billing__Invoice *invoice = INVOICE_OF({ 1000, 1, 0 });
	struct status status;

	(void)state;
	expect_violation(invoice_pay(arena, invoice, payment("USD", 1)), "amount.currency_code");
	expect_violation(invoice_pay(arena, invoice, payment("EUR", 0)), "amount.minor_units");
	expect_violation(invoice_pay(arena, invoice, payment("EUR", -1)), "amount.minor_units");
	status = invoice_pay(arena, invoice, payment("USD", 0));
	assert_non_null(status.detail->violations->next);
	assert_int_equal(invoice->n_payments, 0);
}

static void an_invoice_about_nothing_is_paid(void **state)
{
	Billing__Invoice *invoice = INVOICE_OF({ 0, 5, 1900 });

	(void)state;
	assert_int_equal(invoice->state, PAID);
	assert_ptr_equal(invoice_pay(arena, invoice, payment("EUR", 1)).reason, &PAYMENT_EXCEEDS_OPEN);
	assert_int_equal(invoice_entry(invoice).n_moves, 0);
}

static void a_shipment_is_billed_to_one_order(void **state)
{
	Billing__IssueInvoiceRequest *asked = request(&(struct asked){ 100, 1, 0 }, 1);
	Billing__Invoice *invoice = INVOICE_OF({ 100, 1, 0 });

	(void)state;
	assert_null(invoice_same(arena, invoice, asked).reason);
	asked->order_id = arena_strdup(arena, "0192D3A0-0000-7000-8000-00000000000A");
	assert_null(invoice_same(arena, invoice, asked).reason);
	asked->order_id = arena_strdup(arena, "0192d3a0-0000-7000-8000-00000000000b");
	assert_ptr_equal(invoice_same(arena, invoice, asked).reason, &ALREADY_EXISTS);
}

static void what_is_owed_and_what_is_paid_is_booked(void **state)
{
	Billing__Invoice *invoice = INVOICE_OF({ 1000, 1, 1900 });
	Billing__Payment *paid = payment("EUR", 700);
	struct entry entry;

	(void)state;
	invoice->invoice_id = arena_strdup(arena, "the invoice");
	paid->payment_id = arena_strdup(arena, "the payment");
	entry = invoice_entry(invoice);
	assert_string_equal(entry.entry_id, "the invoice");
	assert_int_equal(entry.n_moves, 2);
	assert_string_equal(entry.debit[0], "RECEIVABLE");
	assert_string_equal(entry.credit[0], "REVENUE");
	assert_int_equal(entry.amount[0], 1000);
	assert_string_equal(entry.debit[1], "RECEIVABLE");
	assert_string_equal(entry.credit[1], "TAX");
	assert_int_equal(entry.amount[1], 190);
	entry = payment_entry(paid);
	assert_string_equal(entry.entry_id, "the payment");
	assert_int_equal(entry.n_moves, 1);
	assert_string_equal(entry.debit[0], "CASH");
	assert_string_equal(entry.credit[0], "RECEIVABLE");
	assert_int_equal(entry.amount[0], 700);
	/* Without tax there is nothing to book for it. */
	assert_int_equal(invoice_entry(INVOICE_OF({ 1000, 1, 0 })).n_moves, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_invoice_adds_up, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(tax_is_rounded_per_line, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(taxes_are_summed_by_rate_lowest_first, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(totals_agree_with_lines, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(amounts_beyond_all_counting_are_refused, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(lines_must_agree, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(numbers_and_dates, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(it_is_overdue_after_the_due_date, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(payments_add_up_to_paid, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(nobody_pays_more_than_is_open, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(a_payment_is_money_of_the_same_kind, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(an_invoice_about_nothing_is_paid, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(a_shipment_is_billed_to_one_order, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(what_is_owed_and_what_is_paid_is_booked, make_arena, drop_arena),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
