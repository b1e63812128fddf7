/* The RPCs of quayside.ordering.v1.FulfilmentService: what operators see of sagas. */
#include "base/str.h"
#include "ordering/handlers.h"
#include "ordering/sagas.h"
#include "runtime/page.h"
#include "runtime/pb.h"
#include "runtime/saga.h"

#define PREFIX "SAGA_STATE_"
#define PARKED ORDERING__SAGA_STATE__SAGA_STATE_NEEDS_OPERATOR

static const struct reason SAGA_NOT_PARKED = { CODE_FAILED_PRECONDITION, "SAGA_NOT_PARKED",
					       "Only work that waits for an operator can be tried again." };

RPC_UNARY(list_sagas, Ordering__ListSagasRequest, Ordering__ListSagasResponse);
RPC_UNARY(get_saga, Ordering__GetSagaRequest, Ordering__Saga);
RPC_UNARY(retry_saga, Ordering__RetrySagaRequest, Ordering__Saga);

/* The engine says "RUNNING" where the contract says "SAGA_STATE_RUNNING". */
static Ordering__SagaState state_of(struct call *call, const char *name)
{
	return (Ordering__SagaState)pb_enum_number(&ordering__saga_state__descriptor,
						   arena_printf(call->arena, PREFIX "%s", name));
}

static const char *name_of(Ordering__SagaState state)
{
	return pb_enum_name(&ordering__saga_state__descriptor, (int)state) + sizeof(PREFIX) - 1;
}

/* NULL: it comes from a later version of us. */
static const struct saga_kind *kind_of(const char *name)
{
	const struct saga_kind *const *kinds = ordering_sagas;

	while (*kinds != NULL && !str_is(str_of(name), (*kinds)->name))
		kinds++;
	return *kinds;
}

static const char *step_name(const char *kind_name, int number)
{
	const struct saga_kind *kind = kind_of(kind_name);

	return kind == NULL ? "" : kind->steps[number - 1].name;
}

static Ordering__SagaStep *step_of(struct call *call, const char *kind, const struct saga_step_row *row)
{
	Ordering__SagaStep *step = pb_new(call->arena, &ordering__saga_step__descriptor);

	step->number = row->number;
	step->name = arena_strdup(call->arena, step_name(kind, row->number));
	step->compensation = row->compensation;
	step->outcome = arena_strdup(call->arena, row->outcome);
	step->attempts = (int32_t)row->attempts;
	step->last_error = arena_strdup(call->arena, row->last_error);
	step->start_time = pb_time(call->arena, row->start_time);
	step->end_time = pb_time(call->arena, row->end_time);
	return step;
}

static void write_out(struct call *call, const struct saga_row *row, Ordering__Saga *saga)
{
	saga->saga_id = arena_strdup(call->arena, row->saga_id);
	saga->kind = arena_strdup(call->arena, row->kind);
	saga->subject_id = arena_strdup(call->arena, row->subject_id);
	saga->state = state_of(call, row->state);
	saga->attempts = (int32_t)row->attempts;
	saga->last_error = arena_strdup(call->arena, row->last_error);
	saga->run_time = pb_time(call->arena, row->run_time);
	saga->create_time = pb_time(call->arena, row->create_time);
	saga->update_time = pb_time(call->arena, row->update_time);
	saga->trace_parent = arena_strdup(call->arena, row->trace_parent);
	saga->steps = arena_array(call->arena, row->n_steps, sizeof(*saga->steps));
	for (; saga->n_steps < row->n_steps; saga->n_steps++)
		saga->steps[saga->n_steps] = step_of(call, row->kind, &row->steps[saga->n_steps]);
}

static struct status list_sagas(struct call *call, const Ordering__ListSagasRequest *request,
				Ordering__ListSagasResponse *reply)
{
	const char *state = request->state == 0 ? "" : name_of(request->state);
	struct saga_row *rows;
	struct page page;
	size_t count;

	TRY(page_open(call->arena, request->page_size, request->page_token,
		      arena_printf(call->arena, "%s %s", state, request->subject_id), &page));
	TRY(saga_list(call, state, request->subject_id, &page, &count, &rows));
	if (count > page.size) {
		count = page.size;
		reply->next_page_token =
		    page_next(call->arena, &page, rows[count - 1].create_time, rows[count - 1].saga_id);
	}
	reply->sagas = arena_array(call->arena, count, sizeof(*reply->sagas));
	for (; reply->n_sagas < count; reply->n_sagas++) {
		reply->sagas[reply->n_sagas] = pb_new(call->arena, &ordering__saga__descriptor);
		write_out(call, &rows[reply->n_sagas], reply->sagas[reply->n_sagas]);
	}
	return STATUS_OK;
}

static struct status get_saga(struct call *call, const Ordering__GetSagaRequest *request, Ordering__Saga *reply)
{
	struct saga_row row;

	TRY(saga_get(call, request->saga_id, &row));
	write_out(call, &row, reply);
	return STATUS_OK;
}

/* The saga as it is after it was made due: the answer is known before the commit. */
static struct write retry_of(struct call *call, const struct saga_row *row, const char *reason, Ordering__Saga *reply)
{
	const char *to = row->backwards ? "COMPENSATING" : "RUNNING";

	write_out(call, row, reply);
	reply->state = state_of(call, to);
	reply->attempts = 0;
	reply->run_time = reply->update_time = pb_time(call->arena, call->time);
	return (struct write){ .aggregate_type = "saga",
			       .aggregate_id = row->saga_id,
			       .version = row->retries + 1,
			       .from_state = pb_enum_name(&ordering__saga_state__descriptor, (int)PARKED),
			       .to_state = pb_enum_name(&ordering__saga_state__descriptor, (int)reply->state),
			       .reason = reason,
			       .reply = &reply->base };
}

static struct status retry_saga(struct call *call, const Ordering__RetrySagaRequest *request, Ordering__Saga *reply)
{
	for (int round = 0; write_again(call, &round);) {
		struct saga_row row;
		struct write write;

		TRY(saga_get(call, request->saga_id, &row));
		if (state_of(call, row.state) != PARKED || kind_of(row.kind) == NULL)
			return status_metadata(call->arena, status_of(&SAGA_NOT_PARKED), "state", row.state);
		ordering__saga__init(reply);
		write = retry_of(call, &row, request->reason, reply);
		TRY(saga_retry(call, kind_of(row.kind), &write));
		if (write.applied)
			return STATUS_OK;
	}
	return status_of(&CONCURRENT_CHANGE);
}

static const struct rpc_method methods[] = {
	RPC_METHOD("ListSagas", list_sagas),
	RPC_METHOD("GetSaga", get_saga),
	RPC_METHOD("RetrySaga", retry_saga),
	RPC_METHODS_END,
};

const struct rpc_service fulfilment_service = { &ordering__fulfilment_service__descriptor, methods };
