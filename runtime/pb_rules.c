/*
 * Checks the bytes of a request against the contract. One walk over the wire: a level per nested message, a place per field for the path.
 *
 * What is asked of a field depends on where it stands: everything (the usual), no rules (output only), or only what an update mask names (pb_mask.c).
 */
#include "runtime/pb_private.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/wire.h"

/* What a message has shown of one of its fields, and what is asked of it. */
struct seen {
	struct pb_demand demand; /* once asked: a mask is not searched for every element */
	bool asked;
	bool present;   /* with a value that is not the default */
	uint32_t count; /* occurrences; elements of a list */
};

static const struct pb_demand *ask(struct pb_check *check, const struct pb_level *level,
				   const struct contract_field *field, struct seen *seen)
{
	if (!seen->asked)
		seen->demand = pb_demand(check, level, field);
	seen->asked = true;
	return &seen->demand;
}

static const char *place_text(struct arena *arena, const struct pb_place *place)
{
	struct buf text = buf_new(arena);

	if (place == NULL)
		return "";
	if (place->parent != NULL) {
		buf_text(&text, place_text(arena, place->parent));
		buf_byte(&text, '.');
	}
	buf_text(&text, place->field->name);
	if (place->field->repeated && place->index > 0)
		buf_printf(&text, "[%zu]", place->index - 1);
	return text.data;
}

/* Those beyond the limit are counted only. */
void pb_violation(struct pb_check *check, const struct pb_place *place, const char *description)
{
	if (check->violations++ < PB_MAX_VIOLATIONS)
		check->status =
		    status_violation(check->arena, check->status, place_text(check->arena, place), description);
}

static struct status malformed(struct pb_check *check, const struct pb_place *place)
{
	const struct status status = status_of(&MALFORMED_MESSAGE);

	if (place == NULL)
		return status;
	return status_violation(check->arena, status, place_text(check->arena, place), "cannot be read");
}

/* A number as rules see it; unsigned ones beyond int64 count as the largest. */
static int64_t whole_number(enum contract_type type, uint64_t value)
{
	switch (type) {
	case CONTRACT_INT32:
	case CONTRACT_SFIXED32:
	case CONTRACT_ENUM:
		return (int32_t)(uint32_t)value;
	case CONTRACT_SINT32:
		return wire_unzigzag((uint32_t)value);
	case CONTRACT_SINT64:
		return wire_unzigzag(value);
	case CONTRACT_UINT32:
	case CONTRACT_FIXED32:
		return (uint32_t)value;
	case CONTRACT_UINT64:
	case CONTRACT_FIXED64:
		return value > INT64_MAX ? INT64_MAX : (int64_t)value;
	case CONTRACT_BOOL:
		return value != 0;
	case CONTRACT_DOUBLE:
	case CONTRACT_FLOAT:
	case CONTRACT_INT64:
	case CONTRACT_SFIXED64:
	case CONTRACT_STRING:
	case CONTRACT_BYTES:
	case CONTRACT_MESSAGE:
	case CONTRACT_GROUP:
		return (int64_t)value;
	}
	return (int64_t)value;
}

static double real_number(enum contract_type type, uint64_t value)
{
	const uint32_t half = (uint32_t)value;
	double number;
	float small;

	if (type == CONTRACT_FLOAT) {
		memcpy(&small, &half, sizeof(small));
		return (double)small;
	}
	memcpy(&number, &value, sizeof(number));
	return number;
}

static bool in_range(const struct contract_field *field, uint64_t value)
{
	const struct contract_rules *rules = &field->rules;

	if (field->type == CONTRACT_DOUBLE || field->type == CONTRACT_FLOAT) {
		const double number = real_number(field->type, value);

		return number >= (double)rules->min && number <= (double)rules->max; /* false for NaN */
	}
	if ((field->type == CONTRACT_UINT64 || field->type == CONTRACT_FIXED64) && value > INT64_MAX)
		return false;

	const int64_t number = whole_number(field->type, value);

	return number >= rules->min && number <= rules->max;
}

static void range_violation(struct pb_check *check, const struct pb_place *place)
{
	const struct contract_rules *rules = &place->field->rules;
	const long long min = rules->min, max = rules->max;

	pb_violation(check, place,
		     rules->max == INT64_MAX ? arena_printf(check->arena, "must be at least %lld", min)
					     : arena_printf(check->arena, "must be between %lld and %lld", min, max));
}

static bool matches(const struct contract_rules *rules, struct str text)
{
	regmatch_t whole = { .rm_so = 0, .rm_eo = (regoff_t)text.len };

	return regexec(&rules->regex, text.data, 1, &whole, REG_STARTEND) == 0;
}

static void check_length(struct pb_check *check, const struct pb_place *place, size_t length, const char *unit)
{
	const struct contract_rules *rules = &place->field->rules;

	if (rules->max_length > 0 && length > rules->max_length)
		pb_violation(check, place,
			     arena_printf(check->arena, "must have at most %u %s", rules->max_length, unit));
	if (length < rules->min_length)
		pb_violation(check, place,
			     arena_printf(check->arena, "must have at least %u %s", rules->min_length, unit));
}

