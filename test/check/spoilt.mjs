// Ways to spoil data, each against one invariant and no other (without an id: against none). The statements run as the superuser on a copy without constraints.
//
// { id, name, DATABASE: (ids) -> SQL; quiescent: false leaves out the kind Q; told: false leaves out the comparison of invoices with their events }.
// In histories, unkept: an acknowledged change that is not there has no key either, which is IDEM-1.
// ids: of what work.mjs made.
import { randomUUID } from 'node:crypto';

const HOLD = ({ open }) => `(SELECT reservation_id FROM reservation WHERE order_id = '${open}' AND state = 'RESERVATION_STATE_HELD' LIMIT 1)`;
const SHELF = (sku) => `sku = '${sku}'`;
const of = (order_id) => `order_id = '${order_id}'`;
const INVOICE = ({ completed }) => `(SELECT invoice_id FROM invoice WHERE order_id = '${completed}')`;
const LATEST = 'SELECT max(entry) FROM stock_movement';

// Makes a confirmed reservation of a product, together with its history and what the shelf says of it.
const RESERVE = (order_id, sku) => `INSERT INTO reservation (reservation_id, order_id, version, sku, location_id, quantity, fulfilled_quantity, state, reason, create_time, update_time)
	VALUES ('${randomUUID()}', '${order_id}', 2, '${sku}', 'MAIN', 1, 0, 'RESERVATION_STATE_CONFIRMED', '', now(), now());
	INSERT INTO history SELECT reservation_id::text, version - 1, now(), '', '', '', 'RESERVATION_STATE_HELD', '' FROM reservation WHERE create_time = now();
	INSERT INTO history SELECT reservation_id::text, version, now(), '', '', 'RESERVATION_STATE_HELD', state, '' FROM reservation WHERE create_time = now();
	UPDATE stock SET reserved = reserved + 1 WHERE ${SHELF(sku)}`;

// Puts an order's reservations into another state, and says so in their histories.
const PUT = (order_id, state) => `UPDATE reservation SET state = 'RESERVATION_STATE_${state}' WHERE order_id = '${order_id}';
	UPDATE history h SET to_state = r.state FROM reservation r WHERE r.order_id = '${order_id}' AND (aggregate_id, h.version) = (reservation_id::text, r.version)`;

// One more row of the ledger, at its end, with what the shelf says of it.
const MOVE = (sku, kind, quantity) => `UPDATE stock SET on_hand = on_hand + ${quantity} WHERE ${SHELF(sku)};
	INSERT INTO stock_movement (movement_id, sku, location_id, kind, quantity, on_hand, reason, reference, actor, time)
	SELECT '${randomUUID()}', sku, location_id, 'STOCK_MOVEMENT_KIND_${kind}', ${quantity}, on_hand, '', '', '', now() FROM stock WHERE ${SHELF(sku)}`;

// Gives a document another amount, with everything that is added up from it.
const DEARER = `UPDATE order_item SET unit_price = unit_price + 100, net = net + 100 * quantity, tax = round((unit_price + 100) * quantity * tax_rate_basis_points / 10000.0),
		gross = net + 100 * quantity + round((unit_price + 100) * quantity * tax_rate_basis_points / 10000.0);
	UPDATE customer_order o SET net = i.net, tax = i.tax, gross = i.net + i.tax FROM (SELECT order_id, sum(net) AS net, sum(tax) AS tax FROM order_item GROUP BY order_id) i
	WHERE o.order_id = i.order_id`;

