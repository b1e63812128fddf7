#include "customers/handlers.h"

#include "base/uuid.h"
#include "customers/rules.h"
#include "customers/store.h"
#include "quayside/customers/v1/events.pb-c.h"
#include "runtime/page.h"
#include "runtime/pb.h"
#include "runtime/types.h"
#include "runtime/write.h"

#define ACTIVE CUSTOMERS__CUSTOMER_STATUS__CUSTOMER_STATUS_ACTIVE

RPC_UNARY(create_customer, Customers__CreateCustomerRequest, Customers__Customer);
RPC_UNARY(get_customer, Customers__GetCustomerRequest, Customers__Customer);
RPC_UNARY(list_customers, Customers__ListCustomersRequest, Customers__ListCustomersResponse);
RPC_UNARY(update_customer, Customers__UpdateCustomerRequest, Customers__Customer);
RPC_UNARY(block_customer, Customers__BlockCustomerRequest, Customers__Customer);
RPC_UNARY(unblock_customer, Customers__UnblockCustomerRequest, Customers__Customer);
RPC_UNARY(list_customer_history, Customers__ListCustomerHistoryRequest, Customers__ListCustomerHistoryResponse);

static const char *status_name(Customers__CustomerStatus status)
{
	return pb_enum_name(&customers__customer_status__descriptor, (int)status);
}

/* What a write records: the customer as it is after it, which is also the answer. */
static struct write write_of(struct call *call, Customers__Customer *customer, int64_t version, const char *from,
			     const char *reason)
{
	Customers__CustomerChanged *event = pb_new(call->arena, &customers__customer_changed__descriptor);

	customer->update_time = pb_time(call->arena, call->time);
	customer->etag = etag_of(call->arena, version);
	event->customer = customer;
	event->action = arena_strdup(call->arena, call->method->name);
	return (struct write){
		.aggregate_type = "customer",
		.aggregate_id = customer->customer_id,
		.version = version,
		.from_state = from,
		.to_state = status_name(customer->status),
		.reason = reason,
		.event = &event->base,
		.reply = &customer->base,
	};
}

static struct status create_customer(struct call *call, const Customers__CreateCustomerRequest *request,
				     Customers__Customer *reply)
{
	char *id = arena_strdup(call->arena, request->customer_id);
	struct write write;

	TRY(customer_check(call->arena, request->customer));
	if (*id == '\0') {
		id = arena_alloc(call->arena, UUID_TEXT);
		uuid_new(id);
	}
	*reply = *request->customer;
	reply->customer_id = id;
	reply->status = ACTIVE;
	reply->status_reason = arena_strdup(call->arena, "");
	reply->create_time = pb_time(call->arena, call->time);
	write = write_of(call, reply, 1, "", NULL);
	return store_create(call, reply, &write);
}

static struct status get_customer(struct call *call, const Customers__GetCustomerRequest *request,
				  Customers__Customer *reply)
{
	return store_get(call, request->customer_id, reply, NULL);
}

static struct status list_customers(struct call *call, const Customers__ListCustomersRequest *request,
				    Customers__ListCustomersResponse *reply)
{
	const char *filters = arena_printf(call->arena, "%d %s", (int)request->status, request->query);
	const Customers__Customer *last;
	struct page page;

	TRY(page_open(call->arena, request->page_size, request->page_token, filters, &page));
	TRY(store_list(call, request, &page, &reply->n_customers, &reply->customers));
	if (reply->n_customers > page.size) {
		reply->n_customers = page.size;
		last = reply->customers[page.size - 1];
		reply->next_page_token = page_next(call->arena, &page, pb_micros(last->create_time), last->customer_id);
	}
	return STATUS_OK;
}

static struct status update_customer(struct call *call, const Customers__UpdateCustomerRequest *request,
				     Customers__Customer *reply)
{
	int64_t version;

	if (*request->customer->customer_id == '\0')
		return status_field(call->arena, &INVALID_REQUEST, "customer.customer_id", "is required");
	for (int round = 0; write_again(call, &round);) {
		struct write write;

		TRY(store_get(call, request->customer->customer_id, reply, &version));
		TRY(etag_check(call->arena, request->customer->etag, version));
		TRY(customer_update(call->arena, reply, request->customer, request->update_mask));
		write = write_of(call, reply, version + 1, status_name(reply->status), NULL);
		TRY(store_update(call, reply, &write));
		if (write.applied)
			return STATUS_OK;
	}
	return status_of(&CONCURRENT_CHANGE);
}

/* Block and unblock differ in the event only. */
static struct status move(struct call *call, const char *id, const char *etag, char *reason, enum customer_event event,
			  Customers__Customer *reply)
{
	int64_t version;

	for (int round = 0; write_again(call, &round);) {
		struct write write;
		const char *from;

		TRY(store_get(call, id, reply, &version));
		TRY(etag_check(call->arena, etag, version));
		from = status_name(reply->status);
		TRY(customer_move(reply, event, reason));
		write = write_of(call, reply, version + 1, from, reason);
		TRY(store_update(call, reply, &write));
		if (write.applied)
			return STATUS_OK;
	}
	return status_of(&CONCURRENT_CHANGE);
}

static struct status block_customer(struct call *call, const Customers__BlockCustomerRequest *request,
				    Customers__Customer *reply)
{
	return move(call, request->customer_id, request->etag, request->reason, CUSTOMER_EVENT_BLOCK, reply);
}

static struct status unblock_customer(struct call *call, const Customers__UnblockCustomerRequest *request,
				      Customers__Customer *reply)
{
	return move(call, request->customer_id, request->etag, request->reason, CUSTOMER_EVENT_UNBLOCK, reply);
}

static struct status list_customer_history(struct call *call, const Customers__ListCustomerHistoryRequest *request,
					   Customers__ListCustomerHistoryResponse *reply)
{
	return read_history(call, "customer", request->customer_id, request->page_size, request->page_token,
			    &reply->n_entries, &reply->entries, &reply->next_page_token);
}

static const struct rpc_method methods[] = {
	RPC_METHOD("CreateCustomer", create_customer),
	RPC_METHOD("GetCustomer", get_customer),
	RPC_METHOD("ListCustomers", list_customers),
	RPC_METHOD("UpdateCustomer", update_customer),
	RPC_METHOD("BlockCustomer", block_customer),
	RPC_METHOD("UnblockCustomer", unblock_customer),
	RPC_METHOD("ListCustomerHistory", list_customer_history),
	RPC_METHODS_END,
};

const struct rpc_service customer_service = { &customers__customer_service__descriptor, methods };
