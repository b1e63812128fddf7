#include "billing/rules.h"

#include <string.h>

#include "base/clock.h"
#include "base/money.h"
#include "base/str.h"

const struct reason PAYMENT_EXCEEDS_OPEN = { CODE_FAILED_PRECONDITION, "PAYMENT_EXCEEDS_OPEN",
					     "The payment is more than what is open." };

#define ISSUED BILLING__INVOICE_STATE__INVOICE_STATE_ISSUED
#define PARTLY_PAID BILLING__INVOICE_STATE__INVOICE_STATE_PARTLY_PAID
#define PAID BILLING__INVOICE_STATE__INVOICE_STATE_PAID
#define CREDITED BILLING__INVOICE_STATE__INVOICE_STATE_CREDITED

#define RECEIVABLE "RECEIVABLE"
#define REVENUE "REVENUE"
#define TAX "TAX"
#define CASH "CASH"

static Common__Money *amount(struct arena *arena, char *currency, struct money value)
{
	Common__Money *money = arena_alloc(arena, sizeof(*money));

	common__money__init(money);
	money->currency_code = currency;
	money->minor_units = value.minor;
	return money;
}

static struct money money_in(const Common__Money *money)
{
	return money_of(money->minor_units);
}

char *date_text(struct arena *arena, int64_t time)
{
	struct date date = clock_date(time);

	return arena_printf(arena, "%04d-%02d-%02d", date.year, date.month, date.day);
}

static bool item_before(const Billing__IssueInvoiceRequest *request, size_t at)
{
	for (size_t i = 0; i < at; i++) {
		if (str_is_nocase(str_of(request->lines[i]->item_id), request->lines[at]->item_id))
			return true;
	}
	return false;
}

/* What each line must be by itself and beside the others. */
static struct status check_lines(struct arena *arena, const Billing__IssueInvoiceRequest *request)
{
	const char *currency = request->lines[0]->unit_price->currency_code;
	struct status status = STATUS_OK;

	for (size_t i = 0; i < request->n_lines; i++) {
		const Billing__InvoiceLine *line = request->lines[i];

		if (strcmp(line->unit_price->currency_code, currency) != 0)
			status = status_violation(arena, status,
						  arena_printf(arena, "lines[%zu].unit_price.currency_code", i),
						  "must be the same in all lines");
		if (line->unit_price->minor_units < 0)
			status =
			    status_violation(arena, status, arena_printf(arena, "lines[%zu].unit_price.minor_units", i),
					     "must not be negative");
		if (item_before(request, i))
			status = status_violation(arena, status, arena_printf(arena, "lines[%zu].item_id", i),
						  "is in another line already");
	}
	return status;
}

/* Net, tax and gross: of a line, or summed up. */
struct amounts {
	struct money net, tax, gross;
};

static bool compute_line(const Billing__InvoiceLine *line, struct amounts *ret_amounts)
{
	return money_times(money_in(line->unit_price), line->quantity, &ret_amounts->net) &&
	       money_tax(ret_amounts->net, line->tax_rate_basis_points, &ret_amounts->tax) &&
	       money_add(ret_amounts->net, ret_amounts->tax, &ret_amounts->gross);
}

static bool add_amounts(struct amounts *sum, const struct amounts *more)
{
	return money_add(sum->net, more->net, &sum->net) && money_add(sum->tax, more->tax, &sum->tax) &&
	       money_add(sum->gross, more->gross, &sum->gross);
}

static Billing__InvoiceLine *new_line(struct arena *arena, const Billing__InvoiceLine *asked,
				      const struct amounts *amounts)
{
	Billing__InvoiceLine *line = arena_memdup(arena, asked, sizeof(*asked));
	char *currency = asked->unit_price->currency_code;

	line->net = amount(arena, currency, amounts->net);
	line->tax = amount(arena, currency, amounts->tax);
	line->gross = amount(arena, currency, amounts->gross);
	return line;
}

