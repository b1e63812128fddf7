/* How named parameters become numbered ones: what db.h promises of SQL texts. */
#include "runtime/db_internal.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Translates sql, compares, and compares the names, which are separated by spaces. */
static void expect(const char *sql, const char *wanted, const char *names)
{
	struct db_statement statement = DB_READ("test", sql);
	const struct db_prepared *prepared = db_statement_prepare(&statement);
	char all[256] = "";

	for (int i = 0; i < prepared->n_parameters; i++) {
		const size_t len = strlen(all);

		snprintf(all + len, sizeof(all) - len, "%s%s", i > 0 ? " " : "", prepared->parameters[i]);
	}
	assert_string_equal(prepared->sql, wanted);
	assert_string_equal(all, names);
}

static void parameters_are_numbered_by_first_appearance(void **state)
{
	(void)state;
	expect("SELECT 1", "SELECT 1", "");
	expect("SELECT :a", "SELECT $1", "a");
	expect("SELECT :b, :a, :b+:_c1", "SELECT $1, $2, $1+$3", "b a _c1");
	expect("a=:a AND ab=:ab", "a=$1 AND ab=$2", "a ab");
	expect(":p1 :p2 :p3 :p4 :p5 :p6 :p7 :p8 :p9 :p10", "$1 $2 $3 $4 $5 $6 $7 $8 $9 $10",
	       "p1 p2 p3 p4 p5 p6 p7 p8 p9 p10");
}

static void casts_and_slices_stay(void **state)
{
	(void)state;
	expect("SELECT :a::text[], b::int, '1'::int", "SELECT $1::text[], b::int, '1'::int", "a");
	expect("SELECT a[1:2], f(x := 3), f(x := :y)", "SELECT a[1:2], f(x := 3), f(x := $1)", "y");
	expect("SELECT a: b, 1 :: int", "SELECT a: b, 1 :: int", "");
	expect("SELECT :a::numeric(10,2)", "SELECT $1::numeric(10,2)", "a");
}

static void what_is_quoted_stays(void **state)
{
	(void)state;
	expect("SELECT ':a', :b", "SELECT ':a', $1", "b");
	expect("SELECT 'it''s :a', :b", "SELECT 'it''s :a', $1", "b");
	expect("SELECT '\\', :b, ':c'", "SELECT '\\', $1, ':c'", "b");
	expect("SELECT E'\\':a', :b", "SELECT E'\\':a', $1", "b");
	expect("SELECT e'\\\\', :b, ':c'", "SELECT e'\\\\', $1, ':c'", "b");
	expect("SELECT name'\\', :b", "SELECT name'\\', $1", "b");
	expect("SELECT \"odd :name\"\" :x\", :b", "SELECT \"odd :name\"\" :x\", $1", "b");
	expect("SELECT ':unfinished", "SELECT ':unfinished", "");
	expect("SELECT E'\\", "SELECT E'\\", "");
}

static void dollar_quotes_stay(void **state)
{
	(void)state;
	expect("SELECT $$ :a $x$ $$, :b", "SELECT $$ :a $x$ $$, $1", "b");
	expect("SELECT $tag$ :a $$ :c $tag$, :b", "SELECT $tag$ :a $$ :c $tag$, $1", "b");
	expect("SELECT a$b$c, :b", "SELECT a$b$c, $1", "b");
	expect("SELECT $$ :unfinished", "SELECT $$ :unfinished", "");
}

static void comments_stay(void **state)
{
	(void)state;
	expect("SELECT :a -- not :b\n, :c", "SELECT $1 -- not :b\n, $2", "a c");
	expect("SELECT /* :a /* :b */ :c */ :d", "SELECT /* :a /* :b */ :c */ $1", "d");
	expect("SELECT 1 - -:a / :b * 2", "SELECT 1 - -$1 / $2 * 2", "a b");
	expect("-- :end", "-- :end", "");
	expect("/* :end", "/* :end", "");
}

static void a_statement_is_translated_once_and_named_for_itself(void **state)
{
	struct db_statement one = DB_READ("same", "SELECT :a"), two = DB_WRITE("same", "SELECT :b");

	(void)state;
	assert_ptr_equal(db_statement_prepare(&one), db_statement_prepare(&one));
	assert_int_not_equal(db_statement_prepare(&one)->id, db_statement_prepare(&two)->id);
	assert_string_not_equal(db_statement_prepare(&one)->name, db_statement_prepare(&two)->name);
	assert_non_null(strstr(db_statement_prepare(&one)->name, "same"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parameters_are_numbered_by_first_appearance),
		cmocka_unit_test(casts_and_slices_stay),
		cmocka_unit_test(what_is_quoted_stays),
		cmocka_unit_test(dollar_quotes_stay),
		cmocka_unit_test(comments_stay),
		cmocka_unit_test(a_statement_is_translated_once_and_named_for_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
