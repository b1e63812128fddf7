/* From JSON to the wire: one pass over the tokens, writing as they come. See transcode.h. */
#include "gateway/transcode.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/json.h"
#include "gateway/packer.h"
#include "gateway/scalar.h"
#include "gateway/wellknown.h"

#define NOWHERE SIZE_MAX /* the level of messages in lists and maps, which no binding reaches */
#define NAME_SHOWN 60    /* bytes of an unknown name that a complaint repeats */

/* Where a value stands: printed only when it is wrong. */
struct place {
	const struct place *outer;
	const char *name; /* or NULL for an element of a list */
	size_t index;
};

/* The members of a message that were met, a bit for each. */
struct seen {
	uint64_t fields[(CONTRACT_FIELDS_MAX + 63) / 64];
	uint64_t oneofs;
};

struct work {
	struct arena *arena;
	struct json_reader json;
	struct buf out;
	struct status status; /* violations so far */
	unsigned complaints;
	struct binding *bindings;
	const struct contract_field *body_field;
	const struct contract_field *mask_field; /* the request's update_mask, when it is to be derived */
	size_t mask_level;                       /* of the message whose members it names */
	bool mask_given;
	struct buf mask;
};

static void print_place(struct buf *buf, const struct place *place)
{
	if (place == NULL)
		return;
	print_place(buf, place->outer);
	if (place->name == NULL)
		buf_printf(buf, "[%zu]", place->index);
	else
		buf_printf(buf, "%s%s", buf->len > 0 ? "." : "", place->name);
}

/* After so many that no more are told, the rest of the body is not worth reading. */
static void complain(struct work *work, const struct place *place, const char *description)
{
	struct buf path = buf_new(work->arena);

	if (++work->complaints == STATUS_VIOLATIONS_MAX)
		work->json.error = "too many mistakes";
	print_place(&path, place);
	work->status = status_violation(work->arena, work->status, path.len > 0 ? path.data : "body", description);
}

/* Bindings. A binding's first `matched` fields are the path to the message that is being written. */

static void enter(struct work *work, const struct contract_field *field, size_t level)
{
	for (struct binding *b = work->bindings; b != NULL; b = b->next)
		if (!b->done && b->matched == level && b->depth > level + 1 && b->path[level] == field)
			b->matched++;
}

static bool is_bound(const struct binding *b, const struct contract_field *field, size_t level)
{
	return !b->done && b->matched == level && b->depth == level + 1 && b->path[level] == field;
}

static const char *pack_text(struct work *work, const struct contract_field *field, struct str text)
{
	struct scalar scalar;

	if (field->type == CONTRACT_MESSAGE) {
		const size_t mark = pack_open(&work->out, field->number);
		const char *refusal = wellknown_pack(&work->out, wellknown_of(field->message), text);

		pack_close(&work->out, mark);
		return refusal;
	}

	const char *refusal = scalar_of_text(work->arena, field, text, &scalar);

	if (refusal == NULL && (!scalar_is_zero(&scalar) || field->repeated || field->oneof >= 0)) {
		pack_tag(&work->out, field->number, wire_type_of(field->type));
		scalar_pack(&work->out, field, &scalar);
	}
	return refusal;
}

static void pack_binding(struct work *work, struct binding *b)
{
	const char *refusal = pack_text(work, b->path[b->depth - 1], b->text);

	b->done = true;
	if (refusal == NULL)
		return;

	/* The field that the body is does not show in what the client sees. */
	struct buf path = buf_new(work->arena);

	for (size_t i = b->depth > 1 && b->path[0] == work->body_field ? 1 : 0; i < b->depth; i++)
		buf_printf(&path, "%s%s", path.len > 0 ? "." : "", b->path[i]->json_name);
	work->status = status_violation(work->arena, work->status, path.data, refusal);
}

/* Writes the bindings of this message that the body did not bring up. */
static void pack_bindings(struct work *work, size_t level)
{
	for (struct binding *b = work->bindings; level != NOWHERE && b != NULL; b = b->next) {
		if (b->done || b->matched != level)
			continue;
		if (b->depth == level + 1) {
			pack_binding(work, b);
			continue;
		}

		const struct contract_field *field = b->path[level];
		const size_t mark = pack_open(&work->out, field->number);

		enter(work, field, level);
		pack_bindings(work, level + 1);
		pack_close(&work->out, mark);
	}
}

/* The body gave a field, written from `start` on: a binding of the same field must say the same. */
static void compare_bindings(struct work *work, const struct contract_field *field, const struct place *place,
			     size_t level, size_t start)
{
	for (struct binding *b = work->bindings; b != NULL; b = b->next) {
		const size_t end = work->out.len;

		if (end == start || !is_bound(b, field, level))
			continue;
		b->done = true;
		if (pack_text(work, field, b->text) != NULL || work->out.len - end != end - start ||
		    memcmp(work->out.data + start, work->out.data + end, end - start) != 0)
			complain(work, place, arena_printf(work->arena, "differs from %s", b->source));
		work->out.len = end;
	}
}

