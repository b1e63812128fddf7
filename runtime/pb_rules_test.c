/*
 * What pb_check() promises, as a list of cases: bytes and what is found wrong with them.
 * A message made by hand has one field for every type and every rule; update masks are tried on the contracts themselves.
 */
#include "runtime/pb.h"

#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define ID "018f2f6e-0000-7000-8000-000000000001"

static struct arena *arena;

static const struct contract_enum_value colors[] = { { "COLOR_UNSPECIFIED", 0 }, { "RED", 1 }, { "MINUS", -7 } };
static const struct contract_enum color = { "Color", colors, 3 };

static const struct contract_message thing; /* refers to itself */

#define FIELD(number_, name_, type_, ...)                                                                              \
	{                                                                                                              \
		.name = (name_), .json_name = (name_), .number = (number_), .type = (type_), .oneof = -1, __VA_ARGS__  \
	}
#define ALTERNATIVE(number_, name_, type_, ...)                                                                        \
	{                                                                                                              \
		.name = (name_), .json_name = (name_), .number = (number_), .type = (type_), .oneof = 0, __VA_ARGS__   \
	}
#define RULES(...) .rules = { __VA_ARGS__ }

static struct contract_field thing_fields[] = {
	FIELD(1, "text", CONTRACT_STRING, RULES(.min_length = 2, .max_length = 5)),
	FIELD(2, "form", CONTRACT_STRING, RULES(.max_length = 5, .pattern = "a|b+")),
	FIELD(3, "raw", CONTRACT_BYTES, RULES(.min_length = 2, .max_length = 3)),
	FIELD(4, "small", CONTRACT_INT32, RULES(.has_range = true, .min = -5, .max = 5)),
	FIELD(5, "zigzag", CONTRACT_SINT64, RULES(.has_range = true, .min = -5, .max = 5)),
	FIELD(6, "huge", CONTRACT_UINT64, RULES(.has_range = true, .min = 0, .max = INT64_MAX)),
	FIELD(7, "wide", CONTRACT_SFIXED64, RULES(.has_range = true, .min = -1, .max = 1)),
	FIELD(8, "narrow", CONTRACT_FIXED32, RULES(.has_range = true, .min = 0, .max = 9)),
	FIELD(9, "real", CONTRACT_DOUBLE, RULES(.has_range = true, .min = 0, .max = 1)),
	FIELD(10, "flag", CONTRACT_BOOL, RULES(.required = false)),
	FIELD(11, "color", CONTRACT_ENUM, .enumeration = &color),
	FIELD(12, "colors", CONTRACT_ENUM, .enumeration = &color, .repeated = true, .packed = true,
	      RULES(.max_items = 3)),
	FIELD(13, "numbers", CONTRACT_INT64, .repeated = true, .packed = true,
	      RULES(.max_items = 3, .has_range = true, .min = 1, .max = 9)),
	FIELD(14, "texts", CONTRACT_STRING, .repeated = true, RULES(.max_items = 2, .min_length = 1, .max_length = 3)),
	FIELD(15, "child", CONTRACT_MESSAGE, .message = &thing),
	FIELD(16, "children", CONTRACT_MESSAGE, .message = &thing, .repeated = true, RULES(.max_items = 2)),
	FIELD(17, "made", CONTRACT_MESSAGE, .message = &thing, RULES(.output_only = true)),
	FIELD(18, "seal", CONTRACT_STRING, RULES(.output_only = true, .required = true, .max_length = 1)),
	ALTERNATIVE(19, "either", CONTRACT_INT32, RULES(.has_range = true, .min = 3, .max = 4)),
	ALTERNATIVE(20, "or", CONTRACT_STRING, RULES(.format = FORMAT_SKU)),
	FIELD(21, "ratio", CONTRACT_FLOAT, RULES(.has_range = true, .min = 0, .max = 1)),
};
static const struct contract_message thing = { "test.Thing", thing_fields,
					       sizeof(thing_fields) / sizeof(thing_fields[0]), false };

