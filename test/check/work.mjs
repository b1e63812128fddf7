// A day's work through the public RPCs, small, that leaves something of every kind behind: for the test of the checker.
import { randomUUID } from 'node:crypto';
import { EUR, makeCustomer, makeProduct, orderIn } from '../harness/fixtures.mjs';

const ORDERS = 'quayside.ordering.v1.OrderService/';
const SHIPMENTS = 'quayside.shipping.v1.ShipmentService/';
const INVOICES = 'quayside.billing.v1.InvoiceService/';
const STOCK = 'quayside.warehouse.v1.StockService/';

const refused = (reason) => (error) => {
	if (error.reason !== reason) throw error;
};

// recorder: has call(), like a System. Returns ids of what was made.
export async function work(recorder) {
	const customer = await makeCustomer(recorder);
	const lamp = await makeProduct(recorder, { stock: 100, unit_price: EUR(4990) });
	const chair = await makeProduct(recorder, { stock: 40, unit_price: EUR(333), tax_rate_basis_points: 700 });
	await recorder.call(`${STOCK}AdjustStock`, { sku: chair.sku, quantity: -3, reason: 'broken' });
	const submit = (lines, options) => recorder.call(`${ORDERS}SubmitOrder`, { customer_id: customer.customer_id, lines }, options);
	const ids = { lamp: lamp.sku, chair: chair.sku };

	ids.placed = (await submit([{ sku: lamp.sku, quantity: 2 }, { sku: chair.sku, quantity: 5 }])).order_id;
	await submit([{ sku: lamp.sku, quantity: 1000 }]).catch(refused('OUT_OF_STOCK'));
	ids.completed = await ship(recorder, submit, [{ sku: lamp.sku, quantity: 1 }, { sku: lamp.sku, quantity: 1 }, { sku: chair.sku, quantity: 3 }]);
	ids.delivered = await ship(recorder, submit, [{ sku: chair.sku, quantity: 4 }]);
	ids.partly = await shipPart(recorder, submit, [{ sku: lamp.sku, quantity: 4 }, { sku: chair.sku, quantity: 2 }]);
	await pay(recorder, ids);
	ids.withdrawn = (await submit([{ sku: lamp.sku, quantity: 1 }])).order_id;
	await recorder.call(`${ORDERS}CancelOrder`, { order_id: ids.withdrawn });
	ids.rest = await shipPart(recorder, submit, [{ sku: lamp.sku, quantity: 3 }, { sku: chair.sku, quantity: 1 }]);
	await recorder.call(`${ORDERS}CancelOrder`, { order_id: ids.rest });
	await orderIn(recorder, ids.rest, 'ORDER_STATE_COMPLETED');
	await recorder.call(`${ORDERS}CancelOrder`, { order_id: ids.completed }).then(() => {
		throw new Error('what was shipped is cancelled');
	}, () => {});
	ids.open = await fill(recorder, customer, lamp, chair);
	ids.cancelled = await fill(recorder, customer, lamp, chair);
	await recorder.call(`${ORDERS}CancelOrder`, { order_id: ids.cancelled });
	await recorder.call(`${SHIPMENTS}DispatchShipment`, { shipment_id: randomUUID() }).catch(refused('NOT_FOUND'));

	const key = randomUUID();
	ids.replayed = (await submit([{ sku: chair.sku, quantity: 1 }], { key })).order_id;
	await submit([{ sku: chair.sku, quantity: 1 }], { key });
	await submit([{ sku: chair.sku, quantity: 2 }], { key }).catch(refused('KEY_REUSED'));
	return ids;
}

async function ship(recorder, submit, lines) {
	const { order_id, shipment_ids } = await submit(lines);
	await recorder.call(`${SHIPMENTS}DispatchShipment`, { shipment_id: shipment_ids[0], carrier: 'DHL' });
	await orderIn(recorder, order_id, 'ORDER_STATE_COMPLETED');
	return order_id;
}

// A part leaves; the rest waits in a shipment of its own.
async function shipPart(recorder, submit, lines) {
	const { order_id, shipment_ids, items: [item] } = await submit(lines);
	await recorder.call(`${SHIPMENTS}DispatchShipment`, { shipment_id: shipment_ids[0], lines: [{ item_id: item.item_id, quantity: 1 }] });
	await orderIn(recorder, order_id, 'ORDER_STATE_PARTLY_SHIPPED');
	return order_id;
}

async function invoiceOf(recorder, order_id) {
	const { invoice_ids: [invoice_id] } = await recorder.call(`${ORDERS}GetOrder`, { order_id });
	return recorder.call(`${INVOICES}GetInvoice`, { invoice_id });
}

// One invoice is paid in two parts, the other one in part.
async function pay(recorder, ids) {
	const whole = await invoiceOf(recorder, ids.delivered);
	const part = await invoiceOf(recorder, ids.completed);
	const key = randomUUID();
	const record = (invoice, minor, options) => recorder.call(`${INVOICES}RecordPayment`, { invoice_id: invoice.invoice_id, amount: EUR(minor) }, options);
	await record(whole, 100, { key });
	await record(whole, 100, { key });
	await record(whole, Number(whole.gross.minor_units) - 100);
	await record(part, 500);
	await record(part, Number(part.gross.minor_units)).catch(refused('PAYMENT_EXCEEDS_OPEN'));
	await recorder.call(`${SHIPMENTS}DeliverShipment`, { shipment_id: whole.shipment_id });
}

// An order that is filled item by item, with second thoughts.
async function fill(recorder, customer, lamp, chair) {
	const { order_id } = await recorder.call(`${ORDERS}CreateOrder`, { customer_id: customer.customer_id, name: 'study' });
	await recorder.call(`${ORDERS}AddOrderItem`, { order_id, sku: lamp.sku, quantity: 1 });
	const { items } = await recorder.call(`${ORDERS}AddOrderItem`, { order_id, sku: chair.sku, quantity: 2 });
	await recorder.call(`${ORDERS}UpdateOrderItem`, { order_id, item_id: items[0].item_id, quantity: 3 });
	await recorder.call(`${ORDERS}RemoveOrderItem`, { order_id, item_id: items[1].item_id });
	return order_id;
}