// A saga with its steps: [number, compensation, outcome, second in which it began].
const SAGA = (state, steps = []) => {
	const id = randomUUID();
	const rows = steps.map(([number, compensation, outcome, second]) => `('${id}'::uuid, ${number}, ${compensation}, '${outcome}', to_timestamp(${second}), to_timestamp(${second}.5))`);
	return `INSERT INTO saga (saga_id, kind, subject_id, state, create_time, update_time) VALUES ('${id}', 'place', '${randomUUID()}', '${state}', to_timestamp(0), to_timestamp(60));
		${rows.length > 0 ? `INSERT INTO saga_step (saga_id, number, compensation, outcome, start_time, end_time) VALUES ${rows.join(', ')}` : ''}`;
};
// A shipment that is cancelled once more, with all that belongs to a change.
const CANCEL_AGAIN = (order_id) => `CREATE TEMPORARY TABLE again ON COMMIT DROP AS SELECT shipment_id::text AS id, version FROM shipment WHERE order_id = '${order_id}';
	UPDATE shipment SET version = version + 1 WHERE shipment_id::text IN (SELECT id FROM again);
	INSERT INTO history SELECT aggregate_id, h.version + 1, time, actor, action, to_state, to_state, reason FROM history h JOIN again ON (id, again.version) = (aggregate_id, h.version);
	INSERT INTO idempotency SELECT scope, key || '/again', method, fingerprint, subject, code, answer, numbers, time FROM idempotency JOIN again ON id = subject WHERE method LIKE '%/CancelShipment';
	UPDATE outbox_sequence SET last = last + 1;
	INSERT INTO outbox OVERRIDING SYSTEM VALUE SELECT (o).* FROM (SELECT jsonb_populate_record(o, jsonb_build_object('event_id', '${randomUUID()}', 'aggregate_version', aggregate_version + 1,
		'entry', (SELECT max(entry) + 1 FROM outbox), 'position', (SELECT last FROM outbox_sequence))) AS o FROM outbox o JOIN again ON (id, version) = (aggregate_id, aggregate_version)) AS told`;

const FORWARD = [[1, false, 'OK', 1], [2, false, 'OK', 2]];

