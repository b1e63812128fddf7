/* Requests and replies on our contracts, and on a message with a field of every kind. */
#include "gateway/transcode.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/uuid.h"
#include "gateway/json.h"
#include "gateway/packer.h"
#include "gateway/scalar.h"

static int setup(void **state)
{
	*state = arena_new(16384, 0);
	return 0;
}

static int teardown(void **state)
{
	arena_free(*state);
	return 0;
}

/* A message with everything that our contracts have, and what they do not have. */

static const struct contract_enum_value colour_values[] = { { "COLOUR_UNSPECIFIED", 0 },
							    { "COLOUR_RED", 1 },
							    { "COLOUR_BLUE", -2 } };
static const struct contract_enum colour = { "test.Colour", colour_values, 3 };

static const struct contract_field entry_fields[] = {
	{ .name = "key", .json_name = "key", .number = 1, .type = CONTRACT_INT32, .oneof = -1 },
	{ .name = "value", .json_name = "value", .number = 2, .type = CONTRACT_STRING, .oneof = -1 },
};
static const struct contract_message entry = { "test.All.MapEntry", entry_fields, 2, true };

static const struct contract_message all;

#define ONE(name_, json_, number_, type_)                                                                              \
	{                                                                                                              \
		.name = (name_), .json_name = (json_), .number = (number_), .type = (type_), .oneof = -1               \
	}
#define LIST(name_, json_, number_, type_)                                                                             \
	{                                                                                                              \
		.name = (name_), .json_name = (json_), .number = (number_), .type = (type_), .oneof = -1,              \
		.repeated = true, .packed = true                                                                       \
	}

static const struct contract_field all_fields[] = {
	ONE("a_double", "aDouble", 1, CONTRACT_DOUBLE),
	ONE("a_float", "aFloat", 2, CONTRACT_FLOAT),
	ONE("an_int64", "anInt64", 3, CONTRACT_INT64),
	ONE("an_uint64", "anUint64", 4, CONTRACT_UINT64),
	ONE("an_int32", "anInt32", 5, CONTRACT_INT32),
	ONE("a_fixed64", "aFixed64", 6, CONTRACT_FIXED64),
	ONE("a_fixed32", "aFixed32", 7, CONTRACT_FIXED32),
	ONE("a_bool", "aBool", 8, CONTRACT_BOOL),
	ONE("a_string", "aString", 9, CONTRACT_STRING),
	{ .name = "a_child",
	  .json_name = "aChild",
	  .number = 11,
	  .type = CONTRACT_MESSAGE,
	  .oneof = -1,
	  .message = &all },
	ONE("a_bytes", "aBytes", 12, CONTRACT_BYTES),
	ONE("an_uint32", "anUint32", 13, CONTRACT_UINT32),
	{ .name = "an_enum",
	  .json_name = "anEnum",
	  .number = 14,
	  .type = CONTRACT_ENUM,
	  .oneof = -1,
	  .enumeration = &colour },
	ONE("a_sfixed32", "aSfixed32", 15, CONTRACT_SFIXED32),
	ONE("a_sfixed64", "aSfixed64", 16, CONTRACT_SFIXED64),
	ONE("a_sint32", "aSint32", 17, CONTRACT_SINT32),
	ONE("a_sint64", "aSint64", 18, CONTRACT_SINT64),
	LIST("some_int64", "someInt64", 20, CONTRACT_INT64),
	LIST("some_string", "someString", 21, CONTRACT_STRING),
	{ .name = "some_child",
	  .json_name = "someChild",
	  .number = 22,
	  .type = CONTRACT_MESSAGE,
	  .oneof = -1,
	  .repeated = true,
	  .message = &all },
	{ .name = "a_map",
	  .json_name = "aMap",
	  .number = 23,
	  .type = CONTRACT_MESSAGE,
	  .oneof = -1,
	  .repeated = true,
	  .map = true,
	  .message = &entry },
	{ .name = "this_way", .json_name = "thisWay", .number = 24, .type = CONTRACT_INT32, .oneof = 0 },
	{ .name = "or_that", .json_name = "orThat", .number = 25, .type = CONTRACT_STRING, .oneof = 0 },
};
static const struct contract_message all = { "test.All", all_fields, sizeof(all_fields) / sizeof(all_fields[0]),
					     false };