/* The length comes first, so that a pattern never sees more than it allows. */
static void check_text_rules(struct pb_check *check, const struct pb_place *place, struct str text)
{
	const struct contract_rules *rules = &place->field->rules;
	const char *wrong = pb_format_violation(rules->format, text);
	const unsigned before = check->violations;

	check_length(check, place, utf8_length(text.data, text.len), "characters");
	if (wrong != NULL)
		pb_violation(check, place, wrong);
	if (check->violations == before && rules->pattern != NULL && !matches(rules, text))
		pb_violation(check, place, "does not have the form that it must have");
}

/* An element of a list counts as present even when it is empty. */
static bool check_text(struct pb_check *check, const struct pb_place *place, bool ruled, struct str text)
{
	if (!utf8_valid(text.data, text.len))
		pb_violation(check, place, "is not valid UTF-8");
	else if (text.len > 0 && memchr(text.data, '\0', text.len) != NULL)
		pb_violation(check, place, "must not hold the character NUL");
	else if (ruled && (text.len > 0 || place->field->repeated))
		check_text_rules(check, place, text);
	return text.len > 0;
}

static bool check_number(struct pb_check *check, const struct pb_place *place, bool ruled, uint64_t value)
{
	const struct contract_field *field = place->field;

	if (ruled && field->type == CONTRACT_ENUM &&
	    contract_enum_value(field->enumeration, (int32_t)whole_number(CONTRACT_ENUM, value)) == NULL)
		pb_violation(check, place, "is not one of the known values");
	if (ruled && field->rules.has_range && !in_range(field, value))
		range_violation(check, place);
	return value != 0;
}

static struct status check_message(struct pb_check *check, const struct pb_level *level, struct str bytes);

/* Limits of the well-known types (timestamp.proto, duration.proto). */
static bool is_time(bool duration, int64_t seconds, int64_t nanos)
{
	if (duration)
		return seconds >= -INT64_C(315576000000) && seconds <= INT64_C(315576000000) && nanos > -1000000000 &&
		       nanos < 1000000000 && !(seconds < 0 && nanos > 0) && !(seconds > 0 && nanos < 0);
	return seconds >= -INT64_C(62135596800) && seconds <= INT64_C(253402300799) && nanos >= 0 && nanos < 1000000000;
}

static void check_time(struct pb_check *check, const struct pb_place *place, struct str bytes)
{
	const bool duration = strcmp(place->field->message->full_name, "google.protobuf.Duration") == 0;
	int64_t seconds = 0, nanos = 0;
	struct wire_field field;

	if (!duration && strcmp(place->field->message->full_name, "google.protobuf.Timestamp") != 0)
		return;
	while (bytes.len > 0 && wire_next(&bytes, &field)) {
		if (field.number == 1 && field.type == WIRE_VARINT)
			seconds = (int64_t)field.value;
		if (field.number == 2 && field.type == WIRE_VARINT)
			nanos = whole_number(CONTRACT_INT32, field.value);
	}
	if (!is_time(duration, seconds, nanos))
		pb_violation(check, place, duration ? "is not a valid duration" : "is not a valid time");
}

static struct status descend(struct pb_check *check, const struct pb_level *level, const struct pb_place *place,
			     const struct pb_demand *demand, struct str bytes)
{
	const struct pb_level below = {
		.message = place->field->message,
		.place = place,
		.depth = level->depth + 1,
		.ruled = demand->ruled,
		.update = demand->update,
		.mask = demand->mask,
	};

	TRY(check_message(check, &below, bytes));
	if (demand->ruled)
		check_time(check, place, bytes);
	return STATUS_OK;
}

/* One value that has the right wire type. */
static struct status check_value(struct pb_check *check, const struct pb_level *level, const struct pb_place *place,
				 const struct pb_demand *demand, const struct wire_field *value, bool *ret_present)
{
	switch (place->field->type) {
	case CONTRACT_MESSAGE:
		*ret_present = true;
		return descend(check, level, place, demand, value->bytes);
	case CONTRACT_STRING:
		*ret_present = check_text(check, place, demand->ruled, value->bytes);
		return STATUS_OK;
	case CONTRACT_BYTES:
		*ret_present = value->bytes.len > 0;
		if (demand->ruled && *ret_present)
			check_length(check, place, value->bytes.len, "bytes");
		return STATUS_OK;
	case CONTRACT_GROUP:
		return malformed(check, place);
	case CONTRACT_DOUBLE:
	case CONTRACT_FLOAT:
	case CONTRACT_INT64:
	case CONTRACT_UINT64:
	case CONTRACT_INT32:
	case CONTRACT_FIXED64:
	case CONTRACT_FIXED32:
	case CONTRACT_BOOL:
	case CONTRACT_UINT32:
	case CONTRACT_ENUM:
	case CONTRACT_SFIXED32:
	case CONTRACT_SFIXED64:
	case CONTRACT_SINT32:
	case CONTRACT_SINT64:
		*ret_present = check_number(check, place, demand->ruled, value->value);
		return STATUS_OK;
	}
	return STATUS_OK;
}

