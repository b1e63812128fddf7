#include "customers/store.h"

#include "runtime/pb.h"
#include "runtime/search.h"
#include "runtime/types.h"

#define CUSTOMER_COLUMNS                                                                                               \
	"customer_id, version, first_name, last_name, company, email, phone, status, status_reason, create_time, "     \
	"update_time"

#define ADDRESSES_OF(ids_)                                                                                             \
	"SELECT customer_id, label, default_shipping, default_billing,"                                                \
	" ARRAY[recipient, line1, line2, postal_code, city, region, country_code] AS address"                          \
	" FROM customer_address WHERE customer_id " ids_ " ORDER BY customer_id, position"

/* The addresses come as one array for each column. */
#define UNNEST_ADDRESSES                                                                                               \
	"unnest(:labels::text[], :recipients::text[], :line1s::text[], :line2s::text[], :postal_codes::text[], "       \
	":cities::text[],"                                                                                             \
	" :regions::text[], :country_codes::text[], :shippings::bigint[], :billings::bigint[]) WITH ORDINALITY"        \
	" AS a(label, recipient, line1, line2, postal_code, city, region, country_code, shipping, billing, position)"

#define ADDRESS_VALUES                                                                                                 \
	" SELECT :aggregate_id::uuid, a.position, a.label, a.recipient, a.line1, a.line2, a.postal_code, a.city, "     \
	"a.region,"                                                                                                    \
	" a.country_code, a.shipping > 0, a.billing > 0 FROM accepted, " UNNEST_ADDRESSES

static struct db_statement GET_CUSTOMER =
    DB_READ("get_customer", "SELECT " CUSTOMER_COLUMNS " FROM customer WHERE customer_id = :customer_id");

static struct db_statement GET_ADDRESSES = DB_READ("get_addresses", ADDRESSES_OF("= :customer_id"));

static struct db_statement LIST_CUSTOMERS =
    DB_READ("list_customers", "SELECT " CUSTOMER_COLUMNS " FROM customer"
			      " WHERE (:first OR (create_time, customer_id) < (:after_time, :after_id::uuid))"
			      " AND (:status = '' OR status = :status) AND " SEARCH_MATCHES
			      " ORDER BY create_time DESC, customer_id DESC LIMIT :limit");

static struct db_statement LIST_ADDRESSES = DB_READ("list_addresses", ADDRESSES_OF("= ANY (:customer_ids::uuid[])"));

static struct db_statement CREATE_CUSTOMER = DB_WRITE(
    "create_customer",
    WRITE_BEGIN("SELECT 1 WHERE NOT EXISTS (SELECT FROM customer WHERE customer_id = "
		":aggregate_id::uuid)") ", created AS (INSERT INTO customer (customer_id, version, "
					"first_name, last_name, company, email, phone, status, "
					"status_reason,"
					" search, create_time, update_time)"
					" SELECT :aggregate_id::uuid, :version, :first_name, "
					":last_name, :company, :email, :phone, :status, :status_reason,"
					" lower(:search), :time, :time FROM accepted)"
					", addressed AS (INSERT INTO customer_address" ADDRESS_VALUES ")" WRITE_END);

static struct db_statement UPDATE_CUSTOMER = DB_WRITE(
    "update_customer",
    WRITE_BEGIN("SELECT 1 FROM customer WHERE customer_id = :aggregate_id::uuid AND version = :version - 1 FOR "
		"UPDATE") ", changed AS (UPDATE customer SET version = :version, first_name = :first_name, "
			  "last_name = :last_name, company = :company,"
			  " email = :email, phone = :phone, status = :status, status_reason = :status_reason, "
			  "search = lower(:search), update_time = :time"
			  " FROM accepted WHERE customer_id = :aggregate_id::uuid)"
			  ", dropped AS (DELETE FROM customer_address USING accepted"
			  " WHERE customer_id = :aggregate_id::uuid AND position > cardinality(:labels::text[]))"
			  ", addressed AS (INSERT INTO customer_address" ADDRESS_VALUES
			  " ON CONFLICT (customer_id, position) DO UPDATE SET label = EXCLUDED.label, recipient = "
			  "EXCLUDED.recipient,"
			  " line1 = EXCLUDED.line1, line2 = EXCLUDED.line2, postal_code = EXCLUDED.postal_code, "
			  "city = EXCLUDED.city,"
			  " region = EXCLUDED.region, country_code = EXCLUDED.country_code, default_shipping = "
			  "EXCLUDED.default_shipping,"
			  " default_billing = EXCLUDED.default_billing)" WRITE_END);

