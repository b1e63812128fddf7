/*
 * transcode_fixture: what the tests of transcode share: a message with a field of every kind. Included by these only.
 *
 * Usage
 *     assert_null(into(arena, &all, STR("{\"aBool\":true}"), &bytes).reason);
 */
#ifndef QUAYSIDE_GATEWAY_TRANSCODE_FIXTURE_H
#define QUAYSIDE_GATEWAY_TRANSCODE_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/transcode.h"

#define ORDERS "quayside.ordering.v1.ListOrdersRequest"
#define UPDATE_CUSTOMER "quayside.customers.v1.UpdateCustomerRequest"
#define UPDATE_ORDER "quayside.ordering.v1.UpdateOrderRequest"

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

static const struct contract_message *message(const char *name)
{
	const struct contract_message *found = contract_message(contract_load(), name);

	assert_non_null(found);
	return found;
}

static const struct contract_field *field(const struct contract_message *of, const char *name)
{
	const struct contract_field *found = contract_field_named(of, str_of(name));

	assert_non_null(found);
	return found;
}

#endif
