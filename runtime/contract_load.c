/* From descriptors to messages, enums, services and methods: first everything gets its name, then fields and methods refer to it. */
#include "runtime/contract_private.h"

#include <stdlib.h>
#include <string.h>

#define TYPE(kind_, name_) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__##kind_##__##name_

/* A message that has its name and waits for its fields. */
struct declared {
	struct contract_message *message;
	struct contract_field *fields; /* of the message, once it has them */
	const Google__Protobuf__DescriptorProto *proto;
	bool proto3;
	struct declared *next;
};

struct load {
	struct contract *contract;
	struct declared *declared;
};

const char *contract_full_name(struct contract *contract, const char *scope, const char *name)
{
	return scope == NULL || *scope == '\0' ? arena_strdup(contract->arena, name)
					       : arena_printf(contract->arena, "%s.%s", scope, name);
}

static void declare_enum(struct contract *contract, const char *scope,
			 const Google__Protobuf__EnumDescriptorProto *proto)
{
	struct contract_enum *made = arena_alloc(contract->arena, sizeof(*made));
	struct contract_enum_value *values = arena_array(contract->arena, proto->n_value, sizeof(*values));

	for (size_t i = 0; i < proto->n_value; i++) {
		values[i].name = arena_strdup(contract->arena, proto->value[i]->name);
		values[i].number = proto->value[i]->number;
	}
	made->full_name = contract_full_name(contract, scope, proto->name);
	made->values = values;
	made->n_values = proto->n_value;
	contract_index_add(contract, &contract->enums, made->full_name, made);
}

static void declare_message(struct load *load, const char *scope, const Google__Protobuf__DescriptorProto *proto,
			    bool proto3)
{
	struct contract *contract = load->contract;
	struct contract_message *message = arena_alloc(contract->arena, sizeof(*message));
	struct declared *declared = arena_alloc(contract->arena, sizeof(*declared));

	message->full_name = contract_full_name(contract, scope, proto->name);
	message->map_entry = proto->options != NULL && proto->options->map_entry;
	contract_index_add(contract, &contract->messages, message->full_name, message);
	*declared = (struct declared){ message, NULL, proto, proto3, load->declared };
	load->declared = declared;
	for (size_t i = 0; i < proto->n_nested_type; i++)
		declare_message(load, message->full_name, proto->nested_type[i], proto3);
	for (size_t i = 0; i < proto->n_enum_type; i++)
		declare_enum(contract, message->full_name, proto->enum_type[i]);
}

static void declare_file(struct load *load, const Google__Protobuf__FileDescriptorProto *file)
{
	const bool proto3 = file->syntax != NULL && strcmp(file->syntax, "proto3") == 0;

	for (size_t i = 0; i < file->n_message_type; i++)
		declare_message(load, file->package, file->message_type[i], proto3);
	for (size_t i = 0; i < file->n_enum_type; i++)
		declare_enum(load->contract, file->package, file->enum_type[i]);
}

/* protoc writes type names in full, with a leading dot. */
static const void *resolve(const struct contract_index *index, const char *type_name)
{
	const void *found =
	    type_name == NULL || *type_name != '.' ? NULL : contract_index_get(index, str_of(type_name + 1));

	if (found == NULL)
		contract_broken("unknown type", type_name == NULL ? "(none)" : type_name);
	return found;
}

static bool is_packed(const struct contract_field *field, const Google__Protobuf__FieldDescriptorProto *proto,
		      bool proto3)
{
	if (!field->repeated || field->type == CONTRACT_STRING || field->type == CONTRACT_BYTES ||
	    field->type == CONTRACT_MESSAGE || field->type == CONTRACT_GROUP)
		return false;
	return proto->options != NULL && proto->options->has_packed ? proto->options->packed : proto3;
}

static void define_field(struct contract *contract, struct contract_field *field,
			 const Google__Protobuf__FieldDescriptorProto *proto, bool proto3)
{
	field->name = arena_strdup(contract->arena, proto->name);
	field->json_name = arena_strdup(contract->arena, proto->json_name);
	field->number = (uint32_t)proto->number;
	field->type = (enum contract_type)proto->type;
	field->repeated = proto->label == TYPE(LABEL, LABEL_REPEATED);
	field->packed = is_packed(field, proto, proto3);
	field->oneof = proto->has_oneof_index ? proto->oneof_index : -1;
	if (field->type == CONTRACT_MESSAGE || field->type == CONTRACT_GROUP)
		field->message = resolve(&contract->messages, proto->type_name);
	if (field->type == CONTRACT_ENUM)
		field->enumeration = resolve(&contract->enums, proto->type_name);
	field->map = field->repeated && field->message != NULL && field->message->map_entry;
	contract_read_rules(contract, proto->options, &field->rules);
	field->ids = field->type == CONTRACT_STRING && field->rules.format == FORMAT_UUID;
}

