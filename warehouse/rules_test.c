/* What warehouse/rules.h promises of products and stock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "warehouse/rules_test.h"

#define ACTIVE WAREHOUSE__PRODUCT_STATE__PRODUCT_STATE_ACTIVE
#define ARCHIVED WAREHOUSE__PRODUCT_STATE__PRODUCT_STATE_ARCHIVED

static Warehouse__Product *product_at(const char *currency, int64_t price)
{
	Warehouse__Product *product = pb_new(arena, &warehouse__product__descriptor);

	product->sku = arena_strdup(arena, "TEA-1");
	product->name = arena_strdup(arena, "Tea");
	product->unit_price = pb_new(arena, &common__money__descriptor);
	product->unit_price->currency_code = arena_strdup(arena, currency);
	product->unit_price->minor_units = price;
	product->state = ACTIVE;
	return product;
}

static const Google__Protobuf__FieldMask *mask_of(const char *first, const char *second)
{
	Google__Protobuf__FieldMask *mask = pb_new(arena, &google__protobuf__field_mask__descriptor);

	mask->paths = arena_array(arena, 2, sizeof(*mask->paths));
	mask->paths[mask->n_paths++] = arena_strdup(arena, first);
	if (second != NULL)
		mask->paths[mask->n_paths++] = arena_strdup(arena, second);
	return mask;
}

static void a_price_is_not_negative_and_in_a_currency(void **state)
{
	struct status status;

	(void)state;
	assert_null(product_check(arena, product_at("EUR", 0)).reason);
	assert_null(product_check(arena, product_at("JPY", 100)).reason);
	status = product_check(arena, product_at("XYZ", -1));
	assert_refused(status, &INVALID_REQUEST);
	assert_violation(status, "product.unit_price.minor_units", "must not be negative");
	assert_violation(status, "product.unit_price.currency_code", "is not a currency of ISO 4217");
}

static void a_mask_names_what_changes(void **state)
{
	Warehouse__Product *product = product_at("EUR", 100), *changes = product_at("EUR", 200);

	(void)state;
	product->reorder_level = 5;
	product->packaging = WAREHOUSE__PACKAGING__PACKAGING_BAG;
	changes->name = arena_strdup(arena, "Coffee");
	assert_null(product_update(arena, product, changes, mask_of("reorder_level", "unit_price")).reason);
	assert_int_equal(product->reorder_level, 0);
	assert_int_equal(product->unit_price->minor_units, 200);
	assert_string_equal(product->name, "Tea");
	assert_int_equal(product->packaging, WAREHOUSE__PACKAGING__PACKAGING_BAG);
}

static void without_a_mask_what_is_set_changes(void **state)
{
	Warehouse__Product *product = product_at("EUR", 100);
	Warehouse__Product *changes = pb_new(arena, &warehouse__product__descriptor);

	(void)state;
	product->reorder_level = 5;
	changes->description = arena_strdup(arena, "Green");
	changes->weight_grams = 100;
	changes->tax_rate_basis_points = 700;
	assert_null(product_update(arena, product, changes, NULL).reason);
	assert_string_equal(product->description, "Green");
	assert_int_equal(product->weight_grams, 100);
	assert_int_equal(product->tax_rate_basis_points, 700);
	assert_string_equal(product->name, "Tea");
	assert_int_equal(product->reorder_level, 5);
	assert_int_equal(product->unit_price->minor_units, 100);
}

static void a_star_changes_everything_that_may(void **state)
{
	Warehouse__Product *product = product_at("EUR", 100), *changes = product_at("USD", 1);

	(void)state;
	product->description = arena_strdup(arena, "Green");
	changes->sku = arena_strdup(arena, "OTHER");
	changes->state = ARCHIVED;
	assert_null(product_update(arena, product, changes, mask_of("*", NULL)).reason);
	assert_string_equal(product->description, "");
	assert_string_equal(product->unit_price->currency_code, "USD");
	assert_string_equal(product->sku, "TEA-1");
	assert_int_equal(product->state, ACTIVE);
}

static void a_refused_update_changes_nothing(void **state)
{
	Warehouse__Product *product = product_at("EUR", 100), *changes = product_at("EUR", -5);
	struct status status;

	(void)state;
	changes->name = arena_strdup(arena, "Coffee");
	status = product_update(arena, product, changes, mask_of("name", "state"));
	assert_refused(status, &INVALID_REQUEST);
	assert_violation(status, "update_mask", "\"state\" is not a field that can be changed");
	assert_refused(product_update(arena, product, changes, mask_of("name", "unit_price")), &INVALID_REQUEST);
	assert_string_equal(product->name, "Tea");
	assert_int_equal(product->unit_price->minor_units, 100);
}

static void a_product_is_archived_once(void **state)
{
	Warehouse__Product *product = product_at("EUR", 100);

	(void)state;
	assert_null(product_archive(product).reason);
	assert_int_equal(product->state, ARCHIVED);
	assert_refused(product_archive(product), &PRODUCT_ARCHIVED);
}

static void what_is_promised_cannot_be_taken_off(void **state)
{
	Warehouse__StockLevel *level = pb_new(arena, &warehouse__stock_level__descriptor);

	(void)state;
	level->on_hand = 10;
	level->reserved = 4;
	level->reorder_level = 7;
	stock_level_settle(level);
	assert_int_equal(level->available, 6);
	assert_true(level->low);
	level->reorder_level = 6;
	stock_level_settle(level);
	assert_false(level->low);
	assert_null(stock_adjust(arena, level, -6).reason);
	assert_null(stock_adjust(arena, level, 1).reason);
	assert_refused(stock_adjust(arena, level, -7), &STOCK_RESERVED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RULES_TEST(a_price_is_not_negative_and_in_a_currency), RULES_TEST(a_mask_names_what_changes),
		RULES_TEST(without_a_mask_what_is_set_changes),        RULES_TEST(a_star_changes_everything_that_may),
		RULES_TEST(a_refused_update_changes_nothing),          RULES_TEST(a_product_is_archived_once),
		RULES_TEST(what_is_promised_cannot_be_taken_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