static struct status into(struct arena *arena, const struct contract_message *message, struct str json,
			  struct str *ret_bytes)
{
	const struct transcode_request request = { .message = message, .body = json };

	return transcode_request(arena, &request, ret_bytes);
}

/* From JSON to the wire and back. */
static const char *round_trip(struct arena *arena, const struct contract_message *message, const char *json)
{
	struct buf out = buf_new(arena);
	struct str bytes;
	struct status status = into(arena, message, str_of(json), &bytes);

	if (status.reason != NULL)
		fail_msg("refused (%s: %s): %s", status.reason->name,
			 status.detail->violations == NULL ? status_message(status)
							   : status.detail->violations->description,
			 json);
	status = transcode_reply(arena, message, bytes, &out);
	assert_null(status.reason);
	return out.data;
}

static void expect_same(struct arena *arena, const char *json)
{
	assert_string_equal(round_trip(arena, &all, json), json);
}

/* One violation, with this field and this description. */
static void expect_violation(struct status status, const char *field, const char *description)
{
	assert_true(status_is(status, &INVALID_REQUEST));
	assert_non_null(status.detail->violations);
	assert_string_equal(status.detail->violations->field, field);
	assert_string_equal(status.detail->violations->description, description);
	assert_null(status.detail->violations->next);
}

static void refuse(struct arena *arena, const char *json, const char *field, const char *description)
{
	struct str bytes = STR("untouched");

	expect_violation(into(arena, &all, str_of(json), &bytes), field, description);
	assert_true(str_is(bytes, "untouched"));
}

static void all_kinds_come_back(void **state)
{
	expect_same(*state, "{\"aDouble\":1.5,\"aFloat\":0.1,\"anInt64\":\"-9223372036854775808\",\"anUint64\":"
			    "\"18446744073709551615\","
			    "\"anInt32\":-2147483648,\"aFixed64\":\"18446744073709551615\",\"aFixed32\":4294967295,"
			    "\"aBool\":true,\"aString\":\"\xC3\xBC\\u0000z\","
			    "\"aChild\":{\"aString\":\"in\",\"aChild\":{}},\"aBytes\":\"AP/"
			    "+\",\"anUint32\":4294967295,\"anEnum\":\"COLOUR_BLUE\",\"aSfixed32\":-1,"
			    "\"aSfixed64\":\"-1\",\"aSint32\":-2147483648,\"aSint64\":\"-9223372036854775808\","
			    "\"someInt64\":[\"0\",\"-1\",\"9223372036854775807\"],"
			    "\"someString\":[\"\",\"x\"],\"someChild\":[{},{\"aBool\":true}],\"aMap\":{\"-3\":\"c\","
			    "\"0\":\"\"},\"thisWay\":0}");
	expect_same(*state, "{}");
	expect_same(*state, "{\"orThat\":\"\"}");
	expect_same(*state, "{\"aDouble\":\"NaN\",\"aFloat\":\"-Infinity\"}");
}

static void other_spellings_are_understood(void **state)
{
	assert_string_equal(
	    round_trip(*state, &all,
		       "{\"an_int64\":1e3,\"an_int32\":\"7\",\"a_bytes\":\"_-8\",\"an_enum\":1,\"\\u0061Bool\":true}"),
	    "{\"anInt64\":\"1000\",\"anInt32\":7,\"aBool\":true,\"aBytes\":\"/+8=\",\"anEnum\":\"COLOUR_RED\"}");
	assert_string_equal(
	    round_trip(*state, &all,
		       "{\"anEnum\":77,\"aBytes\":\"/+8=\",\"aDouble\":\"2.5\",\"anUint64\":18446744073709551615}"),
	    "{\"aDouble\":2.5,\"anUint64\":\"18446744073709551615\",\"aBytes\":\"/+8=\",\"anEnum\":77}");
}

