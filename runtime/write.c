#include "runtime/write.h"

#include <openssl/evp.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "runtime/coroutine.h"
#include "runtime/events.h"
#include "runtime/pb.h"
#include "runtime/rpc_status.h"
#include "runtime/saga_private.h"

#define ROUNDS_MAX 12
#define FINGERPRINT_BYTES 32

const struct reason KEY_ANSWERED = { CODE_INTERNAL, "KEY_ANSWERED", "The request was answered before." };

/* An answer that is kept under the call's key. */
struct write_kept {
	enum code code;
	struct str answer;
	size_t n_values;
	int64_t values[WRITE_VALUES];
};

static struct db_statement FIND_KEY =
    DB_READ("find_key", "SELECT method, fingerprint, code, answer, coalesce(cardinality(numbers), 0) AS n,"
			" numbers[1] AS n1, numbers[2] AS n2, numbers[3] AS n3, numbers[4] AS n4"
			" FROM idempotency WHERE scope = :scope AND key = :key");

static struct db_statement KEEP_ANSWER =
    DB_WRITE("keep_answer", "INSERT INTO idempotency (scope, key, method, fingerprint, subject, code, answer, time)"
			    " VALUES (:scope, :key, :method, :fingerprint, '', :code, :answer, :time)"
			    " ON CONFLICT DO NOTHING RETURNING true AS kept");

static const char *const VALUE_COLUMNS[WRITE_VALUES] = { "n1", "n2", "n3", "n4" };

/* A key stands for one request: the method and its canonical bytes. */
static struct str fingerprint_of(const struct call *call)
{
	unsigned char *digest = arena_alloc(call->arena, FINGERPRINT_BYTES);
	struct buf text = buf_new(call->arena);

	buf_text(&text, call->method->path);
	buf_byte(&text, '\0');
	buf_bytes(&text, call->request.data, call->request.len);
	if (EVP_Digest(text.data, text.len, digest, NULL, EVP_sha256(), NULL) != 1)
		abort(); /* SHA-256 over memory fails only when OpenSSL itself is broken */
	return (struct str){ (const char *)digest, FINGERPRINT_BYTES };
}

static void read_values(const struct db_rows *rows, size_t count, int64_t *ret_values)
{
	for (size_t i = 0; i < count; i++)
		ret_values[i] = db_int(rows, 0, VALUE_COLUMNS[i]);
}

/* Fails with KEY_ANSWERED or KEY_REUSED when the key is known; a key whose answer is still to come is joined. */
static struct status key_found(struct call *call, const struct db_rows *rows)
{
	struct write_kept *kept;

	call->key_checked = true;
	call->key_pending = false;
	if (db_count(rows) == 0)
		return STATUS_OK;
	if (!str_is(str_of(db_text(rows, 0, "method")), call->method->path) ||
	    !str_equal(db_bytes(rows, 0, "fingerprint"), fingerprint_of(call)))
		return status_field(call->arena, &KEY_REUSED, "idempotency-key", "came with another request before");
	if (db_null(rows, 0, "code")) {
		call->key_pending = true;
		return STATUS_OK;
	}
	kept = arena_alloc(call->arena, sizeof(*kept));
	kept->code = (enum code)db_int(rows, 0, "code");
	kept->answer = db_bytes(rows, 0, "answer");
	kept->n_values = (size_t)db_int(rows, 0, "n");
	read_values(rows, kept->n_values, kept->values);
	call->kept = kept;
	return status_of(&KEY_ANSWERED);
}

static struct db_unit *find_key(struct call *call)
{
	struct db_unit *unit = db_unit(call, &FIND_KEY);

	db_bind_text(unit, "scope", call->actor);
	db_bind_text(unit, "key", call->key);
	return unit;
}

/* Why did the guard yield nothing: was the key used meanwhile, or did the aggregate move? OK means the latter. */
static struct status key_check_again(struct call *call)
{
	struct db_unit *unit = find_key(call);

	TRY(db_run(call, unit));
	return key_found(call, db_rows(unit, 0));
}

struct status write_join(struct call *call)
{
	if (call->key == NULL)
		return STATUS_OK;
	TRY(key_check_again(call));
	return call->key_pending ? status_of(&KEY_IN_PROGRESS) : STATUS_OK;
}

void write_open(struct call *call)
{
	db_ride_along(call, find_key(call), key_found);
}

static struct str packed(struct call *call, const ProtobufCMessage *message)
{
	return message == NULL ? (struct str){ "", 0 } : pb_pack(call->arena, message);
}

static void bind_second_event(struct call *call, struct db_unit *unit, const ProtobufCMessage *event)
{
	char *event_id = arena_alloc(call->arena, UUID_TEXT);

	uuid_new(event_id);
	db_bind_text(unit, "w_second_event_id", event_id);
	db_bind_text(unit, "w_second_event_type", event->descriptor->name);
	db_bind_bytes(unit, "w_second_event", packed(call, event));
}

