/*
 * contract_private: what the parts of the contract share while it is made. Included by runtime/contract*.c only.
 *
 * Invariants
 * - contract_load.c builds messages, enums, services and methods; contract_options.c reads our options; contract_symbols.c keeps files, symbols and extensions.
 * - What is kept is copied into contract->arena; the unpacked descriptors live only while loading.
 * - The set is our own build's, so anything wrong with it stops the process (contract_broken()).
 */
#ifndef QUAYSIDE_RUNTIME_CONTRACT_PRIVATE_H
#define QUAYSIDE_RUNTIME_CONTRACT_PRIVATE_H

#include "google/protobuf/descriptor.pb-c.h"

#include "base/arena.h"
#include "runtime/contract.h"

/* A hash table from names to what they stand for; open addressing, at most half full, never changed after loading. */
struct contract_index {
	struct contract_name *slots;
	size_t n_slots; /* a power of two */
	size_t n_names;
};

struct contract_name {
	const char *name; /* NULL: empty */
	size_t len;
	uint64_t hash;
	const void *value;
};

/* All methods of one service. */
struct contract_service {
	const char *full_name;
	size_t first, count; /* in methods */
};

struct contract_extension {
	const char *message; /* that is extended */
	int32_t number;
	const struct contract_file *file;
};

struct contract {
	struct arena *arena;
	struct contract_index messages, enums, services, paths, files, symbols;
	struct contract_method *methods;
	size_t n_methods;
	struct contract_extension *extensions; /* by message and number */
	int32_t *extension_numbers;            /* the same order */
	size_t n_extensions;
};

void contract_broken(const char *what, const char *name) __attribute__((noreturn));

/* Names must stay valid. A second value for a name is ignored. */
void contract_index_add(struct contract *contract, struct contract_index *index, const char *name, const void *value);
const void *contract_index_get(const struct contract_index *index, struct str name);

void contract_load_types(struct contract *contract, const Google__Protobuf__FileDescriptorSet *set);
void contract_load_symbols(struct contract *contract, const Google__Protobuf__FileDescriptorSet *set, struct str bytes);
void contract_read_rules(struct contract *contract, const Google__Protobuf__FieldOptions *options,
			 struct contract_rules *ret_rules);
void contract_read_policy(struct contract *contract, const Google__Protobuf__MethodOptions *options,
			  struct contract_method *method);

/* "package.Name"; just the name when there is no package. */
const char *contract_full_name(struct contract *contract, const char *scope, const char *name);

#endif
