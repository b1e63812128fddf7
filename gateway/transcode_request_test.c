/* From JSON to the wire: what is refused and how it is told; what path and query add. */
#include "gateway/transcode_fixture.h"

#include <string.h>

/* One violation, with this field and this description. */
static void expect_violation(struct status status, const char *field, const char *description)
{
	static const struct violation none = { "no violation", "", NULL };
	const bool any = status.detail != NULL && status.detail->violations != NULL;
	const struct violation *violation = any ? status.detail->violations : &none;

	assert_true(status_is(status, &INVALID_REQUEST));
	assert_string_equal(violation->field, field);
	assert_string_equal(violation->description, description);
	assert_null(violation->next);
}

static void refuse(struct arena *arena, const char *json, const char *field, const char *description)
{
	struct str bytes = STR("untouched");

	expect_violation(into(arena, &all, str_of(json), &bytes), field, description);
	assert_true(str_is(bytes, "untouched"));
}

static void wrong_values_are_named(void **state)
{
	refuse(*state, "{\"anInt64\":true}", "anInt64", "must be a whole number");
	refuse(*state, "{\"anInt64\":1.5}", "anInt64", "must be a whole number");
	refuse(*state, "{\"anInt64\":\" 1\"}", "anInt64", "must be a whole number");
	refuse(*state, "{\"anInt64\":\"\"}", "anInt64", "must be a whole number");
	refuse(*state, "{\"anInt64\":\"+1\"}", "anInt64", "must be a whole number");
	refuse(*state, "{\"anInt64\":9223372036854775808}", "anInt64", "is out of range");
	refuse(*state, "{\"anInt64\":-9223372036854775809}", "anInt64", "is out of range");
	refuse(*state, "{\"anInt32\":2147483648}", "anInt32", "is out of range");
	refuse(*state, "{\"anUint32\":-1}", "anUint32", "is out of range");
	refuse(*state, "{\"anUint64\":18446744073709551616}", "anUint64", "is out of range");
	refuse(*state, "{\"aFloat\":1e39}", "aFloat", "is out of range");
	refuse(*state, "{\"aDouble\":\"inf\"}", "aDouble", "must be a number");
	refuse(*state, "{\"aBool\":1}", "aBool", "must be true or false");
	refuse(*state, "{\"aBool\":\"true\"}", "aBool", "must be true or false");
	refuse(*state, "{\"aString\":1}", "aString", "must be text");
	refuse(*state, "{\"aBytes\":\"a\"}", "aBytes", "must be Base64");
	refuse(*state, "{\"aBytes\":\"ab=c\"}", "aBytes", "must be Base64");
	refuse(*state, "{\"anEnum\":\"COLOUR_GREEN\"}", "anEnum",
	       "must be one of COLOUR_UNSPECIFIED, COLOUR_RED, COLOUR_BLUE");
	refuse(*state, "{\"aChild\":[]}", "aChild", "must be an object");
	refuse(*state, "{\"someString\":\"x\"}", "someString", "must be a list");
	refuse(*state, "{\"someString\":[\"a\",null]}", "someString[1]", "must not be null");
	refuse(*state, "{\"someInt64\":[1,2,{\"x\":[]}]}", "someInt64[2]", "must be a whole number");
	refuse(*state, "{\"aMap\":[]}", "aMap", "must be an object");
	refuse(*state, "{\"aMap\":{\"x\":\"y\"}}", "aMap.x", "must be a whole number");
	refuse(*state, "{\"aMap\":{\"1\":null}}", "aMap.1", "must not be null");
	refuse(*state, "{\"aMap\":{\"1\":\"a\",\"2\":\"b\",\"1\":\"c\"}}", "aMap", "has a key twice");
	refuse(*state, "{\"nope\":{\"x\":[1,2]}}", "nope", "is not known here");
	refuse(*state, "{\"someChild\":[{},{\"aChild\":{\"nope\":1}}]}", "someChild[1].aChild.nope",
	       "is not known here");
	refuse(*state, "{\"aString\":\"a\",\"aString\":\"b\"}", "aString", "is given twice");
	refuse(*state, "{\"aString\":\"a\",\"a_string\":null}", "aString", "is given twice");
	refuse(*state, "{\"thisWay\":1,\"orThat\":\"x\"}", "orThat", "cannot be given together with another choice");
	refuse(*state, "[]", "body", "must be an object");
	refuse(*state, "null", "body", "must be an object");
}

static void all_violations_are_told_at_once(void **state)
{
	struct str bytes;
	const struct status status =
	    into(*state, &all, STR("{\"anInt64\":{},\"x\":1,\"aChild\":{\"aBool\":3},\"aString\":\"fine\"}"), &bytes);
	const struct violation *v = status.detail->violations;

	assert_true(status_is(status, &INVALID_REQUEST));
	assert_string_equal(v->field, "anInt64");
	assert_string_equal(v->next->field, "x");
	assert_string_equal(v->next->next->field, "aChild.aBool");
	assert_null(v->next->next->next);
}

