/* See reflection.h. Files are sent as they stand in the embedded set: nothing is packed again. */
#include "runtime/reflection.h"

#include "grpc/reflection/v1/reflection.pb-c.h"
#include "grpc/reflection/v1alpha/reflection.pb-c.h"
#include "runtime/contract.h"
#include "runtime/pb.h"

#define ASKED(name_) GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##name_
#define ASKED_NOTHING GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST__NOT_SET
#define ASKED_INT_SIZE _GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST__CASE_IS_INT_SIZE
#define ANSWERED(name_) GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##name_

typedef Grpc__Reflection__V1__ServerReflectionRequest Request;
typedef Grpc__Reflection__V1__ServerReflectionResponse Response;

static const char *const nothing[] = { NULL };
static const char *const *names = nothing;

/* One client's stream. */
struct conversation {
	const struct contract *contract;
	struct arena *arena;
	bool *sent; /* by the file's number */
};

static char *borrowed(const char *text)
{
	return (char *)(uintptr_t)text;
}

static void refuse(struct conversation *talk, Response *response, const char *what, const char *name)
{
	Grpc__Reflection__V1__ErrorResponse *error =
	    pb_new(talk->arena, &grpc__reflection__v1__error_response__descriptor);

	error->error_code = CODE_NOT_FOUND;
	error->error_message = arena_printf(talk->arena, "There is no %s %s.", what, name);
	response->message_response_case = ANSWERED(ERROR_RESPONSE);
	response->error_response = error;
}

static void add_file(struct conversation *talk, Grpc__Reflection__V1__FileDescriptorResponse *files,
		     const struct contract_file *file)
{
	talk->sent[file->number] = true;
	files->file_descriptor_proto[files->n_file_descriptor_proto++] =
	    (ProtobufCBinaryData){ file->bytes.len, (uint8_t *)(uintptr_t)file->bytes.data };
	for (const struct contract_file *const *import = file->imports; *import != NULL; import++)
		if (!talk->sent[(*import)->number])
			add_file(talk, files, *import);
}

static void answer_file(struct conversation *talk, Response *response, const struct contract_file *file,
			const char *what, const char *name)
{
	Grpc__Reflection__V1__FileDescriptorResponse *files;

	if (file == NULL) {
		refuse(talk, response, what, name);
		return;
	}
	files = pb_new(talk->arena, &grpc__reflection__v1__file_descriptor_response__descriptor);
	files->file_descriptor_proto =
	    arena_array(talk->arena, contract_files(talk->contract), sizeof(ProtobufCBinaryData));
	add_file(talk, files, file);
	response->message_response_case = ANSWERED(FILE_DESCRIPTOR_RESPONSE);
	response->file_descriptor_response = files;
}

static void answer_extension(struct conversation *talk, Response *response,
			     const Grpc__Reflection__V1__ExtensionRequest *asked)
{
	const char *name = arena_printf(talk->arena, "%d of %s", (int)asked->extension_number, asked->containing_type);

	answer_file(talk, response,
		    contract_file_of_extension(talk->contract, asked->containing_type, asked->extension_number),
		    "extension", name);
}

static void answer_numbers(struct conversation *talk, Response *response, const char *type)
{
	Grpc__Reflection__V1__ExtensionNumberResponse *numbers;
	const int32_t *found;

	if (contract_message(talk->contract, type) == NULL) {
		refuse(talk, response, "message", type);
		return;
	}
	numbers = pb_new(talk->arena, &grpc__reflection__v1__extension_number_response__descriptor);
	numbers->base_type_name = borrowed(type);
	numbers->n_extension_number = contract_extensions(talk->contract, type, &found);
	numbers->extension_number = arena_memdup(talk->arena, found, numbers->n_extension_number * sizeof(*found));
	response->message_response_case = ANSWERED(ALL_EXTENSION_NUMBERS_RESPONSE);
	response->all_extension_numbers_response = numbers;
}

static void answer_services(struct conversation *talk, Response *response)
{
	Grpc__Reflection__V1__ListServiceResponse *list =
	    pb_new(talk->arena, &grpc__reflection__v1__list_service_response__descriptor);
	size_t count = 0;

	while (names[count] != NULL)
		count++;
	list->service = arena_array(talk->arena, count, sizeof(*list->service));
	for (size_t i = 0; i < count; i++) {
		Grpc__Reflection__V1__ServiceResponse *service =
		    pb_new(talk->arena, &grpc__reflection__v1__service_response__descriptor);

		service->name = borrowed(names[i]);
		list->service[list->n_service++] = service;
	}
	response->message_response_case = ANSWERED(LIST_SERVICES_RESPONSE);
	response->list_services_response = list;
}

static void answer(struct conversation *talk, Request *request, Response *response)
{
	const struct contract *contract = talk->contract;

	response->valid_host = request->host;
	response->original_request = request;
	switch (request->message_request_case) {
	case ASKED(FILE_BY_FILENAME):
		answer_file(talk, response, contract_file(contract, request->file_by_filename), "file",
			    request->file_by_filename);
		return;
	case ASKED(FILE_CONTAINING_SYMBOL):
		answer_file(talk, response, contract_file_of_symbol(contract, request->file_containing_symbol),
			    "symbol", request->file_containing_symbol);
		return;
	case ASKED(FILE_CONTAINING_EXTENSION):
		answer_extension(talk, response, request->file_containing_extension);
		return;
	case ASKED(ALL_EXTENSION_NUMBERS_OF_TYPE):
		answer_numbers(talk, response, request->all_extension_numbers_of_type);
		return;
	case ASKED(LIST_SERVICES):
		answer_services(talk, response);
		return;
	case ASKED_NOTHING:
	case ASKED_INT_SIZE:
		refuse(talk, response, "question", "in the request");
		return;
	}
}

/* A stream may be long, so what one question needed is dropped before the next. *ret_more: the client has not finished. */
static struct status converse(struct call *call, struct conversation *talk, bool *ret_more)
{
	Response response = GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__INIT;
	void *request;

	TRY(rpc_receive(call, &grpc__reflection__v1__server_reflection_request__descriptor, &request));
	*ret_more = request != NULL;
	if (request == NULL)
		return STATUS_OK;
	answer(talk, request, &response);
	return rpc_send(call, &response.base);
}

static struct status reflect(struct call *call, const void *in, void *out)
{
	struct conversation talk = { .contract = contract_load(), .arena = call->arena };
	bool more = true;

	(void)in;
	(void)out;
	talk.sent = arena_array(call->arena, contract_files(talk.contract), sizeof(bool));
	while (more) {
		const struct arena_mark scratch = arena_mark(call->arena);

		TRY(converse(call, &talk, &more));
		arena_rewind(call->arena, scratch);
	}
	return STATUS_OK;
}

static const struct rpc_method methods[] = {
	{ .name = "ServerReflectionInfo", .handler = reflect },
	RPC_METHODS_END,
};

const struct rpc_service reflection_service = { &grpc__reflection__v1__server_reflection__descriptor, methods };
const struct rpc_service reflection_alpha_service = { &grpc__reflection__v1alpha__server_reflection__descriptor,
						      methods };

void reflection_setup(const char *const *services)
{
	names = services;
}