static void null_and_zero_mean_absent(void **state)
{
	assert_string_equal(round_trip(*state, &all,
				       "{\"anInt64\":null,\"aChild\":null,\"someString\":null,\"aMap\":null,"
				       "\"thisWay\":null,\"orThat\":\"x\"}"),
			    "{\"orThat\":\"x\"}");
	assert_string_equal(round_trip(*state, &all,
				       "{\"anInt64\":0,\"aString\":\"\",\"aBool\":false,\"anEnum\":0,\"aDouble\":0,"
				       "\"someString\":[],\"aMap\":{}}"),
			    "{}");
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

static const struct contract_message *message(const char *name)
{
	const struct contract_message *found = contract_message(contract_load(), name);

	assert_non_null(found);
	return found;
}

static const char ORDERS[] = "quayside.ordering.v1.ListOrdersRequest";
static const char UPDATE_CUSTOMER[] = "quayside.customers.v1.UpdateCustomerRequest";
static const char UPDATE_ORDER[] = "quayside.ordering.v1.UpdateOrderRequest";

static void well_known_messages_are_text(void **state)
{
	static const struct {
		const char *in, *out;
	} times[] = {
		{ "2026-11-21T11:38:44Z", "2026-11-21T11:38:44Z" },
		{ "2026-11-21T11:38:44.5+02:00", "2026-11-21T09:38:44.500Z" },
		{ "1969-12-31T23:59:59.000001-00:30", "1970-01-01T00:29:59.000001Z" },
		{ "1970-01-01T00:00:00.000000001Z", "1970-01-01T00:00:00.000000001Z" },
		{ "0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z" },
		{ "9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999999999Z" },
		{ "2024-02-29T00:00:00.120000000Z", "2024-02-29T00:00:00.120Z" },
		{ "1600-02-29T12:00:00Z", "1600-02-29T12:00:00Z" },
	};
	static const struct {
		const char *in, *out;
	} durations[] = { { "1.5s", "1.500s" },
			  { "-0.25s", "-0.250s" },
			  { "0s", "0s" },
			  { "315576000000s", "315576000000s" },
			  { "3.000001s", "3.000001s" } };

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		assert_string_equal(
		    round_trip(*state, message(ORDERS), arena_printf(*state, "{\"startTime\":\"%s\"}", times[i].in)),
		    arena_printf(*state, "{\"startTime\":\"%s\"}", times[i].out));
	for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++)
		assert_string_equal(round_trip(*state, message("quayside.warehouse.v1.ReserveStockRequest"),
					       arena_printf(*state, "{\"hold\":\"%s\"}", durations[i].in)),
				    arena_printf(*state, "{\"hold\":\"%s\"}", durations[i].out));
	assert_string_equal(round_trip(*state, message(UPDATE_ORDER), "{\"updateMask\":\"firstName,a.bCd\"}"),
			    "{\"updateMask\":\"firstName,a.bCd\"}");
	assert_string_equal(round_trip(*state, message(UPDATE_ORDER), "{\"updateMask\":\"\"}"),
			    "{\"updateMask\":\"\"}");
}

static void wrong_well_known_text_is_refused(void **state)
{
	static const char *const times[] = { "",
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
	static const char *const durations[] = { "",
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
	static const char *const masks[] = { "first_name", ",", "a,", ",a", "a,,b" };
	struct str bytes;

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		if (into(*state, message(ORDERS), str_of(arena_printf(*state, "{\"startTime\":\"%s\"}", times[i])),
			 &bytes)
			.reason != &INVALID_REQUEST)
			fail_msg("accepted as a time: %s", times[i]);
	for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++)
		if (into(*state, message("quayside.warehouse.v1.ReserveStockRequest"),
			 str_of(arena_printf(*state, "{\"hold\":\"%s\"}", durations[i])), &bytes)
			.reason != &INVALID_REQUEST)
			fail_msg("accepted as a duration: %s", durations[i]);
	for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++)
		if (into(*state, message(UPDATE_ORDER),
			 str_of(arena_printf(*state, "{\"updateMask\":\"%s\"}", masks[i])), &bytes)
			.reason != &INVALID_REQUEST)
			fail_msg("accepted as a mask: %s", masks[i]);
}

