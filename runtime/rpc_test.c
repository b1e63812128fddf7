/* What rpc_server.h and rpc_client.h promise of single calls: replies, errors, keys, traces. */
#include "runtime/rpc_fixture.h"

#include "runtime/write.h"

/* ---- Stand-ins for write.c, which has a test of its own. They are weak, so that linking both is no error. ---- */

static struct {
	int opened, closed;
	bool with_reply; /* the handler's */
	struct write_answer kept;
	struct status refusal;
} writes;

__attribute__((weak)) void write_open(struct call *call)
{
	assert_non_null(call->key);
	assert_true(call->request.len > 0);
	writes.opened++;
}

__attribute__((weak)) struct status write_close(struct call *call, struct status outcome,
						struct write_answer *ret_answer)
{
	(void)call;
	writes.closed++;
	*ret_answer = writes.kept;
	if (writes.refusal.reason != NULL)
		return writes.refusal;
	return writes.kept.kept ? STATUS_OK : outcome;
}

/* ---- The service ---- */

static const struct reason OUT_OF_LUCK = { CODE_FAILED_PRECONDITION, "OUT_OF_LUCK", "There is no luck left." };

RPC_UNARY(get_customer, Customers__GetCustomerRequest, Customers__Customer);
RPC_UNARY(list_customers, Customers__ListCustomersRequest, Customers__ListCustomersResponse);
RPC_UNARY(create_customer, Customers__CreateCustomerRequest, Customers__Customer);

/* Shows what the server made of the call. */
static struct status get_customer(struct call *call, const Customers__GetCustomerRequest *request,
				  Customers__Customer *reply)
{
	reply->customer_id = request->customer_id;
	reply->first_name = arena_strdup(call->arena, call->actor);
	reply->last_name = arena_strdup(call->arena, call->trace_parent);
	reply->company = arena_printf(call->arena, "%lld", (long long)call_remaining(call));
	return STATUS_OK;
}

static struct status fail_with_everything(struct call *call)
{
	struct status status = status_printf(call->arena, &OUT_OF_LUCK, "No luck left for \xc3\xbc people, 100%%.");

	status = status_metadata(call->arena, status, "luck", "0");
	status = status_violation(call->arena, status, "query", "asks for too much");
	status.detail->retry_after_ms = 1500;
	return status;
}

static struct status fail_with_many(struct call *call)
{
	struct status status = STATUS_OK;

	for (int i = 0; i < STATUS_VIOLATIONS_MAX; i++)
		status = status_violation(call->arena, status, arena_printf(call->arena, "lines[%d]", i),
					  arena_printf(call->arena, "%0700d", i));
	return status;
}

static int failures_left, attempts;

/* Does what the query says. */
static struct status list_customers(struct call *call, const Customers__ListCustomersRequest *request,
				    Customers__ListCustomersResponse *reply)
{
	reply->next_page_token = request->query;
	attempts++;
	if (strcmp(request->query, "flaky") == 0 && failures_left-- > 0)
		return status_of(&DATABASE_UNAVAILABLE);
	if (strcmp(request->query, "nested fail") == 0)
		return ask(call, "fail", NULL);
	if (strcmp(request->query, "secret") == 0)
		return status_private(call->arena, &INTERNAL_ERROR, "the password is swordfish");
	if (strcmp(request->query, "fail") == 0)
		return fail_with_everything(call);
	if (strcmp(request->query, "big") == 0) {
		reply->next_page_token = arena_alloc(call->arena, 200001);
		memset(reply->next_page_token, 'x', 200000);
	}
	return strcmp(request->query, "many violations") == 0 ? fail_with_many(call) : STATUS_OK;
}

static struct status create_customer(struct call *call, const Customers__CreateCustomerRequest *request,
				     Customers__Customer *reply)
{
	reply->customer_id = arena_strdup(call->arena, ID);
	reply->first_name = request->customer->first_name;
	reply->last_name = arena_strdup(call->arena, call->key);
	reply->company = arena_strdup(call->arena, call->key_given ? "given" : "made");
	return STATUS_OK;
}

static void complete_customer(struct arena *arena, void *out, const int64_t *values, size_t count)
{
	Customers__Customer *customer = out;

	customer->phone = arena_printf(arena, "%lld of %zu", (long long)values[0], count);
}

