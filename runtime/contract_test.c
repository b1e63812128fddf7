/* What contract.h promises, on the contracts of this house. */
#include "runtime/contract.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "quayside/common/v1/options.pb-c.h"

#define CUSTOMERS "quayside.customers.v1.CustomerService"

static const struct contract_method *method_of(const char *path)
{
	const struct contract_method *method = contract_method(contract_load(), str_of(path));

	assert_non_null(method);
	return method;
}

static const struct contract_message *message_of(const char *name)
{
	const struct contract_message *message = contract_message(contract_load(), name);

	assert_non_null(message);
	return message;
}

static const struct contract_field *field_of(const char *message, const char *name)
{
	const struct contract_field *field = contract_field_named(message_of(message), str_of(name));

	assert_non_null(field);
	return field;
}

static void methods_are_found_by_path(void **state)
{
	const struct contract_method *get = method_of("/" CUSTOMERS "/GetCustomer");

	(void)state;
	assert_string_equal(get->path, "/" CUSTOMERS "/GetCustomer");
	assert_string_equal(get->name, "GetCustomer");
	assert_string_equal(get->service, CUSTOMERS);
	assert_ptr_equal(get->input, message_of("quayside.customers.v1.GetCustomerRequest"));
	assert_ptr_equal(get->output, message_of("quayside.customers.v1.Customer"));
	assert_false(get->client_streaming);
	assert_false(get->server_streaming);
	assert_true(method_of("/quayside.ordering.v1.OrderService/WatchOrders")->server_streaming);
	assert_true(method_of("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")->client_streaming);
	assert_null(contract_method(contract_load(), STR("/" CUSTOMERS "/GetCustome")));
	assert_null(contract_method(contract_load(), STR("/" CUSTOMERS "/GetCustomerX")));
	assert_null(contract_method(contract_load(), STR("")));
}

static void methods_of_a_service_are_neighbours(void **state)
{
	size_t count, all;
	const struct contract_method *first = contract_service(contract_load(), CUSTOMERS, &count);
	const struct contract_method *methods = contract_methods(contract_load(), &all);

	(void)state;
	assert_non_null(first);
	assert_int_equal(count, 8);
	assert_true(first >= methods && first + count <= methods + all);
	for (size_t i = 0; i < count; i++)
		assert_string_equal(first[i].service, CUSTOMERS);
	for (size_t i = 0; i < all; i++)
		assert_ptr_equal(method_of(methods[i].path), &methods[i]);
	assert_null(contract_service(contract_load(), "quayside.customers.v1.Nothing", &count));
}

static void policies_are_read(void **state)
{
	const struct contract_policy *get = &method_of("/" CUSTOMERS "/GetCustomer")->policy;
	const struct contract_policy *block = &method_of("/" CUSTOMERS "/BlockCustomer")->policy;

	(void)state;
	assert_true(get->present);
	assert_int_equal(get->roles, 1 << COMMON__ROLE__ROLE_ANY);
	assert_string_equal(get->callers[0], "ordering");
	assert_null(get->callers[1]);
	assert_int_equal(get->ownership, OWNERSHIP_CUSTOMER);
	assert_false(get->write);
	assert_true(get->idempotent);
	assert_false(get->audit);
	assert_int_equal(get->deadline_ms, 5000);
	assert_int_equal(get->call_class, CLASS_INTERACTIVE);
	assert_true(block->write);
	assert_true(block->audit);
	assert_null(block->callers[0]);
	assert_false(method_of("/grpc.health.v1.Health/Check")->policy.present);
	assert_null(method_of("/grpc.health.v1.Health/Check")->policy.callers[0]);
}

static void routes_are_read(void **state)
{
	const struct contract_method *get = method_of("/" CUSTOMERS "/GetCustomer");
	const struct contract_method *update = method_of("/" CUSTOMERS "/UpdateCustomer");

	(void)state;
	assert_int_equal(get->n_routes, 1);
	assert_string_equal(get->routes[0].verb, "GET");
	assert_string_equal(get->routes[0].template, "/v1/customers/{customer_id}");
	assert_string_equal(get->routes[0].body, "");
	assert_string_equal(get->routes[0].response_body, "");
	assert_string_equal(update->routes[0].verb, "PATCH");
	assert_string_equal(update->routes[0].template, "/v1/customers/{customer.customer_id}");
	assert_string_equal(update->routes[0].body, "customer");
	assert_int_equal(method_of("/quayside.events.v1.EventService/FetchEvents")->n_routes, 0);
}

