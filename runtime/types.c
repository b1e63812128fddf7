#include "runtime/types.h"

#include "runtime/page.h"
#include "runtime/pb.h"

void bind_address(struct call *call, struct db_unit *unit, const char *name, const Common__Address *address)
{
	const char **parts = arena_array(call->arena, ADDRESS_PARTS, sizeof(*parts));

	if (address == NULL) {
		db_bind_null(unit, name);
		return;
	}
	parts[0] = address->recipient;
	parts[1] = address->line1;
	parts[2] = address->line2;
	parts[3] = address->postal_code;
	parts[4] = address->city;
	parts[5] = address->region;
	parts[6] = address->country_code;
	db_bind_texts(unit, name, parts, ADDRESS_PARTS);
}

Common__Address *read_address(struct call *call, const struct db_rows *rows, size_t row, const char *column)
{
	Common__Address *address;
	char **parts;

	if (db_null(rows, row, column) || db_texts(rows, row, column, &parts) != ADDRESS_PARTS)
		return NULL;
	address = pb_new(call->arena, &common__address__descriptor);
	address->recipient = parts[0];
	address->line1 = parts[1];
	address->line2 = parts[2];
	address->postal_code = parts[3];
	address->city = parts[4];
	address->region = parts[5];
	address->country_code = parts[6];
	return address;
}

Common__Money *new_money(struct arena *arena, const char *currency, int64_t minor_units)
{
	Common__Money *money = pb_new(arena, &common__money__descriptor);

	money->currency_code = (char *)(uintptr_t)currency; /* protobuf-c has no const strings; nothing writes to it */
	money->minor_units = minor_units;
	return money;
}

static struct db_statement READ_HISTORY = DB_READ(
    "read_history", "SELECT version, time, actor, action, from_state, to_state, reason FROM history"
		    " WHERE aggregate_id = :aggregate_id AND version < :before ORDER BY version DESC LIMIT :limit");

static Common__HistoryEntry *read_entry(struct call *call, const struct db_rows *rows, size_t row)
{
	Common__HistoryEntry *entry = pb_new(call->arena, &common__history_entry__descriptor);

	entry->version = db_int(rows, row, "version");
	entry->time = pb_time(call->arena, db_time(rows, row, "time"));
	entry->actor = db_text(rows, row, "actor");
	entry->action = db_text(rows, row, "action");
	entry->from_state = db_text(rows, row, "from_state");
	entry->to_state = db_text(rows, row, "to_state");
	entry->reason = db_text(rows, row, "reason");
	return entry;
}

struct status read_history(struct call *call, const char *resource, const char *aggregate_id, int32_t page_size,
			   const char *page_token, size_t *ret_count, Common__HistoryEntry ***ret_entries,
			   char **ret_next_page_token)
{
	struct db_unit *unit = db_unit(call, &READ_HISTORY);
	const struct db_rows *rows;
	Common__HistoryEntry **entries;
	struct page page;
	size_t count;

	TRY(page_open(call->arena, page_size, page_token, aggregate_id, &page));
	db_bind_text(unit, "aggregate_id", aggregate_id);
	db_bind_int(unit, "before", page.first ? INT64_MAX : page.after_time);
	db_bind_int(unit, "limit", page.limit);
	TRY(db_run(call, unit));
	rows = db_rows(unit, 0);
	if (page.first && db_count(rows) == 0)
		return status_not_found(call->arena, resource, aggregate_id);
	count = db_count(rows) > page.size ? page.size : db_count(rows);
	entries = arena_array(call->arena, count, sizeof(*entries));
	for (size_t row = 0; row < count; row++)
		entries[row] = read_entry(call, rows, row);
	if (db_count(rows) > page.size)
		*ret_next_page_token = page_next(call->arena, &page, entries[count - 1]->version, aggregate_id);
	*ret_entries = entries;
	*ret_count = count;
	return STATUS_OK;
}
