/* From the wire to JSON. See transcode.h. */
#include <string.h>

#include "gateway/json.h"
#include "gateway/packer.h"
#include "gateway/scalar.h"
#include "gateway/transcode.h"
#include "gateway/wellknown.h"

struct work {
	struct arena *arena;
	struct json_writer writer;
	const char *failure; /* for the log */
};

static bool write_fields(struct work *work, const struct contract_message *message, struct str bytes, unsigned depth);

static bool failed(struct work *work, const char *why)
{
	work->failure = why;
	return false;
}

/*
 * Every packer that we know writes fields by number, lists in one piece and single fields once, and then the bytes
 * can be written as they come. This tells whether they are so.
 */
static bool is_in_order(const struct contract_message *message, struct str bytes)
{
	struct wire_field wire;
	uint32_t last = 0;
	uint64_t oneofs = 0;

	while (bytes.len > 0 && wire_next(&bytes, &wire)) {
		const struct contract_field *field = contract_field(message, wire.number);
		const uint64_t oneof =
		    field == NULL || field->oneof < 0 ? 0 : UINT64_C(1) << ((unsigned)field->oneof % 64);

		if (wire.number < last || (wire.number == last && field != NULL && !field->repeated) ||
		    (oneofs & oneof) != 0)
			return false;
		last = wire.number;
		oneofs |= oneof;
	}
	return true;
}

/* The bytes of a field as they stand, tag included, are those between two views of the rest. */
static void keep(struct buf *buf, const char *start, struct str rest)
{
	buf_bytes(buf, start, (size_t)(rest.data - start));
}

/* Is this field the member of its oneof that comes last on the wire, which is the one that counts? */
static bool is_last_of_oneof(const struct contract_message *message, struct str bytes,
			     const struct contract_field *field)
{
	struct wire_field wire;
	uint32_t last = field->number;

	while (field->oneof >= 0 && bytes.len > 0 && wire_next(&bytes, &wire)) {
		const struct contract_field *other = contract_field(message, wire.number);

		if (other != NULL && other->oneof == field->oneof)
			last = other->number;
	}
	return last == field->number;
}

/*
 * All there is of one field: lists in the order of the wire, the last of a single value, and the parts of a message
 * joined (which merges them).
 */
static void gather(struct work *work, struct buf *out, struct str bytes, const struct contract_field *field)
{
	struct wire_field wire;
	struct buf joined = buf_new(work->arena);
	struct str last = { NULL, 0 };
	const bool join = field->type == CONTRACT_MESSAGE && !field->repeated;

	while (bytes.len > 0) {
		const char *start = bytes.data;

		if (!wire_next(&bytes, &wire))
			return;
		if (wire.number != field->number)
			continue;
		last = (struct str){ start, (size_t)(bytes.data - start) };
		if (field->repeated)
			keep(out, start, bytes);
		else if (join && wire.type == WIRE_BYTES)
			buf_bytes(&joined, wire.bytes.data, wire.bytes.len);
	}
	if (join && last.data != NULL)
		pack_bytes(out, field->number, (struct str){ joined.data, joined.len });
	else if (!field->repeated)
		buf_bytes(out, last.data, last.len);
}

static struct str in_order(struct work *work, const struct contract_message *message, struct str bytes)
{
	struct buf out;

	if (is_in_order(message, bytes))
		return bytes;
	out = buf_new(work->arena);
	for (size_t i = 0; i < message->n_fields; i++)
		if (is_last_of_oneof(message, bytes, &message->fields[i]))
			gather(work, &out, bytes, &message->fields[i]);
	return (struct str){ out.data, out.len };
}

static bool write_text_message(struct work *work, enum wellknown kind, struct str bytes)
{
	struct buf text = buf_new(work->arena);

	if (!wellknown_text(&text, kind, bytes))
		return failed(work, "a well-known message without a JSON form");
	json_text(&work->writer, (struct str){ text.data, text.len });
	return true;
}