static int by_number(const void *a, const void *b)
{
	const struct contract_field *first = a, *second = b;

	return (first->number > second->number) - (first->number < second->number);
}

static void define_message(struct contract *contract, struct declared *declared)
{
	const Google__Protobuf__DescriptorProto *proto = declared->proto;
	struct contract_field *fields = arena_array(contract->arena, proto->n_field, sizeof(*fields));

	if (proto->n_field > CONTRACT_FIELDS_MAX)
		contract_broken("too many fields", declared->message->full_name);
	for (size_t i = 0; i < proto->n_field; i++)
		define_field(contract, &fields[i], proto->field[i], declared->proto3);
	qsort(fields, proto->n_field, sizeof(*fields), by_number);
	declared->fields = fields;
	declared->message->fields = fields;
	declared->message->n_fields = proto->n_field;
}

static bool has_ids(const struct contract_message *message)
{
	for (size_t i = 0; i < message->n_fields; i++)
		if (message->fields[i].ids)
			return true;
	return false;
}

/* From a message to the fields that hold it. */
static bool spread_ids(const struct declared *declared)
{
	bool spread = false;

	for (size_t i = 0; i < declared->message->n_fields; i++) {
		struct contract_field *field = &declared->fields[i];

		if (field->ids || field->message == NULL || !has_ids(field->message))
			continue;
		field->ids = true;
		spread = true;
	}
	return spread;
}

/* Messages may hold each other in circles, so this goes on until it finds no more. */
static void spread_all_ids(const struct declared *all)
{
	bool spread;

	do {
		spread = false;
		for (const struct declared *declared = all; declared != NULL; declared = declared->next)
			spread |= spread_ids(declared);
	} while (spread);
}

static void define_method(struct contract *contract, const char *service,
			  const Google__Protobuf__MethodDescriptorProto *proto, struct contract_method *method)
{
	method->service = service;
	method->name = arena_strdup(contract->arena, proto->name);
	method->path = arena_printf(contract->arena, "/%s/%s", service, proto->name);
	method->input = resolve(&contract->messages, proto->input_type);
	method->output = resolve(&contract->messages, proto->output_type);
	method->client_streaming = proto->client_streaming;
	method->server_streaming = proto->server_streaming;
	contract_read_policy(contract, proto->options, method);
	contract_index_add(contract, &contract->paths, method->path, method);
}

static void define_service(struct contract *contract, const char *scope,
			   const Google__Protobuf__ServiceDescriptorProto *proto)
{
	struct contract_service *service = arena_alloc(contract->arena, sizeof(*service));

	service->full_name = contract_full_name(contract, scope, proto->name);
	service->first = contract->n_methods;
	service->count = proto->n_method;
	for (size_t i = 0; i < proto->n_method; i++)
		define_method(contract, service->full_name, proto->method[i],
			      &contract->methods[contract->n_methods++]);
	contract_index_add(contract, &contract->services, service->full_name, service);
}

static size_t count_methods(const Google__Protobuf__FileDescriptorSet *set)
{
	size_t count = 0;

	for (size_t i = 0; i < set->n_file; i++)
		for (size_t j = 0; j < set->file[i]->n_service; j++)
			count += set->file[i]->service[j]->n_method;
	return count;
}

void contract_load_types(struct contract *contract, const Google__Protobuf__FileDescriptorSet *set)
{
	struct load load = { .contract = contract };

	for (size_t i = 0; i < set->n_file; i++)
		declare_file(&load, set->file[i]);
	for (struct declared *declared = load.declared; declared != NULL; declared = declared->next)
		define_message(contract, declared);
	spread_all_ids(load.declared);
	contract->methods = arena_array(contract->arena, count_methods(set), sizeof(*contract->methods));
	for (size_t i = 0; i < set->n_file; i++)
		for (size_t j = 0; j < set->file[i]->n_service; j++)
			define_service(contract, set->file[i]->package, set->file[i]->service[j]);
}
