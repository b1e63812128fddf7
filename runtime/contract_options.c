/* Our options and google.api.http. protoc-c knows no extensions: they arrive as unknown fields, whose data begins with its own length. */
#include "runtime/contract_private.h"

#include <string.h>

#include "google/api/http.pb-c.h"
#include "quayside/common/v1/options.pb-c.h"
#include "runtime/pb.h"
#include "runtime/wire.h"

#define TAG_HTTP 72295728
#define TAG_POLICY 50051
#define TAG_RULES 50052

/* The numbers of contract.h are those of the contract. */
_Static_assert((int)FORMAT_SKU == (int)COMMON__FORMAT__FORMAT_SKU &&
		   (int)FORMAT_UUID == (int)COMMON__FORMAT__FORMAT_UUID,
	       "Format");
_Static_assert((int)CLASS_SHEDDABLE == (int)COMMON__CALL_CLASS__CALL_CLASS_SHEDDABLE, "CallClass");
_Static_assert((int)OWNERSHIP_CUSTOMER == (int)COMMON__OWNERSHIP__OWNERSHIP_CUSTOMER, "Ownership");

/* NULL when the option is not set. */
static void *read_option(struct contract *contract, const ProtobufCMessage *options, uint32_t tag,
			 const ProtobufCMessageDescriptor *descriptor)
{
	for (unsigned i = 0; options != NULL && i < options->n_unknown_fields; i++) {
		const ProtobufCMessageUnknownField *field = &options->unknown_fields[i];
		struct str rest = { (const char *)field->data, field->len };
		struct wire_field value;
		void *message;

		if (field->tag != tag)
			continue;
		if (!wire_value(&rest, WIRE_BYTES, &value) ||
		    pb_unpack(contract->arena, descriptor, value.bytes, &message).reason != NULL)
			contract_broken("unreadable option", descriptor->name);
		return message;
	}
	return NULL;
}

/* The whole text must match; in the C locale, byte by byte. */
static void compile_pattern(struct contract *contract, struct contract_rules *rules)
{
	const char *anchored = arena_printf(contract->arena, "^(%s)$", rules->pattern);

	if (regcomp(&rules->regex, anchored, REG_EXTENDED | REG_NOSUB) != 0)
		contract_broken("no regular expression", rules->pattern);
}

void contract_read_rules(struct contract *contract, const Google__Protobuf__FieldOptions *options,
			 struct contract_rules *ret_rules)
{
	const Common__FieldRules *read =
	    read_option(contract, (const ProtobufCMessage *)options, TAG_RULES, &common__field_rules__descriptor);

	if (read == NULL)
		return;
	ret_rules->required = read->required;
	ret_rules->output_only = read->output_only;
	ret_rules->sensitive = read->sensitive;
	ret_rules->min_length = read->min_length;
	ret_rules->max_length = read->max_length;
	ret_rules->max_items = read->max_items;
	ret_rules->format = (enum contract_format)read->format;
	if (read->range != NULL) {
		ret_rules->has_range = true;
		ret_rules->min = read->range->min;
		ret_rules->max = read->range->max;
	}
	if (*read->pattern != '\0') {
		ret_rules->pattern = read->pattern;
		compile_pattern(contract, ret_rules);
	}
}

static void set_pattern(const Google__Api__HttpRule *rule, struct contract_route *ret_route)
{
	switch (rule->pattern_case) {
	case GOOGLE__API__HTTP_RULE__PATTERN_GET:
		*ret_route = (struct contract_route){ .verb = "GET", .template = rule->get };
		return;
	case GOOGLE__API__HTTP_RULE__PATTERN_PUT:
		*ret_route = (struct contract_route){ .verb = "PUT", .template = rule->put };
		return;
	case GOOGLE__API__HTTP_RULE__PATTERN_POST:
		*ret_route = (struct contract_route){ .verb = "POST", .template = rule->post };
		return;
	case GOOGLE__API__HTTP_RULE__PATTERN_DELETE:
		*ret_route = (struct contract_route){ .verb = "DELETE", .template = rule->delete_ };
		return;
	case GOOGLE__API__HTTP_RULE__PATTERN_PATCH:
		*ret_route = (struct contract_route){ .verb = "PATCH", .template = rule->patch };
		return;
	case GOOGLE__API__HTTP_RULE__PATTERN_CUSTOM:
		*ret_route = (struct contract_route){ .verb = rule->custom->kind, .template = rule->custom->path };
		return;
	case GOOGLE__API__HTTP_RULE__PATTERN__NOT_SET:
	case _GOOGLE__API__HTTP_RULE__PATTERN__CASE_IS_INT_SIZE:
		contract_broken("http rule without a pattern", rule->selector);
	}
}

static void read_route(const Google__Api__HttpRule *rule, struct contract_route *ret_route)
{
	set_pattern(rule, ret_route);
	ret_route->body = rule->body;
	ret_route->response_body = rule->response_body;
}

/* Additional bindings do not nest (google/api/http.proto). */
static void read_routes(struct contract *contract, const Google__Api__HttpRule *rule, struct contract_method *method)
{
	struct contract_route *routes = arena_array(contract->arena, rule->n_additional_bindings + 1, sizeof(*routes));

	read_route(rule, &routes[0]);
	for (size_t i = 0; i < rule->n_additional_bindings; i++)
		read_route(rule->additional_bindings[i], &routes[i + 1]);
	method->routes = routes;
	method->n_routes = rule->n_additional_bindings + 1;
}

static const char *const *ended_by_null(struct contract *contract, char *const *texts, size_t count)
{
	const char **list = arena_array(contract->arena, count + 1, sizeof(*list));

	for (size_t i = 0; i < count; i++)
		list[i] = texts[i];
	return list;
}

void contract_read_policy(struct contract *contract, const Google__Protobuf__MethodOptions *options,
			  struct contract_method *method)
{
	const ProtobufCMessage *base = (const ProtobufCMessage *)options;
	const Google__Api__HttpRule *rule = read_option(contract, base, TAG_HTTP, &google__api__http_rule__descriptor);
	const Common__Policy *policy = read_option(contract, base, TAG_POLICY, &common__policy__descriptor);

	if (rule != NULL)
		read_routes(contract, rule, method);
	if (policy == NULL) {
		method->policy.callers = ended_by_null(contract, NULL, 0);
		return;
	}
	method->policy = (struct contract_policy){
		.present = true,
		.callers = ended_by_null(contract, policy->callers, policy->n_callers),
		.ownership = (enum contract_ownership)policy->ownership,
		.write = policy->write,
		.idempotent = policy->idempotent,
		.audit = policy->audit,
		.deadline_ms = policy->deadline_ms,
		.call_class = (enum contract_call_class)policy->call_class,
	};
	for (size_t i = 0; i < policy->n_roles; i++)
		method->policy.roles |= UINT32_C(1) << (unsigned)policy->roles[i];
}
