/* What log.h promises. Standard error is a pipe during each test, and what comes out of it is compared. */
#include "base/log.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"

/* The pipe that stands for standard error, the real one, and what was read last. */
static struct {
	int reader, saved;
	size_t len;
	char text[1 << 18];
} captured;

static int setup(void **state)
{
	int ends[2];

	(void)state;
	fflush(stderr);
	captured.saved = dup(STDERR_FILENO);
	if (captured.saved < 0 || pipe(ends) != 0 || dup2(ends[1], STDERR_FILENO) < 0)
		return -1;
	close(ends[1]);
	captured.reader = ends[0];
	fcntl(captured.reader, F_SETFL, O_NONBLOCK);
	clock_freeze(INT64_C(1795261124) * CLOCK_SECOND + 1);
	log_setup("orders", LOG_INFO, LOG_JSON);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	clock_thaw();
	dup2(captured.saved, STDERR_FILENO);
	close(captured.saved);
	close(captured.reader);
	return 0;
}

/* All that is in the pipe now, as text. */
static const char *capture(void)
{
	ssize_t got;

	captured.len = 0;
	while ((got = read(captured.reader, captured.text + captured.len, sizeof(captured.text) - 1 - captured.len)) >
	       0)
		captured.len += (size_t)got;
	captured.text[captured.len] = '\0';
	return captured.text;
}

static void an_event_is_one_line_of_json(void **state)
{
	(void)state;
	log_info("listening", LOG_TEXT("address", "[::1]:9000"), LOG_INT("limit", INT64_MIN), LOG_TEXT("none", NULL));
	assert_string_equal(capture(), "{\"ts\":\"2026-11-21T11:38:44.000001Z\",\"level\":\"info\",\"svc\":\"orders\","
				       "\"msg\":\"listening\","
				       "\"address\":\"[::1]:9000\",\"limit\":-9223372036854775808,\"none\":\"\"}\n");
	log_error("bare");
	assert_string_equal(capture(), "{\"ts\":\"2026-11-21T11:38:44.000001Z\",\"level\":\"error\",\"svc\":\"orders\","
				       "\"msg\":\"bare\"}\n");
}

static void an_event_is_one_line_of_logfmt(void **state)
{
	(void)state;
	log_setup("orders", LOG_INFO, LOG_LOGFMT);
	log_warn("two words", LOG_TEXT("id", "a-1"), LOG_TEXT("empty", ""), LOG_TEXT("odd", "a=\"b\"\n"),
		 LOG_INT("n", 7));
	assert_string_equal(capture(), "ts=2026-11-21T11:38:44.000001Z level=warn svc=orders msg=\"two words\" "
				       "id=a-1 empty=\"\" odd=\"a=\\\"b\\\"\\n\" n=7\n");
}

static void no_text_can_forge_a_line(void **state)
{
	static const char evil[] = "x\"}\n{\"level\":\"error\"\r\x1b[2J\x7f\xC2\x9B\xE2\x80\xA8\xFF";

	(void)state;
	for (int format = LOG_JSON; format <= LOG_LOGFMT; format++) {
		log_setup(evil, LOG_INFO, (enum log_format)format);
		log_info(evil, LOG_TEXT("text", evil), LOG_TEXT(evil, "name"));
		const char *line = capture();

		assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
		for (const char *at = line; at[1] != '\0'; at++)
			assert_true((unsigned char)*at >= 0x20 && *at != 0x7F);
		assert_null(strstr(line, "\xC2\x9B"));
		assert_null(strstr(line, "\xFF"));
		assert_non_null(strstr(line, "\"x\\\"}\\n{\\\"level\\\":\\\"error\\\"\\r\\u001b["
					     "2J\\u007f\\u009b\\u2028\xEF\xBF\xBD\""));
		assert_non_null(strstr(line, "x_____level_:_error"));
	}
}

static void levels_below_the_threshold_are_silent(void **state)
{
	(void)state;
	log_setup("orders", LOG_WARN, LOG_JSON);
	log_debug("quiet");
	log_info("quiet");
	assert_string_equal(capture(), "");
	log_warn("heard");
	assert_non_null(strstr(capture(), "heard"));
	log_setup("orders", LOG_OFF, LOG_JSON);
	log_error("quiet");
	assert_string_equal(capture(), "");
	log_setup("orders", LOG_DEBUG, LOG_JSON);
	log_debug("heard");
	assert_non_null(strstr(capture(), "\"level\":\"debug\""));
}

static void an_array_is_taken_as_text(void **state)
{
	(void)state;
	char id[8] = "o-1";

	log_info("order", LOG_TEXT("id", id));
	assert_non_null(strstr(capture(), "\"id\":\"o-1\""));
}

/* Many quoted fields of every length: wherever the line fills up, it ends well-formed. */
static void a_long_line_is_cut_and_stays_whole(void **state)
{
	static char value[5000];

	(void)state;
	for (int format = LOG_JSON; format <= LOG_LOGFMT; format++) {
		log_setup("orders", LOG_INFO, (enum log_format)format);
		for (size_t len = 900; len < sizeof(value); len += 13) {
			memset(value, len % 2 == 0 ? 'a' : '\n', len);
			value[len] = '\0';
			log_info("long", LOG_TEXT("a", value), LOG_TEXT("b", value), LOG_INT("n", 1),
				 LOG_TEXT("c", value), LOG_TEXT("d", value), LOG_TEXT("e", value));
			const char *line = capture();
			const char *end = format == LOG_JSON ? "\",\"truncated\":true}\n" : " truncated=true\n";

			assert_true(captured.len <= LOG_LINE_MAX);
			assert_ptr_equal(strchr(line, '\n'), line + captured.len - 1);
			assert_string_equal(line + captured.len - strlen(end), end);
		}
	}
}