export const SPOILT = [
	{
		id: 'STOCK-1',
		name: 'a shelf promises more than it has',
		warehouse: (ids) => `UPDATE reservation SET quantity = quantity + 1000 WHERE reservation_id = ${HOLD(ids)}; UPDATE stock SET reserved = reserved + 1000 WHERE ${SHELF(ids.lamp)}`,
	},
	{
		id: 'STOCK-2',
		name: 'reserved for nobody',
		warehouse: (ids) => `UPDATE stock SET reserved = reserved + 1 WHERE ${SHELF(ids.lamp)}`,
	},
	{
		id: 'STOCK-2',
		name: 'a ledger that does not add up',
		warehouse: (ids) => `UPDATE stock_movement SET on_hand = on_hand + 1 WHERE entry = (${LATEST} WHERE ${SHELF(ids.chair)})`,
	},
	{
		id: 'STOCK-2',
		name: 'goods that no ledger knows',
		quiescent: false, // it is also more than was received
		warehouse: (ids) => `UPDATE stock SET on_hand = on_hand + 1 WHERE ${SHELF(ids.lamp)}`,
	},
	{
		id: 'STOCK-3',
		name: 'booked out for another shipment than was dispatched',
		warehouse: (ids) => `UPDATE stock_movement SET reference = '${randomUUID()}' WHERE reservation_id IN (SELECT reservation_id FROM reservation WHERE ${of(ids.delivered)})`,
	},
	{
		id: 'STOCK-3',
		name: 'a transfer that comes from nowhere',
		warehouse: (ids) => MOVE(ids.lamp, 'TRANSFER', 5),
	},
	{
		id: 'STOCK-4',
		name: 'a cancelled order keeps goods',
		warehouse: (ids) => RESERVE(ids.cancelled, ids.lamp),
	},
	{
		id: 'STOCK-4',
		name: 'goods are kept for an item that is not on the order',
		warehouse: (ids) => RESERVE(ids.placed, ids.chair),
	},
	{
		id: 'STOCK-4',
		name: 'a hold ran out and stays',
		warehouse: (ids) => `UPDATE reservation SET expire_time = now() - interval '61 s' WHERE reservation_id = ${HOLD(ids)}`,
	},
	{
		id: 'MONEY-1',
		name: 'an order whose tax is rounded otherwise',
		ordering: (ids) => `UPDATE order_item SET tax = tax + 1, gross = gross + 1 WHERE ${of(ids.open)}; UPDATE customer_order SET tax = tax + 1, gross = gross + 1 WHERE ${of(ids.open)}`,
	},
	{
		id: 'MONEY-1',
		name: 'an order whose total is not the sum of its items',
		ordering: (ids) => `UPDATE customer_order SET net = net + 1, gross = gross + 1 WHERE ${of(ids.open)}`,
	},
	{
		id: 'MONEY-1',
		name: 'an invoice whose line does not add up',
		told: false,
		billing: (ids) => `UPDATE invoice_line SET gross = gross + 1 WHERE invoice_id = ${INVOICE(ids)} AND position = 1`,
	},
	{
		id: 'MONEY-1',
		name: 'a payment that the balance does not have',
		billing: (ids) => `UPDATE invoice_balance SET paid = paid - 1 WHERE invoice_id = ${INVOICE(ids)}`,
	},
	{
		id: 'MONEY-1',
		name: 'an invoice that is called paid and is not',
		billing: (ids) => `UPDATE invoice_balance SET state = 'INVOICE_STATE_PAID' WHERE invoice_id = ${INVOICE(ids)};
			UPDATE history SET to_state = 'INVOICE_STATE_PAID' WHERE aggregate_id = ${INVOICE(ids)}::text AND version = 2`,
	},
	{
		id: 'MONEY-1',
		name: 'credited without a document',
		billing: (ids) => `UPDATE invoice_balance SET credited = 1 WHERE invoice_id = ${INVOICE(ids)}`,
	},
	{ id: 'MONEY-1', name: 'booked in another currency', billing: (ids) => `UPDATE journal SET currency = 'USD' WHERE invoice_id = ${INVOICE(ids)}` },
	{ id: 'MONEY-1', name: 'amounts that are no whole numbers', billing: () => 'DROP VIEW ledger; ALTER TABLE payment ALTER amount TYPE double precision; CREATE VIEW ledger AS SELECT entry_id, currency, amount AS debit, amount AS credit FROM journal' },
	{ id: 'MONEY-2', name: 'invoiced at another price than ordered', ordering: () => DEARER },
	{
		id: 'MONEY-2',
		name: 'an invoice in another currency than its order',
		ordering: (ids) => `UPDATE customer_order SET currency = 'USD' WHERE ${of(ids.completed)}`,
	},
	{ id: 'MONEY-3', name: 'an invoice that is not booked', billing: (ids) => `DELETE FROM journal WHERE kind = 'INVOICE' AND invoice_id = ${INVOICE(ids)}` },
	{ id: 'MONEY-3', name: 'a payment booked with another amount', billing: () => `UPDATE journal SET amount = amount + 1 WHERE kind = 'PAYMENT'` },
	{ id: 'MONEY-3', name: 'a payment booked twice', billing: () => `INSERT INTO journal SELECT * FROM journal WHERE kind = 'PAYMENT' LIMIT 1` },
	{
		id: 'MONEY-3',
		name: 'debit is not credit',
		billing: () => 'CREATE OR REPLACE VIEW ledger AS SELECT entry_id, position, kind, invoice_id, time, currency, debit AS account, amount AS debit, 0::bigint AS credit FROM journal',
	},
	{
		id: 'BILL-1',
		name: 'a shipment with two invoices, and one with none',
		told: false,
		billing: (ids) => `UPDATE invoice SET shipment_id = (SELECT shipment_id FROM invoice WHERE ${of(ids.delivered)}) WHERE ${of(ids.completed)}`,
	},
	{
		id: 'BILL-1',
		name: 'an invoice for what was never dispatched',
		told: false,
		billing: (ids) => `UPDATE invoice SET shipment_id = '${randomUUID()}' WHERE ${of(ids.completed)}`,
	},
	{ id: 'BILL-2', name: 'a gap in the numbers', told: false, billing: (ids) => `UPDATE invoice SET number = regexp_replace(number, '[0-9]+$', '000009') WHERE ${of(ids.delivered)}` },
	{ id: 'BILL-2', name: 'a number twice', told: false, billing: () => 'UPDATE invoice SET number = (SELECT min(number) FROM invoice)' },
	{ id: 'BILL-2', name: 'a number that is none', told: false, billing: (ids) => `UPDATE invoice SET number = 'INV-7' WHERE ${of(ids.delivered)}` },
	{ id: 'BILL-2', name: 'a counter that ran ahead', billing: () => 'UPDATE invoice_series SET last = last + 1' },
	{
		id: 'BILL-2',
		name: 'numbers in another order than they were issued in',
		told: false,
		billing: (ids) => `UPDATE invoice i SET number = o.number FROM invoice o
			WHERE o.invoice_id <> i.invoice_id AND o.order_id IN ('${ids.completed}', '${ids.delivered}') AND i.order_id IN ('${ids.completed}', '${ids.delivered}')`,
	},
	{ id: 'BILL-2', name: 'an invoice that was changed after it was issued', billing: (ids) => `UPDATE invoice SET due_date = due_date + 1 WHERE ${of(ids.completed)}` },
	{ id: 'BILL-2', name: 'a line that was changed after it was issued', billing: (ids) => `UPDATE invoice_line SET sku = '${ids.chair}x' WHERE invoice_id = ${INVOICE(ids)}` },
	{ id: 'BILL-2', name: 'a service that may change invoices', billing: () => 'GRANT UPDATE ON invoice TO billing' },
	{ id: 'ORD-3', name: 'an order that lost a part of its history', ordering: (ids) => `DELETE FROM history WHERE aggregate_id = '${ids.completed}' AND version = 2` },
	{ id: 'ORD-3', name: 'an order without a history', ordering: (ids) => `DELETE FROM history WHERE aggregate_id = '${ids.open}'; UPDATE idempotency SET subject = '' WHERE subject = '${ids.open}'` },
	{
		id: 'ORD-3',
		name: 'an order that came back from its end',
		ordering: (ids) => `UPDATE history SET to_state = 'ORDER_STATE_CANCELLED' WHERE aggregate_id = '${ids.completed}' AND version = 2;
			UPDATE history SET from_state = 'ORDER_STATE_CANCELLED' WHERE aggregate_id = '${ids.completed}' AND version = 3`,
	},
	{ id: 'ORD-3', name: 'an order that is not where its history ends', ordering: (ids) => `UPDATE history SET to_state = 'ORDER_STATE_CANCELLING' WHERE aggregate_id = '${ids.placed}' AND version = (SELECT max(version) FROM history WHERE aggregate_id = '${ids.placed}')` },
	{ id: 'ORD-3', name: 'a shipment that jumped', shipping: () => `UPDATE history SET from_state = 'SHIPMENT_STATE_PENDING' WHERE to_state = 'SHIPMENT_STATE_DELIVERED'` },
	{ id: 'ORD-3', name: 'an invoice with the history of two', billing: () => `UPDATE history SET version = version + 1 WHERE version > 1` },
	{
		id: 'ORD-3',
		name: 'goods that were given back and then promised',
		warehouse: (ids) => `UPDATE history h SET to_state = 'RESERVATION_STATE_RELEASED' FROM reservation WHERE ${of(ids.placed)} AND aggregate_id = reservation_id::text AND from_state = '';
			UPDATE history h SET from_state = 'RESERVATION_STATE_RELEASED' FROM reservation WHERE ${of(ids.placed)} AND aggregate_id = reservation_id::text AND to_state = 'RESERVATION_STATE_CONFIRMED'`,
	},
	{ id: 'ORD-3', name: 'a product that nobody archived', warehouse: (ids) => `UPDATE product SET state = 'PRODUCT_STATE_ARCHIVED' WHERE ${SHELF(ids.lamp)}` },
	{ id: 'ORD-3', name: 'a customer whom nobody blocked', customers: () => `UPDATE customer SET status = 'CUSTOMER_STATUS_BLOCKED'` },
	{ id: 'ORD-4', name: 'a shipment that its order does not know', ordering: (ids) => `DELETE FROM order_shipment WHERE ${of(ids.placed)}` },
	{ id: 'ORD-4', name: 'a shipment that shipping does not know', ordering: (ids) => `INSERT INTO order_shipment VALUES ('${randomUUID()}', '${ids.placed}', 2)` },
	{ id: 'ORD-4', name: 'an invoice that its order does not know', ordering: (ids) => `DELETE FROM order_invoice WHERE ${of(ids.completed)}` },
	{ id: 'ORD-4', name: 'a placed order whose goods are only held', warehouse: (ids) => `UPDATE reservation SET expire_time = now() + interval '1 h' WHERE ${of(ids.placed)}; ${PUT(ids.placed, 'HELD')}` },
	{
		id: 'ORD-4',
		name: 'a placed order without goods',
		warehouse: (ids) => `UPDATE stock s SET reserved = reserved - r.quantity FROM reservation r WHERE r.sku = s.sku AND ${of(ids.placed)};
			${PUT(ids.placed, 'RELEASED')}`,
	},
	{ id: 'ORD-4', name: 'a pending shipment with more than was ordered', shipping: (ids) => `UPDATE shipment_line SET quantity = quantity + 1 WHERE shipment_id IN (SELECT shipment_id FROM shipment WHERE ${of(ids.placed)})` },
	{ id: 'ORD-4', name: 'a shipment with an item that is not on the order', shipping: (ids) => `INSERT INTO shipment_line SELECT shipment_id, 9, '${randomUUID()}', '${ids.lamp}', '', 1 FROM shipment WHERE ${of(ids.placed)}` },
	{ id: 'ORD-4', name: 'an item that is called shipped and is not', ordering: (ids) => `UPDATE order_item SET state = 'ORDER_ITEM_STATE_SHIPPED' WHERE ${of(ids.placed)}` },
	{
		id: 'ORD-4',
		name: 'an order that stays under way',
		ordering: (ids) => `UPDATE customer_order SET state = 'ORDER_STATE_SHIPPED' WHERE ${of(ids.completed)};
			UPDATE history SET to_state = 'ORDER_STATE_SHIPPED' WHERE aggregate_id = '${ids.completed}' AND to_state = 'ORDER_STATE_COMPLETED'`,
	},
	{
		id: 'ORD-4',
		name: 'a cancelled order that is still to be shipped',
		shipping: (ids) => `UPDATE shipment SET state = 'SHIPMENT_STATE_PENDING' WHERE ${of(ids.withdrawn)};
			UPDATE history SET to_state = 'SHIPMENT_STATE_PENDING' WHERE aggregate_id IN (SELECT shipment_id::text FROM shipment WHERE ${of(ids.withdrawn)})`,
	},
	{ id: 'ORD-4', name: 'cancelled goods that are still to be shipped', ordering: (ids) => `UPDATE order_item SET cancelled_quantity = 1 WHERE ${of(ids.partly)} AND ${SHELF(ids.chair)}` },
	{ id: 'ORD-4', name: 'goods that were cancelled and counted as left behind', ordering: (ids) => `UPDATE order_item SET cancelled_quantity = cancelled_quantity - 1 WHERE ${of(ids.rest)} AND ${SHELF(ids.chair)}` },
	{ id: 'SAGA-1', name: 'a request that nobody answers', ordering: () => `UPDATE idempotency SET code = NULL WHERE key = (SELECT max(key) FROM idempotency WHERE method LIKE '%SubmitOrder')` },
	{ id: 'SAGA-1', name: 'a saga that goes on', ordering: () => SAGA('RUNNING') },
	{ id: 'SAGA-1', name: 'a saga that waits for an operator', ordering: () => SAGA('NEEDS_OPERATOR') },
	{ id: 'SAGA-2', name: 'a shipment cancelled twice', shipping: (ids) => CANCEL_AGAIN(ids.withdrawn), ordering: () => `UPDATE consumer_cursor SET position = position + 1 WHERE producer = 'shipping'` },
	{
		id: 'SAGA-2',
		name: 'goods given back twice',
		warehouse: (ids) => `INSERT INTO history SELECT aggregate_id, version + 1, time, actor, action, to_state, to_state, reason FROM history
			WHERE to_state = 'RESERVATION_STATE_RELEASED' AND aggregate_id IN (SELECT reservation_id::text FROM reservation WHERE ${of(ids.withdrawn)});
			UPDATE reservation SET version = version + 1 WHERE ${of(ids.withdrawn)}`,
	},
	{ id: 'SAGA-2', name: 'the first step undone first', ordering: () => SAGA('COMPENSATED', [...FORWARD, [1, true, 'OK', 3], [2, true, 'OK', 4]]) },
	{ id: 'SAGA-2', name: 'a step run after it was undone', ordering: () => SAGA('COMPENSATED', [FORWARD[0], [2, false, 'OK', 5], [2, true, 'OK', 3], [1, true, 'OK', 4]]) },
	{ name: 'steps in an order that only a wrong clock made', ordering: () => SAGA('COMPENSATED', [[1, false, 'OK', 3600], [1, true, 'OK', 3]]) },
	{ id: 'SAGA-2', name: 'completed, and undone', ordering: () => SAGA('COMPLETED', [...FORWARD, [2, true, 'OK', 3]]) },
	{ id: 'SAGA-2', name: 'compensated, with the shipment left', ordering: () => SAGA('COMPENSATED', [...FORWARD, [1, true, 'OK', 3]]) },
	{
		id: 'SAGA-3',
		name: 'goods booked out twice',
		warehouse: (ids) => `UPDATE stock_movement SET quantity = -1, on_hand = on_hand + 3 WHERE entry = (${LATEST} WHERE ${SHELF(ids.chair)});
			INSERT INTO stock_movement (movement_id, sku, location_id, kind, quantity, on_hand, reason, reference, reservation_id, actor, time)
			SELECT '${randomUUID()}', sku, location_id, kind, -3, on_hand - 3, '', reference, reservation_id, '', now() FROM stock_movement WHERE entry = (${LATEST} WHERE ${SHELF(ids.chair)})`,
	},
	{
		id: 'SAGA-3',
		name: 'a reservation that gave more than the ledger took',
		quiescent: false,
		warehouse: (ids) => `UPDATE reservation SET fulfilled_quantity = fulfilled_quantity + 1 WHERE ${of(ids.delivered)}`,
	},
	{ id: 'EVT-1', name: 'a position that nobody has', shipping: () => 'UPDATE outbox SET position = position + 1 WHERE position > 2; UPDATE outbox_sequence SET last = last + 1', ordering: () => `UPDATE consumer_cursor SET position = position + 1 WHERE producer = 'shipping'` },
	{ id: 'EVT-1', name: 'two events in one position', customers: () => 'INSERT INTO outbox OVERRIDING SYSTEM VALUE SELECT * FROM outbox WHERE position = 1' },
	{
		name: 'old events, deleted as they may be',
		warehouse: () => 'DELETE FROM outbox WHERE position <= 4; UPDATE outbox_sequence SET forgotten = 4',
		customers: () => 'DELETE FROM outbox; UPDATE outbox_sequence SET forgotten = last',
	},
	{ id: 'EVT-1', name: 'an event deleted among others', ordering: () => 'DELETE FROM outbox WHERE position = 1; UPDATE outbox_sequence SET forgotten = 2' },
	{ id: 'EVT-1', name: 'events that are called deleted and are not', customers: () => 'UPDATE outbox_sequence SET forgotten = 1' },
	{ id: 'EVT-1', name: 'a counter behind', customers: () => 'UPDATE outbox_sequence SET last = last - 1' },
	{ id: 'EVT-1', name: 'an event that was never numbered', customers: () => 'UPDATE outbox SET position = NULL' },
	{ id: 'EVT-1', name: 'an event that was never handled', ordering: () => `UPDATE consumer_cursor SET position = position - 1 WHERE producer = 'shipping'` },
	{ id: 'EVT-1', name: 'a consumer that never began', ordering: () => `DELETE FROM consumer_cursor WHERE producer = 'ordering'` },
	{ id: 'EVT-1', name: 'an event that was put aside', ordering: () => `INSERT INTO event_parked (producer, position, event_id, aggregate_id) VALUES ('shipping', 1, '${randomUUID()}', 'x')` },
	{
		id: 'EVT-1',
		name: 'a change told before the one before it',
		ordering: (ids) => `UPDATE outbox o SET position = p.position FROM outbox p
			WHERE o.aggregate_id = '${ids.completed}' AND p.aggregate_id = o.aggregate_id AND o.aggregate_version + p.aggregate_version = 3`,
	},
	{ id: 'EVT-2', name: 'a change that nobody was told', customers: () => `UPDATE customer SET version = version + 1;
		INSERT INTO history SELECT aggregate_id, version + 1, time, actor, '', to_state, to_state, reason FROM history` },
	{ id: 'EVT-2', name: 'an event of a change that is not there', ordering: (ids) => `UPDATE outbox SET aggregate_version = aggregate_version + 1 WHERE aggregate_id = '${ids.open}' AND aggregate_version = (SELECT max(aggregate_version) FROM outbox WHERE aggregate_id = '${ids.open}')` },
	{ id: 'EVT-2', name: 'an event of nothing', warehouse: () => `UPDATE outbox SET aggregate_id = 'NOTHING' WHERE aggregate_type = 'product' AND position = 1` },
	{
		id: 'EVT-2',
		name: 'goods that came without a word',
		warehouse: (ids) => `${MOVE(ids.lamp, 'RECEIPT', 5)}; INSERT INTO idempotency (method, subject, code, time) SELECT '', movement_id, 0, now() FROM stock_movement WHERE entry = (${LATEST})`,
	},
	{ id: 'IDEM-1', name: 'an order without a key', ordering: (ids) => `DELETE FROM idempotency WHERE subject = '${ids.placed}'` },
	{ id: 'IDEM-1', name: 'a payment without a key', billing: () => `DELETE FROM idempotency WHERE key = (SELECT max(key) FROM idempotency WHERE method LIKE '%RecordPayment' AND subject <> '')` },
	{ id: 'IDEM-1', name: 'goods received without a key', warehouse: () => `DELETE FROM idempotency WHERE method LIKE '%ReceiveStock'` },
	{
		id: 'IDEM-1',
		name: 'a key whose goods are not there',
		warehouse: () => `INSERT INTO idempotency SELECT scope, key || '/again', method, fingerprint, '${randomUUID()}', code, answer, numbers, time FROM idempotency WHERE method LIKE '%AdjustStock'`,
	},
	{ id: 'IDEM-1', name: 'a key whose change is not there', customers: () => `INSERT INTO idempotency SELECT scope, 'another', method, fingerprint, subject, code, answer, numbers, time FROM idempotency` },
];

