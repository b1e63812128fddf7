// What must be true of events.

// Positions are 1, 2, 3, ... up to the counter (the oldest may have been deleted), and within an aggregate they follow its versions.
const NUMBERING = `SELECT 'positions have a gap or a double' AS what, event_id::text, position, before AS other FROM
		(SELECT event_id, position, lag(position) OVER (ORDER BY position) AS before FROM outbox WHERE position IS NOT NULL) AS numbered WHERE position <> before + 1
	UNION ALL SELECT 'the counter is not the last position', NULL, max(position), s.last FROM outbox_sequence s LEFT JOIN outbox ON position IS NOT NULL GROUP BY s.last, s.forgotten
		HAVING coalesce(max(position), s.forgotten) <> s.last
	UNION ALL SELECT 'the first event is not the one behind those that are not kept', NULL, min(position), s.forgotten FROM outbox_sequence s, outbox GROUP BY s.forgotten
		HAVING min(position) <> s.forgotten + 1
	UNION ALL SELECT 'comes before an earlier version of its aggregate', event_id::text, position, before FROM
		(SELECT event_id, position, aggregate_version, lag(aggregate_version) OVER w AS earlier, lag(position) OVER w AS before FROM outbox WHERE position IS NOT NULL
			WINDOW w AS (PARTITION BY aggregate_type, aggregate_id ORDER BY position)) AS told WHERE earlier > aggregate_version`;

const UNNUMBERED = `SELECT 'an event has no position' AS what, event_id, aggregate_type, aggregate_id, type FROM outbox WHERE position IS NULL`;

// Who consumes what: ARCHITECTURE.md.
const CONSUMERS = { ordering: ['shipping', 'ordering'] };

const PARKED = `SELECT 'an event is parked' AS what, producer, position, event_id, aggregate_id, attempts, error, park_time FROM event_parked`;

// Cursor and effect commit together, so a cursor at the end says that every event had its effect, and had it once.
async function allHandled(snapshot) {
	const found = [];
	for (const [name, producers] of Object.entries(CONSUMERS)) {
		const cursors = new Map((await snapshot[name].rows('SELECT producer, position FROM consumer_cursor')).map((row) => [row.producer, row.position]));
		for (const producer of new Set([...producers, ...cursors.keys()])) {
			const [{ last }] = await snapshot[producer].rows('SELECT last FROM outbox_sequence');
			const position = cursors.get(producer) ?? 0;
			if (position !== last) found.push({ what: position < last ? 'events wait to be handled' : 'events were handled that never were', consumer: name, producer, position, last });
		}
		found.push(...await snapshot[name].rows(PARKED));
	}
	return found;
}

const SERVICES = ['customers', 'ordering', 'warehouse', 'shipping', 'billing'];

// Whatever has versions. Stock is moved without one: each receipt and each adjustment is an aggregate of its own.
const AGGREGATES = {
	customers: [['customer', "SELECT customer_id::text AS id, version, update_time AS time FROM customer"]],
	ordering: [['order', 'SELECT order_id::text AS id, version, update_time AS time FROM customer_order']],
	shipping: [['shipment', 'SELECT shipment_id::text AS id, version, update_time AS time FROM shipment']],
	billing: [['invoice', 'SELECT invoice_id::text AS id, version, update_time AS time FROM invoice_balance']],
	warehouse: [
		['product', 'SELECT sku AS id, version, update_time AS time FROM product'],
		['booking', 'SELECT order_id::text AS id, b.version, (SELECT max(update_time) FROM reservation r WHERE r.order_id = b.order_id) AS time FROM booking b'],
		['stock_movement', `SELECT movement_id::text AS id, 1::bigint AS version, time FROM stock_movement
			WHERE kind IN ('STOCK_MOVEMENT_KIND_RECEIPT', 'STOCK_MOVEMENT_KIND_ADJUSTMENT')`],
	],
};
const TABLES = {
	customers: ['customer'],
	ordering: ['customer_order'],
	shipping: ['shipment'],
	billing: ['invoice_balance'],
	warehouse: ['product', 'booking', 'reservation', 'stock_movement'],
};

// Old events are deleted. What was told before the oldest that is left cannot be compared; what was told well after it must be there.
const toldQuery = ([type, aggregates]) => `WITH kept AS (${aggregates}), told AS (SELECT aggregate_id AS id, min(aggregate_version) AS first, max(aggregate_version) AS last,
		count(DISTINCT aggregate_version) AS count FROM outbox WHERE aggregate_type = '${type}' GROUP BY aggregate_id)
	, oldest AS (SELECT (SELECT forgotten > 0 FROM outbox_sequence) AS deleted, min(time) AS time FROM outbox)
	SELECT CASE WHEN kept.id IS NULL THEN 'an event of nothing' WHEN told.id IS NULL THEN 'no event' WHEN told.last > version THEN 'an event of a change that is not there'
			WHEN told.last < version THEN 'a change without its event' ELSE 'an event is missing' END AS what,
		'${type}' AS aggregate_type, coalesce(kept.id, told.id) AS aggregate_id, version, told.first AS first_event, told.last AS last_event, told.count AS events
	FROM kept FULL JOIN told USING (id), oldest
	WHERE kept.id IS NULL OR (told.id IS NULL AND (NOT deleted OR kept.time > oldest.time + interval '1 h')) OR told.last <> version OR told.count <> last - first + 1 OR (NOT deleted AND first <> 1)`;

export default [
	{
		id: 'EVT-1',
		text: 'positions are 1..N without gap, in the order of each aggregate\'s versions; every consumer is at the end (its cursor commits with its effects: the effects are STOCK-3, BILL-1, ORD-4), nothing is parked',
		advice: 'A cursor that does not move: see the log of the consumer. A parked event can be handled again (EventService/RequeueParkedEvents).',
		parts: [
			...SERVICES.map((service) => ({ kind: 'A', needs: { [service]: ['outbox', 'outbox_sequence'] }, find: (snapshot) => snapshot[service].rows(NUMBERING) })),
			...SERVICES.map((service) => ({ kind: 'Q', needs: { [service]: ['outbox'] }, find: (snapshot) => snapshot[service].rows(UNNUMBERED) })),
			{ kind: 'Q', needs: { ordering: ['consumer_cursor', 'event_parked', 'outbox_sequence'], shipping: ['outbox_sequence'] }, find: allHandled },
		],
	},
	{
		id: 'EVT-2',
		text: 'each change of each aggregate has its event, and each event its change: versions 1..N (as far back as events are kept)',
		parts: SERVICES.map((service) => ({
			kind: 'A',
			needs: { [service]: ['outbox', 'outbox_sequence', ...TABLES[service]] },
			find: async (snapshot) => (await Promise.all(AGGREGATES[service].map((aggregate) => snapshot[service].rows(toldQuery(aggregate))))).flat(),
		})),
	},
];
