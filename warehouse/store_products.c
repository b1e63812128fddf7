#include "runtime/pb.h"
#include "runtime/search.h"
#include "runtime/types.h"
#include "warehouse/store.h"

#define PRODUCT_COLUMNS                                                                                                \
	"sku, version, name, description, currency, unit_price, tax_rate_basis_points, packaging, content_quantity,"   \
	" measure, weight_grams, reorder_level, state, create_time, update_time"

static struct db_statement GET_PRODUCT =
    DB_READ("get_product", "SELECT " PRODUCT_COLUMNS " FROM product WHERE sku = :sku");

static struct db_statement LIST_PRODUCTS =
    DB_READ("list_products", "SELECT " PRODUCT_COLUMNS " FROM product WHERE (:first OR sku > :after_id)"
			     " AND (:state = '' OR state = :state) AND " SEARCH_MATCHES " ORDER BY sku LIMIT :limit");

#define CREATE_SQL                                                                                                     \
	WRITE_BEGIN("SELECT 1 WHERE NOT EXISTS (SELECT FROM product WHERE sku = :aggregate_id::text)")                 \
	", created AS (INSERT INTO product (" PRODUCT_COLUMNS ", search)"                                              \
	" SELECT :aggregate_id::text, :version, :name, :description, :currency, :unit_price, :tax_rate_basis_points,"  \
	" :packaging, :content_quantity, :measure, :weight_grams, :reorder_level, :state, :time, :time,"               \
	" lower(:search) FROM accepted)"                                                                               \
	", stocked AS (INSERT INTO stock (sku, location_id, on_hand, reserved, update_time)"                           \
	" SELECT :aggregate_id::text, '" MAIN_LOCATION "', 0, 0, :time FROM accepted)" WRITE_END

static struct db_statement CREATE_PRODUCT = DB_WRITE("create_product", CREATE_SQL);

#define UPDATE_SQL                                                                                                     \
	WRITE_BEGIN("SELECT 1 FROM product"                                                                            \
		    " WHERE sku = :aggregate_id::text AND version = :version::bigint - 1 FOR UPDATE")                  \
	", changed AS (UPDATE product SET version = :version, name = :name, description = :description,"               \
	" currency = :currency, unit_price = :unit_price, tax_rate_basis_points = :tax_rate_basis_points,"             \
	" packaging = :packaging, content_quantity = :content_quantity, measure = :measure,"                           \
	" weight_grams = :weight_grams, reorder_level = :reorder_level, state = :state, update_time = :time,"          \
	" search = lower(:search) FROM accepted WHERE sku = :aggregate_id::text)" WRITE_END

static struct db_statement UPDATE_PRODUCT = DB_WRITE("update_product", UPDATE_SQL);

static void read_product(struct call *call, const struct db_rows *rows, size_t row, Warehouse__Product *product)
{
	product->sku = db_text(rows, row, "sku");
	product->name = db_text(rows, row, "name");
	product->description = db_text(rows, row, "description");
	product->unit_price = new_money(call->arena, db_text(rows, row, "currency"), db_int(rows, row, "unit_price"));
	product->tax_rate_basis_points = (int32_t)db_int(rows, row, "tax_rate_basis_points");
	product->packaging =
	    (Warehouse__Packaging)pb_enum_number(&warehouse__packaging__descriptor, db_text(rows, row, "packaging"));
	product->content_quantity = db_int(rows, row, "content_quantity");
	product->measure =
	    (Warehouse__Measure)pb_enum_number(&warehouse__measure__descriptor, db_text(rows, row, "measure"));
	product->weight_grams = db_int(rows, row, "weight_grams");
	product->reorder_level = db_int(rows, row, "reorder_level");
	product->state =
	    (Warehouse__ProductState)pb_enum_number(&warehouse__product_state__descriptor, db_text(rows, row, "state"));
	product->create_time = pb_time(call->arena, db_time(rows, row, "create_time"));
	product->update_time = pb_time(call->arena, db_time(rows, row, "update_time"));
	product->etag = etag_of(call->arena, db_int(rows, row, "version"));
}

struct status store_get_product(struct call *call, const char *sku, Warehouse__Product *ret_product,
				int64_t *ret_version)
{
	struct db_unit *unit = db_unit(call, &GET_PRODUCT);
	const struct db_rows *rows;

	db_bind_text(unit, "sku", sku);
	TRY(db_run(call, unit));
	rows = db_rows(unit, 0);
	if (db_count(rows) == 0)
		return status_not_found(call->arena, "product", sku);
	read_product(call, rows, 0, ret_product);
	if (ret_version != NULL)
		*ret_version = db_int(rows, 0, "version");
	return STATUS_OK;
}

struct status store_list_products(struct call *call, const Warehouse__ListProductsRequest *request,
				  const struct page *page, size_t *ret_count, Warehouse__Product ***ret_products)
{
	struct db_unit *unit = db_unit(call, &LIST_PRODUCTS);
	Warehouse__Product **products;
	const struct db_rows *rows;
	const char *const *patterns;
	size_t n_patterns, count;

	patterns = search_patterns(call->arena, request->query, &n_patterns);
	db_bind_texts(unit, "patterns", patterns, n_patterns);
	db_bind_text(unit, "state",
		     request->state == 0 ? ""
					 : pb_enum_name(&warehouse__product_state__descriptor, (int)request->state));
	db_bind_bool(unit, "first", page->first);
	db_bind_text(unit, "after_id", page->after_id);
	db_bind_int(unit, "limit", page->limit);
	TRY(db_run(call, unit));
	rows = db_rows(unit, 0);
	count = db_count(rows);
	products = arena_array(call->arena, count, sizeof(*products));
	for (size_t row = 0; row < count; row++) {
		products[row] = pb_new(call->arena, &warehouse__product__descriptor);
		read_product(call, rows, row, products[row]);
	}
	*ret_products = products;
	*ret_count = count;
	return STATUS_OK;
}

static struct status save(struct call *call, struct db_statement *statement, const Warehouse__Product *product,
			  struct write *write)
{
	struct db_unit *unit = db_unit(call, statement);

	db_bind_text(unit, "name", product->name);
	db_bind_text(unit, "description", product->description);
	db_bind_text(unit, "currency", product->unit_price->currency_code);
	db_bind_int(unit, "unit_price", product->unit_price->minor_units);
	db_bind_int(unit, "tax_rate_basis_points", product->tax_rate_basis_points);
	db_bind_text(unit, "packaging", pb_enum_name(&warehouse__packaging__descriptor, (int)product->packaging));
	db_bind_int(unit, "content_quantity", product->content_quantity);
	db_bind_text(unit, "measure", pb_enum_name(&warehouse__measure__descriptor, (int)product->measure));
	db_bind_int(unit, "weight_grams", product->weight_grams);
	db_bind_int(unit, "reorder_level", product->reorder_level);
	db_bind_text(unit, "state", pb_enum_name(&warehouse__product_state__descriptor, (int)product->state));
	db_bind_text(unit, "search",
		     arena_printf(call->arena, "%s %s %s", product->sku, product->name, product->description));
	return write_run(call, unit, write);
}

struct status store_create_product(struct call *call, const Warehouse__Product *product, struct write *write)
{
	TRY(save(call, &CREATE_PRODUCT, product, write));
	return write->applied ? STATUS_OK : status_already_exists(call->arena, "product", product->sku);
}

struct status store_update_product(struct call *call, const Warehouse__Product *product, struct write *write)
{
	return save(call, &UPDATE_PRODUCT, product, write);
}