static void one_long_value_leaves_room_for_the_others(void **state)
{
	static char value[100000];

	(void)state;
	memset(value, 'a', sizeof(value) - 1);
	log_info("long", LOG_TEXT("text", value), LOG_TEXT("id", "o-1"));
	assert_non_null(strstr(capture(), "aaa\",\"id\":\"o-1\",\"truncated\":true}\n"));
	log_info("name", LOG_TEXT(value, "left out"), LOG_TEXT("id", "o-2"));
	assert_non_null(strstr(capture(), "\"msg\":\"name\",\"id\":\"o-2\",\"truncated\":true}\n"));
}

static void a_full_pipe_drops_and_counts_instead_of_blocking(void **state)
{
	(void)state;
	const uint64_t before = log_dropped();
	uint64_t written = 0, lines = 0;

	while (log_dropped() < before + 3) {
		log_info("filling the pipe");
		written++;
	}
	for (const char *at = capture(); (at = strchr(at, '\n')) != NULL; at++)
		lines++;
	assert_int_equal(lines, written - 3);
	log_info("room again");
	assert_non_null(strstr(capture(), "room again"));
	assert_int_equal(log_dropped(), before + 3);
}

static void a_gone_reader_is_survived_and_counted(void **state)
{
	(void)state;
	const uint64_t before = log_dropped();

	close(captured.reader);
	captured.reader = -1;
	log_info("nobody listens"); /* a SIGPIPE would end this process */
	assert_int_equal(log_dropped(), before + 1);
}

static void a_failed_write_is_counted_and_leaves_errno(void **state)
{
	(void)state;
	const uint64_t before = log_dropped();
	const int unwritable = open("/dev/null", O_RDONLY | O_CLOEXEC);

	dup2(unwritable, STDERR_FILENO);
	close(unwritable);
	errno = ERANGE;
	log_info("event");
	assert_int_equal(errno, ERANGE);
	assert_int_equal(log_dropped(), before + 1);
}

/* A limit on the size of files makes write(2) take only a part, as a terminal or a full disk may. */
static void a_torn_line_is_counted_and_does_not_spoil_the_next(void **state)
{
	(void)state;
	const uint64_t before = log_dropped();
	struct rlimit usual;
	FILE *file = tmpfile();
	char text[512];

	assert_non_null(file);
	dup2(fileno(file), STDERR_FILENO);
	getrlimit(RLIMIT_FSIZE, &usual);
	const struct rlimit small = { .rlim_cur = 20, .rlim_max = usual.rlim_max };

	setrlimit(RLIMIT_FSIZE, &small);
	log_info("torn");
	setrlimit(RLIMIT_FSIZE, &usual);
	log_info("whole");
	log_info("again");

	rewind(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	assert_int_equal(log_dropped(), before + 1);
	assert_string_equal(
	    text, "{\"ts\":\"2026-11-21T11\n"
		  "{\"ts\":\"2026-11-21T11:38:44.000001Z\",\"level\":\"info\",\"svc\":\"orders\",\"msg\":\"whole\"}\n"
		  "{\"ts\":\"2026-11-21T11:38:44.000001Z\",\"level\":\"info\",\"svc\":\"orders\",\"msg\":\"again\"}\n");
}

#define WRITERS 4
#define EACH 50

static void *write_lines(void *number)
{
	for (int64_t i = 0; i < EACH; i++)
		log_info("from a thread", LOG_TEXT("writer", (const char *)number), LOG_INT("i", i));
	return NULL;
}

static void lines_of_several_threads_stay_apart(void **state)
{
	(void)state;
	static char names[WRITERS][2] = { "0", "1", "2", "3" };
	pthread_t threads[WRITERS];
	int64_t next[WRITERS] = { 0 };
	int lines = 0;

	for (size_t i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_lines, names[i]), 0);
	for (size_t i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);

	char *save = NULL;

	capture();
	for (char *line = strtok_r(captured.text, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save), lines++) {
		const char *tail = strstr(line, "\"writer\":\"");
		char expected[64];

		assert_non_null(tail);
		const size_t writer = (size_t)(tail[10] - '0');

		assert_in_range(writer, 0, WRITERS - 1);
		snprintf(expected, sizeof(expected), "\"writer\":\"%zu\",\"i\":%d}", writer, (int)next[writer]++);
		assert_string_equal(tail, expected);
	}
	assert_int_equal(lines, WRITERS * EACH);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_event_is_one_line_of_json),
		TEST(an_event_is_one_line_of_logfmt),
		TEST(no_text_can_forge_a_line),
		TEST(levels_below_the_threshold_are_silent),
		TEST(an_array_is_taken_as_text),
		TEST(a_long_line_is_cut_and_stays_whole),
		TEST(one_long_value_leaves_room_for_the_others),
		TEST(a_full_pipe_drops_and_counts_instead_of_blocking),
		TEST(a_gone_reader_is_survived_and_counted),
		TEST(a_failed_write_is_counted_and_leaves_errno),
		TEST(a_torn_line_is_counted_and_does_not_spoil_the_next),
		TEST(lines_of_several_threads_stay_apart),
	};

	return cmocka_run_group_tests_name("base/log", tests, NULL, NULL);
}
