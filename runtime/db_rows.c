/*
 * Rows: values out of binary results, by column name and type. The layouts are those of PostgreSQL's send functions: integers in network byte order,
 * timestamps as microseconds since 2000-01-01.
 */
#include "runtime/db_internal.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/uuid.h"

/* Types by their fixed object identifiers (pg_type.dat of PostgreSQL). */
enum {
	TYPE_BOOL = 16,
	TYPE_BYTEA = 17,
	TYPE_NAME = 19,
	TYPE_INT8 = 20,
	TYPE_INT2 = 21,
	TYPE_INT4 = 23,
	TYPE_TEXT = 25,
	TYPE_TEXT_ARRAY = 1009,
	TYPE_VARCHAR_ARRAY = 1015,
	TYPE_BPCHAR = 1042,
	TYPE_VARCHAR = 1043,
	TYPE_TIMESTAMPTZ = 1184,
	TYPE_UUID = 2950,
};

#define POSTGRES_EPOCH (INT64_C(946684800) * CLOCK_SECOND)

/* A statement and its reader do not agree. Going on with a made-up value could end in the books, so the process stops, loudly. */
static void stop(const struct db_rows *rows, const char *column, const char *why) __attribute__((noreturn));

static void stop(const struct db_rows *rows, const char *column, const char *why)
{
	log_error("a statement's rows are not what is read from them", LOG_TEXT("statement", rows->statement),
		  LOG_TEXT("column", column), LOG_TEXT("why", why));
	abort();
}

struct cell {
	Oid type;
	char *data; /* NULL when the value is */
	size_t len;
};

static struct cell find(const struct db_rows *rows, size_t row, const char *column)
{
	if (rows->result == NULL)
		stop(rows, column, "the unit has not run");

	const int number = PQfnumber(rows->result, column);

	if (number < 0)
		stop(rows, column, "no such column");
	if (row >= db_count(rows))
		stop(rows, column, "no such row");
	if (PQgetisnull(rows->result, (int)row, number))
		return (struct cell){ .type = PQftype(rows->result, number) };
	return (struct cell){
		.type = PQftype(rows->result, number),
		.data = PQgetvalue(rows->result, (int)row, number),
		.len = (size_t)PQgetlength(rows->result, (int)row, number),
	};
}

static void require(bool matches, const struct db_rows *rows, const char *column, const char *wanted)
{
	if (!matches)
		stop(rows, column, wanted);
}

static int64_t big_endian_64(const char *data)
{
	uint64_t value;

	memcpy(&value, data, sizeof(value));
	return (int64_t)be64toh(value);
}

static int64_t big_endian_32(const char *data)
{
	uint32_t value;

	memcpy(&value, data, sizeof(value));
	return (int32_t)be32toh(value);
}

static int64_t big_endian_16(const char *data)
{
	uint16_t value;

	memcpy(&value, data, sizeof(value));
	return (int16_t)be16toh(value);
}

const struct db_rows *db_rows(const struct db_unit *unit, size_t n)
{
	const struct db_step *step = unit->first;

	for (size_t i = 0; i < n && step != NULL; i++)
		step = step->next;
	if (step == NULL)
		stop(&unit->last->rows, "", "the unit has fewer statements");
	return &step->rows;
}

const struct db_rows *db_last_rows(const struct db_unit *unit)
{
	return &unit->last->rows;
}

size_t db_count(const struct db_rows *rows)
{
	return (size_t)PQntuples(rows->result);
}

bool db_null(const struct db_rows *rows, size_t row, const char *column)
{
	return find(rows, row, column).data == NULL;
}

char *db_text(const struct db_rows *rows, size_t row, const char *column)
{
	const struct cell cell = find(rows, row, column);

	if (cell.type == TYPE_UUID && cell.data != NULL) {
		char *text = arena_alloc(rows->arena, UUID_TEXT);

		uuid_format((const uint8_t *)cell.data, text);
		return text;
	}
	require(cell.type == TYPE_TEXT || cell.type == TYPE_VARCHAR || cell.type == TYPE_BPCHAR ||
		    cell.type == TYPE_NAME || cell.type == TYPE_UUID,
		rows, column, "not a text");
	/* libpq ends every value with a NUL. */
	return cell.data != NULL ? cell.data : arena_strdup(rows->arena, "");
}

int64_t db_int(const struct db_rows *rows, size_t row, const char *column)
{
	const struct cell cell = find(rows, row, column);

	require(cell.type == TYPE_INT8 || cell.type == TYPE_INT4 || cell.type == TYPE_INT2, rows, column,
		"not an integer");
	if (cell.data == NULL)
		return 0;
	if (cell.type == TYPE_INT8)
		return big_endian_64(cell.data);
	return cell.type == TYPE_INT4 ? big_endian_32(cell.data) : big_endian_16(cell.data);
}

bool db_bool(const struct db_rows *rows, size_t row, const char *column)
{
	const struct cell cell = find(rows, row, column);

	require(cell.type == TYPE_BOOL, rows, column, "not a boolean");
	return cell.data != NULL && cell.data[0] != 0;
}

/* Infinity, like all that does not fit into 64 bits since 1970, becomes the last moment there is. */
int64_t db_time(const struct db_rows *rows, size_t row, const char *column)
{
	const struct cell cell = find(rows, row, column);
	int64_t micros;

	require(cell.type == TYPE_TIMESTAMPTZ, rows, column, "not a timestamptz");
	if (cell.data == NULL)
		return 0;
	if (__builtin_add_overflow(big_endian_64(cell.data), POSTGRES_EPOCH, &micros))
		return INT64_MAX;
	return micros;
}

struct str db_bytes(const struct db_rows *rows, size_t row, const char *column)
{
	const struct cell cell = find(rows, row, column);

	require(cell.type == TYPE_BYTEA, rows, column, "not a bytea");
	return cell.data != NULL ? (struct str){ cell.data, cell.len } : STR("");
}

/* One dimension: its number, a flag, the elements' type, the count and the lower bound; then length (-1 for NULL) and bytes of each. */
enum { ARRAY_DIMENSIONS = 0, ARRAY_COUNT = 12, ARRAY_ELEMENTS = 20 };

size_t db_texts(const struct db_rows *rows, size_t row, const char *column, char ***ret_texts)
{
	const struct cell cell = find(rows, row, column);

	require(cell.type == TYPE_TEXT_ARRAY || cell.type == TYPE_VARCHAR_ARRAY, rows, column, "not an array of texts");
	if (cell.data == NULL || big_endian_32(cell.data + ARRAY_DIMENSIONS) == 0) {
		*ret_texts = arena_array(rows->arena, 1, sizeof(char *));
		return 0;
	}
	require(big_endian_32(cell.data + ARRAY_DIMENSIONS) == 1, rows, column, "not an array of one dimension");

	const size_t count = (size_t)big_endian_32(cell.data + ARRAY_COUNT);
	char **texts = arena_array(rows->arena, count, sizeof(*texts));
	const char *at = cell.data + ARRAY_ELEMENTS;

	for (size_t i = 0; i < count; i++) {
		const int64_t len = big_endian_32(at);

		at += 4;
		texts[i] = arena_strndup(rows->arena, at, len > 0 ? (size_t)len : 0);
		at += len > 0 ? len : 0;
	}
	*ret_texts = texts;
	return count;
}