static const struct rpc_method customer_methods[] = {
	RPC_METHOD("GetCustomer", get_customer),
	RPC_METHOD("ListCustomers", list_customers),
	RPC_METHOD_COMPLETED("CreateCustomer", create_customer, complete_customer),
	RPC_METHODS_END,
};
static const struct rpc_service customer_service = { &customers__customer_service__descriptor, customer_methods };
static const struct rpc_service *const services[] = { &customer_service, NULL };

static int set_up(void **state)
{
	/* Handlers do not look into it; that it is there makes writes go through write.h. */
	static char database;

	(void)state;
	memset(&writes, 0, sizeof(writes));
	scene_start(services, &usual_limits, (struct db *)(void *)&database);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	scene_end();
	return 0;
}

/* ---- Replies and errors ---- */

static struct status gets_a_reply(struct call *call)
{
	Customers__GetCustomerRequest request = CUSTOMERS__GET_CUSTOMER_REQUEST__INIT;
	const Customers__Customer *customer;
	void *reply;

	request.customer_id = (char *)(uintptr_t)ID;
	TRY(rpc_call(call, scene.client, &customers__customer_service__descriptor, "GetCustomer", NULL, &request.base,
		     &reply));
	customer = reply;
	assert_string_equal(customer->customer_id, ID);
	assert_string_equal(customer->first_name, "tester");                            /* who calls */
	assert_memory_equal(customer->last_name + 3, call->trace_parent + 3, 32);       /* the same trace, */
	assert_memory_not_equal(customer->last_name + 36, call->trace_parent + 36, 16); /* another span */
	assert_true(strtoll(customer->company, NULL, 10) <=
		    5 * CLOCK_SECOND); /* what the policy grants, not what we have */
	return STATUS_OK;
}

static void a_call_gets_its_reply(void **state)
{
	(void)state;
	as_client(gets_a_reply);
	assert_int_equal(rpc_server_total(scene.server), 1);
}

static struct status check_whole_error(struct status status)
{
	assert_true(status_is(status, &OUT_OF_LUCK));
	assert_int_equal(status_code(status), CODE_FAILED_PRECONDITION);
	assert_string_equal(status_message(status), "No luck left for \xc3\xbc people, 100%.");
	assert_string_equal(status.detail->metadata->name, "luck");
	assert_string_equal(status.detail->metadata->value, "0");
	assert_string_equal(status.detail->violations->field, "query");
	assert_string_equal(status.detail->violations->description, "asks for too much");
	assert_null(status.detail->violations->next);
	assert_int_equal(status.detail->retry_after_ms, 1500);
	return STATUS_OK;
}

static struct status sees_all_of_an_error(struct call *call)
{
	TRY(check_whole_error(ask(call, "fail", NULL)));
	return check_whole_error(ask(call, "nested fail", NULL)); /* through another service */
}

static void an_error_arrives_whole(void **state)
{
	(void)state;
	as_client(sees_all_of_an_error);
}

static struct status sees_no_secret(struct call *call)
{
	const struct status status = ask(call, "secret", NULL);

	assert_true(status_is(status, &INTERNAL_ERROR));
	assert_string_equal(status_message(status), INTERNAL_ERROR.sentence);
	return STATUS_OK;
}

static void private_texts_stay_private(void **state)
{
	(void)state;
	as_client(sees_no_secret);
}

static struct status gets_many_violations(struct call *call)
{
	const struct status status = ask(call, "many violations", NULL);
	size_t count = 0;

	assert_true(status_is(status, &INVALID_REQUEST));
	for (const struct violation *violation = status.detail->violations; violation != NULL;
	     violation = violation->next)
		count++;
	assert_in_range(count, 1, STATUS_VIOLATIONS_MAX - 1);
	assert_string_equal(status.detail->violations->field, "lines[0]");
	return STATUS_OK;
}

static void an_error_stays_small_enough_for_headers(void **state)
{
	(void)state;
	as_client(gets_many_violations);
}

