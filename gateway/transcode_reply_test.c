/* From the wire to JSON, and both ways: what one side writes the other reads. */
#include "gateway/transcode_fixture.h"

#include <string.h>

#include "base/uuid.h"
#include "gateway/packer.h"

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

static void an_empty_packed_list_is_none(void **state)
{
	struct buf wire = buf_new(*state);

	put_int(&wire, 5, 1);
	pack_bytes(&wire, 20, STR(""));
	assert_string_equal(reply_of(*state, &wire), "{\"anInt32\":1}");
	pack_bytes(&wire, 20, STR("\x02"));
	put_int(&wire, 24, 3);
	assert_string_equal(reply_of(*state, &wire), "{\"anInt32\":1,\"someInt64\":[\"2\"],\"thisWay\":3}");
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
		TEST(well_known_messages_are_text),
		TEST(any_order_of_the_wire_gives_the_same_json),
		TEST(an_empty_packed_list_is_none),
		TEST(broken_replies_are_our_own_mistake),
		TEST(deep_replies_are_refused),
		TEST(an_any_shows_what_it_holds),
		TEST(long_submessages_get_long_lengths),
		TEST(paths_are_shown_as_the_client_sent_them),
		TEST(random_messages_are_survived),
		TEST(random_numbers_come_back),
	};

	return cmocka_run_group_tests_name("gateway/transcode_reply", tests, NULL, NULL);
}
