/* What config.h promises. Standard output and standard error are files during each load. */
#include "base/config.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PREFIX "CONFIG_TEST"

static const char *const LEVELS[] = { "debug", "info", "off", NULL };

static const char *address, *note, *password;
static int64_t limit;
static bool verbose;
static int level;

static const struct setting SETTINGS[] = {
	SETTING_TEXT("listen-address", &address, NULL, "where calls are taken"),
	SETTING_TEXT("note", &note, "none", "a text"),
	SETTING_SECRET("password", &password, "", "of the database"),
	SETTING_INT("max-calls", &limit, 1024, -5, 65536, "calls in flight"),
	SETTING_BOOL("verbose", &verbose, false, "say more"),
	SETTING_CHOICE("log-level", &level, 1, LEVELS, "from which level on"),
	SETTING_END,
};

static char directory[256];
static char printed[1 << 14];

static int make_directory(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	snprintf(directory, sizeof(directory), "%s/config_test.XXXXXX", tmp != NULL ? tmp : "/tmp");
	return mkdtemp(directory) == NULL ? -1 : 0;
}

static int remove_directory(void **state)
{
	(void)state;
	return rmdir(directory);
}

static int setup(void **state)
{
	static const char *const variables[] = { "LISTEN_ADDRESS", "NOTE",    "PASSWORD",
						 "MAX_CALLS",      "VERBOSE", "LOG_LEVEL" };
	char name[64];

	(void)state;
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		snprintf(name, sizeof(name), PREFIX "_%s", variables[i]);
		unsetenv(name);
		snprintf(name, sizeof(name), PREFIX "_%s_FILE", variables[i]);
		unsetenv(name);
	}
	address = note = password = "untouched";
	limit = 7;
	verbose = false;
	level = 7;
	return 0;
}

/* Runs config_load() with flags (ended by NULL) while `stream` goes to a file, whose text is then in `printed`. */
static enum config_outcome load_printing(FILE *stream, const char *const flags[])
{
	char *argv[16] = { (char *)(uintptr_t) "program" };
	int argc = 1;
	FILE *file = tmpfile();
	const int fd = fileno(stream), saved = dup(fd);

	for (; flags[argc - 1] != NULL; argc++)
		argv[argc] = (char *)(uintptr_t)flags[argc - 1];
	fflush(stream);
	dup2(fileno(file), fd);
	const enum config_outcome outcome = config_load(PREFIX, "Tests settings.", SETTINGS, argc, argv);

	fflush(stream);
	dup2(saved, fd);
	close(saved);
	rewind(file);
	printed[fread(printed, 1, sizeof(printed) - 1, file)] = '\0';
	fclose(file);
	return outcome;
}

#define LOAD(...) load_printing(stderr, (const char *const[]){ __VA_ARGS__, NULL })

static void defaults_hold_when_nothing_is_given(void **state)
{
	(void)state;
	assert_int_equal(LOAD("--listen-address=a:1"), CONFIG_READY);
	assert_string_equal(address, "a:1");
	assert_string_equal(note, "none");
	assert_string_equal(password, "");
	assert_int_equal(limit, 1024);
	assert_false(verbose);
	assert_int_equal(level, 1);
	assert_string_equal(printed, "");
}

static void flags_win_over_the_environment(void **state)
{
	(void)state;
	setenv(PREFIX "_LISTEN_ADDRESS", "env:1", 1);
	setenv(PREFIX "_MAX_CALLS", "12", 1);
	setenv(PREFIX "_VERBOSE", "true", 1);
	setenv(PREFIX "_LOG_LEVEL", "off", 1);
	assert_int_equal(LOAD("--max-calls", "-5", "--verbose=no"), CONFIG_READY);
	assert_string_equal(address, "env:1");
	assert_int_equal(limit, -5);
	assert_false(verbose);
	assert_int_equal(level, 2);
}

static void flags_have_two_forms_and_the_last_holds(void **state)
{
	(void)state;
	assert_int_equal(LOAD("--note", "a", "--listen-address", "b", "--note=c=d", "--verbose", "--log-level=debug"),
			 CONFIG_READY);
	assert_string_equal(note, "c=d");
	assert_string_equal(address, "b");
	assert_true(verbose);
	assert_int_equal(level, 0);
}

static void texts_outlive_the_environment(void **state)
{
	(void)state;
	char variable[] = PREFIX "_NOTE=first";

	putenv(variable);
	assert_int_equal(LOAD("--listen-address=a"), CONFIG_READY);
	memset(variable + sizeof(PREFIX "_NOTE"), 'X', 5);
	assert_string_equal(note, "first");
	unsetenv(PREFIX "_NOTE");
}

