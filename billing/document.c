#include "billing/document.h"

#include <string.h>

#include "base/money.h"
#include "runtime/document.h"

/* "1,234.56": thousands are set apart, as people read them. */
static char *grouped(struct arena *arena, const Common__Money *money)
{
	const char *plain = money_format(arena, money_of(money->minor_units), money->currency_code);
	size_t sign = strspn(plain, "-"), digits = strcspn(plain + sign, ".");
	struct buf text = buf_new(arena);

	for (size_t i = 0; plain[i] != '\0'; i++) {
		if (i > sign && i < sign + digits && (sign + digits - i) % 3 == 0)
			buf_byte(&text, ',');
		buf_byte(&text, plain[i]);
	}
	return text.data;
}

static char *with_currency(struct arena *arena, const Common__Money *money)
{
	return arena_printf(arena, "%s %s", grouped(arena, money), money->currency_code);
}

/* "19%", "5.5%", "7.25%". */
static char *percent(struct arena *arena, int32_t basis_points)
{
	int whole = basis_points / 100, rest = basis_points % 100;

	if (rest == 0)
		return arena_printf(arena, "%d%%", whole);
	if (rest % 10 == 0)
		return arena_printf(arena, "%d.%d%%", whole, rest / 10);
	return arena_printf(arena, "%d.%02d%%", whole, rest);
}

static void parties(struct buf *page, const Billing__Invoice *invoice)
{
	buf_text(page, "<div class=\"parties\">\n<section>\n<h2>Billed to</h2>\n");
	document_address(page, invoice->customer_name, invoice->billing_address);
	buf_text(page, "\n</section>\n<dl>\n");
	document_fact(page, "Issued", invoice->issue_date);
	document_fact(page, "Due", invoice->due_date);
	document_fact(page, "Order", invoice->order_number);
	buf_text(page, "\n</dl>\n</div>\n");
}

#define NUMBER_CELL "td class=\"number\""
#define NUMBER_HEAD "th scope=\"col\" class=\"number\""

static void line_row(struct buf *page, const Billing__InvoiceLine *line)
{
	buf_text(page, "<tr>");
	document_element(page, "td", line->sku);
	document_element(page, "th scope=\"row\"", line->name);
	document_element(page, NUMBER_CELL, arena_printf(page->arena, "%lld", (long long)line->quantity));
	document_element(page, NUMBER_CELL, grouped(page->arena, line->unit_price));
	document_element(page, NUMBER_CELL, percent(page->arena, line->tax_rate_basis_points));
	document_element(page, NUMBER_CELL, grouped(page->arena, line->net));
	buf_text(page, "</tr>\n");
}

static void lines(struct buf *page, const Billing__Invoice *invoice)
{
	buf_text(page, "<table class=\"lines\">\n<thead><tr>");
	document_element(page, "th scope=\"col\"", "SKU");
	document_element(page, "th scope=\"col\"", "Item");
	document_element(page, NUMBER_HEAD, "Quantity");
	document_element(page, NUMBER_HEAD, "Unit price");
	document_element(page, NUMBER_HEAD, "Tax");
	document_element(page, NUMBER_HEAD, "Net");
	buf_text(page, "</tr></thead>\n<tbody>\n");
	for (size_t i = 0; i < invoice->n_lines; i++)
		line_row(page, invoice->lines[i]);
	buf_text(page, "</tbody>\n</table>\n");
}

static void total_row(struct buf *page, const char *label, const Common__Money *money)
{
	buf_text(page, "<tr>");
	document_element(page, "th scope=\"row\"", label);
	document_element(page, "td", with_currency(page->arena, money));
	buf_text(page, "</tr>\n");
}

static char *tax_label(struct arena *arena, const Billing__TaxTotal *total)
{
	return arena_printf(arena, "Tax %s on %s", percent(arena, total->tax_rate_basis_points),
			    grouped(arena, total->net));
}

/* The last row is what counts: what is open, or, while nothing came in, the total. */
static void totals(struct buf *page, const Billing__Invoice *invoice)
{
	buf_text(page, "<table class=\"totals\">\n<tbody>\n");
	total_row(page, "Net", invoice->net);
	for (size_t i = 0; i < invoice->n_tax_totals; i++)
		total_row(page, tax_label(page->arena, invoice->tax_totals[i]), invoice->tax_totals[i]->tax);
	total_row(page, "Total", invoice->gross);
	if (invoice->paid->minor_units > 0)
		total_row(page, "Paid", invoice->paid);
	if (invoice->credited->minor_units > 0)
		total_row(page, "Credited", invoice->credited);
	if (invoice->open->minor_units != invoice->gross->minor_units)
		total_row(page, "Open", invoice->open);
	buf_text(page, "</tbody>\n</table>\n");
}

static void foot(struct buf *page, const Billing__Invoice *invoice)
{
	const char *text = "Nothing is left to pay. Thank you.";

	if (invoice->open->minor_units > 0)
		text = arena_printf(page->arena, "Please pay %s by %s, quoting %s.",
				    with_currency(page->arena, invoice->open), invoice->due_date, invoice->number);
	buf_text(page, "<footer>\n");
	document_element(page, "p", text);
	buf_text(page, "\n</footer>\n");
}

void invoice_document(struct buf *page, const Billing__Invoice *invoice)
{
	document_open(page, arena_printf(page->arena, "Invoice %s", invoice->number));
	parties(page, invoice);
	lines(page, invoice);
	totals(page, invoice);
	foot(page, invoice);
	document_close(page);
}
