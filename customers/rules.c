#include "customers/rules.h"

#include <string.h>

#include "base/str.h"

const struct reason CUSTOMER_BLOCKED = { CODE_FAILED_PRECONDITION, "CUSTOMER_BLOCKED", "The customer is blocked." };
const struct reason CUSTOMER_NOT_BLOCKED = { CODE_FAILED_PRECONDITION, "CUSTOMER_NOT_BLOCKED",
					     "The customer is not blocked." };
const struct reason CUSTOMER_ERASED = { CODE_FAILED_PRECONDITION, "CUSTOMER_ERASED",
					"The customer's personal data has been erased." };

struct transition {
	Customers__CustomerStatus from;
	enum customer_event event;
	Customers__CustomerStatus to;
};

static const struct transition TRANSITIONS[] = {
	{ CUSTOMERS__CUSTOMER_STATUS__CUSTOMER_STATUS_ACTIVE, CUSTOMER_EVENT_BLOCK,
	  CUSTOMERS__CUSTOMER_STATUS__CUSTOMER_STATUS_BLOCKED },
	{ CUSTOMERS__CUSTOMER_STATUS__CUSTOMER_STATUS_BLOCKED, CUSTOMER_EVENT_UNBLOCK,
	  CUSTOMERS__CUSTOMER_STATUS__CUSTOMER_STATUS_ACTIVE },
};

static struct status check_defaults(struct arena *arena, const Customers__Customer *customer)
{
	struct status status = STATUS_OK;
	bool shipping = false, billing = false;

	for (size_t i = 0; i < customer->n_addresses; i++) {
		const Customers__CustomerAddress *address = customer->addresses[i];

		if (address->default_shipping && shipping)
			status = status_violation(arena, status,
						  arena_printf(arena, "customer.addresses[%zu].default_shipping", i),
						  "another address is the default already");
		if (address->default_billing && billing)
			status = status_violation(arena, status,
						  arena_printf(arena, "customer.addresses[%zu].default_billing", i),
						  "another address is the default already");
		shipping |= (bool)address->default_shipping;
		billing |= (bool)address->default_billing;
	}
	return status;
}

struct status customer_check(struct arena *arena, const Customers__Customer *customer)
{
	return check_defaults(arena, customer);
}

/* The fields that an update may change, and how. */
struct changeable {
	const char *path;
	size_t offset; /* of the text; the addresses have none */
};

static const struct changeable CHANGEABLE[] = {
	{ "first_name", offsetof(Customers__Customer, first_name) },
	{ "last_name", offsetof(Customers__Customer, last_name) },
	{ "company", offsetof(Customers__Customer, company) },
	{ "email", offsetof(Customers__Customer, email) },
	{ "phone", offsetof(Customers__Customer, phone) },
	{ "addresses", 0 },
};
#define N_CHANGEABLE (sizeof(CHANGEABLE) / sizeof(CHANGEABLE[0]))

static char **text_at(const Customers__Customer *customer, size_t offset)
{
	return (char **)(void *)((char *)(uintptr_t)customer + offset);
}

static void change(Customers__Customer *customer, const Customers__Customer *changes, const struct changeable *field)
{
	if (field->offset != 0) {
		*text_at(customer, field->offset) = *text_at(changes, field->offset);
		return;
	}
	customer->addresses = changes->addresses;
	customer->n_addresses = changes->n_addresses;
}

static bool is_set(const Customers__Customer *changes, const struct changeable *field)
{
	return field->offset != 0 ? **text_at(changes, field->offset) != '\0' : changes->n_addresses > 0;
}

static const struct changeable *changeable_named(const char *path)
{
	for (size_t i = 0; i < N_CHANGEABLE; i++) {
		if (strcmp(CHANGEABLE[i].path, path) == 0)
			return &CHANGEABLE[i];
	}
	return NULL;
}

static struct status check_mask(struct arena *arena, const Google__Protobuf__FieldMask *mask)
{
	struct status status = STATUS_OK;

	for (size_t i = 0; i < mask->n_paths; i++) {
		if (changeable_named(mask->paths[i]) == NULL)
			status = status_violation(
			    arena, status, "update_mask",
			    arena_printf(arena, "\"%s\" is not a field that can be changed", mask->paths[i]));
	}
	return status;
}

struct status customer_update(struct arena *arena, Customers__Customer *customer, const Customers__Customer *changes,
			      const Google__Protobuf__FieldMask *mask)
{
	bool masked = mask != NULL && mask->n_paths > 0;

	if (customer->status == CUSTOMERS__CUSTOMER_STATUS__CUSTOMER_STATUS_ERASED)
		return status_of(&CUSTOMER_ERASED);
	if (masked)
		TRY(check_mask(arena, mask));
	TRY(check_defaults(arena, changes));
	for (size_t i = 0; masked && i < mask->n_paths; i++)
		change(customer, changes, changeable_named(mask->paths[i]));
	for (size_t i = 0; !masked && i < N_CHANGEABLE; i++) {
		if (is_set(changes, &CHANGEABLE[i]))
			change(customer, changes, &CHANGEABLE[i]);
	}
	return STATUS_OK;
}

/* Why an event is refused in a status. */
static const struct reason *refusal(Customers__CustomerStatus status)
{
	if (status == CUSTOMERS__CUSTOMER_STATUS__CUSTOMER_STATUS_BLOCKED)
		return &CUSTOMER_BLOCKED;
	if (status == CUSTOMERS__CUSTOMER_STATUS__CUSTOMER_STATUS_ERASED)
		return &CUSTOMER_ERASED;
	return &CUSTOMER_NOT_BLOCKED;
}

struct status customer_move(Customers__Customer *customer, enum customer_event event, char *reason)
{
	for (size_t i = 0; i < sizeof(TRANSITIONS) / sizeof(TRANSITIONS[0]); i++) {
		if (TRANSITIONS[i].from == customer->status && TRANSITIONS[i].event == event) {
			customer->status = TRANSITIONS[i].to;
			customer->status_reason = reason;
			return STATUS_OK;
		}
	}
	return status_of(refusal(customer->status));
}
