/* Reading a request, with its ids as they are written: in lower case (RFC 9562, 4). See pb.h. */
#include "runtime/pb.h"

/* Constants, as the empty text of protobuf-c, are not written to: they have no capitals. */
static void lower_hex(char *text)
{
	for (; *text != '\0'; text++)
		if (*text >= 'A' && *text <= 'F')
			*text = (char)(*text - 'A' + 'a');
}

static void canonical_message(const struct contract_message *contract, ProtobufCMessage *message);

static void canonical_value(const struct contract_field *field, void *value)
{
	if (value == NULL)
		return;
	if (field->message != NULL)
		canonical_message(field->message, value);
	else
		lower_hex(value);
}

/* protobuf-c.h, ProtobufCFieldDescriptor: the quantifier is a list's length, or which member of a oneof is set. */
static void canonical_field(const struct contract_field *field, ProtobufCMessage *message)
{
	const ProtobufCFieldDescriptor *member =
	    protobuf_c_message_descriptor_get_field(message->descriptor, field->number);
	char *base = (char *)message;
	void *value = *(void **)(base + member->offset);

	if (member->label == PROTOBUF_C_LABEL_REPEATED) {
		const size_t count = *(const size_t *)(base + member->quantifier_offset);

		for (size_t i = 0; i < count; i++)
			canonical_value(field, ((void **)value)[i]);
		return;
	}
	if ((member->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0 ||
	    *(const uint32_t *)(base + member->quantifier_offset) == field->number)
		canonical_value(field, value);
}

/* Goes as deep as the check did. */
static void canonical_message(const struct contract_message *contract, ProtobufCMessage *message)
{
	for (size_t i = 0; i < contract->n_fields; i++)
		if (contract->fields[i].ids)
			canonical_field(&contract->fields[i], message);
}

struct status pb_request(struct arena *arena, const struct contract_message *message,
			 const ProtobufCMessageDescriptor *descriptor, struct str bytes, void **ret_request)
{
	void *request;

	TRY(pb_check(arena, message, bytes));
	TRY(pb_unpack(arena, descriptor, bytes, &request));
	canonical_message(message, request);
	*ret_request = request;
	return STATUS_OK;
}
