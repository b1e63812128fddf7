/* See retention.h. */
#include "runtime/retention.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

#define PERIOD (60 * CLOCK_SECOND)
#define CONSUMERS_MAX 32
#define NAME_BYTES 40
#define BATCH 1000 /* rows deleted by one statement */
#define BATCHES 50 /* in one round */

/* What consumers have said since the last round. */
static struct {
	char names[CONSUMERS_MAX][NAME_BYTES + 1];
	int64_t positions[CONSUMERS_MAX];
	size_t n;
} told;

static struct db_statement SAVE_CONSUMERS = DB_WRITE(
    "save_consumers", "INSERT INTO outbox_consumer (consumer, position, time)"
		      " SELECT consumer, position, now() FROM unnest(:consumers::text[], :positions::bigint[])"
		      " AS told (consumer, position)"
		      " ON CONFLICT (consumer) DO UPDATE SET position = EXCLUDED.position, time = EXCLUDED.time");

static struct db_statement DELETE_EVENTS = DB_WRITE(
    "delete_events",
    "WITH oldest AS (SELECT position, time FROM outbox WHERE position <="
    " coalesce((SELECT min(position) FROM outbox_consumer), 9223372036854775807) ORDER BY position LIMIT :limit)"
    ", kept AS (SELECT min(position) AS first FROM oldest WHERE time >= now() - interval '7 days')"
    ", gone AS (DELETE FROM outbox USING oldest, kept WHERE outbox.position = oldest.position"
    " AND (kept.first IS NULL OR oldest.position < kept.first) RETURNING outbox.position)"
    " UPDATE outbox_sequence SET forgotten = (SELECT max(position) FROM gone)"
    " WHERE EXISTS (SELECT FROM gone) RETURNING (SELECT count(*) FROM gone) AS n");

static struct db_statement DELETE_KEYS =
    DB_WRITE("delete_keys",
	     "WITH gone AS (DELETE FROM idempotency WHERE (scope, key) IN (SELECT scope, key FROM idempotency"
	     " WHERE time < now() - interval '7 days' AND code IS NOT NULL ORDER BY time LIMIT :limit) RETURNING 1)"
	     " SELECT count(*) AS n FROM gone");

void retention_note(const char *consumer, int64_t position)
{
	const size_t len = strlen(consumer);
	size_t i = 0;

	if (len == 0 || len > NAME_BYTES)
		return;
	while (i < told.n && strcmp(told.names[i], consumer) != 0)
		i++;
	if (i == CONSUMERS_MAX)
		return;
	if (i == told.n) {
		memcpy(told.names[i], consumer, len + 1);
		told.n++;
	}
	told.positions[i] = position;
}

/* Each is told once: another process may know better by the next time. */
static struct status save_consumers(struct call *call)
{
	struct db_unit *unit = db_unit(call, &SAVE_CONSUMERS);
	const char **names = arena_array(call->arena, CONSUMERS_MAX, sizeof(*names));
	const size_t n = told.n;

	if (n == 0)
		return STATUS_OK;
	for (size_t i = 0; i < n; i++)
		names[i] = arena_strdup(call->arena, told.names[i]);
	db_bind_texts(unit, "consumers", names, n);
	db_bind_ints(unit, "positions", arena_memdup(call->arena, told.positions, n * sizeof(*told.positions)), n);
	told.n = 0;
	return db_run(call, unit);
}

struct status retention_delete(struct call *call, struct db_statement *statement, int64_t *ret_deleted)
{
	int64_t deleted = BATCH, all = 0;

	for (int i = 0; i < BATCHES && deleted == BATCH; i++) {
		struct db_unit *unit = db_unit(call, statement);
		const struct db_rows *rows;

		db_bind_int(unit, "limit", BATCH);
		TRY(db_run(call, unit));
		rows = db_rows(unit, 0);
		deleted = db_count(rows) == 0 ? 0 : db_int(rows, 0, "n");
		all += deleted;
	}
	*ret_deleted = all;
	return STATUS_OK;
}

static struct status forget_events(struct call *call)
{
	int64_t deleted;

	TRY(save_consumers(call));
	TRY(retention_delete(call, &DELETE_EVENTS, &deleted));
	if (deleted > 0)
		log_info("old events are forgotten", LOG_INT("events", deleted));
	return STATUS_OK;
}

static struct status forget_keys(struct call *call)
{
	int64_t deleted;

	return retention_delete(call, &DELETE_KEYS, &deleted);
}

const struct service_step FORGET_EVENTS = { "forget_events", PERIOD, forget_events };
const struct service_step FORGET_KEYS = { "forget_keys", PERIOD, forget_keys };