static void fields_are_found_by_number_and_by_both_names(void **state)
{
	const struct contract_message *customer = message_of("quayside.customers.v1.Customer");
	const struct contract_field *id = contract_field(customer, 1);

	(void)state;
	assert_string_equal(id->name, "customer_id");
	assert_string_equal(id->json_name, "customerId");
	assert_ptr_equal(contract_field_named(customer, STR("customer_id")), id);
	assert_ptr_equal(contract_field_named(customer, STR("customerId")), id);
	assert_null(contract_field_named(customer, STR("customer_Id")));
	assert_null(contract_field_named(customer, STR("")));
	for (size_t i = 0; i < customer->n_fields; i++)
		assert_ptr_equal(contract_field(customer, customer->fields[i].number), &customer->fields[i]);
	assert_null(contract_field(customer, 0));
	assert_null(contract_field(customer, 1000));
	assert_null(contract_field(customer, UINT32_MAX));
	/* Numbers with gaps: 1 to 3, 33 to 35, 41, 42, 999 and so on. */
	assert_string_equal(contract_field(message_of("google.protobuf.MethodOptions"), 33)->name, "deprecated");
	assert_string_equal(contract_field(message_of("google.protobuf.MethodOptions"), 999)->name,
			    "uninterpreted_option");
	assert_null(contract_field(message_of("google.protobuf.MethodOptions"), 1));
	assert_null(contract_field(message_of("google.protobuf.MethodOptions"), 500));
}

static void fields_have_their_types(void **state)
{
	const struct contract_field *addresses = field_of("quayside.customers.v1.Customer", "addresses");
	const struct contract_field *status = field_of("quayside.customers.v1.Customer", "status");
	const struct contract_field *metadata = field_of("google.rpc.ErrorInfo", "metadata");
	const struct contract_field *file = field_of("grpc.reflection.v1.ServerReflectionRequest", "file_by_filename");

	(void)state;
	assert_int_equal(addresses->type, CONTRACT_MESSAGE);
	assert_true(addresses->repeated);
	assert_false(addresses->packed);
	assert_false(addresses->map);
	assert_ptr_equal(addresses->message, message_of("quayside.customers.v1.CustomerAddress"));
	assert_int_equal(status->type, CONTRACT_ENUM);
	assert_int_equal(status->oneof, -1);
	assert_true(metadata->map);
	assert_true(metadata->message->map_entry);
	assert_int_equal(file->oneof, 0);
	assert_true(field_of("grpc.reflection.v1.ExtensionNumberResponse", "extension_number")->packed);
	assert_false(field_of("google.protobuf.FileDescriptorProto", "public_dependency")->packed); /* proto2 */
	assert_true(field_of("google.protobuf.SourceCodeInfo.Location", "path")->packed);           /* by option */
}

static void enums_know_their_values(void **state)
{
	const struct contract_enum *status = field_of("quayside.customers.v1.Customer", "status")->enumeration;

	(void)state;
	assert_string_equal(status->full_name, "quayside.customers.v1.CustomerStatus");
	assert_int_equal(status->n_values, 4);
	assert_string_equal(contract_enum_value(status, 2)->name, "CUSTOMER_STATUS_BLOCKED");
	assert_int_equal(contract_enum_named(status, STR("CUSTOMER_STATUS_BLOCKED"))->number, 2);
	assert_null(contract_enum_value(status, 4));
	assert_null(contract_enum_value(status, -1));
	assert_null(contract_enum_named(status, STR("CUSTOMER_STATUS_")));
}