static const char *text_or_empty(const char *text)
{
	return text == NULL ? "" : text;
}

static void bind_beside(struct call *call, struct db_unit *unit, const struct write *beside)
{
	char *event_id = arena_alloc(call->arena, UUID_TEXT);

	uuid_new(event_id);
	db_bind_text(unit, "w_beside_id", beside->aggregate_id);
	db_bind_int(unit, "w_beside_version", beside->version);
	db_bind_text(unit, "w_beside_from_state", text_or_empty(beside->from_state));
	db_bind_text(unit, "w_beside_to_state", beside->to_state);
	db_bind_text(unit, "w_beside_reason", text_or_empty(beside->reason));
	db_bind_text(unit, "w_beside_type", beside->aggregate_type);
	db_bind_text(unit, "w_beside_event_id", event_id);
	db_bind_text(unit, "w_beside_event_type", beside->event->descriptor->name);
	db_bind_bytes(unit, "w_beside_event", packed(call, beside->event));
}

static void bind_record(struct call *call, struct db_unit *unit, const struct write *write)
{
	const char *action = write->action != NULL ? write->action : call->method != NULL ? call->method->name : "";
	char *event_id = arena_alloc(call->arena, UUID_TEXT);

	uuid_new(event_id);
	db_bind_text(unit, "aggregate_id", write->aggregate_id);
	db_bind_int(unit, "version", write->version);
	db_bind_time(unit, "time", call->time);
	db_bind_text(unit, "w_actor", call->actor);
	db_bind_text(unit, "w_action", action);
	db_bind_bool(unit, "w_history", write->to_state != NULL);
	db_bind_text(unit, "w_from_state", text_or_empty(write->from_state));
	db_bind_text(unit, "w_to_state", text_or_empty(write->to_state));
	db_bind_text(unit, "w_reason", text_or_empty(write->reason));
	db_bind_bool(unit, "w_has_event", write->event != NULL);
	db_bind_text(unit, "w_event_id", event_id);
	db_bind_text(unit, "w_aggregate_type", write->aggregate_type);
	db_bind_text(unit, "w_event_type", write->event != NULL ? write->event->descriptor->name : "");
	db_bind_bytes(unit, "w_event", packed(call, write->event));
	db_bind_text(unit, "w_trace_parent", call->trace_parent);
	if (write->second_event != NULL)
		bind_second_event(call, unit, write->second_event);
	if (write->beside != NULL)
		bind_beside(call, unit, write->beside);
	if (write->saga != NULL)
		saga_bind_start(call, unit, write->saga);
}

static void bind_key(struct call *call, struct db_unit *unit)
{
	db_bind_text(unit, "w_scope", call->actor);
	db_bind_text(unit, "w_key", call->key);
	db_bind_text(unit, "w_method", call->method->path);
	db_bind_bytes(unit, "w_fingerprint", fingerprint_of(call));
}

/* Runs the unit and reads what its last statement says. */
static struct status run(struct call *call, struct db_unit *unit, struct write *write)
{
	const struct db_rows *rows;

	write->applied = false;
	TRY(db_run(call, unit));
	rows = db_last_rows(unit);
	write->applied = db_count(rows) > 0 && db_int(rows, 0, "applied") > 0;
	if (!write->applied)
		return STATUS_OK;
	read_values(rows, write->n_values, write->values);
	if (write->event != NULL)
		events_written();
	if (write->saga != NULL)
		saga_started(write->saga);
	return STATUS_OK;
}

/* Was the key taken by another transaction in the very moment? Only a statement opened by WRITE_BEGIN_NUMBERS can fail like this. */
static bool key_collided(struct status status)
{
	if (!status_is(status, &ALREADY_EXISTS) || status.detail == NULL)
		return false;
	for (const struct status_pair *pair = status.detail->metadata; pair != NULL; pair = pair->next) {
		if (str_is(str_of(pair->name), "constraint"))
			return str_is(str_of(pair->value), "idempotency_pkey");
	}
	return false;
}

struct status write_run(struct call *call, struct db_unit *unit, struct write *write)
{
	struct status status;

	bind_key(call, unit);
	bind_record(call, unit, write);
	if (write->pending)
		db_bind_null(unit, "w_code");
	else
		db_bind_int(unit, "w_code", CODE_OK);
	db_bind_bytes(unit, "w_answer", packed(call, write->pending ? NULL : write->reply));
	status = run(call, unit, write);
	if (status.reason != NULL && !key_collided(status))
		return status;
	if (!write->applied)
		return key_check_again(call);
	call->committed = true;
	return STATUS_OK;
}