static struct status sends_nonsense(struct call *call)
{
	const struct {
		const char *path;
		struct str bytes;
		const struct reason *reason;
		const char *field;
	} cases[] = {
		{ "/quayside.customers.v1.CustomerService/GetCustomer", STR(""), &INVALID_REQUEST, "customer_id" },
		{ "/quayside.customers.v1.CustomerService/GetCustomer", STR("\x0a\x03x-y"), &INVALID_REQUEST,
		  "customer_id" },
		{ "/quayside.customers.v1.CustomerService/GetCustomer", STR("\x0a\xff"), &MALFORMED_MESSAGE, NULL },
		{ "/quayside.customers.v1.CustomerService/BlockCustomer", STR(""), &NOT_IMPLEMENTED,
		  NULL }, /* no handler */
		{ "/quayside.customers.v1.CustomerService/Nothing", STR(""), &NOT_IMPLEMENTED, NULL },
		{ "/quayside.ordering.v1.OrderService/GetOrder", STR(""), &NOT_IMPLEMENTED,
		  NULL }, /* not served here */
		{ "/", STR(""), &NOT_IMPLEMENTED, NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct str reply = { NULL, 0 };
		const struct status status =
		    rpc_call_bytes(call, scene.client, cases[i].path, NULL, NULL, 0, cases[i].bytes, &reply, NULL);

		assert_true(status_is(status, cases[i].reason));
		assert_int_equal(status_code(status), cases[i].reason->code);
		assert_null(reply.data);
		if (cases[i].field != NULL)
			assert_string_equal(status.detail->violations->field, cases[i].field);
	}
	return STATUS_OK;
}

static void what_is_not_of_the_contract_is_refused(void **state)
{
	(void)state;
	as_client(sends_nonsense);
}

static struct status sends_too_much(struct call *call)
{
	const size_t limit = (size_t)usual_limits.max_message;
	char *text = arena_alloc(call->arena, limit * 8 + 1);
	struct status status;

	memset(text, 'x', limit);
	status = ask(call, text, NULL);
	assert_true(status_is(status, &MESSAGE_TOO_COMPLEX));
	assert_string_equal(status_message(status), "A request may have at most 65536 bytes.");
	memset(text, 'x', limit * 8); /* beyond what is looked at at all */
	assert_true(status_is(ask(call, text, NULL), &MESSAGE_TOO_COMPLEX));
	return ask(call, "and the connection lives", NULL);
}

static void a_message_beyond_the_limit_is_refused(void **state)
{
	(void)state;
	as_client(sends_too_much);
}

static struct status gets_much(struct call *call)
{
	Customers__ListCustomersResponse *reply;

	TRY(ask(call, "big", &reply));
	assert_int_equal(strlen(reply->next_page_token), 200000);
	return STATUS_OK;
}

static void a_reply_may_be_larger_than_a_request(void **state)
{
	(void)state;
	as_client(gets_much);
}

static struct status finds_no_one(struct call *call)
{
	struct rpc_client *nobody = rpc_client_new(scene.core, "tester", "unix:/nonexistent/socket");
	struct str reply;
	const struct status status = rpc_call_bytes(call, nobody, "/quayside.customers.v1.CustomerService/GetCustomer",
						    NULL, NULL, 0, STR("\x0a\x24" ID), &reply, NULL);

	assert_true(status_is(status, &PEER_UNAVAILABLE));
	assert_string_equal(status_message(status), PEER_UNAVAILABLE.sentence);
	assert_false(rpc_client_connected(nobody));
	rpc_client_free(nobody);
	TRY(ask(call, "", NULL));
	assert_true(rpc_client_connected(scene.client));
	return STATUS_OK;
}

static void a_peer_that_is_not_there_is_unavailable(void **state)
{
	(void)state;
	as_client(finds_no_one);
}

static struct status meets_failures(struct call *call)
{
	failures_left = 2;
	attempts = 0;
	TRY(ask(call, "flaky", NULL));
	assert_int_equal(attempts, 3);
	failures_left = 3;
	assert_true(status_is(ask(call, "flaky", NULL), &DATABASE_UNAVAILABLE));
	assert_int_equal(attempts, 6);
	attempts = 0;
	assert_true(status_is(ask(call, "fail", NULL), &OUT_OF_LUCK));
	assert_int_equal(attempts, 1); /* a refusal stays one */
	return STATUS_OK;
}

static void what_is_unavailable_is_tried_three_times(void **state)
{
	(void)state;
	as_client(meets_failures);
}

/* ---- Keys and kept answers ---- */

static struct status create(struct call *call, const char *key, Customers__Customer **ret_reply)
{
	Customers__CreateCustomerRequest request = CUSTOMERS__CREATE_CUSTOMER_REQUEST__INIT;
	Customers__Customer customer = CUSTOMERS__CUSTOMER__INIT;
	void *reply;

