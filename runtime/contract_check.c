/*
 * Run by the build, which fails when this does: is every contract of ours complete?
 *
 * - Each method has a policy: someone who may call it, ownership, a deadline, a call class.
 * - Each method that people may call has a route (google.api.http), but for events, which only programs fetch.
 * - Each text and list that a request can hold is bounded: max_length or a format, max_items. What only the service sets is not asked for.
 */
#include <stdio.h>
#include <string.h>

#include "base/list.h"
#include "runtime/contract.h"

#define OURS "quayside."
#define NO_ROUTES "quayside.events.v1.EventService"

/* A message that requests reach, so that each is looked at once. */
struct reached {
	const struct contract_message *message;
	struct link link;
};

struct review {
	struct arena *arena;
	struct link reached;
	unsigned offences;
};

static void offence(struct review *review, const char *owner, const char *name, const char *what)
{
	fprintf(stderr, "%s%s%s: %s\n", owner, name == NULL ? "" : ".", name == NULL ? "" : name, what);
	review->offences++;
}

static bool is_ours(const char *name)
{
	return strncmp(name, OURS, strlen(OURS)) == 0;
}

static void review_policy(struct review *review, const struct contract_method *method)
{
	const struct contract_policy *policy = &method->policy;

	if (!policy->present) {
		offence(review, method->service, method->name, "has no policy");
		return;
	}
	if (policy->roles == 0 && policy->callers[0] == NULL)
		offence(review, method->service, method->name, "policy names neither roles nor callers");
	if (policy->ownership == OWNERSHIP_UNSPECIFIED)
		offence(review, method->service, method->name, "policy has no ownership");
	if (policy->deadline_ms == 0)
		offence(review, method->service, method->name, "policy has no deadline_ms");
	if (policy->call_class == CLASS_UNSPECIFIED)
		offence(review, method->service, method->name, "policy has no call_class");
	if (policy->write && !policy->idempotent)
		offence(review, method->service, method->name,
			"policy says write but not idempotent: every write takes a key");
	if (policy->roles != 0 && method->n_routes == 0 && strcmp(method->service, NO_ROUTES) != 0)
		offence(review, method->service, method->name, "has roles but no google.api.http route");
}

static void reach(struct review *review, const struct contract_message *message)
{
	struct reached *reached;

	if (!is_ours(message->full_name))
		return;
	LIST_EACH (&review->reached, link)
		if (LIST_ENTRY(link, struct reached, link)->message == message)
			return;
	reached = arena_alloc(review->arena, sizeof(*reached));
	reached->message = message;
	list_append(&review->reached, &reached->link);
}

static void review_field(struct review *review, const struct contract_message *message,
			 const struct contract_field *field)
{
	const struct contract_rules *rules = &field->rules;
	const bool text = field->type == CONTRACT_STRING || field->type == CONTRACT_BYTES;

	if (rules->output_only)
		return;
	if (text && rules->max_length == 0 && (field->type == CONTRACT_BYTES || rules->format == FORMAT_ANY))
		offence(review, message->full_name, field->name, "has neither max_length nor a format");
	if (field->repeated && rules->max_items == 0)
		offence(review, message->full_name, field->name, "has no max_items");
	if (field->message != NULL)
		reach(review, field->message);
}

/* The list grows while it is walked: what is reached later is reviewed later. */
static void review_messages(struct review *review)
{
	for (struct link *link = review->reached.next; link != &review->reached; link = link->next) {
		const struct contract_message *message = LIST_ENTRY(link, struct reached, link)->message;

		for (size_t i = 0; i < message->n_fields; i++)
			review_field(review, message, &message->fields[i]);
	}
}

int main(void)
{
	struct review review = { .arena = arena_new(4096, 0) };
	size_t count;
	const struct contract_method *methods = contract_methods(contract_load(), &count);

	list_init(&review.reached);
	for (size_t i = 0; i < count; i++) {
		if (!is_ours(methods[i].service))
			continue;
		review_policy(&review, &methods[i]);
		reach(&review, methods[i].input);
	}
	review_messages(&review);
	arena_free(review.arena);
	return review.offences == 0 ? 0 : 1;
}
