#include "billing/store.h"

#include "runtime/pb.h"
#include "runtime/search.h"
#include "runtime/types.h"

/* SQL is laid out by hand, a clause or a list of columns per line. */
/* clang-format off */
#define INVOICES \
	"SELECT i.invoice_id, version, number, order_id, order_number, shipment_id, customer_id, customer_name," \
		" billing_address, currency, net, tax, i.gross, paid, credited, state," \
		" to_char(issue_date, 'YYYY-MM-DD') AS issue_date, to_char(due_date, 'YYYY-MM-DD') AS due_date," \
		" create_time, update_time" \
	" FROM invoice i JOIN invoice_balance b ON b.invoice_id = i.invoice_id"

static struct db_statement GET_INVOICE = DB_READ("get_invoice",
	INVOICES " WHERE i.invoice_id = :invoice_id");

static struct db_statement FIND_INVOICE = DB_READ("find_invoice",
	"SELECT invoice_id FROM invoice WHERE shipment_id = :shipment_id");

static struct db_statement LIST_INVOICES = DB_READ("list_invoices",
	INVOICES
	" WHERE (:first OR (create_time, i.invoice_id) < (:after_time, :after_id::uuid))"
		" AND (:order_id::uuid IS NULL OR order_id = :order_id)"
		" AND (:customer_id::uuid IS NULL OR customer_id = :customer_id)"
		" AND (:state::text IS NULL OR state = :state)"
		" AND (:overdue_on::date IS NULL OR (due_date < :overdue_on AND paid < i.gross - credited))"
		" AND " SEARCH_MATCHES
	" ORDER BY create_time DESC, i.invoice_id DESC LIMIT :limit");

static struct db_statement LIST_LINES = DB_READ("list_invoice_lines",
	"SELECT l.invoice_id, item_id, sku, name, quantity, unit_price, tax_rate_basis_points,"
		" l.net, l.tax, l.gross, currency"
	" FROM invoice_line l JOIN invoice i ON i.invoice_id = l.invoice_id"
	" WHERE l.invoice_id = ANY (:invoice_ids::uuid[]) ORDER BY l.invoice_id, position");

/* Those that belong to a version, since the invoices of a list were read a moment before. */
static struct db_statement LIST_PAYMENTS = DB_READ("list_payments",
	"SELECT p.invoice_id, payment_id, amount, method, reference, actor, time, currency"
	" FROM unnest(:invoice_ids::uuid[], :versions::bigint[]) AS v(invoice_id, version)"
	" JOIN payment p ON p.invoice_id = v.invoice_id AND p.version <= v.version"
	" JOIN invoice i ON i.invoice_id = p.invoice_id"
	" ORDER BY p.invoice_id, p.version");

/* On the connection that writes, so that it sees what was sent there before it. */
static struct db_statement OPEN_YEAR = DB_WRITE("open_year",
	"INSERT INTO invoice_series (series, year, last) VALUES (:series, :year, 0) ON CONFLICT DO NOTHING");

static struct db_statement LAST_NUMBER = DB_READ("last_number",
	"SELECT last FROM invoice_series WHERE series = :series AND year = :year");

/* Of an entry, which goes with the document that it books. */
#define BOOK \
	", booked AS (INSERT INTO journal" \
		" (entry_id, position, kind, invoice_id, debit, credit, amount, currency, time)" \
		" SELECT :entry_id, m.position, :kind, :aggregate_id::uuid, m.debit, m.credit, m.amount, :currency," \
		" :time FROM accepted, unnest(:debits::text[], :credits::text[], :amounts::bigint[]) WITH ORDINALITY" \
		" AS m(debit, credit, amount, position))"

/*
 * The series' row is locked: two who want the same number come one after the other, and the second one's guard fails.
 */
