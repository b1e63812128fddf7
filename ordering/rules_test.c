/* What ordering/rules.h promises of orders: their states, customers, addresses, texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ordering/rules_test.h"

#define N_STATES 10

/* The matrix of product.md, written again from the events' side: [event][from] is where it leads, 0 that it is refused. */
static const Ordering__OrderState WANTED[ORDER_EVENTS][N_STATES] = {
	[ORDER_EVENT_PLACE] = { [STATE(OPEN)] = STATE(PLACING) },
	[ORDER_EVENT_PLACED] = { [STATE(PLACING)] = STATE(PLACED) },
	[ORDER_EVENT_REFUSED] = { [STATE(PLACING)] = STATE(OPEN) },
	[ORDER_EVENT_SHIPPED_PART] = { [STATE(PLACED)] = STATE(PARTLY_SHIPPED),
				       [STATE(PARTLY_SHIPPED)] = STATE(PARTLY_SHIPPED) },
	[ORDER_EVENT_SHIPPED_ALL] = { [STATE(PLACED)] = STATE(SHIPPED), [STATE(PARTLY_SHIPPED)] = STATE(SHIPPED) },
	[ORDER_EVENT_INVOICED] = { [STATE(SHIPPED)] = STATE(COMPLETED) },
	[ORDER_EVENT_CANCEL] = { [STATE(OPEN)] = STATE(CANCELLED),
				 [STATE(PLACED)] = STATE(CANCELLING),
				 [STATE(PARTLY_SHIPPED)] = STATE(CANCELLING) },
	[ORDER_EVENT_CANCELLED] = { [STATE(CANCELLING)] = STATE(CANCELLED) },
	[ORDER_EVENT_CANCELLED_REST] = { [STATE(CANCELLING)] = STATE(PARTLY_SHIPPED) },
	[ORDER_EVENT_CANCEL_REFUSED] = { [STATE(CANCELLING)] = STATE(PLACED) },
	[ORDER_EVENT_CANCEL_REFUSED_PART] = { [STATE(CANCELLING)] = STATE(PARTLY_SHIPPED) },
	[ORDER_EVENT_EXPIRE] = { [STATE(OPEN)] = STATE(EXPIRED) },
};

static void every_event_in_every_state(void **state)
{
	int allowed = 0;

	(void)state;
	for (int event = 0; event < ORDER_EVENTS; event++) {
		for (int from = 0; from < N_STATES; from++) {
			Ordering__Order *order = new_order();
			struct status status;

			order->state = (Ordering__OrderState)from;
			status = order_move(arena, order, (enum order_event)event, text("why"));
			if (WANTED[event][from] != 0) {
				assert_null(status.reason);
				assert_int_equal(order->state, WANTED[event][from]);
				assert_string_equal(order->state_reason, "why");
				allowed++;
			} else {
				assert_int_equal(status_code(status), CODE_FAILED_PRECONDITION);
				assert_int_equal(order->state, from);
				assert_string_equal(order->state_reason, "");
			}
		}
	}
	assert_int_equal(allowed, 16);
}

static void final_states_are_never_left(void **state)
{
	static const Ordering__OrderState FINAL[] = { STATE(COMPLETED), STATE(CANCELLED), STATE(EXPIRED) };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		for (int event = 0; event < ORDER_EVENTS; event++)
			assert_int_equal(WANTED[event][FINAL[i]], 0);
	}
}

static void a_refusal_says_which_state(void **state)
{
	Ordering__Order *order = new_order();
	struct status status;

	(void)state;
	order->state = STATE(CANCELLED);
	status = order_move(arena, order, ORDER_EVENT_CANCEL, text(""));
	assert_refused(status, &ORDER_NOT_OPEN);
	assert_metadata(status, "state", "ORDER_STATE_CANCELLED");
	assert_refused(order_move(arena, order, ORDER_EVENT_SHIPPED_ALL, text("")), &ORDER_NOT_PLACED);
}

static Customers__Customer *customer(size_t n_addresses)
{
	Customers__Customer *made = pb_new(arena, &customers__customer__descriptor);

	made->customer_id = text("c1");
	made->first_name = text("Ada");
	made->last_name = text("Lovelace");
	made->status = CUSTOMERS__CUSTOMER_STATUS__CUSTOMER_STATUS_ACTIVE;
	made->n_addresses = n_addresses;
	made->addresses = arena_array(arena, n_addresses, sizeof(*made->addresses));
	for (size_t i = 0; i < n_addresses; i++) {
		made->addresses[i] = pb_new(arena, &customers__customer_address__descriptor);
		made->addresses[i]->address = pb_new(arena, &common__address__descriptor);
	}
	return made;
}