/* Fills the lines and adds them to the total. */
static struct status compute_lines(struct arena *arena, const Billing__IssueInvoiceRequest *request,
				   Billing__InvoiceLine **lines, struct amounts *total)
{
	for (size_t i = 0; i < request->n_lines; i++) {
		struct amounts amounts;

		if (!compute_line(request->lines[i], &amounts) || !add_amounts(total, &amounts))
			return status_field(arena, &INVALID_REQUEST, arena_printf(arena, "lines[%zu]", i),
					    "comes to more than can be counted");
		lines[i] = new_line(arena, request->lines[i], &amounts);
	}
	return STATUS_OK;
}

static Billing__InvoiceState state_of(const Billing__Invoice *invoice)
{
	int64_t gross = invoice->gross->minor_units, paid = invoice->paid->minor_units;
	int64_t credited = invoice->credited->minor_units;

	if (credited > 0 && credited == gross)
		return CREDITED;
	if (paid == gross - credited)
		return PAID;
	return paid > 0 ? PARTLY_PAID : ISSUED;
}

static struct money open_of(const Billing__Invoice *invoice)
{
	/* Neither is ever more than what the other leaves of gross, so this stays in range. */
	return money_of(invoice->gross->minor_units - invoice->credited->minor_units - invoice->paid->minor_units);
}

struct status invoice_compute(struct arena *arena, const Billing__IssueInvoiceRequest *request,
			      Billing__Invoice *ret_invoice)
{
	char *currency = request->lines[0]->unit_price->currency_code;
	Billing__InvoiceLine **lines = arena_array(arena, request->n_lines, sizeof(*lines));
	struct amounts total = { MONEY_ZERO, MONEY_ZERO, MONEY_ZERO };

	TRY(check_lines(arena, request));
	TRY(compute_lines(arena, request, lines, &total));
	billing__invoice__init(ret_invoice);
	ret_invoice->order_id = request->order_id;
	ret_invoice->order_number = request->order_number;
	ret_invoice->shipment_id = request->shipment_id;
	ret_invoice->customer_id = request->customer_id;
	ret_invoice->customer_name = request->customer_name;
	ret_invoice->billing_address = request->billing_address;
	ret_invoice->lines = lines;
	ret_invoice->n_lines = request->n_lines;
	ret_invoice->net = amount(arena, currency, total.net);
	ret_invoice->tax = amount(arena, currency, total.tax);
	ret_invoice->gross = amount(arena, currency, total.gross);
	ret_invoice->paid = amount(arena, currency, MONEY_ZERO);
	ret_invoice->credited = amount(arena, currency, MONEY_ZERO);
	ret_invoice->state = state_of(ret_invoice);
	return STATUS_OK;
}

void invoice_issue(struct arena *arena, Billing__Invoice *invoice, const struct number *number, int64_t time)
{
	invoice->number = arena_printf(arena, "%s-%04d-%06lld", number->series, number->year, (long long)number->value);
	invoice->issue_date = date_text(arena, time);
	invoice->due_date = date_text(arena, time + INVOICE_PAYMENT_DAYS * CLOCK_DAY);
	invoice_derive(arena, invoice, time);
}

struct status invoice_same(struct arena *arena, const Billing__Invoice *existing,
			   const Billing__IssueInvoiceRequest *request)
{
	if (str_is_nocase(str_of(existing->order_id), request->order_id))
		return STATUS_OK;
	return status_already_exists(arena, "invoice", existing->invoice_id);
}

static struct status check_payment(struct arena *arena, const Billing__Invoice *invoice, const Common__Money *paid)
{
	const char *currency = invoice->gross->currency_code;
	struct status status = STATUS_OK;

	if (strcmp(paid->currency_code, currency) != 0)
		status = status_violation(arena, status, "amount.currency_code",
					  arena_printf(arena, "must be %s, as on the invoice", currency));
	if (paid->minor_units < 1)
		status = status_violation(arena, status, "amount.minor_units", "must be at least 1");
	return status;
}

/* What is open goes along, for programs in minor units. */
static struct status exceeds(struct arena *arena, const char *currency, struct money open)
{
	struct status status = status_printf(arena, &PAYMENT_EXCEEDS_OPEN, "Only %s %s are open.",
					     money_format(arena, open, currency), currency);