static void many_mistakes_end_the_reading(void **state)
{
	struct buf json = buf_new(*state);
	const size_t before = arena_used(*state);
	struct status status;
	struct str bytes;
	int count = 0;

	buf_text(&json, "{\"anEnum\":0");
	for (int i = 0; i < 20000; i++)
		buf_text(&json, ",\"anEnum\":\"NONE\"");
	buf_byte(&json, '}');
	status = into(*state, &all, (struct str){ json.data, json.len }, &bytes);
	assert_true(status_is(status, &INVALID_REQUEST));
	for (const struct violation *v = status.detail->violations; v != NULL; v = v->next)
		count++;
	assert_int_equal(count, STATUS_VIOLATIONS_MAX);
	assert_true(arena_used(*state) - before < 4 * json.len);
}

static void what_is_no_json_says_where(void **state)
{
	struct str bytes;
	const struct status status = into(*state, &all, STR("{\"aString\":\"a\""), &bytes);

	assert_true(status_is(status, &MALFORMED_MESSAGE));
	assert_string_equal(status_message(status), "The body is not JSON: it ends too early, at byte 14.");
	assert_true(status_is(into(*state, &all, STR("{} {}"), &bytes), &MALFORMED_MESSAGE));
	assert_true(status_is(into(*state, &all, STR("{\"aString\":\"\xFF\"}"), &bytes), &MALFORMED_MESSAGE));
}

/* Our contracts. */

static const char *const WRONG_TIMES[] = { "",
					   "2026-11-21",
					   "2026-11-21T11:38:44",
					   "2026-11-21t11:38:44Z",
					   "2026-11-21T11:38:44z",
					   "2026-11-21 11:38:44Z",
					   "2026-02-29T00:00:00Z",
					   "2100-02-29T00:00:00Z",
					   "2026-13-01T00:00:00Z",
					   "2026-00-01T00:00:00Z",
					   "2026-04-31T00:00:00Z",
					   "2026-11-21T24:00:00Z",
					   "2026-11-21T11:60:44Z",
					   "2026-11-21T11:38:60Z",
					   "2026-11-21T11:38:44.Z",
					   "2026-11-21T11:38:44.1234567890Z",
					   "2026-11-21T11:38:44+0100",
					   "2026-11-21T11:38:44+01",
					   "2026-11-21T11:38:44Zx",
					   "0000-01-01T00:00:00Z",
					   "0001-01-01T00:00:00+00:01",
					   "9999-12-31T23:59:59-00:01",
					   "10000-01-01T00:00:00Z",
					   "-001-01-01T00:00:00Z" };
static const char *const WRONG_DURATIONS[] = { "",
					       "s",
					       "1",
					       "1.s",
					       ".5s",
					       "1.1234567890s",
					       "+1s",
					       " 1s",
					       "1 s",
					       "315576000001s",
					       "-315576000000.1s",
					       "99999999999999999999s",
					       "1h" };
static const char *const WRONG_MASKS[] = { "first_name", ",", "a,", ",a", "a,,b" };

