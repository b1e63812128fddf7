// What must be true of goods.
import { facts, TABLES } from './facts.mjs';

const IMPOSSIBLE = `SELECT 'more is promised than there is' AS what, sku, location_id, on_hand, reserved FROM stock WHERE NOT (0 <= reserved AND reserved <= on_hand)`;

const LEDGER = `SELECT 'on_hand is not the sum of the ledger' AS what, sku, location_id, s.on_hand, l.ledger
	FROM stock s FULL JOIN (SELECT sku, location_id, sum(quantity)::bigint AS ledger FROM stock_movement GROUP BY sku, location_id) l USING (sku, location_id)
	WHERE coalesce(s.on_hand, 0) <> coalesce(l.ledger, 0)`;

const RUNNING = `SELECT 'a row of the ledger does not go on where the one before it ended' AS what, entry, sku, location_id, kind, quantity, on_hand, so_far FROM
	(SELECT *, sum(quantity) OVER (PARTITION BY sku, location_id ORDER BY entry)::bigint AS so_far FROM stock_movement) AS l WHERE on_hand <> so_far`;

const PROMISED = `SELECT 'reserved is not the sum of the open reservations' AS what, sku, location_id, s.reserved, r.open
	FROM stock s FULL JOIN (SELECT sku, location_id, sum(quantity - fulfilled_quantity)::bigint AS open FROM reservation
		WHERE state IN ('RESERVATION_STATE_HELD', 'RESERVATION_STATE_CONFIRMED', 'RESERVATION_STATE_PARTLY_FULFILLED') GROUP BY sku, location_id) r
	USING (sku, location_id) WHERE coalesce(s.reserved, 0) <> coalesce(r.open, 0)`;

// What moves between shelves is neither more nor less.
const KINDS = `SELECT 'received - shipped - adjusted is not what is on hand' AS what, sku, s.on_hand, l.ledger
	FROM (SELECT sku, sum(on_hand)::bigint AS on_hand FROM stock GROUP BY sku) s
	FULL JOIN (SELECT sku, sum(quantity)::bigint AS ledger FROM stock_movement WHERE kind <> 'STOCK_MOVEMENT_KIND_TRANSFER' GROUP BY sku) l USING (sku)
	WHERE coalesce(s.on_hand, 0) <> coalesce(l.ledger, 0)`;

const SHIPPED = `SELECT reference AS shipment_id, reservation_id AS item_id, sku, sum(-quantity)::bigint AS quantity FROM stock_movement
	WHERE kind = 'STOCK_MOVEMENT_KIND_SHIPMENT' GROUP BY reference, reservation_id, sku`;

// Each line of a dispatched shipment beside the ledger's.
async function leftTheHouse(snapshot) {
	const booked = new Map((await snapshot.warehouse.rows(SHIPPED)).map((row) => [`${row.shipment_id} ${row.item_id} ${row.sku}`, row]));
	const found = [];
	for (const shipment of (await facts(snapshot)).shipments.values()) {
		for (const line of shipment.left ? shipment.lines : []) {
			const key = `${shipment.shipment_id} ${line.item_id} ${line.sku}`;
			const quantity = booked.get(key)?.quantity ?? 0;
			if (quantity !== line.quantity) found.push({ what: 'what was dispatched is not what was booked out', ...line, booked_out: quantity });
			booked.delete(key);
		}
	}
	return found.concat([...booked.values()].map((row) => ({ what: 'booked out, but not dispatched', ...row })));
}

const NOTHING_LEFT = new Set(['ORDER_STATE_CANCELLED', 'ORDER_STATE_EXPIRED', 'ORDER_STATE_SHIPPED', 'ORDER_STATE_COMPLETED']);

function whyLeaked(reservation, order) {
	if (reservation.state === 'RESERVATION_STATE_HELD' && reservation.overdue) return 'the hold has run out and still counts';
	if (order && NOTHING_LEFT.has(order.state)) return `its order is ${order.state}`;
	if (reservation.state === 'RESERVATION_STATE_HELD') return undefined; // an answer that got lost: it runs out by itself
	if (!order) return 'there is no such order';
	return order.items.has(reservation.reservation_id) ? undefined : 'its order has no such item';
}

async function leaked(snapshot) {
	const { orders, reservations } = await facts(snapshot);
	return [...reservations.values()].filter(({ open }) => open > 0).flatMap((reservation) => {
		const what = whyLeaked(reservation, orders.get(reservation.order_id));
		return what ? [{ what, ...reservation }] : [];
	});
}

export default [
	{
		id: 'STOCK-1',
		text: '0 <= reserved <= on_hand on every shelf: nothing is sold that is not there',
		advice: 'Sold more than there is: count the shelf, and ask the customers of its open orders what can wait.',
		parts: [{ kind: 'A', needs: { warehouse: ['stock'] }, find: ({ warehouse }) => warehouse.rows(IMPOSSIBLE) }],
	},
	{
		id: 'STOCK-2',
		text: 'on_hand is the sum of the ledger, row by row; reserved is the sum of the open reservations',
		advice: 'Count the shelf, and adjust the stock to what is there (AdjustStock, with the reason).',
		parts: [
			{ kind: 'A', needs: { warehouse: ['stock', 'stock_movement'] }, find: async ({ warehouse }) => [...await warehouse.rows(LEDGER), ...await warehouse.rows(RUNNING)] },
			{ kind: 'A', needs: { warehouse: ['stock', 'reservation'] }, find: ({ warehouse }) => warehouse.rows(PROMISED) },
		],
	},
	{
		id: 'STOCK-3',
		text: 'received - shipped - adjusted = on hand, and the ledger\'s shipments are the lines that shipping dispatched, item by item',
		advice: 'A dispatch that is not booked out yet: see the saga "fulfil" of the shipment, and ordering\'s log. Booked out and not dispatched: ask the warehouse where the goods are.',
		parts: [
			{ kind: 'Q', needs: { warehouse: ['stock', 'stock_movement'] }, find: ({ warehouse }) => warehouse.rows(KINDS) },
			{ kind: 'Q', needs: TABLES, find: leftTheHouse },
		],
	},
	{
		id: 'STOCK-4',
		text: 'no goods are kept for an order that is cancelled, expired, shipped or unknown, or for an item that is not on it (a hold may stay until it runs out, with 60 s of grace)',
		advice: 'Release the reservation (ReleaseReservations with its order and id), so that the goods can be sold.',
		parts: [{ kind: 'Q', needs: TABLES, find: leaked }],
	},
];