static struct db_statement ISSUE_INVOICE = DB_WRITE("issue_invoice",
	WRITE_BEGIN(
		"SELECT 1 FROM invoice_series WHERE series = :series AND year = :year AND last + 1 = :number_value"
		" AND NOT EXISTS (SELECT FROM invoice WHERE shipment_id = :shipment_id) FOR UPDATE")
	", numbered AS (UPDATE invoice_series SET last = :number_value FROM accepted"
		" WHERE series = :series AND year = :year)"
	", owed AS (INSERT INTO invoice_balance (invoice_id, version, state, gross, paid, credited, update_time)"
		" SELECT :aggregate_id::uuid, :version, :state, :gross, 0, 0, :time FROM accepted)"
	", issued AS (INSERT INTO invoice"
		" (invoice_id, number, order_id, order_number, shipment_id, customer_id, customer_name,"
		" billing_address, currency, net, tax, gross, issue_date, due_date, search, create_time)"
		" SELECT :aggregate_id::uuid, :number, :order_id, :order_number, :shipment_id, :customer_id,"
		" :customer_name, :billing_address, :currency, :net, :tax, :gross, :issue_date, :due_date,"
		" lower(:search), :time FROM accepted)"
	", itemised AS (INSERT INTO invoice_line"
		" (invoice_id, position, item_id, sku, name, quantity, unit_price, tax_rate_basis_points, net, tax,"
		" gross)"
		" SELECT :aggregate_id::uuid, l.position, l.item_id, l.sku, l.name, l.quantity, l.unit_price, l.rate,"
		" l.net, l.tax, l.net + l.tax"
		" FROM accepted, unnest(:item_ids::uuid[], :skus::text[], :names::text[], :quantities::bigint[],"
		" :unit_prices::bigint[], :rates::bigint[], :nets::bigint[], :taxes::bigint[]) WITH ORDINALITY"
		" AS l(item_id, sku, name, quantity, unit_price, rate, net, tax, position))"
	BOOK
	WRITE_END);

static struct db_statement RECORD_PAYMENT = DB_WRITE("record_payment",
	WRITE_BEGIN(
		"SELECT 1 FROM invoice_balance WHERE invoice_id = :aggregate_id::uuid AND version = :version - 1"
		" AND :amount <= gross - credited - paid FOR UPDATE")
	", settled AS (UPDATE invoice_balance"
		" SET version = :version, state = :state, paid = paid + :amount, update_time = :time"
		" FROM accepted WHERE invoice_id = :aggregate_id::uuid)"
	", paid AS (INSERT INTO payment (payment_id, invoice_id, version, amount, method, reference, actor, time)"
		" SELECT :payment_id, :aggregate_id::uuid, :version, :amount, :method, :reference, :actor, :time"
		" FROM accepted)"
	BOOK
	WRITE_END);
/* clang-format on */

static void read_invoice(struct call *call, const struct db_rows *rows, size_t row, Billing__Invoice *invoice)
{
	const char *currency = db_text(rows, row, "currency"), *state = db_text(rows, row, "state");

	invoice->invoice_id = db_text(rows, row, "invoice_id");
	invoice->number = db_text(rows, row, "number");
	invoice->order_id = db_text(rows, row, "order_id");
	invoice->order_number = db_text(rows, row, "order_number");
	invoice->shipment_id = db_text(rows, row, "shipment_id");
	invoice->customer_id = db_text(rows, row, "customer_id");
	invoice->customer_name = db_text(rows, row, "customer_name");
	invoice->billing_address = read_address(call, rows, row, "billing_address");
	invoice->net = new_money(call->arena, currency, db_int(rows, row, "net"));
	invoice->tax = new_money(call->arena, currency, db_int(rows, row, "tax"));
	invoice->gross = new_money(call->arena, currency, db_int(rows, row, "gross"));
	invoice->paid = new_money(call->arena, currency, db_int(rows, row, "paid"));
	invoice->credited = new_money(call->arena, currency, db_int(rows, row, "credited"));
	invoice->state = (Billing__InvoiceState)pb_enum_number(&billing__invoice_state__descriptor, state);
	invoice->issue_date = db_text(rows, row, "issue_date");
	invoice->due_date = db_text(rows, row, "due_date");
	invoice->create_time = pb_time(call->arena, db_time(rows, row, "create_time"));
	invoice->update_time = pb_time(call->arena, db_time(rows, row, "update_time"));
	invoice->etag = etag_of(call->arena, db_int(rows, row, "version"));
	invoice->n_lines = invoice->n_payments = 0;
}