static void read_customer(struct call *call, const struct db_rows *rows, size_t row, Customers__Customer *customer)
{
	customer->customer_id = db_text(rows, row, "customer_id");
	customer->first_name = db_text(rows, row, "first_name");
	customer->last_name = db_text(rows, row, "last_name");
	customer->company = db_text(rows, row, "company");
	customer->email = db_text(rows, row, "email");
	customer->phone = db_text(rows, row, "phone");
	customer->status = (Customers__CustomerStatus)pb_enum_number(&customers__customer_status__descriptor,
								     db_text(rows, row, "status"));
	customer->status_reason = db_text(rows, row, "status_reason");
	customer->create_time = pb_time(call->arena, db_time(rows, row, "create_time"));
	customer->update_time = pb_time(call->arena, db_time(rows, row, "update_time"));
	customer->etag = etag_of(call->arena, db_int(rows, row, "version"));
}

static Customers__CustomerAddress *read_one_address(struct call *call, const struct db_rows *rows, size_t row)
{
	Customers__CustomerAddress *address = pb_new(call->arena, &customers__customer_address__descriptor);

	address->label = db_text(rows, row, "label");
	address->address = read_address(call, rows, row, "address");
	address->default_shipping = db_bool(rows, row, "default_shipping");
	address->default_billing = db_bool(rows, row, "default_billing");
	return address;
}

/* Gives a customer the addresses that are its own among the rows. */
static void read_addresses(struct call *call, const struct db_rows *rows, Customers__Customer *customer)
{
	customer->addresses = arena_array(call->arena, db_count(rows), sizeof(*customer->addresses));
	customer->n_addresses = 0;
	for (size_t row = 0; row < db_count(rows); row++) {
		if (str_is(str_of(db_text(rows, row, "customer_id")), customer->customer_id))
			customer->addresses[customer->n_addresses++] = read_one_address(call, rows, row);
	}
}

struct status store_get(struct call *call, const char *customer_id, Customers__Customer *ret_customer,
			int64_t *ret_version)
{
	struct db_unit *unit = db_unit(call, &GET_CUSTOMER);
	const struct db_rows *rows;

	db_bind_text(unit, "customer_id", customer_id);
	db_then(unit, &GET_ADDRESSES);
	db_bind_text(unit, "customer_id", customer_id);
	TRY(db_run(call, unit));
	rows = db_rows(unit, 0);
	if (db_count(rows) == 0)
		return status_not_found(call->arena, "customer", customer_id);
	read_customer(call, rows, 0, ret_customer);
	read_addresses(call, db_rows(unit, 1), ret_customer);
	if (ret_version != NULL)
		*ret_version = db_int(rows, 0, "version");
	return STATUS_OK;
}

static struct status list_addresses(struct call *call, size_t count, Customers__Customer **customers)
{
	struct db_unit *unit = db_unit(call, &LIST_ADDRESSES);
	const char **ids = arena_array(call->arena, count, sizeof(*ids));

	for (size_t i = 0; i < count; i++)
		ids[i] = customers[i]->customer_id;
	db_bind_texts(unit, "customer_ids", ids, count);
	TRY(db_run(call, unit));
	for (size_t i = 0; i < count; i++)
		read_addresses(call, db_rows(unit, 0), customers[i]);
	return STATUS_OK;
}

