/* What document.h promises. */
#include "billing/document.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "billing/rules.h"

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

static char *text(const char *value)
{
	return arena_strdup(arena, value);
}

static Billing__InvoiceLine *line(const char *name, const char *currency, int64_t price, int32_t rate)
{
	Billing__InvoiceLine *made = arena_alloc(arena, sizeof(*made));

	billing__invoice_line__init(made);
	made->item_id = text(name);
	made->sku = text("TEA-1");
	made->name = text(name);
	made->quantity = 1000;
	made->unit_price = arena_alloc(arena, sizeof(*made->unit_price));
	common__money__init(made->unit_price);
	made->unit_price->currency_code = text(currency);
	made->unit_price->minor_units = price;
	made->tax_rate_basis_points = rate;
	return made;
}

static Billing__Invoice *invoice_in(const char *currency, int64_t price)
{
	Billing__IssueInvoiceRequest request = BILLING__ISSUE_INVOICE_REQUEST__INIT;
	const struct number number = { INVOICE_SERIES, 2026, 7 };
	Billing__Invoice *made = arena_alloc(arena, sizeof(*made));
	Billing__InvoiceLine *lines[] = { line("Tea", currency, price, 1900), line("Book", currency, price, 725) };

	request.lines = arena_memdup(arena, lines, sizeof(lines));
	request.n_lines = 2;
	request.order_number = text("ORD-1");
	request.customer_name = text("Ada Byron");
	request.billing_address = arena_alloc(arena, sizeof(*request.billing_address));
	common__address__init(request.billing_address);
	request.billing_address->recipient = text("Ada Byron");
	request.billing_address->line1 = text("12 St James's Square");
	request.billing_address->city = text("London");
	request.billing_address->country_code = text("GB");
	assert_null(invoice_compute(arena, &request, made).reason);
	invoice_issue(arena, made, &number, INT64_C(1795262400) * CLOCK_SECOND);
	return made;
}

static struct buf page_of(const Billing__Invoice *invoice)
{
	struct buf page = buf_new(arena);

	invoice_document(&page, invoice);
	return page;
}

static bool says(const Billing__Invoice *invoice, const char *what)
{
	return strstr(page_of(invoice).data, what) != NULL;
}

static void an_invoice_says_what_it_is_about(void **state)
{
	Billing__Invoice *invoice = invoice_in("EUR", 1234);
	const struct buf page = page_of(invoice);

	(void)state;
	assert_int_equal(strlen(page.data), page.len);
	assert_true(str_starts(str_of(page.data), "<!doctype html>"));
	assert_true(says(invoice, "<h1>Invoice INV-2026-000007</h1>"));
	assert_true(says(invoice, "<link rel=\"stylesheet\" href=\"/css/document.css\">"));
	assert_true(says(invoice, "<dt>Issued</dt><dd>2026-11-21</dd><dt>Due</dt><dd>2026-12-05</dd>"));
	assert_true(says(invoice, "<dd>ORD-1</dd>"));
	assert_true(says(invoice, "<th scope=\"row\">Tea</th>"));
	assert_true(says(invoice,
			 "<td class=\"number\">1000</td><td class=\"number\">12.34</td><td class=\"number\">19%</td>"
			 "<td class=\"number\">12,340.00</td>"));
	assert_true(says(invoice, "<th scope=\"row\">Tax 7.25% on 12,340.00</th><td>894.65 EUR</td>"));
	assert_true(says(invoice, "<th scope=\"row\">Total</th><td>27,919.25 EUR</td>"));
	assert_true(says(invoice, "Please pay 27,919.25 EUR by 2026-12-05, quoting INV-2026-000007."));
	assert_false(says(invoice, "Paid"));
	assert_false(says(invoice, "<th scope=\"row\">Open</th>"));
	/* The name once: it is the recipient too. */
	assert_null(strstr(strstr(page.data, "Ada Byron") + 1, "Ada Byron"));
}

static void what_came_in_is_taken_off(void **state)
{
	Billing__Invoice *invoice = invoice_in("EUR", 1234);

	(void)state;
	invoice->paid->minor_units = 100;
	invoice_derive(arena, invoice, 0);
	assert_true(says(invoice, "<th scope=\"row\">Paid</th><td>1.00 EUR</td>"));
	assert_true(says(invoice, "<th scope=\"row\">Open</th><td>27,918.25 EUR</td>"));
	invoice->paid->minor_units = invoice->gross->minor_units;
	invoice_derive(arena, invoice, 0);
	assert_true(says(invoice, "<th scope=\"row\">Open</th><td>0.00 EUR</td>"));
	assert_true(says(invoice, "Nothing is left to pay."));
}

static void currencies_have_their_own_decimals(void **state)
{
	(void)state;
	assert_true(says(invoice_in("JPY", 1234), "<th scope=\"row\">Net</th><td>2,468,000 JPY</td>"));
	assert_true(says(invoice_in("KWD", 1234), "<th scope=\"row\">Net</th><td>2,468.000 KWD</td>"));
	assert_true(says(invoice_in("EUR", 0), "<th scope=\"row\">Total</th><td>0.00 EUR</td>"));
}

/* Every text that comes from outside, one after the other. */
static void no_text_becomes_markup(void **state)
{
	static const char EVIL[] = "</td><script>alert('x' & \"y\")</script>";
	static const char HARMLESS[] = "&lt;/td&gt;&lt;script&gt;alert(&#39;x&#39; &amp; &quot;y&quot;)&lt;/script&gt;";
	const size_t n_texts = 12;

	(void)state;
	for (size_t i = 0; i < n_texts; i++) {
		Billing__Invoice *invoice = invoice_in("EUR", 1234);
		Common__Address *address = invoice->billing_address;
		char **texts[] = { &address->recipient,    &address->line1,          &address->line2,
				   &address->postal_code,  &address->city,           &address->region,
				   &address->country_code, &invoice->customer_name,  &invoice->order_number,
				   &invoice->number,       &invoice->lines[0]->name, &invoice->lines[0]->sku };

		assert_int_equal(sizeof(texts) / sizeof(texts[0]), n_texts);
		*texts[i] = text(EVIL);
		assert_false(says(invoice, "<script"));
		assert_true(says(invoice, HARMLESS));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_invoice_says_what_it_is_about, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(what_came_in_is_taken_off, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(currencies_have_their_own_decimals, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(no_text_becomes_markup, make_arena, drop_arena),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
