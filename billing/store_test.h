/*
 * store_test: what billing's tests on a real database share: a database as in production, an invoice to issue, and what
 * must be true of the books at any time.
 *
 * Only store_test.c, list_test.c and numbers_test.c include it, once each, after cmocka.
 */
#ifndef QUAYSIDE_BILLING_STORE_TEST_H
#define QUAYSIDE_BILLING_STORE_TEST_H

#include "base/clock.h"
#include "base/uuid.h"
#include "billing/handlers.h"
#include "quayside/billing/v1/billing.pb-c.h"
#include "runtime/migrate.h"
#include "runtime/pb.h"
#include "runtime/types.h"
#include "test/harness/pg.h"
#include "test/harness/service.h"

#define INVOICE_GROSS 9811 /* of new_invoice() */
#define NOON_2026_11_21 (INT64_C(1795262400) * CLOCK_SECOND)
#define TEST(name_) cmocka_unit_test_setup_teardown(name_, open_service, close_service)

extern const struct migration billing_migrations[];

static const char *superuser;
static char owner[512];

/* The database belongs to a role of its own, with which the service works. */
static int make_database(void **state)
{
	(void)state;
	superuser = pg_start();
	pg_execute(superuser, "CREATE ROLE billing LOGIN; DO $$ BEGIN"
			      " EXECUTE format('ALTER DATABASE %I OWNER TO billing', current_database()); END $$");
	snprintf(owner, sizeof(owner), "%s user=billing", superuser);
	return migrate(owner, billing_migrations) ? 0 : -1;
}

static int open_service(void **state)
{
	(void)state;
	pg_execute(superuser,
		   "TRUNCATE invoice_series, invoice_balance, invoice, invoice_line, payment, journal, idempotency,"
		   " history, outbox");
	service_open(&invoice_service, owner);
	return 0;
}

static int close_service(void **state)
{
	(void)state;
	clock_thaw();
	service_close();
	return 0;
}

static inline char *text(const char *value)
{
	return arena_strdup(service_arena(), value);
}

static inline char *new_id(void)
{
	char id[UUID_TEXT];

	uuid_new(id);
	return text(id);
}

static inline Billing__InvoiceLine *new_line(int64_t quantity, int64_t price, int32_t rate)
{
	Billing__InvoiceLine *made = pb_new(service_arena(), &billing__invoice_line__descriptor);

	made->item_id = new_id();
	made->sku = text("TEA-1");
	made->name = text("Tea, \"first\" {flush}, \\ and 'more'");
	made->quantity = quantity;
	made->unit_price = new_money(service_arena(), "EUR", price);
	made->tax_rate_basis_points = rate;
	return made;
}

/* Of a shipment of its own. */
static inline Billing__IssueInvoiceRequest *new_invoice(const char *order_number, const char *customer)
{
	Billing__IssueInvoiceRequest *made = pb_new(service_arena(), &billing__issue_invoice_request__descriptor);

	made->shipment_id = new_id();
	made->order_id = new_id();
	made->order_number = text(order_number);
	made->customer_id = new_id();
	made->customer_name = text(customer);
	made->billing_address = pb_new(service_arena(), &common__address__descriptor);
	made->billing_address->recipient = text(customer);
	made->billing_address->line1 = text("12 St James's Square");
	made->billing_address->city = text("London");
	made->billing_address->country_code = text("GB");
	made->lines = arena_array(service_arena(), 2, sizeof(*made->lines));
	made->lines[0] = new_line(3, 1999, 1900);
	made->lines[1] = new_line(10, 250, 700);
	made->n_lines = 2;
	return made;
}

static struct db_statement COUNT_INVOICES = DB_READ("count_invoices", "SELECT count(*) AS n FROM invoice");
static struct db_statement HIGHEST_NUMBER =
    DB_READ("highest_number", "SELECT coalesce(max(split_part(number, '-', 3)::bigint), 0) AS n FROM invoice");
static struct db_statement LAST_GIVEN =
    DB_READ("last_given", "SELECT coalesce(max(last), 0)::bigint AS n FROM invoice_series");