struct status write_step(struct call *call, struct db_unit *unit, struct write *write, struct status refusal)
{
	struct str answer = refusal.reason != NULL ? rpc_status_pack(call->arena, refusal) : packed(call, write->reply);

	bind_record(call, unit, write);
	db_bind_bool(unit, "w_answers", refusal.reason != NULL || write->reply != NULL);
	db_bind_int(unit, "w_code", status_code(refusal));
	db_bind_bytes(unit, "w_answer", answer);
	TRY(run(call, unit, write));
	if (write->applied)
		call->committed = true;
	return STATUS_OK;
}

struct status event_write(struct call *call, const Events__Event *event, struct db_unit *unit, struct write *write)
{
	bind_record(call, unit, write);
	db_bind_text(unit, "w_producer", call->producer);
	db_bind_int(unit, "w_position", event->position);
	db_bind_int(unit, "w_parkings", call->parkings);
	db_bind_bool(unit, "w_requeued", call->requeued);
	TRY(run(call, unit, write));
	if (write->applied) {
		call->event_done = true;
		call->skipped = 0; /* the cursor is past them now */
	}
	return STATUS_OK;
}

bool write_again(struct call *call, int *round)
{
	int64_t pause = (INT64_C(1) << *round) * CLOCK_MILLISECOND / 2;
	uint16_t jitter;

	if ((*round)++ == 0)
		return true;
	if (*round > ROUNDS_MAX || call_check(call).reason != NULL)
		return false;
	random_bytes(&jitter, sizeof(jitter));
	coroutine_sleep(call->loop, pause * jitter / UINT16_MAX);
	return call_check(call).reason == NULL;
}

/* A refusal that would be the same at any time: worth keeping. */
static bool definite(struct status outcome)
{
	switch (status_code(outcome)) {
	case CODE_INVALID_ARGUMENT:
	case CODE_NOT_FOUND:
	case CODE_ALREADY_EXISTS:
	case CODE_FAILED_PRECONDITION:
	case CODE_OUT_OF_RANGE:
		return !status_is(outcome, &KEY_REUSED);
	case CODE_OK:
	case CODE_CANCELLED:
	case CODE_UNKNOWN:
	case CODE_DEADLINE_EXCEEDED:
	case CODE_PERMISSION_DENIED:
	case CODE_RESOURCE_EXHAUSTED:
	case CODE_ABORTED:
	case CODE_UNIMPLEMENTED:
	case CODE_INTERNAL:
	case CODE_UNAVAILABLE:
	case CODE_DATA_LOSS:
	case CODE_UNAUTHENTICATED:
		return false;
	}
	return false;
}

/* Keeps an answer that comes without an effect, unless the key got another one meanwhile: then fails with KEY_ANSWERED. */
static struct status keep(struct call *call, enum code code, struct str answer)
{
	struct db_unit *unit = db_unit(call, &KEEP_ANSWER);

	db_bind_text(unit, "scope", call->actor);
	db_bind_text(unit, "key", call->key);
	db_bind_text(unit, "method", call->method->path);
	db_bind_bytes(unit, "fingerprint", fingerprint_of(call));
	db_bind_int(unit, "code", code);
	db_bind_bytes(unit, "answer", answer);
	db_bind_time(unit, "time", call->time);
	TRY(db_run(call, unit));
	return db_count(db_rows(unit, 0)) > 0 ? STATUS_OK : write_join(call);
}

struct status write_existing(struct call *call, const ProtobufCMessage *reply)
{
	return call->key_given ? keep(call, CODE_OK, packed(call, reply)) : STATUS_OK;
}

struct status write_close(struct call *call, struct status outcome, struct write_answer *ret_answer)
{
	*ret_answer = (struct write_answer){ 0 };
	if (call->key_given && !call->committed && definite(outcome)) {
		struct status kept = keep(call, status_code(outcome), rpc_status_pack(call->arena, outcome));

		if (kept.reason != NULL)
			outcome = kept;
	}
	if (outcome.reason != &KEY_ANSWERED)
		return outcome;
	if (call->kept->code != CODE_OK)
		return rpc_status_unpack(call->arena, call->kept->answer);
	*ret_answer = (struct write_answer){ true, call->kept->answer, call->kept->n_values, call->kept->values };
	return STATUS_OK;
}

char *etag_of(struct arena *arena, int64_t version)
{
	return arena_printf(arena, "%lld", (long long)version);
}

struct status etag_check(struct arena *arena, const char *etag, int64_t version)
{
	if (etag == NULL || *etag == '\0' || str_is(str_of(etag), etag_of(arena, version)))
		return STATUS_OK;
	return status_of(&ETAG_MISMATCH);
}

int64_t etag_version(const char *etag)
{
	int64_t version = 0;

	return str_to_int64(str_of(etag), &version) ? version : 0;
}
