/* Update masks (AIP-134): which rules hold for the resource of an update. */
#include "runtime/pb_private.h"

#include <string.h>

#include "runtime/wire.h"

#define MASK_TYPE "google.protobuf.FieldMask"
#define MASK_FIELD "update_mask"
#define FIELD_PATHS 1 /* FieldMask.paths */
#define PATHS_MAX 64

/* The field that an update changes: the only message beside the mask that is ours. NULL: the mask names fields of the request itself. */
static const struct contract_field *find_resource(const struct contract_message *message)
{
	const struct contract_field *found = NULL;

	for (size_t i = 0; i < message->n_fields; i++) {
		const struct contract_field *field = &message->fields[i];

		if (field->message == NULL || field->repeated || strncmp(field->message->full_name, "google.", 7) == 0)
			continue;
		if (found != NULL)
			return NULL;
		found = field;
	}
	return found;
}

static const struct contract_field *find_mask(const struct contract_message *message)
{
	const struct contract_field *field = contract_field_named(message, STR(MASK_FIELD));

	return field != NULL && field->message != NULL && strcmp(field->message->full_name, MASK_TYPE) == 0 ? field
													    : NULL;
}

/* Does a path name a field of the message, or one inside it? "*" names all. */
static bool is_path(const struct contract_message *message, struct str path)
{
	const struct contract_field *field = NULL;
	struct str name;

	if (str_is(path, "*"))
		return true;
	while (str_cut(&path, '.', &name)) {
		if (message == NULL || (field != NULL && field->repeated))
			return false;
		field = contract_field_named(message, name);
		if (field == NULL || !str_is(name, field->name))
			return false;
		message = field->message;
	}
	return field != NULL;
}

static void add_path(struct pb_check *check, const struct contract_message *resource, const struct pb_place *place,
		     struct str path)
{
	struct pb_mask *mask = check->mask;

	if (!is_path(resource, path))
		pb_violation(check, place, "does not name a field");
	else if (mask->n_paths < PATHS_MAX)
		mask->paths[mask->n_paths++] = path;
	else
		pb_violation(check, place,
			     arena_printf(check->arena, "is more than the %d paths that a mask may have", PATHS_MAX));
}

/* What is unreadable is left to the check of the whole message. */
static void read_paths(struct pb_check *check, const struct contract_message *resource,
		       const struct contract_field *field, struct str bytes)
{
	const struct pb_place mask = { NULL, field, 0 };
	struct pb_place path = { &mask, contract_field(field->message, FIELD_PATHS), 0 };
	struct wire_field value;

	while (bytes.len > 0 && wire_next(&bytes, &value)) {
		if (value.number != FIELD_PATHS || value.type != WIRE_BYTES)
			continue;
		path.index++;
		add_path(check, resource, &path, value.bytes);
	}
}

struct status pb_mask_read(struct pb_check *check, struct pb_level *request, struct str bytes)
{
	const struct contract_field *field = find_mask(request->message);
	struct wire_field value;

	if (field == NULL)
		return STATUS_OK;
	check->mask = arena_alloc(check->arena, sizeof(*check->mask));
	check->mask->paths = arena_array(check->arena, PATHS_MAX, sizeof(*check->mask->paths));
	check->resource = find_resource(request->message);

	const struct contract_message *resource = check->resource == NULL ? request->message : check->resource->message;

	while (bytes.len > 0) {
		if (!wire_next(&bytes, &value))
			return status_of(&MALFORMED_MESSAGE);
		if (value.number == field->number && value.type == WIRE_BYTES)
			read_paths(check, resource, field, value.bytes);
	}
	return STATUS_OK;
}

/* The paths that go on inside this field; *ret_whole: one names it altogether. */
static struct pb_mask *below(struct pb_check *check, const struct pb_mask *mask, const char *name, bool *ret_whole)
{
	struct pb_mask *inside = arena_alloc(check->arena, sizeof(*inside));

	inside->paths = arena_array(check->arena, mask->n_paths, sizeof(*inside->paths));
	*ret_whole = false;
	for (size_t i = 0; i < mask->n_paths; i++) {
		struct str rest = mask->paths[i], first;

		if (str_is(rest, "*") || str_is(rest, name))
			*ret_whole = true;
		else if (str_cut(&rest, '.', &first) && rest.data != NULL && str_is(first, name))
			inside->paths[inside->n_paths++] = rest;
	}
	return inside;
}

static struct pb_demand demand_by_mask(struct pb_check *check, const struct pb_mask *mask,
				       const struct contract_field *field)
{
	struct arena_mark scratch = arena_mark(check->arena);
	bool whole;
	struct pb_mask *inside = below(check, mask, field->name, &whole);

	if (whole || inside->n_paths == 0) {
		arena_rewind(check->arena, scratch);
		return (struct pb_demand){ .ruled = whole, .complete = whole };
	}
	return (struct pb_demand){ .ruled = true, .mask = inside };
}

/*
 * The resource of an update: its first field says which one it is and is always needed, and its etag is always checked.
 * Without a mask what is absent stays as it is.
 */
static struct pb_demand demand_of_update(struct pb_check *check, const struct contract_field *field)
{
	if (field->number == 1)
		return (struct pb_demand){ .ruled = true, .complete = true, .required = true };
	if (check->mask->n_paths == 0 || strcmp(field->name, "etag") == 0)
		return (struct pb_demand){ .ruled = true };
	return demand_by_mask(check, check->mask, field);
}

struct pb_demand pb_demand(struct pb_check *check, const struct pb_level *level, const struct contract_field *field)
{
	if (!level->ruled || field->rules.output_only)
		return (struct pb_demand){ .ruled = false };
	if (level->update)
		return demand_of_update(check, field);
	if (level->mask != NULL)
		return demand_by_mask(check, level->mask, field);
	return (struct pb_demand){
		.ruled = true,
		.complete = true,
		.update = level->place == NULL && check->resource == field,
	};
}