static const struct contract_field *field(const struct contract_message *of, const char *name)
{
	const struct contract_field *found = contract_field_named(of, str_of(name));

	assert_non_null(found);
	return found;
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
	const struct transcode_request request = { update, field(update, "customer"), str_of(body), bindings, true };
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
	const char *json;

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
	const char *json;

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
	const struct transcode_request request = { update, NULL,
						   STR("{\"name\":\"\",\"etag\":\"3\",\"orderId\":\"o-1\"}"), &id,
						   true };
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

/* Replies that no packer of ours makes, but protobuf allows. */

static const char *reply_of(struct arena *arena, struct buf *wire)
{
	struct buf out = buf_new(arena);

	assert_null(transcode_reply(arena, &all, (struct str){ wire->data, wire->len }, &out).reason);
	return out.data;
}

static void put_int(struct buf *wire, uint32_t number, uint64_t value)
{
	pack_tag(wire, number, WIRE_VARINT);
	pack_varint(wire, value);
}

static void any_order_of_the_wire_gives_the_same_json(void **state)
{
	struct buf wire = buf_new(*state);

	pack_bytes(&wire, 11, STR("\x18\x05")); /* aChild.anInt64 = 5 */
	put_int(&wire, 20, 7);
	put_int(&wire, 5, 1);
	pack_bytes(&wire, 25, STR("lost"));
	put_int(&wire, 99, 1); /* unknown */
	pack_bytes(&wire, 20, STR("\x08\x09"));
	pack_bytes(&wire, 11, STR("\x28\x06")); /* aChild.anInt32 = 6: merged */
	put_int(&wire, 5, 2);
	put_int(&wire, 24, 0);
	assert_string_equal(reply_of(*state, &wire), "{\"anInt32\":2,\"aChild\":{\"anInt64\":\"5\",\"anInt32\":6},"
						     "\"someInt64\":[\"7\",\"8\",\"9\"],\"thisWay\":0}");
}

static void broken_replies_are_our_own_mistake(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} broken[] = { { "\x08", 1 },
		       { "\x5A\x05x", 3 },
		       { "\x48\x01", 2 },
		       { "\x1D\x01\x02", 3 },
		       { "\xA2\x01\x02\xFF\xFF", 5 },
		       { "\x0B", 1 } };
	struct buf out = buf_new(*state);

	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
		assert_true(
		    status_is(transcode_reply(*state, &all, (struct str){ broken[i].bytes, broken[i].len }, &out),
			      &INTERNAL_ERROR));
}

static void deep_replies_are_refused(void **state)
{
	struct str bytes = STR("");
	struct buf out = buf_new(*state);

	for (int depth = 0; depth < TRANSCODE_DEPTH; depth++) {
		struct buf wire = buf_new(*state);

		assert_null(transcode_reply(*state, &all, bytes, &out).reason);
		pack_bytes(&wire, 11, bytes);
		bytes = (struct str){ wire.data, wire.len };
	}
	assert_true(status_is(transcode_reply(*state, &all, bytes, &out), &INTERNAL_ERROR));
}

static void an_any_shows_what_it_holds(void **state)
{
	const struct contract_message *any = message("google.protobuf.Any");
	struct buf out = buf_new(*state);
	struct buf wire = buf_new(*state);
	struct str money;

	assert_null(into(*state, message("quayside.common.v1.Money"),
			 STR("{\"currencyCode\":\"EUR\",\"minorUnits\":5}"), &money)
			.reason);
	pack_bytes(&wire, 1, STR("type.googleapis.com/quayside.common.v1.Money"));
	pack_bytes(&wire, 2, money);
	assert_null(transcode_reply(*state, any, (struct str){ wire.data, wire.len }, &out).reason);
	assert_string_equal(out.data, "{\"@type\":\"type.googleapis.com/"
				      "quayside.common.v1.Money\",\"currencyCode\":\"EUR\",\"minorUnits\":\"5\"}");
	out = buf_new(*state);
	assert_null(transcode_reply(*state, any, STR(""), &out).reason);
	assert_string_equal(out.data, "{}");
}

static void long_submessages_get_long_lengths(void **state)
{
	char *text = arena_alloc(*state, 20001);

	memset(text, 'x', 20000);
	for (size_t len = 100; len <= 20000; len = len < 140 ? len + 1 : len + 997) {
		const char *json = arena_printf(
		    *state, "{\"aChild\":{\"aChild\":{\"aString\":\"%.*s\"}},\"anUint32\":1}", (int)len, text);

		assert_string_equal(round_trip(*state, &all, json), json);
	}
}

