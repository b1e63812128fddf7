#include "billing/handlers.h"

#include "base/money.h"
#include "base/uuid.h"
#include "billing/document.h"
#include "billing/numbers.h"
#include "billing/rules.h"
#include "billing/store.h"
#include "quayside/billing/v1/events.pb-c.h"
#include "runtime/document.h"
#include "runtime/page.h"
#include "runtime/pb.h"
#include "runtime/types.h"
#include "runtime/write.h"

RPC_UNARY(issue_invoice, Billing__IssueInvoiceRequest, Billing__Invoice);
RPC_UNARY(get_invoice, Billing__GetInvoiceRequest, Billing__Invoice);
RPC_UNARY(list_invoices, Billing__ListInvoicesRequest, Billing__ListInvoicesResponse);
RPC_UNARY(record_payment, Billing__RecordPaymentRequest, Billing__Invoice);
RPC_UNARY(render_invoice, Billing__RenderInvoiceRequest, Common__Document);
RPC_UNARY(list_invoice_history, Billing__ListInvoiceHistoryRequest, Billing__ListInvoiceHistoryResponse);

static const char *state_name(Billing__InvoiceState state)
{
	return pb_enum_name(&billing__invoice_state__descriptor, (int)state);
}

static char *new_id(struct arena *arena)
{
	char *id = arena_alloc(arena, UUID_TEXT);

	uuid_new(id);
	return id;
}

/* What a write records: the invoice as it is after it, which is also the answer. */
static struct write write_of(struct call *call, Billing__Invoice *invoice, int64_t version, const char *from)
{
	invoice->update_time = pb_time(call->arena, call->time);
	invoice->etag = etag_of(call->arena, version);
	return (struct write){
		.aggregate_type = "invoice",
		.aggregate_id = invoice->invoice_id,
		.version = version,
		.from_state = from,
		.to_state = state_name(invoice->state),
		.reply = &invoice->base,
	};
}

/* An invoice as it stands at the call's time. */
static struct status load(struct call *call, const char *invoice_id, Billing__Invoice *ret_invoice,
			  int64_t *ret_version)
{
	TRY(store_get(call, invoice_id, ret_invoice, ret_version));
	invoice_derive(call->arena, ret_invoice, call->time);
	return STATUS_OK;
}

/* Writes a computed invoice under a number. */
static struct status issue_as(struct call *call, const struct number *number, void *context, bool *ret_used)
{
	Billing__InvoiceIssued *event = pb_new(call->arena, &billing__invoice_issued__descriptor);
	Billing__Invoice *invoice = context;
	struct entry entry;
	struct write write;

	invoice_issue(call->arena, invoice, number, call->time);
	invoice->create_time = pb_time(call->arena, call->time);
	event->invoice = invoice;
	write = write_of(call, invoice, 1, "");
	write.event = &event->base;
	entry = invoice_entry(invoice);
	TRY(store_issue(call, invoice, number, &entry, &write));
	*ret_used = write.applied;
	return STATUS_OK;
}

/* A shipment has one invoice, so it may be asked for again, under whatever key: then it is answered as it is. */
static struct status issue_invoice(struct call *call, const Billing__IssueInvoiceRequest *request,
				   Billing__Invoice *reply)
{
	for (int round = 0; write_again(call, &round);) {
		const char *existing;
		bool issued;

		TRY(store_find(call, request->shipment_id, &existing));
		if (existing != NULL) {
			TRY(load(call, existing, reply, NULL));
			TRY(invoice_same(call->arena, reply, request));
			return write_existing(call, &reply->base);
		}
		TRY(invoice_compute(call->arena, request, reply));
		reply->invoice_id = new_id(call->arena);
		TRY(number_use(call, INVOICE_SERIES, issue_as, reply, &issued));
		if (issued)
			return STATUS_OK;
	}
	return status_of(&CONCURRENT_CHANGE);
}

static struct status get_invoice(struct call *call, const Billing__GetInvoiceRequest *request, Billing__Invoice *reply)
{
	return load(call, request->invoice_id, reply, NULL);
}