static void rules_are_read(void **state)
{
	const struct contract_rules *email = &field_of("quayside.customers.v1.Customer", "email")->rules;
	const struct contract_rules *size = &field_of("quayside.customers.v1.ListCustomersRequest", "page_size")->rules;

	(void)state;
	assert_true(email->required);
	assert_true(email->sensitive);
	assert_false(email->output_only);
	assert_int_equal(email->max_length, 200);
	assert_int_equal(email->min_length, 0);
	assert_int_equal(email->format, FORMAT_EMAIL);
	assert_false(email->has_range);
	assert_null(email->pattern);
	assert_true(size->has_range);
	assert_int_equal(size->min, 0);
	assert_int_equal(size->max, 200);
	assert_int_equal(field_of("quayside.customers.v1.Customer", "addresses")->rules.max_items, 20);
	assert_true(field_of("quayside.customers.v1.Customer", "status")->rules.output_only);
	assert_string_equal(field_of("quayside.customers.v1.Customer", "phone")->rules.pattern, "[+0-9][-+()/. 0-9]*");
	assert_int_equal(field_of("quayside.events.v1.Doorbell", "position")->rules.max, INT64_MAX);
}

static bool imports(const struct contract_file *file, const char *name)
{
	for (const struct contract_file *const *import = file->imports; *import != NULL; import++)
		if (strcmp((*import)->name, name) == 0)
			return true;
	return false;
}

static void files_are_found_by_what_they_define(void **state)
{
	static const char *const symbols[] = {
		CUSTOMERS,
		CUSTOMERS ".GetCustomer",
		"quayside.customers.v1.Customer",
		"quayside.customers.v1.Customer.email",
		"quayside.customers.v1.CustomerStatus",
		"quayside.customers.v1.CUSTOMER_STATUS_ACTIVE",
	};
	const struct contract *contract = contract_load();
	const struct contract_file *file = contract_file(contract, "quayside/customers/v1/customers.proto");

	(void)state;
	assert_non_null(file);
	assert_true(file->number < contract_files(contract));
	assert_true(file->bytes.len > 1000);
	assert_memory_equal(file->bytes.data, "\x0a\x25quayside/customers/v1/customers.proto", 2 + 37);
	assert_true(imports(file, "google/protobuf/timestamp.proto"));
	assert_false(imports(file, "quayside/ordering/v1/ordering.proto"));
	for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++)
		assert_ptr_equal(contract_file_of_symbol(contract, symbols[i]), file);
	assert_string_equal(
	    contract_file_of_symbol(contract, "grpc.reflection.v1.ServerReflectionRequest.message_request")->name,
	    "grpc/reflection/v1/reflection.proto");
	assert_string_equal(contract_file_of_symbol(contract, "quayside.common.v1.rules")->name,
			    "quayside/common/v1/options.proto");
	assert_null(contract_file_of_symbol(contract, "quayside.customers.v1"));
	assert_null(contract_file_of_symbol(contract, ""));
	assert_null(contract_file(contract, "nothing.proto"));
}

static void extensions_are_listed(void **state)
{
	const struct contract *contract = contract_load();
	const int32_t *numbers;

	(void)state;
	assert_int_equal(contract_extensions(contract, "google.protobuf.MethodOptions", &numbers), 2);
	assert_int_equal(numbers[0], 50051);
	assert_int_equal(numbers[1], 72295728);
	assert_int_equal(contract_extensions(contract, "quayside.customers.v1.Customer", &numbers), 0);
	assert_string_equal(contract_file_of_extension(contract, "google.protobuf.FieldOptions", 50052)->name,
			    "quayside/common/v1/options.proto");
	assert_null(contract_file_of_extension(contract, "google.protobuf.FieldOptions", 50051));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(methods_are_found_by_path),
		cmocka_unit_test(methods_of_a_service_are_neighbours),
		cmocka_unit_test(policies_are_read),
		cmocka_unit_test(routes_are_read),
		cmocka_unit_test(fields_are_found_by_number_and_by_both_names),
		cmocka_unit_test(fields_have_their_types),
		cmocka_unit_test(enums_know_their_values),
		cmocka_unit_test(rules_are_read),
		cmocka_unit_test(files_are_found_by_what_they_define),
		cmocka_unit_test(extensions_are_listed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