/* Values. Each function is given the value's first token and reads to its end. */

static void read_message(struct work *work, const struct contract_message *message, enum json_token token,
			 const struct place *place, size_t level);

static void refuse_value(struct work *work, enum json_token token, const struct place *place, const char *description)
{
	complain(work, place, description);
	json_skip(&work->json, token);
}

/* A single value behind its tag. zeros: also what an absent field would mean. */
static void read_single(struct work *work, const struct contract_field *field, enum json_token token,
			const struct place *place, size_t level, bool zeros)
{
	struct scalar scalar;

	if (field->type == CONTRACT_MESSAGE) {
		const size_t mark = pack_open(&work->out, field->number);

		if (level != NOWHERE)
			enter(work, field, level);
		read_message(work, field->message, token, place, level == NOWHERE ? NOWHERE : level + 1);
		pack_close(&work->out, mark);
		return;
	}

	const char *refusal = scalar_of_json(work->arena, field, token, work->json.text, &scalar);

	if (refusal != NULL) {
		refuse_value(work, token, place, refusal);
	} else if (zeros || !scalar_is_zero(&scalar)) {
		pack_tag(&work->out, field->number, wire_type_of(field->type));
		scalar_pack(&work->out, field, &scalar);
	}
}

static void read_packed(struct work *work, const struct contract_field *field, enum json_token token,
			const struct place *place)
{
	struct scalar scalar;
	const char *refusal = scalar_of_json(work->arena, field, token, work->json.text, &scalar);

	if (refusal == NULL)
		scalar_pack(&work->out, field, &scalar);
	else
		refuse_value(work, token, place, refusal);
}

static void read_list(struct work *work, const struct contract_field *field, enum json_token token,
		      const struct place *place)
{
	if (token != JSON_ARRAY) {
		refuse_value(work, token, place, "must be a list");
		return;
	}

	const bool packed = wire_type_of(field->type) != WIRE_BYTES;
	const size_t start = work->out.len;
	const size_t mark = packed ? pack_open(&work->out, field->number) : 0;
	struct place element = { place, NULL, 0 };

	while ((token = json_next(&work->json)) != JSON_ARRAY_END && token != JSON_BROKEN) {
		if (token == JSON_NULL)
			complain(work, &element, "must not be null");
		else if (packed)
			read_packed(work, field, token, &element);
		else
			read_single(work, field, token, &element, NOWHERE, true);
		element.index++;
	}
	if (packed)
		pack_close(&work->out, mark);
	if (element.index == 0)
		work->out.len = start;
}

static int compare_keys(const void *a, const void *b)
{
	const struct str *x = a;
	const struct str *y = b;

	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	return x->len == 0 ? 0 : memcmp(x->data, y->data, x->len);
}

static bool has_duplicates(struct buf *keys)
{
	struct str *all = (struct str *)(void *)keys->data;
	const size_t count = keys->len / sizeof(*all);

	qsort(all, count, sizeof(*all), compare_keys);
	for (size_t i = 1; i < count; i++)
		if (str_equal(all[i - 1], all[i]))
			return true;
	return false;
}

static void read_entry(struct work *work, const struct contract_field *map, struct str key, const struct place *place)
{
	const struct contract_field *key_field = contract_field(map->message, 1);
	const struct contract_field *value_field = contract_field(map->message, 2);
	const struct place entry = { place,
				     arena_strndup(work->arena, key.data, key.len < NAME_SHOWN ? key.len : NAME_SHOWN),
				     0 };
	const size_t mark = pack_open(&work->out, map->number);
	const char *refusal = pack_text(work, key_field, key);
	const enum json_token token = json_next(&work->json);

	if (refusal != NULL)
		complain(work, &entry, refusal);
	if (token == JSON_NULL)
		complain(work, &entry, "must not be null");
	else
		read_single(work, value_field, token, &entry, NOWHERE, true);
	pack_close(&work->out, mark);
}

static void read_map(struct work *work, const struct contract_field *field, enum json_token token,
		     const struct place *place)
{
	struct buf keys = buf_new(work->arena);

	if (token != JSON_OBJECT) {
		refuse_value(work, token, place, "must be an object");
		return;
	}
	while (json_next(&work->json) == JSON_NAME) {
		const struct str key = work->json.text;

		buf_bytes(&keys, &key, sizeof(key));
		read_entry(work, field, key, place);
	}
	if (has_duplicates(&keys))
		complain(work, place, "has a key twice");
}

static void read_field(struct work *work, const struct contract_field *field, enum json_token token,
		       const struct place *place, size_t level)
{
	const size_t start = work->out.len;

	if (field->map)
		read_map(work, field, token, place);
	else if (field->repeated)
		read_list(work, field, token, place);
	else
		read_single(work, field, token, place, level, field->oneof >= 0);
	if (level != NOWHERE)
		compare_bindings(work, field, place, level, start);
}

/* Members. */

static bool was_seen(struct seen *seen, size_t index)
{
	const uint64_t bit = UINT64_C(1) << (index % 64);
	const bool before = (seen->fields[index / 64] & bit) != 0;

	seen->fields[index / 64] |= bit;
	return before;
}

