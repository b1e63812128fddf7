#include "base/uuid.h"
#include "quayside/warehouse/v1/events.pb-c.h"
#include "runtime/page.h"
#include "runtime/pb.h"
#include "warehouse/handlers.h"
#include "warehouse/rules.h"
#include "warehouse/store.h"

RPC_UNARY(receive_stock, Warehouse__ReceiveStockRequest, Warehouse__StockLevel);
RPC_UNARY(adjust_stock, Warehouse__AdjustStockRequest, Warehouse__StockLevel);
RPC_UNARY(list_stock, Warehouse__ListStockRequest, Warehouse__ListStockResponse);
RPC_UNARY(list_stock_movements, Warehouse__ListStockMovementsRequest, Warehouse__ListStockMovementsResponse);

/* What only the database knew: see STOCK_VALUES in store.h. */
static void complete_level(struct arena *arena, void *out, const int64_t *values, size_t count)
{
	Warehouse__StockLevel *level = out;

	(void)arena;
	(void)count;
	level->on_hand = values[0];
	level->reserved = values[1];
	stock_level_settle(level);
}

static const char *location_of(const char *location_id)
{
	return *location_id == '\0' ? MAIN_LOCATION : location_id;
}

static Warehouse__StockMovement *new_movement(struct call *call, const Warehouse__StockLevel *level,
					      Warehouse__StockMovementKind kind, int64_t quantity)
{
	Warehouse__StockMovement *movement = pb_new(call->arena, &warehouse__stock_movement__descriptor);

	movement->movement_id = arena_alloc(call->arena, UUID_TEXT);
	uuid_new(movement->movement_id);
	movement->sku = level->sku;
	movement->location_id = level->location_id;
	movement->kind = kind;
	movement->quantity = quantity;
	movement->actor = arena_strdup(call->arena, call->actor);
	movement->time = pb_time(call->arena, call->time);
	return movement;
}

/* A row of the ledger is an aggregate of its own, which never has a second version; it is its own history. */
static struct write write_of(struct call *call, Warehouse__StockMovement *movement, Warehouse__StockLevel *level)
{
	Warehouse__StockMoved *event = pb_new(call->arena, &warehouse__stock_moved__descriptor);

	event->n_movements = 1;
	event->movements = arena_array(call->arena, 1, sizeof(*event->movements));
	event->movements[0] = movement;
	level->update_time = movement->time;
	return (struct write){
		.aggregate_type = "stock_movement",
		.aggregate_id = movement->movement_id,
		.version = 1,
		.reason = movement->reason,
		.event = &event->base,
		.reply = &level->base,
		.n_values = STOCK_VALUES,
	};
}

static struct status receive_stock(struct call *call, const Warehouse__ReceiveStockRequest *request,
				   Warehouse__StockLevel *reply)
{
	Warehouse__StockMovement *movement;
	struct write write;
	bool exists;

	for (int round = 0; write_again(call, &round);) {
		TRY(store_get_level(call, request->sku, location_of(request->location_id), reply, &exists));
		movement = new_movement(call, reply, WAREHOUSE__STOCK_MOVEMENT_KIND__STOCK_MOVEMENT_KIND_RECEIPT,
					request->quantity);
		movement->reference = request->reference;
		movement->reason = request->reason;
		write = write_of(call, movement, reply);
		TRY(store_receive(call, movement, &write));
		if (write.applied) {
			complete_level(call->arena, reply, write.values, write.n_values);
			return STATUS_OK;
		}
	}
	return status_of(&CONCURRENT_CHANGE);
}

static struct status adjust_stock(struct call *call, const Warehouse__AdjustStockRequest *request,
				  Warehouse__StockLevel *reply)
{
	Warehouse__StockMovement *movement;
	struct write write;
	bool exists;

	for (int round = 0; write_again(call, &round);) {
		TRY(store_get_level(call, request->sku, location_of(request->location_id), reply, &exists));
		if (!exists)
			return status_not_found(call->arena, "stock", store_level_key(call->arena, reply));
		TRY(stock_adjust(call->arena, reply, request->quantity));
		movement = new_movement(call, reply, WAREHOUSE__STOCK_MOVEMENT_KIND__STOCK_MOVEMENT_KIND_ADJUSTMENT,
					request->quantity);
		movement->reason = request->reason;
		write = write_of(call, movement, reply);
		TRY(store_adjust(call, movement, &write));
		if (write.applied) {
			complete_level(call->arena, reply, write.values, write.n_values);
			return STATUS_OK;
		}
	}
	return status_of(&CONCURRENT_CHANGE);
}

static struct status list_stock(struct call *call, const Warehouse__ListStockRequest *request,
				Warehouse__ListStockResponse *reply)
{
	const char *filters = arena_printf(call->arena, "%s %s %d %s", request->sku, request->location_id,
					   request->low_stock_only, request->query);
	struct page page;

	TRY(page_open(call->arena, request->page_size, request->page_token, filters, &page));
	TRY(store_list_stock(call, request, &page, &reply->n_levels, &reply->levels));
	if (reply->n_levels > page.size) {
		reply->n_levels = page.size;
		reply->next_page_token =
		    page_next(call->arena, &page, 0, store_level_key(call->arena, reply->levels[page.size - 1]));
	}
	return STATUS_OK;
}

static struct status list_stock_movements(struct call *call, const Warehouse__ListStockMovementsRequest *request,
					  Warehouse__ListStockMovementsResponse *reply)
{
	const char *filters = arena_printf(call->arena, "%s %s", request->sku, request->location_id);
	struct page page;
	int64_t *entries;

	TRY(page_open(call->arena, request->page_size, request->page_token, filters, &page));
	TRY(store_list_movements(call, request, &page, &reply->n_movements, &reply->movements, &entries));
	if (reply->n_movements > page.size) {
		reply->n_movements = page.size;
		reply->next_page_token = page_next(call->arena, &page, entries[page.size - 1], request->sku);
	}
	return STATUS_OK;
}

static const struct rpc_method methods[] = {
	RPC_METHOD_COMPLETED("ReceiveStock", receive_stock, complete_level),
	RPC_METHOD_COMPLETED("AdjustStock", adjust_stock, complete_level),
	RPC_METHOD("ListStock", list_stock),
	RPC_METHOD("ListStockMovements", list_stock_movements),
	RPC_METHODS_END,
};

const struct rpc_service stock_service = { &warehouse__stock_service__descriptor, methods };