/* The members of what an Any holds; a type that no contract knows is shown as it came. */
static bool write_any_members(struct work *work, struct str type, struct str value, unsigned depth)
{
	const char *slash = memrchr(type.data, '/', type.len);
	const char *name = slash == NULL ? type.data : slash + 1;
	const size_t len = type.len - (size_t)(name - type.data);
	const struct contract_message *message =
	    contract_message(contract_load(), arena_strndup(work->arena, name, len));

	json_name(&work->writer, "@type");
	json_text(&work->writer, type);
	if (message != NULL && !wellknown_is_text(wellknown_of(message)))
		return write_fields(work, message, value, depth);
	json_name(&work->writer, "value");
	if (message != NULL)
		return write_text_message(work, wellknown_of(message), value);
	json_base64(&work->writer, value);
	return true;
}

static bool write_any(struct work *work, const struct contract_message *message, struct str bytes, unsigned depth)
{
	const struct str type = transcode_text(message, bytes, "type_url");

	json_open(&work->writer, '{');
	if (type.len > 0 && !write_any_members(work, type, transcode_text(message, bytes, "value"), depth))
		return false;
	json_close(&work->writer, '}');
	return true;
}

static bool write_message(struct work *work, const struct contract_message *message, struct str bytes, unsigned depth)
{
	const enum wellknown kind = wellknown_of(message);

	if (depth == TRANSCODE_DEPTH)
		return failed(work, "a reply that is nested too deeply");
	if (wellknown_is_text(kind))
		return write_text_message(work, kind, bytes);
	if (kind == WELLKNOWN_ANY)
		return write_any(work, message, bytes, depth + 1);
	json_open(&work->writer, '{');
	if (!write_fields(work, message, bytes, depth + 1))
		return false;
	json_close(&work->writer, '}');
	return true;
}

static bool write_value(struct work *work, const struct contract_field *field, const struct wire_field *wire,
			unsigned depth)
{
	if (wire->type != wire_type_of(field->type))
		return failed(work, "a field of another type");
	if (field->type == CONTRACT_MESSAGE)
		return write_message(work, field->message, wire->bytes, depth);
	scalar_to_json(&work->writer, field, wire);
	return true;
}

static bool write_packed(struct work *work, const struct contract_field *field, struct str bytes, unsigned depth)
{
	struct wire_field wire;

	while (bytes.len > 0)
		if (!wire_value(&bytes, wire_type_of(field->type), &wire) || !write_value(work, field, &wire, depth))
			return failed(work, "a packed list that cannot be read");
	return true;
}

static bool write_element(struct work *work, const struct contract_field *field, const struct wire_field *wire,
			  unsigned depth)
{
	if (wire->type == WIRE_BYTES && wire_type_of(field->type) != WIRE_BYTES)
		return write_packed(work, field, wire->bytes, depth);
	return write_value(work, field, wire, depth);
}

/* A key of a map is a name in any case: the text that its value would have as JSON, without quotes. */
static const char *key_text(struct work *work, const struct contract_field *field, const struct wire_field *wire)
{
	struct buf text = buf_new(work->arena);
	struct json_writer writer = { .out = &text };

	if (field->type == CONTRACT_STRING)
		return arena_strndup(work->arena, wire->bytes.data, wire->bytes.len);
	scalar_to_json(&writer, field, wire);
	if (text.data[0] != '"')
		return text.data;
	text.data[text.len - 1] = '\0';
	return text.data + 1;
}

static bool write_entry(struct work *work, const struct contract_field *map, const struct wire_field *entry,
			unsigned depth)
{
	const struct contract_field *key_field = contract_field(map->message, 1);
	const struct contract_field *value_field = contract_field(map->message, 2);
	struct wire_field key = { .type = wire_type_of(key_field->type), .bytes = { "", 0 } };
	struct wire_field value = { .type = wire_type_of(value_field->type), .bytes = { "", 0 } };
	struct str rest = entry->bytes;
	struct wire_field wire;

	while (rest.len > 0) {
		if (!wire_next(&rest, &wire))
			return failed(work, "an entry of a map that cannot be read");
		if (wire.number == 1 && wire.type == key.type)
			key = wire;
		if (wire.number == 2 && wire.type == value.type)
			value = wire;
	}
	json_name(&work->writer, key_text(work, key_field, &key));
	return write_value(work, value_field, &value, depth);
}

