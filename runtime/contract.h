/*
 * contract: the contracts as data, read once from the descriptor set that is embedded in every program.
 *
 * Invariants
 * - The set holds every file of protos/ and all it imports; it is parsed at start, lives as long as the process and never changes. Reading it is thread-safe.
 * - Everything that derives from the contracts derives from here: routing, policy, field rules, HTTP routes, JSON names, reflection.
 * - A method of ours without a policy does not get past the build (see contract_check.c).
 *
 * Usage
 *     const struct contract *contract = contract_load();
 *     const struct contract_method *m = contract_method(contract, STR("/quayside.customers.v1.CustomerService/GetCustomer"));
 *     if (m->policy.write) ...
 */
#ifndef QUAYSIDE_RUNTIME_CONTRACT_H
#define QUAYSIDE_RUNTIME_CONTRACT_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* FieldDescriptorProto.Type, with its numbers. */
enum contract_type {
	CONTRACT_DOUBLE = 1,
	CONTRACT_FLOAT,
	CONTRACT_INT64,
	CONTRACT_UINT64,
	CONTRACT_INT32,
	CONTRACT_FIXED64,
	CONTRACT_FIXED32,
	CONTRACT_BOOL,
	CONTRACT_STRING,
	CONTRACT_GROUP,
	CONTRACT_MESSAGE,
	CONTRACT_BYTES,
	CONTRACT_UINT32,
	CONTRACT_ENUM,
	CONTRACT_SFIXED32,
	CONTRACT_SFIXED64,
	CONTRACT_SINT32,
	CONTRACT_SINT64,
};

/* quayside.common.v1.Format, with its numbers. */
enum contract_format {
	FORMAT_ANY = 0,
	FORMAT_UUID,
	FORMAT_EMAIL,
	FORMAT_CURRENCY_CODE,
	FORMAT_COUNTRY_CODE,
	FORMAT_DATE,
	FORMAT_URL,
	FORMAT_SKU,
};

/* quayside.common.v1.FieldRules. */
struct contract_rules {
	bool required, output_only, sensitive;
	uint32_t min_length, max_length, max_items; /* 0: none */
	bool has_range;
	int64_t min, max;
	const char *pattern; /* or NULL; compiled in regex */
	regex_t regex;
	enum contract_format format;
};

struct contract_enum_value {
	const char *name;
	int32_t number;
};

struct contract_enum {
	const char *full_name;
	const struct contract_enum_value *values;
	size_t n_values;
};

struct contract_message;

struct contract_field {
	const char *name;      /* as in the .proto file */
	const char *json_name; /* lowerCamelCase */
	uint32_t number;
	enum contract_type type;
	bool repeated, packed, map;
	bool ids;  /* text that is an id (FORMAT_UUID), or a message that holds one at any depth */
	int oneof; /* index of the oneof it belongs to, or -1 */
	const struct contract_message *message;
	const struct contract_enum *enumeration;
	struct contract_rules rules;
};

#define CONTRACT_FIELDS_MAX 64 /* of one message; more do not get past the start of the process */

struct contract_message {
	const char *full_name;               /* "quayside.customers.v1.Customer" */
	const struct contract_field *fields; /* by number */
	size_t n_fields;
	bool map_entry;
};

enum contract_ownership { OWNERSHIP_UNSPECIFIED, OWNERSHIP_NONE, OWNERSHIP_CUSTOMER };
enum contract_call_class { CLASS_UNSPECIFIED, CLASS_INTERACTIVE, CLASS_WORKER, CLASS_ADMIN, CLASS_SHEDDABLE };
#define CONTRACT_CLASSES 5

/* quayside.common.v1.Policy. */
struct contract_policy {
	bool present;
	uint32_t roles;             /* bit n: the role with number n */
	const char *const *callers; /* ends with NULL */
	enum contract_ownership ownership;
	bool write, idempotent, audit;
	uint32_t deadline_ms;
	enum contract_call_class call_class;
};

/* google.api.HttpRule, additional bindings flattened. */
struct contract_route {
	const char *verb;          /* "GET", "POST", ... */
	const char *template;      /* "/v1/orders/{order_id}:place" */
	const char *body;          /* "", "*", or a field's name */
	const char *response_body; /* "" or a field's name */
};

struct contract_method {
	const char *path;    /* "/quayside.customers.v1.CustomerService/GetCustomer" */
	const char *name;    /* "GetCustomer" */
	const char *service; /* "quayside.customers.v1.CustomerService" */
	const struct contract_message *input, *output;
	bool client_streaming, server_streaming;
	struct contract_policy policy;
	const struct contract_route *routes;
	size_t n_routes;
};

/* One file, as the bytes of its FileDescriptorProto. */
struct contract_file {
	const char *name;
	size_t number; /* 0, 1, 2, ... */
	struct str bytes;
	const struct contract_file *const *imports; /* ends with NULL */
};

struct contract;

/* The embedded set, parsed at the first call. Stops the process when it cannot be parsed: that is a broken build. */
const struct contract *contract_load(void);

/* By gRPC path ("/service/method"), by full name, by full service name; NULL when there is none. */
const struct contract_method *contract_method(const struct contract *contract, struct str path);
const struct contract_message *contract_message(const struct contract *contract, const char *full_name);
const struct contract_method *contract_methods(const struct contract *contract, size_t *ret_count);

/* All methods of one service are neighbours in contract_methods(); this returns the first and their number, or NULL. */
const struct contract_method *contract_service(const struct contract *contract, const char *full_name,
					       size_t *ret_count);

/* A message's field by number, by name or JSON name; an enum's value by number or name. NULL when there is none. */
const struct contract_field *contract_field(const struct contract_message *message, uint32_t number);
const struct contract_field *contract_field_named(const struct contract_message *message, struct str name);
const struct contract_enum_value *contract_enum_value(const struct contract_enum *enumeration, int32_t number);
const struct contract_enum_value *contract_enum_named(const struct contract_enum *enumeration, struct str name);

/* How many files the set has. */
size_t contract_files(const struct contract *contract);

/* For reflection: the file with this name; the file that defines this symbol (service, method, message, field, enum, value, oneof, extension). */
const struct contract_file *contract_file(const struct contract *contract, const char *name);
const struct contract_file *contract_file_of_symbol(const struct contract *contract, const char *symbol);
/* The file that extends this message under this number; and all numbers under which it is extended. NULL / 0 when there is none. */
const struct contract_file *contract_file_of_extension(const struct contract *contract, const char *message,
						       int32_t number);
size_t contract_extensions(const struct contract *contract, const char *message, const int32_t **ret_numbers);

#endif
