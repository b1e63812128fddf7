// What must be true of idempotency keys: whatever a request changed is in one transaction with its key.

// The methods that change something: one aggregate each, which has a history; goods, whose ledger is the history; or others, which are not looked at here.
// What sagas and events do by themselves has no key, and other names.
export const METHODS = {
	customers: { aggregates: ['CreateCustomer', 'UpdateCustomer', 'BlockCustomer', 'UnblockCustomer'], others: ['EraseCustomer'] },
	ordering: {
		aggregates: ['CreateOrder', 'SubmitOrder', 'UpdateOrder', 'AddOrderItem', 'UpdateOrderItem', 'RemoveOrderItem', 'PlaceOrder', 'CancelOrder'],
		others: ['RetrySaga'], // it has no history but that of what the saga does
	},
	warehouse: {
		aggregates: ['CreateProduct', 'UpdateProduct', 'ArchiveProduct'],
		goods: ['ReceiveStock', 'AdjustStock'],
		// An order's reservations change together, each with a history of its own. TransferStock is not served yet.
		others: ['ReserveStock', 'ChangeReservation', 'ConfirmReservations', 'ReleaseReservations', 'FulfilReservations', 'TransferStock'],
	},
	shipping: { aggregates: ['CreateShipment', 'DispatchShipment', 'DeliverShipment', 'CancelShipment'] },
	billing: { aggregates: ['IssueInvoice', 'RecordPayment'], others: ['CreditInvoice', 'SendInvoice'] }, // not served yet
	events: { aggregates: [], others: ['RequeueParkedEvents'] }, // of every service; events have keys of their own
};
const SERVICES = ['customers', 'ordering', 'warehouse', 'shipping', 'billing'];

const RECENT = "time >= now() - interval '1 day'"; // keys are forgotten after some days
const RECENT_MS = 24 * 60 * 60 * 1000;

// A key whose request changed nothing has no subject. The shipment that holds the rest of a dispatched one comes with the latter's key.
const changesQuery = (methods) => `SELECT CASE WHEN keys IS NULL OR keys < changes THEN 'a change without its key' ELSE 'a key without its change' END AS what, aggregate_id, action, changes, keys
	FROM (SELECT aggregate_id, action, count(*) AS changes FROM history WHERE ${RECENT} AND NOT (action = 'DispatchShipment' AND from_state = '') GROUP BY aggregate_id, action) h
	FULL JOIN (SELECT subject AS aggregate_id, split_part(method, '/', 3) AS action, count(*) AS keys FROM idempotency WHERE ${RECENT} AND subject <> '' GROUP BY 1, 2) k
	USING (aggregate_id, action) WHERE action IN (${methods.map((name) => `'${name}'`).join(', ')}) AND changes IS DISTINCT FROM keys`;

const MOVEMENTS = `SELECT 'goods moved without a key' AS what, movement_id, sku, kind, quantity FROM stock_movement m WHERE ${RECENT}
	AND kind IN ('STOCK_MOVEMENT_KIND_RECEIPT', 'STOCK_MOVEMENT_KIND_ADJUSTMENT') AND NOT EXISTS (SELECT FROM idempotency WHERE subject = movement_id::text)`;

const GOODS = METHODS.warehouse.goods.map((name) => `'${name}'`).join(', ');
const KEYS_OF_GOODS = `SELECT 'a key without its goods' AS what, key, method, subject AS movement_id FROM idempotency i WHERE ${RECENT} AND subject <> ''
	AND split_part(method, '/', 3) IN (${GOODS}) AND NOT EXISTS (SELECT FROM stock_movement WHERE movement_id::text = i.subject)`;

export const keysKept = [
	...SERVICES.map((service) => ({
		kind: 'A',
		needs: { [service]: ['history', 'idempotency'] },
		find: (snapshot) => snapshot[service].rows(changesQuery(METHODS[service].aggregates)),
	})),
	{ kind: 'A', needs: { warehouse: ['stock_movement', 'idempotency'] }, find: async ({ warehouse }) => [...await warehouse.rows(MOVEMENTS), ...await warehouse.rows(KEYS_OF_GOODS)] },
];

// A client was told that something was changed: then the key is there, and with it, as the other parts say, the change.
async function acknowledgedKept(snapshot, { history }) {
	const since = Date.now() - RECENT_MS;
	const found = [];
	for (const service of SERVICES) {
		const { aggregates, goods = [] } = METHODS[service];
		const changes = new Set([...aggregates, ...goods]);
		const kept = new Set((await snapshot[service].rows('SELECT method, key FROM idempotency WHERE code = 0')).map(({ method, key }) => `${method} ${key}`));
		for (const { op, method, key, outcome, end } of history) {
			const [area, name] = [method.split('.')[1], method.split('/')[1]];
			if (area !== service || outcome !== 'ok' || key === undefined || end < since || !changes.has(name)) continue;
			if (!kept.has(`/${method} ${key}`)) found.push({ what: 'acknowledged, and its key is not there', op, method, key });
		}
	}
	return found;
}

export const acknowledged = { kind: 'H', needs: Object.fromEntries(SERVICES.map((service) => [service, ['idempotency']])), find: acknowledgedKept };