/* Each of the texts is refused as the value of this field. */
static void refuse_texts(struct arena *arena, const char *message_name, const char *name, const char *const *texts,
			 size_t count)
{
	struct str bytes;

	for (size_t i = 0; i < count; i++) {
		const char *json = arena_printf(arena, "{\"%s\":\"%s\"}", name, texts[i]);

		if (into(arena, message(message_name), str_of(json), &bytes).reason != &INVALID_REQUEST)
			fail_msg("accepted: %s", json);
	}
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void wrong_well_known_text_is_refused(void **state)
{
	refuse_texts(*state, ORDERS, "startTime", WRONG_TIMES, COUNT(WRONG_TIMES));
	refuse_texts(*state, "quayside.warehouse.v1.ReserveStockRequest", "hold", WRONG_DURATIONS,
		     COUNT(WRONG_DURATIONS));
	refuse_texts(*state, UPDATE_ORDER, "updateMask", WRONG_MASKS, COUNT(WRONG_MASKS));
}

static struct binding bind(const struct contract_message *of, const char *outer, const char *name, const char *text,
			   struct binding *next)
{
	struct binding b = { .text = str_of(text), .source = "the path", .next = next };

	if (outer != NULL) {
		b.path[b.depth++] = field(of, outer);
		of = b.path[0]->message;
	}
	b.path[b.depth++] = field(of, name);
	return b;
}

/* The request that a PATCH of a customer makes, as JSON. */
static struct status patch_customer(struct arena *arena, const char *body, struct binding *bindings,
				    const char **ret_json)
{
	const struct contract_message *update = message(UPDATE_CUSTOMER);
	const struct transcode_request request = {
		.message = update,
		.body_field = field(update, "customer"),
		.body = str_of(body),
		.bindings = bindings,
		.derive_mask = true,
	};
	struct buf out = buf_new(arena);
	struct str bytes;

	TRY(transcode_request(arena, &request, &bytes));
	TRY(transcode_reply(arena, update, bytes, &out));
	*ret_json = out.data;
	return STATUS_OK;
}

static void path_and_body_make_one_message(void **state)
{
	const struct contract_message *update = message(UPDATE_CUSTOMER);
	struct binding etag = bind(update, "customer", "etag", "7", NULL);
	struct binding id = bind(update, "customer", "customer_id", "c-1", &etag);
	const char *json = NULL;

	assert_null(
	    patch_customer(*state,
			   "{\"lastName\":\"B\",\"etag\":\"7\",\"phone\":null,\"status\":\"CUSTOMER_STATUS_ACTIVE\"}",
			   &id, &json)
		.reason);
	assert_string_equal(json, "{\"customer\":{\"customerId\":\"c-1\",\"lastName\":\"B\",\"status\":\"CUSTOMER_"
				  "STATUS_ACTIVE\",\"etag\":\"7\"},\"updateMask\":\"lastName,phone\"}");
}

static void bindings_make_the_message_alone(void **state)
{
	const struct contract_message *update = message(UPDATE_CUSTOMER);
	struct binding mask = bind(update, NULL, "update_mask", "firstName", NULL);
	struct binding id = bind(update, "customer", "customer_id", "c-1", &mask);
	const char *json = NULL;

	assert_null(patch_customer(*state, "", &id, &json).reason);
	assert_string_equal(json, "{\"customer\":{\"customerId\":\"c-1\"},\"updateMask\":\"firstName\"}");
}

static void path_and_body_must_agree(void **state)
{
	const struct contract_message *update = message(UPDATE_CUSTOMER);
	struct binding id = bind(update, "customer", "customer_id", "c-1", NULL);
	struct binding again = bind(update, "customer", "customer_id", "c-1", NULL);
	struct binding third = bind(update, "customer", "customer_id", "c-1", NULL);
	const char *json = NULL;

	assert_null(patch_customer(*state, "{\"customerId\":\"c-1\",\"email\":\"a@b.c\"}", &id, &json).reason);
	assert_string_equal(json,
			    "{\"customer\":{\"customerId\":\"c-1\",\"email\":\"a@b.c\"},\"updateMask\":\"email\"}");
	expect_violation(patch_customer(*state, "{\"customerId\":\"c-2\"}", &again, &json), "customerId",
			 "differs from the path");
	assert_null(patch_customer(*state, "{\"customerId\":\"\"}", &third, &json).reason);
	assert_string_equal(json, "{\"customer\":{\"customerId\":\"c-1\"}}");
}

static void a_mask_of_the_whole_body_leaves_out_what_selects(void **state)
{
	const struct contract_message *update = message(UPDATE_ORDER);
	struct binding id = bind(update, NULL, "order_id", "o-1", NULL);
	const struct transcode_request request = {
		.message = update,
		.body = STR("{\"name\":\"\",\"etag\":\"3\",\"orderId\":\"o-1\"}"),
		.bindings = &id,
		.derive_mask = true,
	};
	struct buf out = buf_new(*state);
	struct str bytes;

	assert_null(transcode_request(*state, &request, &bytes).reason);
	assert_null(transcode_reply(*state, update, bytes, &out).reason);
	assert_string_equal(out.data, "{\"orderId\":\"o-1\",\"updateMask\":\"name\",\"etag\":\"3\"}");
}

static void parameters_are_read_by_type(void **state)
{
	const struct contract_message *list = message(ORDERS);
	struct binding time = bind(list, NULL, "start_time", "2026-01-01T00:00:00Z", NULL);
	struct binding size = bind(list, NULL, "page_size", "20", &time);
	struct binding second = bind(list, NULL, "states", "2", &size);
	struct binding first = bind(list, NULL, "states", "ORDER_STATE_OPEN", &second);
	const struct transcode_request request = { .message = list, .bindings = &first };
	struct buf out = buf_new(*state);
	struct str bytes;

	assert_null(transcode_request(*state, &request, &bytes).reason);
	assert_null(transcode_reply(*state, list, bytes, &out).reason);
	assert_string_equal(out.data, "{\"states\":[\"ORDER_STATE_OPEN\",\"ORDER_STATE_PLACING\"],\"startTime\":\"2026-"
				      "01-01T00:00:00Z\",\"pageSize\":20}");
}

static void wrong_parameters_are_named(void **state)
{
	const struct contract_message *list = message(ORDERS);
	struct binding bad = bind(list, NULL, "page_size", "many", NULL);
	const struct transcode_request request = { .message = list, .bindings = &bad };
	struct str bytes;

	expect_violation(transcode_request(*state, &request, &bytes), "pageSize", "must be a whole number");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(wrong_values_are_named),
		TEST(all_violations_are_told_at_once),
		TEST(many_mistakes_end_the_reading),
		TEST(what_is_no_json_says_where),
		TEST(wrong_well_known_text_is_refused),
		TEST(path_and_body_make_one_message),
		TEST(bindings_make_the_message_alone),
		TEST(path_and_body_must_agree),
		TEST(a_mask_of_the_whole_body_leaves_out_what_selects),
		TEST(parameters_are_read_by_type),
		TEST(wrong_parameters_are_named),
	};

	return cmocka_run_group_tests_name("gateway/transcode_request", tests, NULL, NULL);
}