static void an_empty_variable_counts_as_none(void **state)
{
	(void)state;
	setenv(PREFIX "_MAX_CALLS", "", 1);
	setenv(PREFIX "_NOTE", "", 1);
	assert_int_equal(LOAD("--listen-address=a"), CONFIG_READY);
	assert_int_equal(limit, 1024);
	assert_string_equal(note, "none");
	assert_int_equal(LOAD("--listen-address=a", "--note="), CONFIG_READY);
	assert_string_equal(note, "");
}

static void all_wrong_values_are_refused_at_once(void **state)
{
	(void)state;
	setenv(PREFIX "_MAX_CALLS", "65537", 1);
	setenv(PREFIX "_VERBOSE", "maybe", 1);
	assert_int_equal(LOAD("--log-level=loud", "--nonsense=1", "stray", "--note=fine"), CONFIG_REFUSED);
	assert_string_equal(printed,
			    "--nonsense: there is no such flag; --help lists all\n"
			    "stray: is not a flag; --help lists all\n"
			    "listen-address: is required; set CONFIG_TEST_LISTEN_ADDRESS\n"
			    "max-calls: must be a whole number from -5 to 65536 (given by CONFIG_TEST_MAX_CALLS)\n"
			    "verbose: must be true or false (given by CONFIG_TEST_VERBOSE)\n"
			    "log-level: must be one of debug, info, off (given by --log-level)\n");
	assert_string_equal(note, "untouched");
	assert_int_equal(limit, 7);
	assert_int_equal(level, 7);
}

static void odd_arguments_are_refused(void **state)
{
	(void)state;
	assert_int_equal(LOAD("--listen-address"), CONFIG_REFUSED);
	assert_non_null(strstr(printed, "--listen-address: needs a value\n"));
	assert_int_equal(LOAD("--listen-address", "--note=x"), CONFIG_REFUSED);
	assert_non_null(strstr(printed, "--listen-address: needs a value\n"));
	assert_int_equal(LOAD("--listen-address=a", "--"), CONFIG_REFUSED);
	assert_int_equal(LOAD("--listen-address=a", "-v"), CONFIG_REFUSED);
	assert_int_equal(LOAD("--listen-address=a", ""), CONFIG_REFUSED);
	assert_int_equal(LOAD("--listen-address=a", "--=x"), CONFIG_REFUSED);
	assert_int_equal(LOAD("--listen-addres=a"), CONFIG_REFUSED);
	assert_non_null(strstr(printed, "--listen-addres: there is no such flag"));
	assert_int_equal(LOAD("--listen-address="), CONFIG_REFUSED);
	assert_non_null(strstr(printed, "listen-address: must not be empty"));
	assert_int_equal(LOAD("--listen-address=a", "--max-calls="), CONFIG_REFUSED);
	assert_int_equal(LOAD("--listen-address=a", "--max-calls=1k"), CONFIG_REFUSED);
	assert_int_equal(LOAD("--listen-address=a", "--max-calls=-6"), CONFIG_REFUSED);
}

static void a_secret_is_not_taken_from_a_flag_nor_shown(void **state)
{
	(void)state;
	assert_int_equal(LOAD("--listen-address=a", "--password=hunter2"), CONFIG_REFUSED);
	assert_non_null(strstr(printed, "--password: is secret"));
	assert_non_null(strstr(printed, "CONFIG_TEST_PASSWORD_FILE"));
	assert_null(strstr(printed, "hunter2"));
	assert_int_equal(LOAD("--listen-address=a", "--password", "hunter2"), CONFIG_REFUSED);
	assert_null(strstr(printed, "hunter2"));
	setenv(PREFIX "_PASSWORD", "hunter2", 1);
	assert_int_equal(LOAD("--listen-address=a"), CONFIG_READY);
	assert_string_equal(password, "hunter2");
}

/* Writes a file and points the variable at it; returns the path (to be unlinked). */
static const char *value_file(const char *variable, const void *data, size_t len)
{
	static char path[sizeof(directory) + 8];

	snprintf(path, sizeof(path), "%s/value", directory);
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
	setenv(variable, path, 1);
	return path;
}

static void a_file_may_hold_the_value(void **state)
{
	static const struct {
		const char *content, *value;
	} cases[] = {
		{ "hunter2", "hunter2" },
		{ "hunter2\n", "hunter2" },
		{ "hunter2\r\n", "hunter2" },
		{ "two\nlines\n\n", "two\nlines\n" },
		{ " a ", " a " },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *path = value_file(PREFIX "_PASSWORD_FILE", cases[i].content, strlen(cases[i].content));
		const enum config_outcome outcome = LOAD("--listen-address=a");

		unlink(path);
		assert_int_equal(outcome, CONFIG_READY);
		assert_string_equal(password, cases[i].value);
	}
}