/* Two members of a oneof at once say contradictory things. */
static bool oneof_taken(struct seen *seen, int oneof)
{
	const uint64_t bit = oneof < 0 ? 0 : UINT64_C(1) << ((unsigned)oneof % 64);
	const bool before = (seen->oneofs & bit) != 0;

	seen->oneofs |= bit;
	return before;
}

/* The members of the resource, null ones too (they are to be cleared), make the mask. */
static void note_for_mask(struct work *work, const struct contract_field *field, enum json_token token, size_t level)
{
	if (work->mask_field == NULL)
		return;
	if (level == 0 && field == work->mask_field) {
		work->mask_given |= token != JSON_NULL;
		return;
	}
	if (level != work->mask_level || field->rules.output_only || strcmp(field->name, "etag") == 0)
		return;
	for (const struct binding *b = work->bindings; b != NULL; b = b->next)
		if (is_bound(b, field, level))
			return;
	pack_bytes(&work->mask, 1, str_of(field->name));
}

static void read_member(struct work *work, const struct contract_message *message, struct seen *seen,
			const struct place *outer, size_t level)
{
	const struct str name = work->json.text;
	const struct contract_field *field = contract_field_named(message, name);
	const enum json_token token = json_next(&work->json);
	struct place place = { outer, field == NULL ? NULL : field->json_name, 0 };

	if (field == NULL) {
		place.name = arena_strndup(work->arena, name.data, name.len < NAME_SHOWN ? name.len : NAME_SHOWN);
		refuse_value(work, token, &place, "is not known here");
		return;
	}
	if (was_seen(seen, (size_t)(field - message->fields))) {
		refuse_value(work, token, &place, "is given twice");
		return;
	}
	note_for_mask(work, field, token, level);
	if (token == JSON_NULL)
		return;
	if (oneof_taken(seen, field->oneof)) {
		refuse_value(work, token, &place, "cannot be given together with another choice");
		return;
	}
	read_field(work, field, token, &place, level);
}

static void read_members(struct work *work, const struct contract_message *message, const struct place *place,
			 size_t level)
{
	struct seen seen = { .oneofs = 0 };

	while (json_next(&work->json) == JSON_NAME)
		read_member(work, message, &seen, place, level);
	pack_bindings(work, level);
}

static void read_message(struct work *work, const struct contract_message *message, enum json_token token,
			 const struct place *place, size_t level)
{
	const enum wellknown kind = wellknown_of(message);

	if (wellknown_is_text(kind)) {
		const char *refusal =
		    token == JSON_STRING ? wellknown_pack(&work->out, kind, work->json.text) : "must be text";

		if (refusal != NULL)
			refuse_value(work, token, place, refusal);
	} else if (kind == WELLKNOWN_ANY) {
		refuse_value(work, token, place, "cannot be given here");
	} else if (token != JSON_OBJECT) {
		refuse_value(work, token, place, "must be an object");
	} else {
		read_members(work, message, place, level);
	}
}

static void read_body(struct work *work, const struct transcode_request *request)
{
	const enum json_token token = json_next(&work->json);

	if (request->body_field == NULL)
		read_message(work, request->message, token, NULL, 0);
	else if (token != JSON_NULL)
		read_field(work, request->body_field, token, NULL, 0);
	(void)json_next(&work->json); /* the end, or what is wrong with it */
}

static void find_mask(struct work *work, const struct transcode_request *request)
{
	const struct contract_field *field = contract_field_named(request->message, STR("update_mask"));

	if (!request->derive_mask || field == NULL || field->type != CONTRACT_MESSAGE ||
	    wellknown_of(field->message) != WELLKNOWN_FIELD_MASK)
		return;
	work->mask_field = field;
	for (const struct binding *b = request->bindings; b != NULL; b = b->next)
		work->mask_given |= b->path[0] == field;
}

struct status transcode_request(struct arena *arena, const struct transcode_request *request, struct str *ret_bytes)
{
	struct work work = {
		.arena = arena,
		.json = json_reader_of(arena, request->body),
		.out = buf_new(arena),
		.status = request->violations,
		.bindings = request->bindings,
		.body_field = request->body_field,
		.mask_level = request->body_field == NULL ? 0 : 1,
		.mask = buf_new(arena),
	};

	find_mask(&work, request);
	if (request->body.len > 0)
		read_body(&work, request);
	if (work.json.error != NULL && work.complaints < STATUS_VIOLATIONS_MAX)
		return status_printf(arena, &MALFORMED_MESSAGE, "The body is not JSON: %s, at byte %zu.",
				     work.json.error, work.json.offset);
	pack_bindings(&work, 0);
	if (work.mask_field != NULL && !work.mask_given && work.mask.len > 0)
		pack_bytes(&work.out, work.mask_field->number, (struct str){ work.mask.data, work.mask.len });
	TRY(work.status);
	*ret_bytes = (struct str){ work.out.data, work.out.len };
	return STATUS_OK;
}
