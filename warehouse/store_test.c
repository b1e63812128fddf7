/* What warehouse/store.h and the handlers above it promise of products and stock, on a real PostgreSQL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "warehouse/store_test.h"

static void a_product_is_kept_as_it_was_given(void **state)
{
	Warehouse__Product *product = new_product(arena_printf(service_arena(), "P-%s", new_id())), *created, *read;
	Warehouse__GetProductRequest request = WAREHOUSE__GET_PRODUCT_REQUEST__INIT;
	struct status status;

	(void)state;
	product->packaging = WAREHOUSE__PACKAGING__PACKAGING_BAG;
	product->content_quantity = 500;
	product->measure = WAREHOUSE__MEASURE__MEASURE_G;
	product->weight_grams = 510;
	product->reorder_level = 7;
	product->description = text("Käse \"alt\" \\ {a,b}");
	assert_null(create(product, &created).reason);
	assert_string_equal(created->etag, "1");
	assert_int_equal(created->state, WAREHOUSE__PRODUCT_STATE__PRODUCT_STATE_ACTIVE);
	request.sku = product->sku;
	assert_null(service_call("GetProduct", NULL, &request.base, (void **)&read).reason);
	assert_true(str_equal(pb_pack(service_arena(), &created->base), pb_pack(service_arena(), &read->base)));
	assert_stock(product->sku, "MAIN", 0, 0);

	status = create(product, NULL);
	assert_refused(status, &ALREADY_EXISTS);
	assert_string_equal(metadata(status, "id"), product->sku);
}

static struct status update(Warehouse__Product *product, const char *path, Warehouse__Product **ret_product)
{
	Warehouse__UpdateProductRequest request = WAREHOUSE__UPDATE_PRODUCT_REQUEST__INIT;
	Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
	char *paths[] = { text(path) };

	mask.paths = paths;
	mask.n_paths = 1;
	request.product = product;
	request.update_mask = &mask;
	return service_call("UpdateProduct", NULL, &request.base, (void **)ret_product);
}

static void a_product_changes_under_its_etag(void **state)
{
	Warehouse__Product *product, *changed;
	Warehouse__ArchiveProductRequest archive = WAREHOUSE__ARCHIVE_PRODUCT_REQUEST__INIT;

	(void)state;
	assert_null(create(new_product(arena_printf(service_arena(), "P-%s", new_id())), &product).reason);
	product->name = text("Renamed");
	product->unit_price->minor_units = 999;
	assert_null(update(product, "name", &changed).reason);
	assert_string_equal(changed->name, "Renamed");
	assert_int_equal(changed->unit_price->minor_units, 1250);
	assert_string_equal(changed->etag, "2");
	assert_refused(update(product, "unit_price", NULL), &ETAG_MISMATCH);
	product->etag = text("");
	product->unit_price->minor_units = -1;
	assert_refused(update(product, "unit_price", NULL), &INVALID_REQUEST);

	archive.sku = product->sku;
	archive.etag = text("2");
	assert_null(service_call("ArchiveProduct", NULL, &archive.base, (void **)&changed).reason);
	assert_int_equal(changed->state, WAREHOUSE__PRODUCT_STATE__PRODUCT_STATE_ARCHIVED);
	archive.etag = text("");
	assert_refused(service_call("ArchiveProduct", NULL, &archive.base, NULL), &PRODUCT_ARCHIVED);
	archive.sku = text("NONE");
	assert_refused(service_call("ArchiveProduct", NULL, &archive.base, NULL), &NOT_FOUND);
}

static Warehouse__ListProductsResponse *list_products(const char *query, Warehouse__ProductState state, int32_t size,
						      char *token)
{
	Warehouse__ListProductsRequest request = WAREHOUSE__LIST_PRODUCTS_REQUEST__INIT;
	Warehouse__ListProductsResponse *reply;

	request.query = text(query);
	request.state = state;
	request.page_size = size;
	request.page_token = token;
	assert_null(service_call("ListProducts", NULL, &request.base, (void **)&reply).reason);
	return reply;
}

static void products_come_in_pages_by_sku(void **state)
{
	const char *word = new_id();
	char *token = text(""), *last = text("");
	size_t seen = 0;

	(void)state;
	for (int i = 0; i < 7; i++) {
		Warehouse__Product *product = new_product(arena_printf(service_arena(), "%c-%s", "dBcAeF9"[i], word));

		product->description = text("100% Käse");
		assert_null(create(product, NULL).reason);
	}
	do {
		const char *query = arena_printf(service_arena(), "KÄSE %s 100%%", word);
		Warehouse__ListProductsResponse *reply =
		    list_products(query, WAREHOUSE__PRODUCT_STATE__PRODUCT_STATE_ACTIVE, 3, token);

		for (size_t i = 0; i < reply->n_products; i++, seen++) {
			assert_true(strcmp(last, reply->products[i]->sku) < 0);
			last = reply->products[i]->sku;
		}
		token = reply->next_page_token;
	} while (*token != '\0');
	assert_int_equal(seen, 7);
	assert_int_equal(list_products(word, WAREHOUSE__PRODUCT_STATE__PRODUCT_STATE_ARCHIVED, 0, text(""))->n_products,
			 0);
	assert_int_equal(list_products(arena_printf(service_arena(), "%s 100_", word), 0, 0, text(""))->n_products, 0);
}

static void receiving_and_adjusting_answer_what_is_there_then(void **state)
{
	char *sku = stocked(10);
	Warehouse__StockLevel *level;
	struct status status;

	(void)state;
	assert_null(receive(NULL, sku, "", 5, &level).reason);
	assert_string_equal(level->location_id, "MAIN");
	assert_int_equal(level->on_hand, 15);
	assert_int_equal(level->available, 15);
	assert_null(adjust(NULL, sku, "MAIN", -3, &level).reason);
	assert_int_equal(level->on_hand, 12);
	assert_null(receive(NULL, sku, "EAST", 4, &level).reason);
	assert_int_equal(level->on_hand, 4);
	assert_stock(sku, "MAIN", 12, 0);
	assert_stock(sku, "EAST", 4, 0);

	status = adjust(NULL, sku, "", -13, NULL);
	assert_refused(status, &STOCK_RESERVED);
	assert_string_equal(metadata(status, "on_hand"), "12");
	assert_string_equal(metadata(status, "reserved"), "0");
	assert_refused(adjust(NULL, sku, "WEST", 1, NULL), &NOT_FOUND);
	assert_refused(receive(NULL, text("NONE"), "", 1, NULL), &NOT_FOUND);
	assert_stock(sku, "MAIN", 12, 0);
}

static void stock_is_listed_by_location_and_by_need(void **state)
{
	char *word = new_id(), *token = text("");
	size_t seen = 0;

	(void)state;
	for (int i = 0; i < 3; i++) {
		Warehouse__Product *product = new_product(arena_printf(service_arena(), "S%d-%s", i, word));

		product->reorder_level = 5;
		product->description = text("unseen");
		assert_null(create(product, NULL).reason);
		assert_null(receive(NULL, product->sku, "EAST", 10, NULL).reason);
	}
	do {
		Warehouse__ListStockResponse *reply = list_stock(text(""), text(""), word, false, 4, token);

		for (size_t i = 0; i < reply->n_levels; i++, seen++) {
			assert_int_equal(reply->levels[i]->sku[1] - '0', seen / 2);
			assert_string_equal(reply->levels[i]->location_id, seen % 2 == 0 ? "EAST" : "MAIN");
			assert_int_equal(reply->levels[i]->low, seen % 2 == 1);
		}
		token = reply->next_page_token;
	} while (*token != '\0');
	assert_int_equal(seen, 6);
	assert_int_equal(list_stock(text(""), text(""), word, true, 0, text(""))->n_levels, 3);
	assert_int_equal(list_stock(text(""), text("EAST"), word, true, 0, text(""))->n_levels, 0);
	assert_int_equal(
	    list_stock(text(""), text(""), arena_printf(service_arena(), "%s unseen", word), false, 0, text(""))
		->n_levels,
	    0);
}

static void movements_are_listed_newest_first(void **state)
{
	Warehouse__ListStockMovementsRequest request = WAREHOUSE__LIST_STOCK_MOVEMENTS_REQUEST__INIT;
	Warehouse__ListStockMovementsResponse *reply;
	int64_t next = 6;

	(void)state;
	request.sku = stocked(1);
	for (int i = 2; i <= 6; i++)
		assert_null(receive(NULL, request.sku, "", 1, NULL).reason);
	request.page_size = 4;
	do {
		assert_null(service_call("ListStockMovements", NULL, &request.base, (void **)&reply).reason);
		for (size_t i = 0; i < reply->n_movements; i++) {
			assert_int_equal(reply->movements[i]->on_hand, next--);
			assert_int_equal(reply->movements[i]->quantity, 1);
			assert_string_equal(reply->movements[i]->reference, "DN-1");
			assert_string_equal(reply->movements[i]->actor, "tester");
		}
		request.page_token = reply->next_page_token;
	} while (*reply->next_page_token != '\0');
	assert_int_equal(next, 0);
	request.page_token = text("");
	request.sku = text("NONE");
	assert_refused(service_call("ListStockMovements", NULL, &request.base, NULL), &NOT_FOUND);
}

static void the_same_key_is_answered_the_same(void **state)
{
	char *sku = stocked(3);
	Warehouse__StockLevel *first, *again;

	(void)state;
	assert_null(receive("key-of-a-receipt", sku, "", 5, &first).reason);
	assert_null(receive(NULL, sku, "", 1, NULL).reason);
	assert_null(receive("key-of-a-receipt", sku, "", 5, &again).reason);
	assert_int_equal(first->on_hand, 8);
	assert_true(str_equal(pb_pack(service_arena(), &first->base), pb_pack(service_arena(), &again->base)));
	assert_refused(receive("key-of-a-receipt", sku, "", 6, NULL), &KEY_REUSED);
	assert_refused(adjust("key-of-a-loss", sku, "", -10, NULL), &STOCK_RESERVED);
	assert_null(receive(NULL, sku, "", 10, NULL).reason);
	assert_refused(adjust("key-of-a-loss", sku, "", -10, NULL), &STOCK_RESERVED);
	assert_stock(sku, "MAIN", 19, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(a_product_is_kept_as_it_was_given),
		STORE_TEST(a_product_changes_under_its_etag),
		STORE_TEST(products_come_in_pages_by_sku),
		STORE_TEST(receiving_and_adjusting_answer_what_is_there_then),
		STORE_TEST(stock_is_listed_by_location_and_by_need),
		STORE_TEST(movements_are_listed_newest_first),
		STORE_TEST(the_same_key_is_answered_the_same),
	};

	return cmocka_run_group_tests(tests, make_database, NULL);
}
