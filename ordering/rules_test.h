/*
 * rules_test: orders and products for the tests of the rules, and what they assert.
 *
 * Invariants
 * - Everything lives in one arena, which ends with the program's tests.
 *
 * Only rules_test.c, rules_items_test.c and rules_shipments_test.c include it, once each, after cmocka.
 */
#ifndef QUAYSIDE_ORDERING_RULES_TEST_H
#define QUAYSIDE_ORDERING_RULES_TEST_H

#include "base/str.h"
#include "ordering/rules.h"
#include "runtime/pb.h"

#define STATE(name_) ORDERING__ORDER_STATE__ORDER_STATE_##name_
#define ITEM(name_) ORDERING__ORDER_ITEM_STATE__ORDER_ITEM_STATE_##name_

static struct arena *arena;

static inline int setup(void **state)
{
	(void)state;
	arena = arena_new(4096, 0);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static inline void assert_refused(struct status status, const struct reason *reason)
{
	assert_non_null(status.reason);
	assert_string_equal(status.reason->name, reason->name);
	assert_int_equal(status.reason->code, reason->code);
}

static inline void assert_violation(struct status status, const char *field)
{
	assert_refused(status, &INVALID_REQUEST);
	assert_non_null(status.detail);
	assert_non_null(status.detail->violations);
	assert_string_equal(status.detail->violations->field, field);
}

static inline void assert_metadata(struct status status, const char *name, const char *value)
{
	const struct status_pair *pair = status.detail->metadata;

	while (pair != NULL && !str_is(str_of(pair->name), name))
		pair = pair->next;
	assert_non_null(pair);
	assert_string_equal(pair->value, value);
}

static inline char *text(const char *value)
{
	return arena_strdup(arena, value);
}

static inline Ordering__Order *new_order(void)
{
	Ordering__Order *order = pb_new(arena, &ordering__order__descriptor);

	order->state = STATE(OPEN);
	return order;
}

static inline Warehouse__Product *product(const char *sku, int64_t price, const char *currency, int32_t tax_rate)
{
	Warehouse__Product *made = pb_new(arena, &warehouse__product__descriptor);

	made->sku = text(sku);
	made->name = arena_printf(arena, "Product %s", sku);
	made->state = WAREHOUSE__PRODUCT_STATE__PRODUCT_STATE_ACTIVE;
	made->tax_rate_basis_points = tax_rate;
	made->unit_price = pb_new(arena, &common__money__descriptor);
	made->unit_price->currency_code = text(currency);
	made->unit_price->minor_units = price;
	return made;
}

static inline Ordering__OrderItem *add(Ordering__Order *order, const char *id, const char *sku, int64_t price,
				       int64_t quantity)
{
	Ordering__OrderItem *item = NULL;

	assert_null(order_add_item(arena, order, id, product(sku, price, "EUR", 1900), quantity, &item).reason);
	return item;
}

#endif