/* Of one series and year: 1 to N. Returns N. (Doubles cannot be: the column is unique.) */
static inline int64_t assert_numbers_have_no_gap(void)
{
	const int64_t count = service_number(&COUNT_INVOICES);

	assert_int_equal(service_number(&HIGHEST_NUMBER), count);
	assert_int_equal(service_number(&LAST_GIVEN), count);
	return count;
}

static struct db_statement UNBALANCED_ENTRIES =
    DB_READ("unbalanced_entries", "SELECT count(*) AS n FROM (SELECT entry_id FROM ledger GROUP BY entry_id, currency"
				  " HAVING sum(debit) <> sum(credit)) AS e");
/* What an invoice's customer owes is what the ledger says, and what the payments say. */
static struct db_statement WRONG_BALANCES = DB_READ(
    "wrong_balances", "SELECT count(*) AS n FROM invoice_balance b"
		      " LEFT JOIN (SELECT invoice_id, sum(debit - credit) AS owed FROM ledger WHERE account = "
		      "'RECEIVABLE' GROUP BY invoice_id) l"
		      " ON l.invoice_id = b.invoice_id"
		      " LEFT JOIN (SELECT invoice_id, sum(amount) AS paid FROM payment GROUP BY invoice_id) p ON "
		      "p.invoice_id = b.invoice_id"
		      " WHERE coalesce(l.owed, 0) <> b.gross - b.paid - b.credited OR coalesce(p.paid, 0) <> b.paid");
/* An invoice is the sum of its lines, and every one has been told of. */
static struct db_statement WRONG_INVOICES = DB_READ(
    "wrong_invoices",
    "SELECT count(*) AS n FROM invoice i LEFT JOIN (SELECT invoice_id, sum(net) AS net, sum(tax) AS tax FROM "
    "invoice_line"
    " GROUP BY invoice_id) l ON l.invoice_id = i.invoice_id LEFT JOIN outbox o ON o.aggregate_id = i.invoice_id::text"
    " AND o.aggregate_version = 1 WHERE l.net IS DISTINCT FROM i.net OR l.tax IS DISTINCT FROM i.tax OR o.event_id IS "
    "NULL");

static inline void assert_books_balance(void)
{
	assert_int_equal(service_number(&UNBALANCED_ENTRIES), 0);
	assert_int_equal(service_number(&WRONG_BALANCES), 0);
	assert_int_equal(service_number(&WRONG_INVOICES), 0);
}

static inline Billing__Invoice *issue(const Billing__IssueInvoiceRequest *request)
{
	void *reply;

	assert_null(service_call("IssueInvoice", NULL, &request->base, &reply).reason);
	return reply;
}

static inline Billing__Invoice *get(const char *invoice_id)
{
	Billing__GetInvoiceRequest request = BILLING__GET_INVOICE_REQUEST__INIT;
	void *reply;

	request.invoice_id = text(invoice_id);
	assert_null(service_call("GetInvoice", NULL, &request.base, &reply).reason);
	return reply;
}

static inline Billing__RecordPaymentRequest *payment_of(const char *invoice_id, int64_t amount)
{
	Billing__RecordPaymentRequest *made = pb_new(service_arena(), &billing__record_payment_request__descriptor);

	made->invoice_id = text(invoice_id);
	made->amount = new_money(service_arena(), "EUR", amount);
	made->method = text("bank transfer");
	made->reference = text("RF18 5390 0754 7034");
	return made;
}

static inline struct status try_to_pay(const char *invoice_id, int64_t amount)
{
	return service_call("RecordPayment", NULL, &payment_of(invoice_id, amount)->base, NULL);
}

static inline Billing__Invoice *pay(const char *invoice_id, int64_t amount)
{
	void *reply;

	assert_null(service_call("RecordPayment", NULL, &payment_of(invoice_id, amount)->base, &reply).reason);
	return reply;
}

static inline void assert_same(const ProtobufCMessage *a, const ProtobufCMessage *b)
{
	struct str left = pb_pack(service_arena(), a), right = pb_pack(service_arena(), b);

	assert_true(str_equal(left, right));
}

#endif