/* A list or map: this field and those of the same number behind it. */
static bool write_run(struct work *work, const struct contract_field *field, const struct wire_field *first,
		      struct str *rest, unsigned depth)
{
	struct wire_field wire = *first;
	struct str ahead = *rest;
	const struct json_writer before = work->writer;
	const size_t start = work->writer.out->len;
	size_t opened;

	json_name(&work->writer, field->json_name);
	json_open(&work->writer, field->map ? '{' : '[');
	opened = work->writer.out->len;
	do {
		*rest = ahead;
		if (field->map && wire.type != WIRE_BYTES)
			return failed(work, "a field of another type");
		if (!(field->map ? write_entry(work, field, &wire, depth) : write_element(work, field, &wire, depth)))
			return false;
	} while (ahead.len > 0 && wire_next(&ahead, &wire) && wire.number == field->number);
	json_close(&work->writer, field->map ? '}' : ']');
	if (work->writer.out->len == opened + 1) {
		work->writer.out->len = start; /* packed, but empty: as if it were absent */
		work->writer.out->data[start] = '\0';
		work->writer = before;
	}
	return true;
}

static bool write_fields(struct work *work, const struct contract_message *message, struct str bytes, unsigned depth)
{
	struct str rest = in_order(work, message, bytes);
	struct wire_field wire;

	while (rest.len > 0) {
		if (!wire_next(&rest, &wire))
			return failed(work, "a reply that cannot be read");

		const struct contract_field *field = contract_field(message, wire.number);

		if (field == NULL)
			continue;
		if (field->repeated) {
			if (!write_run(work, field, &wire, &rest, depth))
				return false;
			continue;
		}
		if (field->type != CONTRACT_MESSAGE && field->oneof < 0 && wire.value == 0 &&
		    (wire.type != WIRE_BYTES || wire.bytes.len == 0))
			continue;
		json_name(&work->writer, field->json_name);
		if (!write_value(work, field, &wire, depth))
			return false;
	}
	return true;
}

struct status transcode_reply(struct arena *arena, const struct contract_message *message, struct str bytes,
			      struct buf *out)
{
	struct work work = { .arena = arena, .writer = { .out = out } };

	if (!write_message(&work, message, bytes, 0))
		return status_private(arena, &INTERNAL_ERROR, "%s: %s", message->full_name, work.failure);
	return STATUS_OK;
}

struct str transcode_text(const struct contract_message *message, struct str bytes, const char *field_name)
{
	const struct contract_field *field = contract_field_named(message, str_of(field_name));
	struct str found = { "", 0 };
	struct wire_field wire;

	while (field != NULL && bytes.len > 0 && wire_next(&bytes, &wire))
		if (wire.number == field->number && wire.type == WIRE_BYTES)
			found = wire.bytes;
	return found;
}

/* One step of a path: the name up to a dot or bracket; what follows the name (index included) stays as it is. */
static struct str name_of(struct str step)
{
	const char *bracket = memchr(step.data, '[', step.len);

	return bracket == NULL ? step : (struct str){ step.data, (size_t)(bracket - step.data) };
}

const char *transcode_json_path(struct arena *arena, const struct contract_message *message,
				const struct contract_field *body_field, const char *path)
{
	struct buf out = buf_new(arena);
	struct str rest = str_of(path);
	struct str step;

	for (bool first = true; str_cut(&rest, '.', &step); first = false) {
		const struct str name = name_of(step);
		const struct contract_field *field = message == NULL ? NULL : contract_field_named(message, name);

		message = field == NULL ? NULL : field->message;
		if (first && field != NULL && field == body_field && rest.data != NULL && name.len == step.len)
			continue;
		buf_text(&out, out.len > 0 ? "." : "");
		if (field != NULL)
			buf_text(&out, field->json_name);
		else
			buf_bytes(&out, name.data, name.len);
		buf_bytes(&out, step.data + name.len, step.len - name.len);
	}
	return out.data;
}
