#include "billing/document.h"

#include <string.h>

#include "base/money.h"

/* Text and attribute values alike: HTML Living Standard, 13.3 "escaping a string", and the apostrophe. */
static void escaped(struct buf *page, const char *text)
{
	static const struct {
		char byte;
		const char *entity;
	} ENTITIES[] = { { '&', "&amp;" }, { '<', "&lt;" }, { '>', "&gt;" }, { '"', "&quot;" }, { '\'', "&#39;" } };

	for (; *text != '\0'; text++) {
		const char *entity = NULL;

		for (size_t i = 0; i < sizeof(ENTITIES) / sizeof(ENTITIES[0]); i++) {
			if (ENTITIES[i].byte == *text)
				entity = ENTITIES[i].entity;
		}
		if (entity != NULL)
			buf_text(page, entity);
		else
			buf_byte(page, *text);
	}
}

/* <tag>text</tag>, where tag may have attributes. */
static void element(struct buf *page, const char *tag, const char *text)
{
	buf_printf(page, "<%s>", tag);
	escaped(page, text);
	buf_printf(page, "</%.*s>", (int)strcspn(tag, " "), tag);
}

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

static void fact(struct buf *page, const char *term, const char *value)
{
	element(page, "dt", term);
	element(page, "dd", value);
}

static void head(struct buf *page, const Billing__Invoice *invoice)
{
	buf_text(page, "<header class=\"head\">\n");
	element(page, "h1", arena_printf(page->arena, "Invoice %s", invoice->number));
	buf_text(page, "\n<p>Quayside</p>\n</header>\n");
}

static void address_line(struct buf *page, const char *text)
{
	if (*text == '\0')
		return;
	escaped(page, text);
	buf_text(page, "<br>");
}

static void parties(struct buf *page, const Billing__Invoice *invoice)
{
	const Common__Address *address = invoice->billing_address;

	buf_text(page, "<div class=\"parties\">\n<section>\n<h2>Billed to</h2>\n<address>");
	if (strcmp(invoice->customer_name, address->recipient) != 0)
		address_line(page, invoice->customer_name);
	address_line(page, address->recipient);
	address_line(page, address->line1);
	address_line(page, address->line2);
	address_line(page, arena_printf(page->arena, "%s%s%s", address->postal_code,
					*address->postal_code == '\0' ? "" : " ", address->city));
	address_line(page, address->region);
	escaped(page, address->country_code);
	buf_text(page, "</address>\n</section>\n<dl>\n");
	fact(page, "Issued", invoice->issue_date);
	fact(page, "Due", invoice->due_date);
	fact(page, "Order", invoice->order_number);
	buf_text(page, "\n</dl>\n</div>\n");
}

#define NUMBER_CELL "td class=\"number\""
#define NUMBER_HEAD "th scope=\"col\" class=\"number\""

static void line_row(struct buf *page, const Billing__InvoiceLine *line)
{
	buf_text(page, "<tr>");
	element(page, "td", line->sku);
	element(page, "th scope=\"row\"", line->name);
	element(page, NUMBER_CELL, arena_printf(page->arena, "%lld", (long long)line->quantity));
	element(page, NUMBER_CELL, grouped(page->arena, line->unit_price));
	element(page, NUMBER_CELL, percent(page->arena, line->tax_rate_basis_points));
	element(page, NUMBER_CELL, grouped(page->arena, line->net));
	buf_text(page, "</tr>\n");
}

static void lines(struct buf *page, const Billing__Invoice *invoice)
{
	buf_text(page, "<table class=\"lines\">\n<thead><tr>");
	element(page, "th scope=\"col\"", "SKU");
	element(page, "th scope=\"col\"", "Item");
	element(page, NUMBER_HEAD, "Quantity");
	element(page, NUMBER_HEAD, "Unit price");
	element(page, NUMBER_HEAD, "Tax");
	element(page, NUMBER_HEAD, "Net");
	buf_text(page, "</tr></thead>\n<tbody>\n");
	for (size_t i = 0; i < invoice->n_lines; i++)
		line_row(page, invoice->lines[i]);
	buf_text(page, "</tbody>\n</table>\n");
}

static void total_row(struct buf *page, const char *label, const Common__Money *money)
{
	buf_text(page, "<tr>");
	element(page, "th scope=\"row\"", label);
	element(page, "td", with_currency(page->arena, money));
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
	element(page, "p", text);
	buf_text(page, "\n</footer>\n");
}

struct str invoice_document(struct arena *arena, const Billing__Invoice *invoice)
{
	struct buf page = buf_new(arena);

	buf_text(&page, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
			"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Invoice ");
	escaped(&page, invoice->number);
	buf_text(&page, "</title>\n<link rel=\"stylesheet\" href=\"/css/document.css\">\n</head>\n<body>\n<main "
			"class=\"document\">\n");
	head(&page, invoice);
	parties(&page, invoice);
	lines(&page, invoice);
	totals(&page, invoice);
	foot(&page, invoice);
	buf_text(&page, "</main>\n</body>\n</html>\n");
	return (struct str){ page.data, page.len };
}