	customer.first_name = (char *)(uintptr_t) "Ada";
	customer.last_name = (char *)(uintptr_t) "Lovelace";
	customer.email = (char *)(uintptr_t) "ada@example.com";
	request.customer = &customer;
	TRY(rpc_call(call, scene.client, &customers__customer_service__descriptor, "CreateCustomer", key, &request.base,
		     &reply));
	*ret_reply = reply;
	return STATUS_OK;
}

static struct status writes_with_keys(struct call *call)
{
	Customers__Customer *reply;
	char *longest = arena_alloc(call->arena, 257);

	TRY(create(call, "my key", &reply).reason == NULL ? status_of(&INTERNAL_ERROR)
							  : STATUS_OK); /* a space is not visible */
	memset(longest, 'k', 256);
	assert_true(status_is(create(call, longest, &reply), &INVALID_REQUEST));
	assert_string_equal(create(call, "", &reply).detail->violations->field, "idempotency-key");
	assert_int_equal(writes.opened, 0);

	longest[255] = '\0';
	TRY(create(call, longest, &reply));
	assert_string_equal(reply->last_name, longest);
	assert_string_equal(reply->company, "given");

	TRY(create(call, NULL, &reply));
	assert_int_equal(strlen(reply->last_name), 36);
	assert_string_equal(reply->company, "made");
	assert_int_equal(writes.opened, 2);
	assert_int_equal(writes.closed, 2);
	TRY(ask(call, "a read has no key", NULL));
	assert_int_equal(writes.opened, 2);
	return STATUS_OK;
}

static void every_write_has_a_key(void **state)
{
	(void)state;
	as_client(writes_with_keys);
}

static struct status writes_again(struct call *call)
{
	static const int64_t numbers[] = { 7, 8 };
	Customers__Customer *reply;
	struct str bytes;
	bool replayed = false;

	writes.kept = (struct write_answer){ .kept = true, .reply = STR("\x12\x05Grace") };
	TRY(create(call, "key", &reply));
	assert_string_equal(reply->first_name, "Grace");
	assert_string_equal(reply->phone, "");

	writes.kept.n_values = 2;
	writes.kept.values = numbers;
	TRY(create(call, "key", &reply));
	assert_string_equal(reply->first_name, "Grace");
	assert_string_equal(reply->phone, "7 of 2");

	TRY(rpc_call_bytes(call, scene.client, "/quayside.customers.v1.CustomerService/CreateCustomer", "key", NULL, 0,
			   STR("\x0a\x12\x12\x01"
			       "A\x1a\x01"
			       "L\x2a\x0a"
			       "ada@abc.de"),
			   &bytes, &replayed));
	assert_true(replayed);
	writes.refusal = status_of(&OUT_OF_LUCK);
	writes.kept.kept = false;
	assert_true(status_is(create(call, "key", &reply), &OUT_OF_LUCK));
	return STATUS_OK;
}

static void a_kept_answer_is_given_again(void **state)
{
	(void)state;
	as_client(writes_again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_call_gets_its_reply, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_error_arrives_whole, set_up, tear_down),
		cmocka_unit_test_setup_teardown(private_texts_stay_private, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_error_stays_small_enough_for_headers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_not_of_the_contract_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_message_beyond_the_limit_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_reply_may_be_larger_than_a_request, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_peer_that_is_not_there_is_unavailable, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_unavailable_is_tried_three_times, set_up, tear_down),
		cmocka_unit_test_setup_teardown(every_write_has_a_key, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_kept_answer_is_given_again, set_up, tear_down),
	};

	log_setup("rpc_test", LOG_OFF, LOG_LOGFMT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
