/* Statements: from named parameters (`:order_id`) to PostgreSQL's numbered ones ($1). Done once for each statement, at its first use. */
#include "runtime/db_internal.h"

#include <ctype.h>
#include <string.h>

#include "base/str.h"

#define FIRST_BLOCK ((size_t)16 * 1024)

/* Statements live as long as the process. */
static struct arena *statements;
static unsigned n_statements;

/* A cursor over the SQL, what has been written of its translation, and the names met so far. */
struct translation {
	const char *at;
	struct buf sql;
	const char **names;
	int n_names, size;
};

static bool starts_name(char c)
{
	return isalpha((unsigned char)c) || c == '_';
}

static bool continues_name(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static void copy(struct translation *t, size_t len)
{
	buf_bytes(&t->sql, t->at, len);
	t->at += len;
}

/* What is quoted ends at the next such quote; a doubled one is simply two in a row. Backslashes count in E'...' only. */
static void copy_quoted(struct translation *t, char quote, bool escapes)
{
	size_t len = 1;

	while (t->at[len] != '\0' && t->at[len] != quote)
		len += escapes && t->at[len] == '\\' && t->at[len + 1] != '\0' ? 2 : 1;
	copy(t, t->at[len] == quote ? len + 1 : len);
}

static void copy_line_comment(struct translation *t)
{
	copy(t, strcspn(t->at, "\n"));
}

/* Block comments nest in SQL. */
static void copy_block_comment(struct translation *t)
{
	int depth = 0;

	do {
		if (t->at[0] == '/' && t->at[1] == '*')
			depth++;
		else if (t->at[0] == '*' && t->at[1] == '/')
			depth--;
		else {
			copy(t, 1);
			continue;
		}
		copy(t, 2);
	} while (depth > 0 && t->at[0] != '\0');
}

/* $tag$ ... $tag$; a lone dollar sign is copied as it is. */
static void copy_dollar_quoted(struct translation *t)
{
	size_t tag = 1;

	while (continues_name(t->at[tag]))
		tag++;
	if (t->at[tag] != '$' || isdigit((unsigned char)t->at[1])) {
		copy(t, 1);
		return;
	}
	tag++;
	for (const char *end = t->at + tag; *end != '\0'; end++) {
		if (strncmp(end, t->at, tag) == 0) {
			copy(t, (size_t)(end - t->at) + tag);
			return;
		}
	}
	copy(t, strlen(t->at));
}

static int number_of(struct translation *t, const char *name, size_t len)
{
	for (int i = 0; i < t->n_names; i++) {
		if (strlen(t->names[i]) == len && memcmp(t->names[i], name, len) == 0)
			return i + 1;
	}
	if (t->n_names == t->size) {
		const char **more = arena_array(statements, (size_t)t->size * 2 + 8, sizeof(*more));

		if (t->n_names > 0)
			memcpy(more, t->names, (size_t)t->n_names * sizeof(*more));
		t->names = more;
		t->size = t->size * 2 + 8;
	}
	t->names[t->n_names++] = arena_strndup(statements, name, len);
	return t->n_names;
}

static void translate_parameter(struct translation *t)
{
	size_t len = 1;

	while (continues_name(t->at[1 + len]))
		len++;
	buf_printf(&t->sql, "$%d", number_of(t, t->at + 1, len));
	t->at += 1 + len;
}

static void copy_word(struct translation *t)
{
	size_t len = 1;

	while (continues_name(t->at[len]) || t->at[len] == '$')
		len++;

	const bool escapes = len == 1 && (t->at[0] == 'E' || t->at[0] == 'e') && t->at[1] == '\'';

	copy(t, len);
	if (escapes)
		copy_quoted(t, '\'', true);
}

static void translate_next(struct translation *t)
{
	const char c = t->at[0], next = t->at[1];

	if (c == '\'' || c == '"')
		copy_quoted(t, c, false);
	else if (c == '-' && next == '-')
		copy_line_comment(t);
	else if (c == '/' && next == '*')
		copy_block_comment(t);
	else if (c == '$')
		copy_dollar_quoted(t);
	else if (c == ':' && (next == ':' || next == '='))
		copy(t, 2);
	else if (c == ':' && starts_name(next))
		translate_parameter(t);
	else if (starts_name(c))
		copy_word(t);
	else
		copy(t, 1);
}

const struct db_prepared *db_statement_prepare(struct db_statement *statement)
{
	if (statement->prepared_ != NULL)
		return statement->prepared_;
	if (statements == NULL)
		statements = arena_new(FIRST_BLOCK, 0);

	struct translation t = { .at = statement->sql, .sql = buf_new(statements) };

	while (t.at[0] != '\0')
		translate_next(&t);

	struct db_prepared *prepared = arena_alloc(statements, sizeof(*prepared));

	prepared->id = n_statements++;
	/* The number comes first: PostgreSQL cuts long names, and two stores may use the same one. */
	prepared->name = arena_printf(statements, "%u:%s", prepared->id, statement->name);
	prepared->sql = t.sql.data;
	prepared->parameters = t.names;
	prepared->n_parameters = t.n_names;
	statement->prepared_ = prepared;
	return prepared;
}