static Billing__InvoiceLine *read_line(struct call *call, const struct db_rows *rows, size_t row)
{
	Billing__InvoiceLine *line = pb_new(call->arena, &billing__invoice_line__descriptor);
	const char *currency = db_text(rows, row, "currency");

	line->item_id = db_text(rows, row, "item_id");
	line->sku = db_text(rows, row, "sku");
	line->name = db_text(rows, row, "name");
	line->quantity = db_int(rows, row, "quantity");
	line->unit_price = new_money(call->arena, currency, db_int(rows, row, "unit_price"));
	line->tax_rate_basis_points = (int32_t)db_int(rows, row, "tax_rate_basis_points");
	line->net = new_money(call->arena, currency, db_int(rows, row, "net"));
	line->tax = new_money(call->arena, currency, db_int(rows, row, "tax"));
	line->gross = new_money(call->arena, currency, db_int(rows, row, "gross"));
	return line;
}

static Billing__Payment *read_payment(struct call *call, const struct db_rows *rows, size_t row)
{
	Billing__Payment *payment = pb_new(call->arena, &billing__payment__descriptor);

	payment->payment_id = db_text(rows, row, "payment_id");
	payment->amount = new_money(call->arena, db_text(rows, row, "currency"), db_int(rows, row, "amount"));
	payment->method = db_text(rows, row, "method");
	payment->reference = db_text(rows, row, "reference");
	payment->actor = db_text(rows, row, "actor");
	payment->time = pb_time(call->arena, db_time(rows, row, "time"));
	return payment;
}

/* Which invoice a row of a part belongs to. Parts come invoice by invoice, so mostly it is the last row's. */
static Billing__Invoice *owner_of(const struct db_rows *rows, size_t row, Billing__Invoice *const *invoices,
				  size_t count, Billing__Invoice *last)
{
	const char *invoice_id = db_text(rows, row, "invoice_id");

	if (last != NULL && str_is(str_of(invoice_id), last->invoice_id))
		return last;
	for (size_t i = 0; i < count; i++) {
		if (str_is(str_of(invoice_id), invoices[i]->invoice_id))
			return invoices[i];
	}
	return NULL;
}

static void read_lines(struct call *call, const struct db_rows *rows, Billing__Invoice *const *invoices, size_t count)
{
	Billing__InvoiceLine **lines = arena_array(call->arena, db_count(rows), sizeof(*lines));
	Billing__Invoice *invoice = NULL;

	for (size_t row = 0; row < db_count(rows); row++) {
		invoice = owner_of(rows, row, invoices, count, invoice);
		lines[row] = read_line(call, rows, row);
		if (invoice->n_lines++ == 0)
			invoice->lines = &lines[row];
	}
}

static void read_payments(struct call *call, const struct db_rows *rows, Billing__Invoice *const *invoices,
			  size_t count)
{
	Billing__Payment **payments = arena_array(call->arena, db_count(rows), sizeof(*payments));
	Billing__Invoice *invoice = NULL;

	for (size_t row = 0; row < db_count(rows); row++) {
		invoice = owner_of(rows, row, invoices, count, invoice);
		payments[row] = read_payment(call, rows, row);
		if (invoice->n_payments++ == 0)
			invoice->payments = &payments[row];
	}
}

struct status store_get(struct call *call, const char *invoice_id, Billing__Invoice *ret_invoice, int64_t *ret_version)
{
	struct db_unit *unit = db_unit(call, &GET_INVOICE);
	const int64_t any_version = INT64_MAX;
	const struct db_rows *rows;

	db_bind_text(unit, "invoice_id", invoice_id);
	db_then(unit, &LIST_LINES);
	db_bind_texts(unit, "invoice_ids", &invoice_id, 1);
	db_then(unit, &LIST_PAYMENTS);
	db_bind_texts(unit, "invoice_ids", &invoice_id, 1);
	db_bind_ints(unit, "versions", &any_version, 1);
	TRY(db_run(call, unit));
	rows = db_rows(unit, 0);
	if (db_count(rows) == 0)
		return status_not_found(call->arena, "invoice", invoice_id);
	read_invoice(call, rows, 0, ret_invoice);
	read_lines(call, db_rows(unit, 1), &ret_invoice, 1);
	read_payments(call, db_rows(unit, 2), &ret_invoice, 1);
	if (ret_version != NULL)
		*ret_version = db_int(rows, 0, "version");
	return STATUS_OK;
}