static struct status list_invoices(struct call *call, const Billing__ListInvoicesRequest *request,
				   Billing__ListInvoicesResponse *reply)
{
	const char *filters = arena_printf(call->arena, "%s %s %d %d %s", request->order_id, request->customer_id,
					   (int)request->state, (int)request->overdue_only, request->query);
	const Billing__Invoice *last;
	struct page page;

	TRY(page_open(call->arena, request->page_size, request->page_token, filters, &page));
	TRY(store_list(call, request, &page, &reply->n_invoices, &reply->invoices));
	for (size_t i = 0; i < reply->n_invoices; i++)
		invoice_derive(call->arena, reply->invoices[i], call->time);
	if (reply->n_invoices > page.size) {
		reply->n_invoices = page.size;
		last = reply->invoices[page.size - 1];
		reply->next_page_token = page_next(call->arena, &page, pb_micros(last->create_time), last->invoice_id);
	}
	return STATUS_OK;
}

static Billing__Payment *new_payment(struct call *call, const Billing__RecordPaymentRequest *request)
{
	Billing__Payment *payment = pb_new(call->arena, &billing__payment__descriptor);

	payment->payment_id = new_id(call->arena);
	payment->amount = request->amount;
	payment->method = request->method;
	payment->reference = request->reference;
	payment->actor = arena_strdup(call->arena, call->actor);
	payment->time = pb_time(call->arena, call->time);
	return payment;
}

static const ProtobufCMessage *recorded(struct call *call, Billing__Invoice *invoice, Billing__Payment *payment)
{
	Billing__PaymentRecorded *event = pb_new(call->arena, &billing__payment_recorded__descriptor);

	event->invoice = invoice;
	event->payment = payment;
	return &event->base;
}

/* For the history: how much came in. */
static const char *amount_text(struct call *call, const Common__Money *amount)
{
	return arena_printf(call->arena, "%s %s",
			    money_format(call->arena, money_of(amount->minor_units), amount->currency_code),
			    amount->currency_code);
}

static struct status record_payment(struct call *call, const Billing__RecordPaymentRequest *request,
				    Billing__Invoice *reply)
{
	Billing__Payment *payment = new_payment(call, request);

	for (int round = 0; write_again(call, &round);) {
		struct entry entry = payment_entry(payment);
		struct write write;
		const char *from;
		int64_t version;

		TRY(load(call, request->invoice_id, reply, &version));
		TRY(etag_check(call->arena, request->etag, version));
		from = state_name(reply->state);
		TRY(invoice_pay(call->arena, reply, payment));
		invoice_derive(call->arena, reply, call->time);
		write = write_of(call, reply, version + 1, from);
		write.reason = amount_text(call, payment->amount);
		write.event = recorded(call, reply, payment);
		TRY(store_pay(call, reply, payment, &entry, &write));
		if (write.applied)
			return STATUS_OK;
	}
	return status_of(&CONCURRENT_CHANGE);
}

static struct status render_invoice(struct call *call, const Billing__RenderInvoiceRequest *request,
				    Common__Document *reply)
{
	Billing__Invoice *invoice = pb_new(call->arena, &billing__invoice__descriptor);
	struct buf page = buf_new(call->arena);

	if (request->format == BILLING__DOCUMENT_FORMAT__DOCUMENT_FORMAT_PDF)
		return status_printf(call->arena, &NOT_IMPLEMENTED,
				     "Invoices are rendered as HTML only: leave the format out.");
	TRY(load(call, request->invoice_id, invoice, NULL));
	invoice_document(&page, invoice);
	document_reply(call->arena, &page, arena_printf(call->arena, "%s.html", invoice->number), reply);
	return STATUS_OK;
}

static struct status list_invoice_history(struct call *call, const Billing__ListInvoiceHistoryRequest *request,
					  Billing__ListInvoiceHistoryResponse *reply)
{
	return read_history(call, "invoice", request->invoice_id, request->page_size, request->page_token,
			    &reply->n_entries, &reply->entries, &reply->next_page_token);
}

static const struct rpc_method methods[] = {
	RPC_METHOD("IssueInvoice", issue_invoice),
	RPC_METHOD("GetInvoice", get_invoice),
	RPC_METHOD("ListInvoices", list_invoices),
	RPC_METHOD("RecordPayment", record_payment),
	RPC_METHOD("RenderInvoice", render_invoice),
	RPC_METHOD("ListInvoiceHistory", list_invoice_history),
	RPC_METHODS_END,
};

const struct rpc_service invoice_service = { &billing__invoice_service__descriptor, methods };
