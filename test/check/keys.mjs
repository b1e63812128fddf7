// What must be true of idempotency keys: whatever a request changed is in one transaction with its key.

// The methods that change something with a history. What sagas and events do has no key, and other names.
const METHODS = {
	customers: ['CreateCustomer', 'UpdateCustomer', 'BlockCustomer', 'UnblockCustomer'],
	ordering: ['CreateOrder', 'SubmitOrder', 'UpdateOrder', 'AddOrderItem', 'UpdateOrderItem', 'RemoveOrderItem', 'PlaceOrder', 'CancelOrder'],
	warehouse: ['CreateProduct', 'UpdateProduct', 'ArchiveProduct'],
	shipping: ['CreateShipment', 'DispatchShipment', 'DeliverShipment', 'CancelShipment'],
	billing: ['IssueInvoice', 'RecordPayment'],
};

const RECENT = "time >= now() - interval '1 day'"; // keys are forgotten after some days

// A key whose request changed nothing has no subject. The shipment that holds the rest of a dispatched one comes with the latter's key.
const changesQuery = (methods) => `SELECT CASE WHEN keys IS NULL OR keys < changes THEN 'a change without its key' ELSE 'a key without its change' END AS what, aggregate_id, action, changes, keys
	FROM (SELECT aggregate_id, action, count(*) AS changes FROM history WHERE ${RECENT} AND NOT (action = 'DispatchShipment' AND from_state = '') GROUP BY aggregate_id, action) h
	FULL JOIN (SELECT subject AS aggregate_id, split_part(method, '/', 3) AS action, count(*) AS keys FROM idempotency WHERE ${RECENT} AND subject <> '' GROUP BY 1, 2) k
	USING (aggregate_id, action) WHERE action IN (${methods.map((name) => `'${name}'`).join(', ')}) AND changes IS DISTINCT FROM keys`;

const MOVEMENTS = `SELECT 'goods moved without a key' AS what, movement_id, sku, kind, quantity FROM stock_movement m WHERE ${RECENT}
	AND kind IN ('STOCK_MOVEMENT_KIND_RECEIPT', 'STOCK_MOVEMENT_KIND_ADJUSTMENT') AND NOT EXISTS (SELECT FROM idempotency WHERE subject = movement_id::text)`;

export const keysKept = [
	...Object.entries(METHODS).map(([service, methods]) => ({
		kind: 'A',
		needs: { [service]: ['history', 'idempotency'] },
		find: (snapshot) => snapshot[service].rows(changesQuery(methods)),
	})),
	{ kind: 'A', needs: { warehouse: ['stock_movement', 'idempotency'] }, find: ({ warehouse }) => warehouse.rows(MOVEMENTS) },
];