static void paths_are_shown_as_the_client_sent_them(void **state)
{
	const struct contract_message *update = message(UPDATE_CUSTOMER);
	const struct contract_field *body = field(update, "customer");

	assert_string_equal(transcode_json_path(*state, update, body, "customer.addresses[2].address.postal_code"),
			    "addresses[2].address.postalCode");
	assert_string_equal(transcode_json_path(*state, update, NULL, "customer.first_name"), "customer.firstName");
	assert_string_equal(transcode_json_path(*state, update, body, "customer"), "customer");
	assert_string_equal(transcode_json_path(*state, update, body, "update_mask"), "updateMask");
	assert_string_equal(transcode_json_path(*state, update, body, "who.knows_this"), "who.knows_this");
}

/* Random bytes of any message: an answer, never a crash; what is accepted is stable under a second trip. */
static void random_messages_are_survived(void **state)
{
	(void)state;
	for (int i = 0; i < 5000; i++) {
		struct arena *arena = arena_new(4096, 0);
		unsigned char noise[64];
		struct buf wire = buf_new(arena);
		struct buf out = buf_new(arena);
		struct buf again = buf_new(arena);
		struct str bytes;

		random_bytes(noise, sizeof(noise));
		for (size_t at = 0; at + 3 < sizeof(noise); at += 4) {
			pack_tag(&wire, 1 + noise[at] % 26,
				 (enum wire_type[]){ WIRE_VARINT, WIRE_FIXED64, WIRE_BYTES,
						     WIRE_FIXED32 }[noise[at + 1] % 4]);
			buf_bytes(&wire, noise + at + 2, noise[at + 3] % 3);
		}
		if (transcode_reply(arena, &all, (struct str){ wire.data, wire.len }, &out).reason == NULL &&
		    into(arena, &all, (struct str){ out.data, out.len }, &bytes).reason == NULL) {
			assert_null(transcode_reply(arena, &all, bytes, &again).reason);
			assert_string_equal(again.data, out.data);
		}
		arena_free(arena);
	}
}

static uint64_t random_number(void)
{
	uint64_t value;
	uint8_t shift;

	random_bytes(&value, sizeof(value));
	random_bytes(&shift, sizeof(shift));
	return value >> (shift % 64);
}

/* Every value of every numeric type survives: wire, JSON, wire. */
static void random_numbers_come_back(void **state)
{
	(void)state;
	for (int i = 0; i < 3000; i++) {
		struct arena *arena = arena_new(4096, 0);
		struct buf wire = buf_new(arena);
		struct buf out = buf_new(arena);
		struct str bytes;

		put_int(&wire, 3, random_number() | 1);
		put_int(&wire, 4, random_number() | 1);
		put_int(&wire, 5, (uint64_t)(int64_t)(int32_t)(random_number() | 1));
		put_int(&wire, 13, (uint32_t)(random_number() | 1));
		put_int(&wire, 17, (uint32_t)(random_number() | 1));
		put_int(&wire, 18, random_number() | 1);
		assert_null(transcode_reply(arena, &all, (struct str){ wire.data, wire.len }, &out).reason);
		assert_null(into(arena, &all, (struct str){ out.data, out.len }, &bytes).reason);
		assert_int_equal(bytes.len, wire.len);
		assert_memory_equal(bytes.data, wire.data, wire.len);
		arena_free(arena);
	}
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_kinds_come_back),
		TEST(other_spellings_are_understood),
		TEST(null_and_zero_mean_absent),
		TEST(wrong_values_are_named),
		TEST(all_violations_are_told_at_once),
		TEST(what_is_no_json_says_where),
		TEST(well_known_messages_are_text),
		TEST(wrong_well_known_text_is_refused),
		TEST(path_and_body_make_one_message),
		TEST(bindings_make_the_message_alone),
		TEST(path_and_body_must_agree),
		TEST(a_mask_of_the_whole_body_leaves_out_what_selects),
		TEST(parameters_are_read_by_type),
		TEST(wrong_parameters_are_named),
		TEST(any_order_of_the_wire_gives_the_same_json),
		TEST(broken_replies_are_our_own_mistake),
		TEST(deep_replies_are_refused),
		TEST(an_any_shows_what_it_holds),
		TEST(long_submessages_get_long_lengths),
		TEST(paths_are_shown_as_the_client_sent_them),
		TEST(random_messages_are_survived),
		TEST(random_numbers_come_back),
	};

	return cmocka_run_group_tests_name("gateway/transcode", tests, NULL, NULL);
}
