/* Between core's buffers and metadata and our views. See rpc_private.h. */
#include "runtime/rpc_private.h"

#include <string.h>

#include <grpc/byte_buffer_reader.h>

struct str rpc_bytes(struct arena *arena, grpc_byte_buffer *buffer)
{
	grpc_byte_buffer_reader reader;
	const size_t len = grpc_byte_buffer_length(buffer);
	grpc_slice *first;

	if (!grpc_byte_buffer_reader_init(&reader, buffer))
		return (struct str){ NULL, 0 };
	/* Mostly one slice holds everything: nothing is copied then. */
	if (len == 0 || (grpc_byte_buffer_reader_peek(&reader, &first) && GRPC_SLICE_LENGTH(*first) == len)) {
		grpc_byte_buffer_reader_destroy(&reader);
		return len == 0 ? STR("") : (struct str){ (const char *)GRPC_SLICE_START_PTR(*first), len };
	}
	grpc_byte_buffer_reader_destroy(&reader);
	if (!grpc_byte_buffer_reader_init(&reader, buffer))
		return (struct str){ NULL, 0 };

	grpc_slice all = grpc_byte_buffer_reader_readall(&reader);
	const size_t size = GRPC_SLICE_LENGTH(all);
	char *copy = arena_memdup(arena, GRPC_SLICE_START_PTR(all), size);

	grpc_slice_unref(all);
	grpc_byte_buffer_reader_destroy(&reader);
	return (struct str){ copy, size };
}

static grpc_byte_buffer *buffer_of(grpc_slice slice)
{
	grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&slice, 1);

	grpc_slice_unref(slice);
	return buffer;
}

grpc_byte_buffer *rpc_buffer_of_message(const ProtobufCMessage *message)
{
	grpc_slice slice = grpc_slice_malloc(protobuf_c_message_get_packed_size(message));

	protobuf_c_message_pack(message, GRPC_SLICE_START_PTR(slice));
	return buffer_of(slice);
}

grpc_byte_buffer *rpc_buffer_of_bytes(struct str bytes)
{
	return buffer_of(grpc_slice_from_copied_buffer(bytes.data, bytes.len));
}

struct str rpc_metadata_find(const grpc_metadata_array *metadata, const char *name)
{
	const size_t len = strlen(name);

	for (size_t i = 0; i < metadata->count; i++) {
		const grpc_metadata *pair = &metadata->metadata[i];

		if (GRPC_SLICE_LENGTH(pair->key) == len && memcmp(GRPC_SLICE_START_PTR(pair->key), name, len) == 0)
			return (struct str){ (const char *)GRPC_SLICE_START_PTR(pair->value),
					     GRPC_SLICE_LENGTH(pair->value) };
	}
	return (struct str){ NULL, 0 };
}
