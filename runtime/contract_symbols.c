/* Files, symbols and extensions, as reflection asks for them. See contract.h. */
#include "runtime/contract_private.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/wire.h"

#define FIELD_FILE 1 /* FileDescriptorSet.file */

struct symbols {
	struct contract *contract;
	const struct contract_file *file;
};

static void add(struct symbols *symbols, const char *scope, const char *name)
{
	struct contract *contract = symbols->contract;

	contract_index_add(contract, &contract->symbols, contract_full_name(contract, scope, name), symbols->file);
}

static void add_extension(struct symbols *symbols, const char *scope,
			  const Google__Protobuf__FieldDescriptorProto *proto)
{
	struct contract *contract = symbols->contract;

	add(symbols, scope, proto->name);
	contract->extensions[contract->n_extensions++] = (struct contract_extension){
		.message = arena_strdup(contract->arena, proto->extendee + 1),
		.number = proto->number,
		.file = symbols->file,
	};
}

/* An enum's values are its siblings (descriptor.proto). */
static void add_enum(struct symbols *symbols, const char *scope, const Google__Protobuf__EnumDescriptorProto *proto)
{
	add(symbols, scope, proto->name);
	for (size_t i = 0; i < proto->n_value; i++)
		add(symbols, scope, proto->value[i]->name);
}

static void add_message(struct symbols *symbols, const char *scope, const Google__Protobuf__DescriptorProto *proto)
{
	const char *name = contract_full_name(symbols->contract, scope, proto->name);

	add(symbols, NULL, name);
	for (size_t i = 0; i < proto->n_field; i++)
		add(symbols, name, proto->field[i]->name);
	for (size_t i = 0; i < proto->n_oneof_decl; i++)
		add(symbols, name, proto->oneof_decl[i]->name);
	for (size_t i = 0; i < proto->n_extension; i++)
		add_extension(symbols, name, proto->extension[i]);
	for (size_t i = 0; i < proto->n_enum_type; i++)
		add_enum(symbols, name, proto->enum_type[i]);
	for (size_t i = 0; i < proto->n_nested_type; i++)
		add_message(symbols, name, proto->nested_type[i]);
}

static void add_service(struct symbols *symbols, const char *scope,
			const Google__Protobuf__ServiceDescriptorProto *proto)
{
	const char *name = contract_full_name(symbols->contract, scope, proto->name);

	add(symbols, NULL, name);
	for (size_t i = 0; i < proto->n_method; i++)
		add(symbols, name, proto->method[i]->name);
}

static void add_file(struct symbols *symbols, const Google__Protobuf__FileDescriptorProto *proto)
{
	for (size_t i = 0; i < proto->n_message_type; i++)
		add_message(symbols, proto->package, proto->message_type[i]);
	for (size_t i = 0; i < proto->n_enum_type; i++)
		add_enum(symbols, proto->package, proto->enum_type[i]);
	for (size_t i = 0; i < proto->n_service; i++)
		add_service(symbols, proto->package, proto->service[i]);
	for (size_t i = 0; i < proto->n_extension; i++)
		add_extension(symbols, proto->package, proto->extension[i]);
}

static size_t count_nested_extensions(const Google__Protobuf__DescriptorProto *proto)
{
	size_t count = proto->n_extension;

	for (size_t i = 0; i < proto->n_nested_type; i++)
		count += count_nested_extensions(proto->nested_type[i]);
	return count;
}

static size_t count_extensions(const Google__Protobuf__FileDescriptorSet *set)
{
	size_t count = 0;

	for (size_t i = 0; i < set->n_file; i++) {
		count += set->file[i]->n_extension;
		for (size_t j = 0; j < set->file[i]->n_message_type; j++)
			count += count_nested_extensions(set->file[i]->message_type[j]);
	}
	return count;
}

static int by_message_and_number(const void *a, const void *b)
{
	const struct contract_extension *first = a, *second = b;
	const int order = strcmp(first->message, second->message);

	return order != 0 ? order : (first->number > second->number) - (first->number < second->number);
}

static void sort_extensions(struct contract *contract)
{
	qsort(contract->extensions, contract->n_extensions, sizeof(*contract->extensions), by_message_and_number);
	contract->extension_numbers = arena_array(contract->arena, contract->n_extensions, sizeof(int32_t));
	for (size_t i = 0; i < contract->n_extensions; i++)
		contract->extension_numbers[i] = contract->extensions[i].number;
}

/* protoc writes imports before the files that need them. */
static const struct contract_file *const *find_imports(struct contract *contract,
						       const Google__Protobuf__FileDescriptorProto *proto)
{
	const struct contract_file **imports =
	    arena_array(contract->arena, proto->n_dependency + 1, sizeof(const struct contract_file *));

	for (size_t i = 0; i < proto->n_dependency; i++) {
		imports[i] = contract_file(contract, proto->dependency[i]);
		if (imports[i] == NULL)
			contract_broken("import is not in the set", proto->dependency[i]);
	}
	return imports;
}

void contract_load_symbols(struct contract *contract, const Google__Protobuf__FileDescriptorSet *set, struct str bytes)
{
	contract->extensions = arena_array(contract->arena, count_extensions(set), sizeof(*contract->extensions));
	for (size_t i = 0; i < set->n_file; i++) {
		struct contract_file *file = arena_alloc(contract->arena, sizeof(*file));
		struct wire_field field;

		if (!wire_next(&bytes, &field) || field.number != FIELD_FILE || field.type != WIRE_BYTES)
			contract_broken("not a list of files", "the descriptor set");
		file->number = i;
		file->name = arena_strdup(contract->arena, set->file[i]->name);
		file->bytes = field.bytes;
		file->imports = find_imports(contract, set->file[i]);
		contract_index_add(contract, &contract->files, file->name, file);
		add_file(&(struct symbols){ contract, file }, set->file[i]);
	}
	sort_extensions(contract);
}

size_t contract_files(const struct contract *contract)
{
	return contract->files.n_names;
}

const struct contract_file *contract_file(const struct contract *contract, const char *name)
{
	return contract_index_get(&contract->files, str_of(name));
}

const struct contract_file *contract_file_of_symbol(const struct contract *contract, const char *symbol)
{
	return contract_index_get(&contract->symbols, str_of(symbol));
}

const struct contract_file *contract_file_of_extension(const struct contract *contract, const char *message,
						       int32_t number)
{
	for (size_t i = 0; i < contract->n_extensions; i++)
		if (contract->extensions[i].number == number && strcmp(contract->extensions[i].message, message) == 0)
			return contract->extensions[i].file;
	return NULL;
}

size_t contract_extensions(const struct contract *contract, const char *message, const int32_t **ret_numbers)
{
	size_t first = 0, count = 0;

	while (first < contract->n_extensions && strcmp(contract->extensions[first].message, message) != 0)
		first++;
	while (first + count < contract->n_extensions &&
	       strcmp(contract->extensions[first + count].message, message) == 0)
		count++;
	*ret_numbers = contract->extension_numbers + first;
	return count;
}