static struct contract_field need_fields[] = {
	FIELD(1, "text", CONTRACT_STRING, RULES(.required = true)),
	FIELD(2, "number", CONTRACT_INT32, RULES(.required = true, .has_range = true, .min = 1, .max = 9)),
	FIELD(3, "color", CONTRACT_ENUM, .enumeration = &color, RULES(.required = true)),
	FIELD(4, "list", CONTRACT_STRING, .repeated = true, RULES(.required = true)),
	FIELD(5, "part", CONTRACT_MESSAGE, .message = &thing, RULES(.required = true)),
	FIELD(6, "positive", CONTRACT_INT32, RULES(.has_range = true, .min = 1, .max = INT64_MAX)),
	FIELD(7, "raw", CONTRACT_BYTES, RULES(.required = true)),
};
static const struct contract_message need = { "test.Need", need_fields, sizeof(need_fields) / sizeof(need_fields[0]),
					      false };

static int set_up(void **state)
{
	struct contract_rules *form = &thing_fields[1].rules;

	(void)state;
	arena = arena_new(4096, 0);
	assert_int_equal(regcomp(&form->regex, "^(a|b+)$", REG_EXTENDED | REG_NOSUB), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	regfree(&thing_fields[1].rules.regex);
	arena_free(arena);
	return 0;
}

/* "OK", or the reason's name if it is not INVALID_REQUEST, and all violations as "field description; ...". */
static const char *verdict(const struct contract_message *message, struct str bytes)
{
	const struct status status = pb_check(arena, message, bytes);
	struct buf text = buf_new(arena);

	if (status.reason == NULL)
		return "OK";
	if (!status_is(status, &INVALID_REQUEST))
		buf_text(&text, status.reason->name);
	for (const struct violation *violation = status.detail == NULL ? NULL : status.detail->violations;
	     violation != NULL; violation = violation->next)
		buf_printf(&text, "%s%s %s", text.len == 0 ? "" : "; ", violation->field, violation->description);
	return text.len == 0 ? "" : text.data;
}

struct test_case {
	struct str bytes;
	const char *verdict;
};

static void check_all(const struct contract_message *message, const struct test_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *found = verdict(message, cases[i].bytes);

		if (strcmp(found, cases[i].verdict) != 0)
			fail_msg("case %zu: expected '%s', found '%s'", i, cases[i].verdict, found);
	}
}

#define CHECK(message_, ...)                                                                                           \
	do {                                                                                                           \
		const struct test_case cases_[] = { __VA_ARGS__ };                                                     \
		check_all((message_), cases_, sizeof(cases_) / sizeof(cases_[0]));                                     \
	} while (0)

static void texts(void **state)
{
	(void)state;
	CHECK(&thing, { STR(""), "OK" },
	      { STR("\x0a\x02"
		    "ab"),
		"OK" },
	      { STR("\x0a\x05"
		    "abcde"),
		"OK" },
	      { STR("\x0a\x01"
		    "a"),
		"text must have at least 2 characters" },
	      { STR("\x0a\x06"
		    "abcdef"),
		"text must have at most 5 characters" },
	      { STR("\x0a\x0a\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"), "OK" }, /* five characters in ten bytes */
	      { STR("\x0a\x00"), "OK" },                                         /* absent */
	      { STR("\x0a\x02"
		    "a\xff"),
		"text is not valid UTF-8" },
	      { STR("\x0a\x03\xed\xa0\x80"), "text is not valid UTF-8" }, /* a surrogate */
	      { STR("\x0a\x03"
		    "a\0b"),
		"text must not hold the character NUL" },
	      { STR("\x12\x01"
		    "a"),
		"OK" },
	      { STR("\x12\x03"
		    "bbb"),
		"OK" },
	      { STR("\x12\x02"
		    "ab"),
		"form does not have the form that it must have" }, /* anchored on both sides, */
	      { STR("\x12\x02"
		    "ba"),
		"form does not have the form that it must have" }, /* the alternatives together */
	      { STR("\x12\x02"
		    "a\n"),
		"form does not have the form that it must have" },
	      { STR("\x12\x06"
		    "bbbbbb"),
		"form must have at most 5 characters" },
	      { STR("\x1a\x01"
		    "\xff"),
		"raw must have at least 2 bytes" },
	      { STR("\x1a\x02\0\xff"), "OK" }, { STR("\x1a\x04\0\0\0\0"), "raw must have at most 3 bytes" },
	      { STR("\x1a\x00"), "OK" });
}