/* Elements beyond the limit are counted, not looked at: the request is refused anyway. */
static struct status check_element(struct pb_check *check, const struct pb_level *level, struct pb_place *place,
				   const struct pb_demand *demand, const struct wire_field *value, struct seen *seen)
{
	const uint32_t limit = demand->ruled ? place->field->rules.max_items : 0;
	bool ignored;

	seen->present = true;
	place->index = ++seen->count;
	if (limit > 0 && seen->count > limit)
		return STATUS_OK;
	return check_value(check, level, place, demand, value, &ignored);
}

static struct status check_packed(struct pb_check *check, const struct pb_level *level, struct pb_place *place,
				  const struct pb_demand *demand, struct str rest, struct seen *seen)
{
	struct wire_field value;

	while (rest.len > 0) {
		if (!wire_value(&rest, wire_type_of(place->field->type), &value))
			return malformed(check, place);
		TRY(check_element(check, level, place, demand, &value, seen));
	}
	return STATUS_OK;
}

/* The last value of a field that is given more than once holds; messages would have to be merged, which nobody needs. */
static struct status check_single(struct pb_check *check, const struct pb_level *level, const struct pb_place *place,
				  const struct pb_demand *demand, const struct wire_field *value, struct seen *seen)
{
	if (seen->count++ > 0 && place->field->type == CONTRACT_MESSAGE) {
		pb_violation(check, place, "is given twice");
		return STATUS_OK;
	}
	return check_value(check, level, place, demand, value, &seen->present);
}

static struct status check_field(struct pb_check *check, const struct pb_level *level,
				 const struct contract_field *field, const struct wire_field *value, struct seen *seen)
{
	const enum wire_type expected = wire_type_of(field->type);
	const struct pb_demand *demand = ask(check, level, field, seen);
	struct pb_place place = { level->place, field, 0 };

	if (field->repeated && value->type == WIRE_BYTES && expected != WIRE_BYTES)
		return check_packed(check, level, &place, demand, value->bytes, seen);
	if (value->type != expected) {
		pb_violation(check, &place, "has the wrong type");
		seen->present = true;
		return STATUS_OK;
	}
	if (field->repeated)
		return check_element(check, level, &place, demand, value, seen);
	return check_single(check, level, &place, demand, value, seen);
}

/* What is asked of a field for what it did not show. */
static void check_absence(struct pb_check *check, const struct pb_level *level, const struct contract_field *field,
			  struct seen *seen)
{
	const struct pb_demand *demand = ask(check, level, field, seen);
	const struct pb_place place = { level->place, field, 0 };

	if (!demand->ruled)
		return;
	if (field->rules.max_items > 0 && seen->count > field->rules.max_items)
		pb_violation(check, &place,
			     arena_printf(check->arena, "must have at most %u elements", field->rules.max_items));
	if (seen->present || !demand->complete)
		return;
	if (field->rules.required || demand->required)
		pb_violation(check, &place, "is required");
	else if (field->rules.has_range && seen->count == 0 && !field->repeated && field->oneof < 0 &&
		 !in_range(field, 0))
		range_violation(check, &place);
}

static struct status check_message(struct pb_check *check, const struct pb_level *level, struct str bytes)
{
	const struct contract_message *message = level->message;
	struct seen seen[CONTRACT_FIELDS_MAX];
	struct wire_field value;

	if (level->depth > PB_MAX_DEPTH)
		return status_printf(check->arena, &MESSAGE_TOO_COMPLEX, "At most %d messages can be nested.",
				     PB_MAX_DEPTH);
	memset(seen, 0, message->n_fields * sizeof(seen[0]));
	while (bytes.len > 0) {
		if (!wire_next(&bytes, &value))
			return malformed(check, level->place);

		const struct contract_field *field = contract_field(message, value.number);

		if (field != NULL)
			TRY(check_field(check, level, field, &value, &seen[field - message->fields]));
	}
	for (size_t i = 0; level->ruled && i < message->n_fields; i++)
		check_absence(check, level, &message->fields[i], &seen[i]);
	return STATUS_OK;
}

struct status pb_check(struct arena *arena, const struct contract_message *message, struct str bytes)
{
	struct pb_check check = { .arena = arena, .status = STATUS_OK };
	struct pb_level request = { .message = message, .depth = 1, .ruled = true };

	TRY(pb_mask_read(&check, &request, bytes));
	TRY(check_message(&check, &request, bytes));
	if (check.violations > STATUS_VIOLATIONS_MAX)
		return status_metadata(arena, check.status, "violations", arena_printf(arena, "%u", check.violations));
	return check.status;
}