struct status store_find(struct call *call, const char *shipment_id, const char **ret_invoice_id)
{
	struct db_unit *unit = db_unit(call, &FIND_INVOICE);
	const struct db_rows *rows;

	db_bind_text(unit, "shipment_id", shipment_id);
	TRY(db_run(call, unit));
	rows = db_rows(unit, 0);
	*ret_invoice_id = db_count(rows) > 0 ? db_text(rows, 0, "invoice_id") : NULL;
	return STATUS_OK;
}

/* Lines and payments of a list's invoices, as of the versions in its rows. */
static struct status list_parts(struct call *call, const struct db_rows *list, Billing__Invoice *const *invoices)
{
	struct db_unit *unit = db_unit(call, &LIST_LINES);
	size_t count = db_count(list);
	const char **ids = arena_array(call->arena, count, sizeof(*ids));
	int64_t *versions = arena_array(call->arena, count, sizeof(*versions));

	for (size_t i = 0; i < count; i++) {
		ids[i] = invoices[i]->invoice_id;
		versions[i] = db_int(list, i, "version");
	}
	db_bind_texts(unit, "invoice_ids", ids, count);
	db_then(unit, &LIST_PAYMENTS);
	db_bind_texts(unit, "invoice_ids", ids, count);
	db_bind_ints(unit, "versions", versions, count);
	TRY(db_run(call, unit));
	read_lines(call, db_rows(unit, 0), invoices, count);
	read_payments(call, db_rows(unit, 1), invoices, count);
	return STATUS_OK;
}

static const char *state_name(Billing__InvoiceState state)
{
	return pb_enum_name(&billing__invoice_state__descriptor, (int)state);
}

static const char *text_or_null(const char *text)
{
	return *text == '\0' ? NULL : text;
}

struct status store_list(struct call *call, const Billing__ListInvoicesRequest *request, const struct page *page,
			 size_t *ret_count, Billing__Invoice ***ret_invoices)
{
	struct db_unit *unit = db_unit(call, &LIST_INVOICES);
	Billing__Invoice **invoices;
	const char *const *patterns;
	const struct db_rows *rows;
	size_t n_patterns, count;

	patterns = search_patterns(call->arena, request->query, &n_patterns);
	db_bind_texts(unit, "patterns", patterns, n_patterns);
	db_bind_text(unit, "order_id", text_or_null(request->order_id));
	db_bind_text(unit, "customer_id", text_or_null(request->customer_id));
	db_bind_text(unit, "state", request->state == 0 ? NULL : state_name(request->state));
	db_bind_text(unit, "overdue_on", request->overdue_only ? date_text(call->arena, call->time) : NULL);
	page_bind(unit, page);
	TRY(db_run(call, unit));
	rows = db_rows(unit, 0);
	count = db_count(rows);
	invoices = arena_array(call->arena, count, sizeof(*invoices));
	for (size_t row = 0; row < count; row++) {
		invoices[row] = pb_new(call->arena, &billing__invoice__descriptor);
		read_invoice(call, rows, row, invoices[row]);
	}
	TRY(list_parts(call, rows, invoices));
	*ret_invoices = invoices;
	*ret_count = count;
	return STATUS_OK;
}

struct status store_last_number(struct call *call, const char *series, int year, int64_t *ret_last)
{
	struct db_unit *unit = db_unit(call, &OPEN_YEAR);

	db_bind_text(unit, "series", series);
	db_bind_int(unit, "year", year);
	db_then(unit, &LAST_NUMBER);
	db_bind_text(unit, "series", series);
	db_bind_int(unit, "year", year);
	TRY(db_run(call, unit));
	*ret_last = db_int(db_rows(unit, 1), 0, "last");
	return STATUS_OK;
}