static void only_active_customers_order(void **state)
{
	Customers__Customer *made = customer(0);

	(void)state;
	assert_null(order_check_customer(made).reason);
	made->status = CUSTOMERS__CUSTOMER_STATUS__CUSTOMER_STATUS_BLOCKED;
	assert_refused(order_check_customer(made), &CUSTOMER_BLOCKED);
	made->status = CUSTOMERS__CUSTOMER_STATUS__CUSTOMER_STATUS_ERASED;
	assert_refused(order_check_customer(made), &CUSTOMER_ERASED);
}

static void addresses_come_from_request_default_or_first(void **state)
{
	Ordering__Order *order = new_order();
	Customers__Customer *made = customer(3);
	Common__Address *given = pb_new(arena, &common__address__descriptor);

	(void)state;
	order_set_customer(arena, order, made, NULL, NULL);
	assert_ptr_equal(order->shipping_address, made->addresses[0]->address);
	assert_ptr_equal(order->billing_address, made->addresses[0]->address);
	made->addresses[1]->default_shipping = true;
	made->addresses[2]->default_billing = true;
	order_set_customer(arena, order, made, NULL, NULL);
	assert_ptr_equal(order->shipping_address, made->addresses[1]->address);
	assert_ptr_equal(order->billing_address, made->addresses[2]->address);
	order_set_customer(arena, order, made, given, NULL);
	assert_ptr_equal(order->shipping_address, given);
	order_set_customer(arena, order, customer(0), NULL, given);
	assert_null(order->shipping_address);
	assert_ptr_equal(order->billing_address, given);
}

static void a_company_orders_under_its_name(void **state)
{
	Ordering__Order *order = new_order();
	Customers__Customer *made = customer(0);

	(void)state;
	order_set_customer(arena, order, made, NULL, NULL);
	assert_string_equal(order->customer_id, "c1");
	assert_string_equal(order->customer_name, "Ada Lovelace");
	made->company = text("Analytical Engines Ltd");
	order_set_customer(arena, order, made, NULL, NULL);
	assert_string_equal(order->customer_name, "Analytical Engines Ltd");
}

static void placing_needs_items_and_addresses(void **state)
{
	Ordering__Order *order = new_order();
	struct status status;

	(void)state;
	assert_refused(order_check_place(arena, order), &ORDER_EMPTY);
	add(order, "i1", "A", 1, 1);
	status = order_check_place(arena, order);
	assert_refused(status, &ADDRESS_MISSING);
	assert_metadata(status, "address", "shipping_address");
	order->shipping_address = pb_new(arena, &common__address__descriptor);
	status = order_check_place(arena, order);
	assert_refused(status, &ADDRESS_MISSING);
	assert_metadata(status, "address", "billing_address");
	order->billing_address = order->shipping_address;
	assert_null(order_check_place(arena, order).reason);
	order->state = STATE(CANCELLED);
	assert_refused(order_check_place(arena, order), &ORDER_NOT_OPEN);
}

static Ordering__UpdateOrderRequest *update(const char *name, const char *note, const char *path)
{
	Ordering__UpdateOrderRequest *request = pb_new(arena, &ordering__update_order_request__descriptor);

	request->name = text(name);
	request->note = text(note);
	if (path == NULL)
		return request;
	request->update_mask = pb_new(arena, &google__protobuf__field_mask__descriptor);
	request->update_mask->paths = arena_array(arena, 1, sizeof(char *));
	request->update_mask->paths[0] = text(path);
	request->update_mask->n_paths = 1;
	return request;
}

static void updates_follow_their_mask(void **state)
{
	Ordering__Order *order = new_order();

	(void)state;
	assert_null(order_update(arena, order, update("n1", "t1", NULL)).reason);
	assert_string_equal(order->name, "n1");
	assert_string_equal(order->note, "t1");
	assert_null(
	    order_update(arena, order, update("", "t2", NULL)).reason); /* without a mask, what is empty is not set */
	assert_string_equal(order->name, "n1");
	assert_string_equal(order->note, "t2");
	assert_null(order_update(arena, order, update("", "t3", "name")).reason);
	assert_string_equal(order->name, "");
	assert_string_equal(order->note, "t2");
	assert_violation(order_update(arena, order, update("n4", "t4", "state")), "update_mask");
	assert_string_equal(order->note, "t2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_event_in_every_state),
		cmocka_unit_test(final_states_are_never_left),
		cmocka_unit_test(a_refusal_says_which_state),
		cmocka_unit_test(only_active_customers_order),
		cmocka_unit_test(addresses_come_from_request_default_or_first),
		cmocka_unit_test(a_company_orders_under_its_name),
		cmocka_unit_test(placing_needs_items_and_addresses),
		cmocka_unit_test(updates_follow_their_mask),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