const isOk = (lines, name) => {
	const begun = new Map(lines.filter(({ type }) => type === 'invoke').map((line) => [line.op, line]));
	return lines.filter(({ op, type }) => type === 'ok' && begun.get(op).method.endsWith(`/${name}`)).map((line) => ({ invoke: begun.get(line.op), ok: line }));
};
const again = ({ invoke, ok }, changes) => {
	const op = randomUUID();
	return [{ ...invoke, ...changes.invoke, op }, { ...ok, ...changes.ok, op }];
};
const without = (lines, { op }) => lines.filter((line) => line.op !== op);

// Ways to spoil a history: what clients remember is not what there is. change(lines, ids) -> lines. Those without an id change nothing that matters.
export const HISTORIES = [
	{
		name: 'an answer that was lost, and came with a repeat, when more had happened',
		change: (lines, ids) => {
			const { invoke, ok } = isOk(lines, 'UpdateOrderItem').find(({ ok: { answer } }) => answer.order_id === ids.open);
			const late = Date.now();
			return [...lines.filter((line) => line !== ok), ...again({ invoke, ok }, { invoke: { time: late }, ok: { time: late + 1 } })];
		},
	},
	{
		name: 'requests of which nothing was heard any more',
		change: (lines) => lines.filter(({ type, answer }) => type !== 'ok' || answer.order_id === undefined),
	},
	{
		id: 'ORD-1',
		unkept: true,
		name: 'an order that was acknowledged and is not there',
		change: (lines) => [...lines, ...again(isOk(lines, 'CreateOrder')[0], { invoke: { key: randomUUID() }, ok: { answer: { order_id: randomUUID(), items: [] } } })],
	},
	{
		id: 'ORD-1',
		name: 'an order with other contents than were sent',
		change: (lines) => lines.map((line) => (line.method?.endsWith('/SubmitOrder') && line.request.lines.length === 3
			? { ...line, request: { ...line.request, lines: [...line.request.lines, { sku: line.request.lines[0].sku, quantity: 1 }] } } : line)),
	},
	{
		id: 'ORD-1',
		name: 'an order with other items than were answered',
		change: (lines, ids) => {
			const removed = isOk(lines, 'RemoveOrderItem').find(({ ok }) => ok.answer.order_id === ids.open);
			return without(lines, removed.invoke);
		},
	},
	{
		id: 'ORD-1',
		name: 'an order that nobody tried to make',
		change: (lines, ids) => {
			const made = new Set(isOk(lines, 'SubmitOrder').filter(({ ok }) => ok.answer.order_id === ids.replayed).map(({ ok }) => ok.op));
			return lines.filter(({ op }) => !made.has(op));
		},
	},
	{
		id: 'ORD-2',
		name: 'one key, two orders',
		change: (lines, ids) => {
			const [first, second] = [ids.placed, ids.delivered].map((id) => isOk(lines, 'SubmitOrder').find(({ ok }) => ok.answer.order_id === id));
			return [...lines, ...again(second, { invoke: { key: first.invoke.key } })];
		},
	},
	{
		id: 'SAGA-3',
		unkept: true,
		name: 'a payment that was acknowledged and is not there',
		change: (lines) => [...lines, ...again(isOk(lines, 'RecordPayment')[0], { invoke: { key: randomUUID() } })],
	},
	{ id: 'SAGA-3', name: 'goods that nobody received', change: (lines) => without(lines, isOk(lines, 'ReceiveStock')[0].invoke) },
	{
		id: 'SAGA-3',
		name: 'a replay that had its effect again',
		change: (lines) => {
			const [first, second] = isOk(lines, 'ReceiveStock');
			return without(lines, second.invoke).concat(again(first, {}));
		},
	},
	{
		id: 'SAGA-3',
		name: 'goods adjusted by another quantity than was sent',
		change: (lines) => lines.map((line) => (line.method?.endsWith('/AdjustStock') ? { ...line, request: { ...line.request, quantity: line.request.quantity + 1 } } : line)),
	},
	{
		name: 'goods adjusted, of which nothing was heard any more',
		change: (lines) => {
			const [{ ok }] = isOk(lines, 'AdjustStock');
			return lines.filter((line) => line !== ok);
		},
	},
	{
		id: 'IDEM-1',
		name: 'a dispatch that was acknowledged and is not there',
		change: (lines) => [...lines, ...again(isOk(lines, 'DispatchShipment')[0], { invoke: { key: randomUUID() } })],
	},
	{
		id: 'IDEM-1',
		name: 'a new customer who was acknowledged and is not there',
		change: (lines) => [...lines, ...again(isOk(lines, 'CreateCustomer')[0], { invoke: { key: randomUUID() } })],
	},
	{
		id: 'IDEM-1',
		name: 'another answer to the same request',
		change: (lines) => [...lines, ...again(isOk(lines, 'ReceiveStock')[0], { ok: { bytes: 'AAAA' } })],
	},
	{
		id: 'IDEM-1',
		name: 'refused for good, then accepted',
		change: (lines) => {
			const refused = lines.find(({ type, reason }) => type === 'fail' && reason === 'OUT_OF_STOCK');
			const invoke = lines.find(({ op, type }) => op === refused.op && type === 'invoke');
			const accepted = isOk(lines, 'UpdateOrderItem')[0];
			return lines.map((line) => (line === invoke ? { ...accepted.invoke, op: invoke.op } : line));
		},
	},
];
