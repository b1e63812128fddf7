/* Asking the contract, and reading it once. See contract.h. */
#include "runtime/contract.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/contract_private.h"
#include "runtime/pb.h"

#define FIRST_BLOCK ((size_t)128 * 1024)
#define FIRST_SLOTS ((size_t)64)

/* protos/descriptor_set.c */
extern const char quayside_descriptor_set[];
extern const char quayside_descriptor_set_end[];

static struct contract loaded;

void contract_broken(const char *what, const char *name)
{
	fprintf(stderr, "contract: %s: %s\n", what, name);
	abort();
}

/* FNV-1a. */
static uint64_t hash_of(struct str name)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < name.len; i++)
		hash = (hash ^ (uint8_t)name.data[i]) * UINT64_C(0x100000001b3);
	return hash;
}

/* The slot that has the name, or the empty one where it belongs. */
static struct contract_name *find_slot(const struct contract_index *index, struct str name, uint64_t hash)
{
	size_t at = hash & (index->n_slots - 1);

	while (index->slots[at].name != NULL) {
		struct contract_name *slot = &index->slots[at];

		if (slot->hash == hash && slot->len == name.len && memcmp(slot->name, name.data, name.len) == 0)
			return slot;
		at = (at + 1) & (index->n_slots - 1);
	}
	return &index->slots[at];
}

static void grow(struct contract *contract, struct contract_index *index)
{
	const struct contract_index old = *index;

	index->n_slots = old.n_slots == 0 ? FIRST_SLOTS : old.n_slots * 2;
	index->slots = arena_array(contract->arena, index->n_slots, sizeof(*index->slots));
	for (size_t i = 0; i < old.n_slots; i++) {
		const struct contract_name *slot = &old.slots[i];

		if (slot->name != NULL)
			*find_slot(index, (struct str){ slot->name, slot->len }, slot->hash) = *slot;
	}
}

void contract_index_add(struct contract *contract, struct contract_index *index, const char *name, const void *value)
{
	const struct str text = str_of(name);
	const uint64_t hash = hash_of(text);

	if (index->n_names * 2 >= index->n_slots)
		grow(contract, index);

	struct contract_name *slot = find_slot(index, text, hash);

	if (slot->name != NULL)
		return;
	*slot = (struct contract_name){ name, text.len, hash, value };
	index->n_names++;
}

const void *contract_index_get(const struct contract_index *index, struct str name)
{
	return index->n_slots == 0 ? NULL : find_slot(index, name, hash_of(name))->value;
}

static void load(void)
{
	const struct str bytes = { quayside_descriptor_set,
				   (size_t)(quayside_descriptor_set_end - quayside_descriptor_set) };
	struct arena *scratch = arena_new(FIRST_BLOCK, 0);
	void *set;

	loaded.arena = arena_new(FIRST_BLOCK, 0);
	if (pb_unpack(scratch, &google__protobuf__file_descriptor_set__descriptor, bytes, &set).reason != NULL)
		contract_broken("cannot be read", "the descriptor set");
	contract_load_types(&loaded, set);
	contract_load_symbols(&loaded, set, bytes);
	arena_free(scratch);
}

const struct contract *contract_load(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	if (pthread_once(&once, load) != 0)
		contract_broken("cannot be loaded", "pthread_once");
	return &loaded;
}

const struct contract_method *contract_method(const struct contract *contract, struct str path)
{
	return contract_index_get(&contract->paths, path);
}

const struct contract_message *contract_message(const struct contract *contract, const char *full_name)
{
	return contract_index_get(&contract->messages, str_of(full_name));
}

const struct contract_method *contract_methods(const struct contract *contract, size_t *ret_count)
{
	*ret_count = contract->n_methods;
	return contract->methods;
}

const struct contract_method *contract_service(const struct contract *contract, const char *full_name,
					       size_t *ret_count)
{
	const struct contract_service *service = contract_index_get(&contract->services, str_of(full_name));

	if (service == NULL)
		return NULL;
	*ret_count = service->count;
	return contract->methods + service->first;
}

/* Numbers are mostly 1, 2, 3, ..., so the field is mostly where its number says; else it stands before that. */
const struct contract_field *contract_field(const struct contract_message *message, uint32_t number)
{
	size_t at = number < message->n_fields ? number : message->n_fields;

	while (at > 0 && message->fields[at - 1].number > number)
		at--;
	return at > 0 && message->fields[at - 1].number == number ? &message->fields[at - 1] : NULL;
}

const struct contract_field *contract_field_named(const struct contract_message *message, struct str name)
{
	for (size_t i = 0; i < message->n_fields; i++) {
		const struct contract_field *field = &message->fields[i];

		if (str_is(name, field->name) || str_is(name, field->json_name))
			return field;
	}
	return NULL;
}

const struct contract_enum_value *contract_enum_value(const struct contract_enum *enumeration, int32_t number)
{
	for (size_t i = 0; i < enumeration->n_values; i++)
		if (enumeration->values[i].number == number)
			return &enumeration->values[i];
	return NULL;
}

const struct contract_enum_value *contract_enum_named(const struct contract_enum *enumeration, struct str name)
{
	for (size_t i = 0; i < enumeration->n_values; i++)
		if (str_is(name, enumeration->values[i].name))
			return &enumeration->values[i];
	return NULL;
}
