/*
 * Units and their values.
 *
 * Values travel as text (bytes in binary), and the server gives each parameter the type that the statement implies; where that is not what is meant, the statement says so by a
 * cast (`:skus::text[]`). So an int fits int4 and int8, a text fits uuid and enum types.
 */
#include "runtime/db_internal.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"

enum { TEXT_FORMAT, BINARY_FORMAT };

static struct db_step *add_step(struct db_unit *unit, struct db_statement *statement)
{
	struct arena *arena = unit->call->arena;
	struct db_step *step = arena_alloc(arena, sizeof(*step));

	step->statement = statement;
	step->prepared = db_statement_prepare(statement);

	const size_t n = (size_t)step->prepared->n_parameters;

	step->values = arena_array(arena, n, sizeof(*step->values));
	step->lengths = arena_array(arena, n, sizeof(*step->lengths));
	step->formats = arena_array(arena, n, sizeof(*step->formats));
	step->bound = arena_array(arena, n, sizeof(*step->bound));
	step->rows = (struct db_rows){ .statement = statement->name, .arena = arena };
	if (statement->class == DB_CLASS_WRITE)
		unit->class = DB_CLASS_WRITE;
	return step;
}

struct db_unit *db_unit(struct call *call, struct db_statement *statement)
{
	struct db_unit *unit = arena_alloc(call->arena, sizeof(*unit));

	unit->call = call;
	unit->class = DB_CLASS_READ;
	list_init(&unit->link);
	unit->first = unit->last = add_step(unit, statement);
	return unit;
}

void db_then(struct db_unit *unit, struct db_statement *statement)
{
	struct db_step *step = add_step(unit, statement);

	unit->last->next = step;
	unit->last = step;
}

static void bind_value(struct db_unit *unit, const char *name, const char *value, size_t len, int format)
{
	struct db_step *step = unit->last;

	for (int i = 0; i < step->prepared->n_parameters; i++) {
		if (strcmp(step->prepared->parameters[i], name) != 0)
			continue;
		step->values[i] = value;
		step->lengths[i] = (int)len;
		step->formats[i] = format;
		step->bound[i] = true;
		return;
	}
	if (unit->mistake.reason == NULL)
		unit->mistake = status_private(unit->call->arena, &INTERNAL_ERROR, "statement %s has no parameter %s",
					       step->statement->name, name);
}

void db_bind_text(struct db_unit *unit, const char *name, const char *value)
{
	bind_value(unit, name, value, 0, TEXT_FORMAT);
}

void db_bind_int(struct db_unit *unit, const char *name, int64_t value)
{
	bind_value(unit, name, arena_printf(unit->call->arena, "%" PRId64, value), 0, TEXT_FORMAT);
}

void db_bind_bool(struct db_unit *unit, const char *name, bool value)
{
	bind_value(unit, name, value ? "t" : "f", 0, TEXT_FORMAT);
}

void db_bind_time(struct db_unit *unit, const char *name, int64_t micros)
{
	bind_value(unit, name, clock_format(unit->call->arena, micros), 0, TEXT_FORMAT);
}

void db_bind_bytes(struct db_unit *unit, const char *name, struct str value)
{
	if (value.len > INT32_MAX) {
		unit->mistake =
		    status_private(unit->call->arena, &INTERNAL_ERROR, "parameter %s is too long for PostgreSQL", name);
		return;
	}
	/* No data and no bytes: an empty value, which is not NULL. */
	bind_value(unit, name, value.data != NULL ? value.data : "", value.len, BINARY_FORMAT);
}

void db_bind_null(struct db_unit *unit, const char *name)
{
	bind_value(unit, name, NULL, 0, TEXT_FORMAT);
}

/* As array literals want it: "Array Input and Output Syntax" in PostgreSQL's manual. */
static void add_element(struct buf *literal, const char *value)
{
	if (value == NULL) {
		buf_text(literal, "NULL");
		return;
	}
	buf_byte(literal, '"');
	for (; *value != '\0'; value++) {
		if (*value == '"' || *value == '\\')
			buf_byte(literal, '\\');
		buf_byte(literal, *value);
	}
	buf_byte(literal, '"');
}

void db_bind_texts(struct db_unit *unit, const char *name, const char *const *values, size_t count)
{
	struct buf literal = buf_new(unit->call->arena);

	buf_byte(&literal, '{');
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buf_byte(&literal, ',');
		add_element(&literal, values[i]);
	}
	buf_byte(&literal, '}');
	bind_value(unit, name, literal.data, 0, TEXT_FORMAT);
}

void db_bind_ints(struct db_unit *unit, const char *name, const int64_t *values, size_t count)
{
	struct buf literal = buf_new(unit->call->arena);

	buf_byte(&literal, '{');
	for (size_t i = 0; i < count; i++)
		buf_printf(&literal, "%s%" PRId64, i > 0 ? "," : "", values[i]);
	buf_byte(&literal, '}');
	bind_value(unit, name, literal.data, 0, TEXT_FORMAT);
}
