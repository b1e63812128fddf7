#include "quayside/warehouse/v1/events.pb-c.h"
#include "runtime/page.h"
#include "runtime/pb.h"
#include "warehouse/handlers.h"
#include "warehouse/rules.h"
#include "warehouse/store.h"

RPC_UNARY(create_product, Warehouse__CreateProductRequest, Warehouse__Product);
RPC_UNARY(get_product, Warehouse__GetProductRequest, Warehouse__Product);
RPC_UNARY(list_products, Warehouse__ListProductsRequest, Warehouse__ListProductsResponse);
RPC_UNARY(update_product, Warehouse__UpdateProductRequest, Warehouse__Product);
RPC_UNARY(archive_product, Warehouse__ArchiveProductRequest, Warehouse__Product);

static const char *state_name(Warehouse__ProductState state)
{
	return pb_enum_name(&warehouse__product_state__descriptor, (int)state);
}

/* What a write records: the product as it is after it, which is also the answer. */
static struct write write_of(struct call *call, Warehouse__Product *product, int64_t version, const char *from)
{
	Warehouse__ProductChanged *event = pb_new(call->arena, &warehouse__product_changed__descriptor);

	product->update_time = pb_time(call->arena, call->time);
	product->etag = etag_of(call->arena, version);
	event->product = product;
	event->action = arena_strdup(call->arena, call->method->name);
	return (struct write){
		.aggregate_type = "product",
		.aggregate_id = product->sku,
		.version = version,
		.from_state = from,
		.to_state = state_name(product->state),
		.event = &event->base,
		.reply = &product->base,
	};
}

static struct status create_product(struct call *call, const Warehouse__CreateProductRequest *request,
				    Warehouse__Product *reply)
{
	struct write write;

	TRY(product_check(call->arena, request->product));
	*reply = *request->product;
	reply->state = WAREHOUSE__PRODUCT_STATE__PRODUCT_STATE_ACTIVE;
	reply->create_time = pb_time(call->arena, call->time);
	write = write_of(call, reply, 1, "");
	return store_create_product(call, reply, &write);
}

static struct status get_product(struct call *call, const Warehouse__GetProductRequest *request,
				 Warehouse__Product *reply)
{
	return store_get_product(call, request->sku, reply, NULL);
}

static struct status list_products(struct call *call, const Warehouse__ListProductsRequest *request,
				   Warehouse__ListProductsResponse *reply)
{
	const char *filters = arena_printf(call->arena, "%d %s", (int)request->state, request->query);
	struct page page;

	TRY(page_open(call->arena, request->page_size, request->page_token, filters, &page));
	TRY(store_list_products(call, request, &page, &reply->n_products, &reply->products));
	if (reply->n_products > page.size) {
		reply->n_products = page.size;
		reply->next_page_token = page_next(call->arena, &page, 0, reply->products[page.size - 1]->sku);
	}
	return STATUS_OK;
}

static struct status update_product(struct call *call, const Warehouse__UpdateProductRequest *request,
				    Warehouse__Product *reply)
{
	int64_t version;

	for (int round = 0; write_again(call, &round);) {
		struct write write;

		TRY(store_get_product(call, request->product->sku, reply, &version));
		TRY(etag_check(call->arena, request->product->etag, version));
		TRY(product_update(call->arena, reply, request->product, request->update_mask));
		write = write_of(call, reply, version + 1, state_name(reply->state));
		TRY(store_update_product(call, reply, &write));
		if (write.applied)
			return STATUS_OK;
	}
	return status_of(&CONCURRENT_CHANGE);
}

static struct status archive_product(struct call *call, const Warehouse__ArchiveProductRequest *request,
				     Warehouse__Product *reply)
{
	int64_t version;

	for (int round = 0; write_again(call, &round);) {
		struct write write;
		const char *from;

		TRY(store_get_product(call, request->sku, reply, &version));
		TRY(etag_check(call->arena, request->etag, version));
		from = state_name(reply->state);
		TRY(product_archive(reply));
		write = write_of(call, reply, version + 1, from);
		TRY(store_update_product(call, reply, &write));
		if (write.applied)
			return STATUS_OK;
	}
	return status_of(&CONCURRENT_CHANGE);
}

static const struct rpc_method methods[] = {
	RPC_METHOD("CreateProduct", create_product),   RPC_METHOD("GetProduct", get_product),
	RPC_METHOD("ListProducts", list_products),     RPC_METHOD("UpdateProduct", update_product),
	RPC_METHOD("ArchiveProduct", archive_product), RPC_METHODS_END,
};

const struct rpc_service product_service = { &warehouse__product_service__descriptor, methods };