static void an_unusable_file_is_refused(void **state)
{
	static char large[64 * 1024 + 1];

	(void)state;
	memset(large, 'a', sizeof(large));
	value_file(PREFIX "_PASSWORD_FILE", large, sizeof(large));
	const enum config_outcome too_large = LOAD("--listen-address=a");

	value_file(PREFIX "_PASSWORD_FILE", large, sizeof(large) - 1);
	const enum config_outcome just_right = LOAD("--listen-address=a");

	const char *path = value_file(PREFIX "_PASSWORD_FILE", "a\0b", 3);
	const enum config_outcome binary = LOAD("--listen-address=a");

	unlink(path);
	assert_int_equal(too_large, CONFIG_REFUSED);
	assert_int_equal(just_right, CONFIG_READY);
	assert_int_equal(strlen(password), sizeof(large) - 1);
	assert_int_equal(binary, CONFIG_REFUSED);
	assert_int_equal(LOAD("--listen-address=a"), CONFIG_REFUSED);
	assert_string_equal(printed, "password: the file that CONFIG_TEST_PASSWORD_FILE names cannot be read: No such "
				     "file or directory\n");
	setenv(PREFIX "_PASSWORD_FILE", directory, 1);
	assert_int_equal(LOAD("--listen-address=a"), CONFIG_REFUSED);
	assert_non_null(strstr(printed, "Is a directory"));
	setenv(PREFIX "_PASSWORD", "x", 1);
	assert_int_equal(LOAD("--listen-address=a"), CONFIG_REFUSED);
	assert_non_null(strstr(printed, "are both set"));
}

static void a_value_from_a_file_is_judged_too(void **state)
{
	(void)state;
	const char *path = value_file(PREFIX "_MAX_CALLS_FILE", "12\n", 3);
	const enum config_outcome right = LOAD("--listen-address=a");

	value_file(PREFIX "_MAX_CALLS_FILE", "twelve\n", 7);
	const enum config_outcome wrong = LOAD("--listen-address=a");

	unlink(path);
	assert_int_equal(right, CONFIG_READY);
	assert_int_equal(limit, 12);
	assert_int_equal(wrong, CONFIG_REFUSED);
	assert_non_null(strstr(printed, "CONFIG_TEST_MAX_CALLS_FILE"));
	assert_int_equal(LOAD("--listen-address=a", "--max-calls=3"), CONFIG_READY);
	assert_int_equal(limit, 3);
}

static void help_lists_every_setting_and_starts_nothing(void **state)
{
	(void)state;
	setenv(PREFIX "_PASSWORD", "hunter2", 1);
	assert_int_equal(load_printing(stdout, (const char *const[]){ "--nonsense", "--help", NULL }),
			 CONFIG_HELP_SHOWN);
	assert_memory_equal(printed, "Tests settings.\n", 16);
	for (size_t i = 0; SETTINGS[i].name != NULL; i++)
		assert_non_null(strstr(printed, SETTINGS[i].help));
	assert_non_null(strstr(
	    printed, "--listen-address, CONFIG_TEST_LISTEN_ADDRESS\n      where calls are taken (text; required)\n"));
	assert_non_null(strstr(printed, "(-5..65536; default 1024)"));
	assert_non_null(strstr(printed, "(debug, info, off; default info)"));
	assert_non_null(strstr(printed, "CONFIG_TEST_PASSWORD (secret, no flag)"));
	assert_null(strstr(printed, "--password"));
	assert_null(strstr(printed, "hunter2"));
	assert_string_equal(address, "untouched");
}

#define TEST(function) cmocka_unit_test_setup(function, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(defaults_hold_when_nothing_is_given),
		TEST(flags_win_over_the_environment),
		TEST(flags_have_two_forms_and_the_last_holds),
		TEST(texts_outlive_the_environment),
		TEST(an_empty_variable_counts_as_none),
		TEST(all_wrong_values_are_refused_at_once),
		TEST(odd_arguments_are_refused),
		TEST(a_secret_is_not_taken_from_a_flag_nor_shown),
		TEST(a_file_may_hold_the_value),
		TEST(an_unusable_file_is_refused),
		TEST(a_value_from_a_file_is_judged_too),
		TEST(help_lists_every_setting_and_starts_nothing),
	};

	return cmocka_run_group_tests_name("base/config", tests, make_directory, remove_directory);
}
