/* What a peer's refusal means to our caller. */
#include "base/str.h"
#include "ordering/peers.h"

bool peer_line(const char *field, size_t *ret_line)
{
	struct str rest = str_of(field);
	struct str head;
	int64_t line;

	if (!str_cut(&rest, '[', &head) || !str_is(head, "lines") || !str_cut(&rest, ']', &head) ||
	    !str_to_int64(head, &line) || line < 0)
		return false;
	*ret_line = (size_t)line;
	return true;
}

/* The reason, the sentence and the metadata stay; the violations are told in our caller's terms. */
static struct status translated(struct call *call, struct status status, const char *const *fields, size_t n_fields)
{
	const struct violation *violation = status.detail->violations;
	struct status ours = status;
	size_t line;

	ours.detail = arena_memdup(call->arena, status.detail, sizeof(*status.detail));
	ours.detail->violations = NULL;
	for (; violation != NULL; violation = violation->next) {
		if (peer_line(violation->field, &line) && line < n_fields)
			ours = status_violation(call->arena, ours, fields[line], violation->description);
	}
	return ours;
}

/* Said of a request that was made by us. */
static bool our_mistake(enum code code)
{
	static const bool ours[] = {
		[CODE_INVALID_ARGUMENT] = true, [CODE_PERMISSION_DENIED] = true, [CODE_UNAUTHENTICATED] = true,
		[CODE_UNIMPLEMENTED] = true,    [CODE_DATA_LOSS] = true,
	};

	return (size_t)code < sizeof(ours) && ours[code];
}

struct status peer_refusal(struct call *call, struct status status, const char *const *fields, size_t n_fields)
{
	if (status.reason == NULL)
		return STATUS_OK;
	if (our_mistake(status.reason->code))
		return status_private(call->arena, &INTERNAL_ERROR, "a peer refuses what was asked: %s: %s",
				      status.reason->name, status_message(status));
	return status.detail == NULL ? status : translated(call, status, fields, n_fields);
}