static void numbers(void **state)
{
	(void)state;
	CHECK(&thing, { STR("\x20\x05"), "OK" }, { STR("\x20\x06"), "small must be between -5 and 5" },
	      { STR("\x20\xfb\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "OK" }, /* -5 */
	      { STR("\x20\xfa\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "small must be between -5 and 5" },
	      { STR("\x28\x09"), "OK" }, /* -5, zigzag */
	      { STR("\x28\x0b"), "zigzag must be between -5 and 5" },
	      { STR("\x30\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), "OK" },
	      { STR("\x30\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "huge must be at least 0" }, /* above int64 */
	      { STR("\x39\xff\xff\xff\xff\xff\xff\xff\xff"), "OK" },
	      { STR("\x39\xfe\xff\xff\xff\xff\xff\xff\xff"), "wide must be between -1 and 1" },
	      { STR("\x45\x09\0\0\0"), "OK" }, { STR("\x45\xff\xff\xff\xff"), "narrow must be between 0 and 9" },
	      { STR("\x49\0\0\0\0\0\0\xe0\x3f"), "OK" }, /* 0.5 */
	      { STR("\x49\0\0\0\0\0\0\0\x40"), "real must be between 0 and 1" },
	      { STR("\x49\0\0\0\0\0\0\xf8\x7f"), "real must be between 0 and 1" }, /* NaN */
	      { STR("\xad\x01\0\0\0\x3f"), "OK" },
	      { STR("\xad\x01\0\0\x80\x7f"), "ratio must be between 0 and 1" }, /* infinity */
	      { STR("\x20\x06\x20\x05"), "small must be between -5 and 5" },    /* each occurrence is looked at */
	      { STR("\x50\x01"), "OK" });
}

static void enums(void **state)
{
	(void)state;
	CHECK(&thing, { STR("\x58\x01"), "OK" }, { STR("\x58\x02"), "color is not one of the known values" },
	      { STR("\x58\xf9\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "OK" }, /* -7 */
	      { STR("\x62\x02\x01\x05"), "colors[1] is not one of the known values" },
	      { STR("\x60\x05"), "colors[0] is not one of the known values" }); /* not packed is as good */
}

static void lists(void **state)
{
	(void)state;
	CHECK(&thing, { STR("\x6a\x03\x01\x02\x03"), "OK" },
	      { STR("\x6a\x04\x01\x02\x03\x04"), "numbers must have at most 3 elements" },
	      { STR("\x6a\x02\x01\x02\x68\x03\x68\x04"), "numbers must have at most 3 elements" },
	      { STR("\x6a\x02\x01\x00"), "numbers[1] must be between 1 and 9" }, { STR("\x6a\x00"), "OK" },
	      { STR("\x72\x01"
		    "a\x72\x01"
		    "b"),
		"OK" },
	      { STR("\x72\x01"
		    "a\x72\x00"),
		"texts[1] must have at least 1 characters" }, /* an element is there, even if empty */
	      { STR("\x72\x04"
		    "abcd\x72\x01"
		    "b\x72\x01"
		    "c"),
		"texts[0] must have at most 3 characters; texts must have at most 2 elements" });
}

static void messages(void **state)
{
	(void)state;
	CHECK(&thing, { STR("\x7a\x02\x20\x06"), "child.small must be between -5 and 5" },
	      { STR("\x7a\x04\x7a\x02\x20\x06"), "child.child.small must be between -5 and 5" },
	      { STR("\x82\x01\x00\x82\x01\x02\x20\x06"), "children[1].small must be between -5 and 5" },
	      { STR("\x82\x01\x05\x82\x01\x02\x20\x06"), "children[0].children[0].small must be between -5 and 5" },
	      { STR("\x82\x01\x00\x82\x01\x00\x82\x01\x00"), "children must have at most 2 elements" },
	      { STR("\x7a\x00\x7a\x00"), "child is given twice" },
	      { STR("\x20\x06\x28\x0b"), "small must be between -5 and 5; zigzag must be between -5 and 5" });
}

static void what_the_service_sets_is_not_judged(void **state)
{
	(void)state;
	CHECK(&thing, { STR("\x8a\x01\x02\x20\x06"), "OK" }, { STR("\x8a\x01\x02\x58\x09"), "OK" },
	      { STR("\x92\x01\x02"
		    "xy"),
		"OK" },
	      { STR("\x92\x01\x01\xff"), "seal is not valid UTF-8" },
	      { STR("\x8a\x01\x03\x0a\x01\xff"), "made.text is not valid UTF-8" },
	      { STR("\x8a\x01\x02\x7a\xff"), "MALFORMED_MESSAGE; made cannot be read" },
	      { STR("\x90\x01\x01"), "seal has the wrong type" });
}

static void alternatives(void **state)
{
	(void)state;
	/* Absent is absent: there is no zero to be out of range. */
	CHECK(&thing, { STR("\x98\x01\x03"), "OK" }, { STR("\x98\x01\x05"), "either must be between 3 and 4" },
	      { STR("\xa2\x01\x01"
		    "A"),
		"OK" },
	      { STR("\x98\x01\x03\xa2\x01\x01"
		    "A"),
		"OK" },
	      { STR("\xa2\x01\x01-"),
		"or must be a letter or digit, then up to 39 letters, digits, dots, underscores or hyphens" });
}

static void wrong_types(void **state)
{
	(void)state;
	CHECK(&thing, { STR("\x08\x01"), "text has the wrong type" }, { STR("\x22\x01x"), "small has the wrong type" },
	      { STR("\x25\0\0\0\0"), "small has the wrong type" }, { STR("\x78\x01"), "child has the wrong type" },
	      { STR("\x69\0\0\0\0\0\0\0\0"), "numbers has the wrong type" },
	      { STR("\x70\x01"), "texts has the wrong type" },
	      { STR("\x7a\x02\x08\x01"), "child.text has the wrong type" });
}

static void unknown_fields_are_passed_over(void **state)
{
	(void)state;
	CHECK(&thing, { STR("\xf8\x07\x01"), "OK" }, { STR("\xfa\x07\x02\xff\xff"), "OK" },
	      { STR("\xfd\x07\0\0\0\0"), "OK" }, { STR("\xfd\x07\0\0\0"), "MALFORMED_MESSAGE" });
}

static void what_is_no_protobuf(void **state)
{
	(void)state;
	CHECK(&thing, { STR("\x0a"), "MALFORMED_MESSAGE" },
	      { STR("\x0a\x05"
		    "abc"),
		"MALFORMED_MESSAGE" },
	      { STR("\x08"), "MALFORMED_MESSAGE" }, { STR("\x00\x01"), "MALFORMED_MESSAGE" }, /* field 0 */
	      { STR("\x0b\x0c"), "MALFORMED_MESSAGE" },                                       /* a group */
	      { STR("\x0e"), "MALFORMED_MESSAGE" }, { STR("\x0f"), "MALFORMED_MESSAGE" },     /* wire types 6 and 7 */
	      { STR("\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), "MALFORMED_MESSAGE" },   /* more than 64 bits */
	      { STR("\x20\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"), "MALFORMED_MESSAGE" },
	      { STR("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00"),
		"MALFORMED_MESSAGE" }, /* a field number beyond 2^29 */
	      { STR("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "MALFORMED_MESSAGE" }, /* a length beyond memory */
	      { STR("\x7a\x01\x0a"), "MALFORMED_MESSAGE; child cannot be read" },
	      { STR("\x6a\x01\x80"), "MALFORMED_MESSAGE; numbers cannot be read" },
	      { STR("\x82\x01\x00\x82\x01\x01\xff"), "MALFORMED_MESSAGE; children[1] cannot be read" });
}

static void what_is_needed(void **state)
{
	(void)state;
	CHECK(&need,
	      { STR(""), "text is required; number is required; color is required; list is required; part is required;"
			 " positive must be at least 1; raw is required" },
	      { STR("\x0a\x01x\x10\x01\x18\x01\x22\x00\x2a\x00\x30\x01\x3a\x01x"), "OK" },
	      { STR("\x0a\x00\x10\x00\x18\x00\x22\x00\x2a\x00\x30\x01\x3a\x00"), /* defaults are absent */
		"number must be between 1 and 9; text is required; number is required; color is required; raw is "
		"required" },
	      { STR("\x0a\x01x\x0a\x00\x10\x01\x18\x01\x22\x00\x2a\x00\x30\x01\x3a\x01x"),
		"text is required" }); /* the last one holds */
}

/* child.child.child... */
static struct str nested(size_t depth)
{
	struct str bytes = STR("");

	for (size_t i = 0; i < depth; i++) {
		struct buf outer = buf_new(arena);

		buf_byte(&outer, '\x7a');
		if (bytes.len > 127)
			buf_byte(&outer, (char)(0x80 | (bytes.len & 0x7f)));
		buf_byte(&outer, (char)(bytes.len > 127 ? bytes.len >> 7 : bytes.len));
		buf_bytes(&outer, bytes.data, bytes.len);
		bytes = (struct str){ outer.data, outer.len };
	}
	return bytes;
}

static void depth_is_limited(void **state)
{
	(void)state;
	CHECK(&thing, { nested(PB_MAX_DEPTH - 1), "OK" }, { nested(PB_MAX_DEPTH), "MESSAGE_TOO_COMPLEX" },
	      { nested(1000), "MESSAGE_TOO_COMPLEX" });
}

static void many_violations_are_counted(void **state)
{
	struct buf bytes = buf_new(arena);
	struct status status;
	size_t listed = 0;

	(void)state;
	for (int i = 0; i < 1000; i++)
		buf_bytes(&bytes, "\x20\x06", 2);
	status = pb_check(arena, &thing, (struct str){ bytes.data, bytes.len });
	assert_true(status_is(status, &INVALID_REQUEST));
	for (const struct violation *violation = status.detail->violations; violation != NULL;
	     violation = violation->next)
		listed++;
	assert_int_equal(listed, PB_MAX_VIOLATIONS);
	assert_string_equal(status.detail->metadata->name, "violations");
	assert_string_equal(status.detail->metadata->value, "1000");
}

/* However often something is repeated, checking needs next to no memory. */
static void repetition_costs_no_memory(void **state)
{
	struct buf bytes = buf_new(arena);
	struct arena *small = arena_new(1024, 0);

	(void)state;
	for (int i = 0; i < 300000; i++)
		buf_bytes(&bytes, "\x8a\x01\x00", 3); /* made {}: refused as given twice, but only so often */
	for (int i = 0; i < 300000; i++)
		buf_bytes(&bytes, "\x82\x01\x00", 3); /* children {} */
	assert_true(status_is(pb_check(small, &thing, (struct str){ bytes.data, bytes.len }), &INVALID_REQUEST));
	assert_true(arena_peak(small) < 64 * 1024);
	arena_free(small);
}

/* Every message, cut anywhere or with any bit changed, is judged without reading beyond its end. */
static void damaged_messages_are_judged(void **state)
{
	const struct str whole = STR("\x0a\x05"
				     "abcde\x20\x05\x39\x01\0\0\0\0\0\0\0\x45\x09\0\0\0\x6a\x03\x01\x02\x03\x72\x01"
				     "a"
				     "\x7a\x04\x0a\x02"
				     "ab\x82\x01\x02\x58\x01\xa2\x01\x01"
				     "A");

	(void)state;
	assert_string_equal(verdict(&thing, whole), "OK");
	for (size_t len = 0; len < whole.len; len++) {
		char *exact = arena_memdup(arena, whole.data, len); /* for AddressSanitizer */

		assert_non_null(verdict(&thing, (struct str){ exact, len }));
	}
	for (size_t bit = 0; bit < whole.len * 8; bit++) {
		char *changed = arena_memdup(arena, whole.data, whole.len);

		changed[bit / 8] = (char)(changed[bit / 8] ^ (1 << bit % 8));
		assert_non_null(verdict(&thing, (struct str){ changed, whole.len }));
	}
}

/* ---- On the contracts: well-known types and update masks ---- */

static const struct contract_message *message_of(const char *name)
{
	const struct contract_message *message = contract_message(contract_load(), name);

	assert_non_null(message);
	return message;
}

static void times_have_limits(void **state)
{
	const struct contract_message *fetch = message_of("quayside.events.v1.FetchEventsRequest");
	struct contract_field field =
	    FIELD(1, "when", CONTRACT_MESSAGE, .message = message_of("google.protobuf.Timestamp"));
	const struct contract_message timed = { "test.Timed", &field, 1, false };

	(void)state;
	CHECK(fetch, { STR("\x1a\x00"), "OK" }, { STR("\x1a\x02\x08\x1e"), "OK" },
	      { STR("\x1a\x06\x10\xff\x93\xeb\xdc\x03"), "OK" }, /* 999999999 ns */
	      { STR("\x1a\x06\x10\x80\x94\xeb\xdc\x03"), "wait is not a valid duration" },
	      { STR("\x1a\x0d\x08\x01\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
		"wait is not a valid duration" }, /* signs differ */
	      { STR("\x1a\x08\x08\x81\xae\xe2\xb6\xc7\x92\x01"), "wait is not a valid duration" });
	CHECK(&timed, { STR("\x0a\x07\x08\xff\xa8\xf8\x86\xd8\x07"), "when is not a valid time" },
	      { STR("\x0a\x06\x08\xff\xb1\xbb\xdb\x7d"), "OK" },
	      { STR("\x0a\x0b\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "when is not a valid time" });
}

#define FIRST_NAME                                                                                                     \
	"\x12\x03"                                                                                                     \
	"Ada"
#define CUSTOMER_ID "\x0a\x24" ID

/* Customer is field 1 of the request, the mask is field 2. */
static struct str update(struct str customer, const char *const *paths)
{
	struct buf bytes = buf_new(arena), mask = buf_new(arena);

	for (; paths != NULL && *paths != NULL; paths++) {
		buf_byte(&mask, '\x0a');
		buf_byte(&mask, (char)strlen(*paths));
		buf_text(&mask, *paths);
	}
	buf_byte(&bytes, '\x0a');
	buf_byte(&bytes, (char)customer.len);
	buf_bytes(&bytes, customer.data, customer.len);
	if (mask.len > 0) {
		buf_byte(&bytes, '\x12');
		if (mask.len > 127)
			buf_byte(&bytes, (char)(0x80 | (mask.len & 0x7f)));
		buf_byte(&bytes, (char)(mask.len > 127 ? mask.len >> 7 : mask.len));
		buf_bytes(&bytes, mask.data, mask.len);
	}
	return (struct str){ bytes.data, bytes.len };
}

#define PATHS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void updates_without_a_mask(void **state)
{
	const struct contract_message *request = message_of("quayside.customers.v1.UpdateCustomerRequest");

	(void)state;
	CHECK(request, { STR(""), "customer is required" }, { STR("\x0a\x00"), "customer.customer_id is required" },
	      { update(STR(CUSTOMER_ID), NULL), "OK" }, { update(STR(CUSTOMER_ID FIRST_NAME), NULL), "OK" },
	      { update(STR("\x0a\x01x"), NULL), "customer.customer_id must be a UUID" },
	      { update(STR(CUSTOMER_ID "\x2a\x01x"), NULL), "customer.email must be an e-mail address" },
	      /* What is replaced as a whole must be whole. */
	      { update(STR(CUSTOMER_ID "\x3a\x00"), NULL), "customer.addresses[0].address is required" });
}

static void updates_with_a_mask(void **state)
{
	const struct contract_message *request = message_of("quayside.customers.v1.UpdateCustomerRequest");
	const char *const many[] = { "email", "email", "email", "email", "email", "email",
				     "email", "email", "email", "email", NULL };

	(void)state;
	CHECK(request, { update(STR(CUSTOMER_ID FIRST_NAME), PATHS("first_name")), "OK" },
	      { update(STR(CUSTOMER_ID), PATHS("first_name")), "customer.first_name is required" },
	      { update(STR(CUSTOMER_ID), PATHS("company")), "OK" },             /* emptied */
	      { update(STR(CUSTOMER_ID "\x2a\x01x"), PATHS("company")), "OK" }, /* not named, not judged */
	      { update(STR(CUSTOMER_ID "\x2a\x01\xff"), PATHS("company")), "customer.email is not valid UTF-8" },
	      { update(STR(CUSTOMER_ID "\x2a\x01x"), PATHS("company", "email")),
		"customer.email must be an e-mail address" },
	      { update(STR("\x2a\x06"
			   "a@b.de"),
		       PATHS("email")),
		"customer.customer_id is required" },
	      { update(STR("\x0a\x01x"), PATHS("company")), "customer.customer_id must be a UUID" },
	      { update(STR(CUSTOMER_ID "\x62\x29"
				       "01234567890123456789012345678901234567890"),
		       PATHS("company")),
		"customer.etag must have at most 40 characters" },
	      { update(STR(CUSTOMER_ID), PATHS("*")),
		"customer.first_name is required; customer.last_name is required; customer.email is required" },
	      { update(STR(CUSTOMER_ID), PATHS("status")), "OK" }, /* output only */
	      { update(STR(CUSTOMER_ID), PATHS("nothing")), "update_mask.paths[0] does not name a field" },
	      { update(STR(CUSTOMER_ID), PATHS("company", "firstName")), "update_mask.paths[1] does not name a field" },
	      { update(STR(CUSTOMER_ID), PATHS("addresses.label")), "update_mask.paths[0] does not name a field" },
	      { update(STR(CUSTOMER_ID), PATHS("company.x")), "update_mask.paths[0] does not name a field" },
	      { update(STR(CUSTOMER_ID), PATHS("")), "update_mask.paths[0] does not name a field" },
	      { update(STR(CUSTOMER_ID), many), "customer.email is required" });
}

static void updates_of_parts(void **state)
{
	const struct contract_message *request = message_of("quayside.warehouse.v1.UpdateProductRequest");
	const char *sku = "\x0a\x01"
			  "A";
	const struct str price = STR("\x0a\x01"
				     "A\x22\x06\x0a\x01x\x10\xff\x01");

	(void)state;
	CHECK(request, { update(str_of(sku), PATHS("unit_price.minor_units")), "OK" },
	      { update(price, PATHS("unit_price.minor_units")), "OK" },
	      { update(price, PATHS("unit_price.currency_code")),
		"product.unit_price.currency_code must be a currency code of three capital letters (ISO 4217)" },
	      { update(STR("\x0a\x01"
			   "A\x22\x02\x10\x01"),
		       PATHS("unit_price.currency_code")),
		"product.unit_price.currency_code is required" },
	      { update(str_of(sku), PATHS("unit_price")), "product.unit_price is required" },
	      { update(STR("\x0a\x01"
			   "A\x22\x00"),
		       PATHS("unit_price", "unit_price.minor_units")),
		"product.unit_price.currency_code is required" });
}

static void the_mask_may_come_first(void **state)
{
	const struct contract_message *request = message_of("quayside.customers.v1.UpdateCustomerRequest");
	const struct str usual = update(STR(CUSTOMER_ID), PATHS("company"));
	struct buf turned = buf_new(arena);

	(void)state;
	buf_bytes(&turned, usual.data + 40, usual.len - 40);
	buf_bytes(&turned, usual.data, 40);
	CHECK(request, { (struct str){ turned.data, turned.len }, "OK" });
}

/* Where fields stand in the request itself, their rules hold as ever. */
static void flat_updates(void **state)
{
	const struct contract_message *request = message_of("quayside.ordering.v1.UpdateOrderRequest");

	(void)state;
	CHECK(request, { STR(""), "order_id is required" }, { STR(CUSTOMER_ID "\x22\x06\x0a\x04name"), "OK" },
	      { STR(CUSTOMER_ID "\x22\x06\x0a\x04nick"), "update_mask.paths[0] does not name a field" });
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(texts),
		TEST(numbers),
		TEST(enums),
		TEST(lists),
		TEST(messages),
		TEST(what_the_service_sets_is_not_judged),
		TEST(alternatives),
		TEST(wrong_types),
		TEST(unknown_fields_are_passed_over),
		TEST(what_is_no_protobuf),
		TEST(what_is_needed),
		TEST(depth_is_limited),
		TEST(many_violations_are_counted),
		TEST(repetition_costs_no_memory),
		TEST(damaged_messages_are_judged),
		TEST(times_have_limits),
		TEST(updates_without_a_mask),
		TEST(updates_with_a_mask),
		TEST(updates_of_parts),
		TEST(the_mask_may_come_first),
		TEST(flat_updates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