static void bind_lines(struct call *call, struct db_unit *unit, const Billing__Invoice *invoice)
{
	size_t n = invoice->n_lines;
	const char **items = arena_array(call->arena, n, sizeof(*items));
	const char **skus = arena_array(call->arena, n, sizeof(*skus));
	const char **names = arena_array(call->arena, n, sizeof(*names));
	int64_t *quantities = arena_array(call->arena, n, sizeof(*quantities));
	int64_t *prices = arena_array(call->arena, n, sizeof(*prices));
	int64_t *rates = arena_array(call->arena, n, sizeof(*rates));
	int64_t *nets = arena_array(call->arena, n, sizeof(*nets));
	int64_t *taxes = arena_array(call->arena, n, sizeof(*taxes));

	for (size_t i = 0; i < n; i++) {
		const Billing__InvoiceLine *line = invoice->lines[i];

		items[i] = line->item_id;
		skus[i] = line->sku;
		names[i] = line->name;
		quantities[i] = line->quantity;
		prices[i] = line->unit_price->minor_units;
		rates[i] = line->tax_rate_basis_points;
		nets[i] = line->net->minor_units;
		taxes[i] = line->tax->minor_units;
	}
	db_bind_texts(unit, "item_ids", items, n);
	db_bind_texts(unit, "skus", skus, n);
	db_bind_texts(unit, "names", names, n);
	db_bind_ints(unit, "quantities", quantities, n);
	db_bind_ints(unit, "unit_prices", prices, n);
	db_bind_ints(unit, "rates", rates, n);
	db_bind_ints(unit, "nets", nets, n);
	db_bind_ints(unit, "taxes", taxes, n);
}

static void bind_entry(struct db_unit *unit, const struct entry *entry, const char *currency)
{
	db_bind_text(unit, "entry_id", entry->entry_id);
	db_bind_text(unit, "kind", entry->kind);
	db_bind_text(unit, "currency", currency);
	db_bind_texts(unit, "debits", entry->debit, entry->n_moves);
	db_bind_texts(unit, "credits", entry->credit, entry->n_moves);
	db_bind_ints(unit, "amounts", entry->amount, entry->n_moves);
}

static void bind_invoice(struct call *call, struct db_unit *unit, const Billing__Invoice *invoice)
{
	db_bind_text(unit, "number", invoice->number);
	db_bind_text(unit, "order_id", invoice->order_id);
	db_bind_text(unit, "order_number", invoice->order_number);
	db_bind_text(unit, "shipment_id", invoice->shipment_id);
	db_bind_text(unit, "customer_id", invoice->customer_id);
	db_bind_text(unit, "customer_name", invoice->customer_name);
	bind_address(call, unit, "billing_address", invoice->billing_address);
	db_bind_int(unit, "net", invoice->net->minor_units);
	db_bind_int(unit, "tax", invoice->tax->minor_units);
	db_bind_int(unit, "gross", invoice->gross->minor_units);
	db_bind_text(unit, "state", state_name(invoice->state));
	db_bind_text(unit, "issue_date", invoice->issue_date);
	db_bind_text(unit, "due_date", invoice->due_date);
	db_bind_text(
	    unit, "search",
	    arena_printf(call->arena, "%s %s %s", invoice->number, invoice->order_number, invoice->customer_name));
}

struct status store_issue(struct call *call, const Billing__Invoice *invoice, const struct number *number,
			  const struct entry *entry, struct write *write)
{
	struct db_unit *unit = db_unit(call, &ISSUE_INVOICE);
	struct status status;

	db_bind_text(unit, "series", number->series);
	db_bind_int(unit, "year", number->year);
	db_bind_int(unit, "number_value", number->value);
	bind_invoice(call, unit, invoice);
	bind_lines(call, unit, invoice);
	bind_entry(unit, entry, invoice->gross->currency_code);
	status = write_run(call, unit, write);
	/*
	 * At the turn of the year another process may bill the shipment in the other series: the same as a guard that
	 * fails.
	 */
	return status_is(status, &ALREADY_EXISTS) ? STATUS_OK : status;
}

struct status store_pay(struct call *call, const Billing__Invoice *invoice, const Billing__Payment *payment,
			const struct entry *entry, struct write *write)
{
	struct db_unit *unit = db_unit(call, &RECORD_PAYMENT);

	db_bind_text(unit, "state", state_name(invoice->state));
	db_bind_text(unit, "payment_id", payment->payment_id);
	db_bind_int(unit, "amount", payment->amount->minor_units);
	db_bind_text(unit, "method", payment->method);
	db_bind_text(unit, "reference", payment->reference);
	db_bind_text(unit, "actor", payment->actor);
	bind_entry(unit, entry, payment->amount->currency_code);
	return write_run(call, unit, write);
}