struct status store_list(struct call *call, const Customers__ListCustomersRequest *request, const struct page *page,
			 size_t *ret_count, Customers__Customer ***ret_customers)
{
	struct db_unit *unit = db_unit(call, &LIST_CUSTOMERS);
	Customers__Customer **customers;
	const struct db_rows *rows;
	const char *const *patterns;
	size_t n_patterns, count;

	patterns = search_patterns(call->arena, request->query, &n_patterns);
	db_bind_texts(unit, "patterns", patterns, n_patterns);
	db_bind_text(
	    unit, "status",
	    request->status == 0 ? "" : pb_enum_name(&customers__customer_status__descriptor, (int)request->status));
	page_bind(unit, page);
	TRY(db_run(call, unit));
	rows = db_rows(unit, 0);
	count = db_count(rows);
	customers = arena_array(call->arena, count, sizeof(*customers));
	for (size_t row = 0; row < count; row++) {
		customers[row] = pb_new(call->arena, &customers__customer__descriptor);
		read_customer(call, rows, row, customers[row]);
	}
	TRY(list_addresses(call, count, customers));
	*ret_customers = customers;
	*ret_count = count;
	return STATUS_OK;
}

/* The parts of an address in the order of the columns that UNNEST_ADDRESSES takes them from. */
static const struct address_part {
	const char *parameter;
	size_t offset;
} PARTS[] = {
	{ "recipients", offsetof(Common__Address, recipient) },
	{ "line1s", offsetof(Common__Address, line1) },
	{ "line2s", offsetof(Common__Address, line2) },
	{ "postal_codes", offsetof(Common__Address, postal_code) },
	{ "cities", offsetof(Common__Address, city) },
	{ "regions", offsetof(Common__Address, region) },
	{ "country_codes", offsetof(Common__Address, country_code) },
};

static void bind_addresses(struct call *call, struct db_unit *unit, const Customers__Customer *customer)
{
	size_t n = customer->n_addresses;
	const char **labels = arena_array(call->arena, n, sizeof(*labels));
	int64_t *shipping = arena_array(call->arena, n, sizeof(*shipping));
	int64_t *billing = arena_array(call->arena, n, sizeof(*billing));

	for (size_t i = 0; i < n; i++) {
		labels[i] = customer->addresses[i]->label;
		shipping[i] = customer->addresses[i]->default_shipping;
		billing[i] = customer->addresses[i]->default_billing;
	}
	db_bind_texts(unit, "labels", labels, n);
	db_bind_ints(unit, "shippings", shipping, n);
	db_bind_ints(unit, "billings", billing, n);
	for (size_t p = 0; p < sizeof(PARTS) / sizeof(PARTS[0]); p++) {
		const char **texts = arena_array(call->arena, n, sizeof(*texts));

		for (size_t i = 0; i < n; i++)
			texts[i] = *(char **)(void *)((char *)customer->addresses[i]->address + PARTS[p].offset);
		db_bind_texts(unit, PARTS[p].parameter, texts, n);
	}
}

static const char *search_text(struct call *call, const Customers__Customer *customer)
{
	struct buf text = buf_new(call->arena);

	buf_printf(&text, "%s %s %s %s %s", customer->first_name, customer->last_name, customer->company,
		   customer->email, customer->phone);
	for (size_t i = 0; i < customer->n_addresses; i++)
		buf_printf(&text, " %s", customer->addresses[i]->address->city);
	return text.data;
}

static struct status save(struct call *call, struct db_statement *statement, const Customers__Customer *customer,
			  struct write *write)
{
	struct db_unit *unit = db_unit(call, statement);

	db_bind_text(unit, "first_name", customer->first_name);
	db_bind_text(unit, "last_name", customer->last_name);
	db_bind_text(unit, "company", customer->company);
	db_bind_text(unit, "email", customer->email);
	db_bind_text(unit, "phone", customer->phone);
	db_bind_text(unit, "status", pb_enum_name(&customers__customer_status__descriptor, (int)customer->status));
	db_bind_text(unit, "status_reason", customer->status_reason);
	db_bind_text(unit, "search", search_text(call, customer));
	bind_addresses(call, unit, customer);
	return write_run(call, unit, write);
}

struct status store_create(struct call *call, const Customers__Customer *customer, struct write *write)
{
	TRY(save(call, &CREATE_CUSTOMER, customer, write));
	return write->applied ? STATUS_OK : status_already_exists(call->arena, "customer", customer->customer_id);
}

struct status store_update(struct call *call, const Customers__Customer *customer, struct write *write)
{
	return save(call, &UPDATE_CUSTOMER, customer, write);
}