	status = status_metadata(arena, status, "open", arena_printf(arena, "%lld", (long long)open.minor));
	return status_metadata(arena, status, "currency_code", currency);
}

struct status invoice_pay(struct arena *arena, Billing__Invoice *invoice, Billing__Payment *payment)
{
	struct money open = open_of(invoice);
	Billing__Payment **payments;
	struct money paid;

	TRY(check_payment(arena, invoice, payment->amount));
	if (money_compare(money_in(payment->amount), open) > 0 ||
	    !money_add(money_in(invoice->paid), money_in(payment->amount), &paid))
		return exceeds(arena, invoice->gross->currency_code, open);
	payments = arena_array(arena, invoice->n_payments + 1, sizeof(*payments));
	for (size_t i = 0; i < invoice->n_payments; i++)
		payments[i] = invoice->payments[i];
	payments[invoice->n_payments++] = payment;
	invoice->payments = payments;
	invoice->paid = amount(arena, invoice->gross->currency_code, paid);
	invoice->state = state_of(invoice);
	return STATUS_OK;
}

/* Where a rate's total is, or belongs, in a list that is in order. */
static size_t place_of(Billing__TaxTotal *const *totals, size_t count, int32_t rate)
{
	size_t i = 0;

	while (i < count && totals[i]->tax_rate_basis_points < rate)
		i++;
	return i;
}

static Billing__TaxTotal *insert_total(struct arena *arena, Billing__Invoice *invoice, size_t at, int32_t rate)
{
	Billing__TaxTotal *total = arena_alloc(arena, sizeof(*total));

	billing__tax_total__init(total);
	total->tax_rate_basis_points = rate;
	total->net = amount(arena, invoice->gross->currency_code, MONEY_ZERO);
	total->tax = amount(arena, invoice->gross->currency_code, MONEY_ZERO);
	for (size_t i = invoice->n_tax_totals++; i > at; i--)
		invoice->tax_totals[i] = invoice->tax_totals[i - 1];
	invoice->tax_totals[at] = total;
	return total;
}

void invoice_derive(struct arena *arena, Billing__Invoice *invoice, int64_t time)
{
	struct money open = open_of(invoice);

	invoice->open = amount(arena, invoice->gross->currency_code, open);
	invoice->overdue = open.minor > 0 && strcmp(invoice->due_date, date_text(arena, time)) < 0;
	invoice->tax_totals = arena_array(arena, invoice->n_lines, sizeof(*invoice->tax_totals));
	invoice->n_tax_totals = 0;
	for (size_t i = 0; i < invoice->n_lines; i++) {
		const Billing__InvoiceLine *line = invoice->lines[i];
		int32_t rate = line->tax_rate_basis_points;
		size_t at = place_of(invoice->tax_totals, invoice->n_tax_totals, rate);
		Billing__TaxTotal *total = at < invoice->n_tax_totals ? invoice->tax_totals[at] : NULL;

		if (total == NULL || total->tax_rate_basis_points != rate)
			total = insert_total(arena, invoice, at, rate);
		/* Parts of sums that fit. */
		total->net->minor_units += line->net->minor_units;
		total->tax->minor_units += line->tax->minor_units;
	}
}

/* What is nothing is not booked. */
static void move(struct entry *entry, const char *debit, const char *credit, const Common__Money *money)
{
	if (money->minor_units == 0)
		return;
	entry->debit[entry->n_moves] = debit;
	entry->credit[entry->n_moves] = credit;
	entry->amount[entry->n_moves++] = money->minor_units;
}

struct entry invoice_entry(const Billing__Invoice *invoice)
{
	struct entry entry = { .kind = "INVOICE", .entry_id = invoice->invoice_id };

	move(&entry, RECEIVABLE, REVENUE, invoice->net);
	move(&entry, RECEIVABLE, TAX, invoice->tax);
	return entry;
}

struct entry payment_entry(const Billing__Payment *payment)
{
	struct entry entry = { .kind = "PAYMENT", .entry_id = payment->payment_id };

	move(&entry, CASH, RECEIVABLE, payment->amount);
	return entry;
}
