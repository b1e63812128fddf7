/* Packing and unpacking. Requests are in pb_request.c, checking is in pb_rules.c, the forms of texts in pb_format.c. See pb.h. */
#include "runtime/pb.h"

#include <stdio.h>
#include <stdlib.h>

static void *alloc_within_budget(void *arena, size_t size)
{
	return arena_try(arena, size);
}

static void *alloc_or_die(void *arena, size_t size)
{
	return arena_alloc(arena, size);
}

/* The arena frees everything at once. */
static void free_nothing(void *arena, void *data)
{
	(void)arena;
	(void)data;
}

struct status pb_unpack(struct arena *arena, const ProtobufCMessageDescriptor *descriptor, struct str bytes,
			void **ret_message)
{
	ProtobufCAllocator allocator = { alloc_within_budget, free_nothing, arena };
	void *message = protobuf_c_message_unpack(descriptor, &allocator, bytes.len, (const uint8_t *)bytes.data);

	if (message == NULL)
		return status_of(arena_exhausted(arena) ? &MESSAGE_TOO_COMPLEX : &MALFORMED_MESSAGE);
	*ret_message = message;
	return STATUS_OK;
}

struct str pb_pack(struct arena *arena, const ProtobufCMessage *message)
{
	const size_t size = protobuf_c_message_get_packed_size(message);
	uint8_t *data = arena_alloc(arena, size);

	return (struct str){ (const char *)data, protobuf_c_message_pack(message, data) };
}

void *pb_new(struct arena *arena, const ProtobufCMessageDescriptor *descriptor)
{
	void *message = arena_alloc(arena, descriptor->sizeof_message);

	protobuf_c_message_init(descriptor, message);
	return message;
}

/* What was packed here can be read here, so that only a broken build fails. */
void *pb_copy(struct arena *arena, const ProtobufCMessage *message)
{
	ProtobufCAllocator allocator = { alloc_or_die, free_nothing, arena };
	const struct str bytes = pb_pack(arena, message);
	void *copy = protobuf_c_message_unpack(message->descriptor, &allocator, bytes.len, (const uint8_t *)bytes.data);

	if (copy == NULL) {
		fprintf(stderr, "pb: %s cannot be copied\n", message->descriptor->name);
		abort();
	}
	return copy;
}

const char *pb_enum_name(const ProtobufCEnumDescriptor *descriptor, int value)
{
	const ProtobufCEnumValue *found = protobuf_c_enum_descriptor_get_value(descriptor, value);

	return found == NULL ? "" : found->name;
}

int pb_enum_number(const ProtobufCEnumDescriptor *descriptor, const char *name)
{
	const ProtobufCEnumValue *found = protobuf_c_enum_descriptor_get_value_by_name(descriptor, name);

	return found == NULL ? -1 : found->value;
}
