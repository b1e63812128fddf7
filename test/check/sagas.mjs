// What must be true of work that spans services: tables saga and saga_step of ordering, and what the participants kept.
import { bookings } from './history.mjs';

const SERVICES = ['customers', 'ordering', 'warehouse', 'shipping', 'billing'];

const UNFINISHED = `SELECT 'a saga is not at its end' AS what, saga_id, kind, subject_id, state, step, attempts, last_error FROM saga
	WHERE state NOT IN ('COMPLETED', 'COMPENSATED', 'REFUSED')`;

const UNANSWERED = `SELECT 'a request waits for its answer' AS what, scope, key, method, subject FROM idempotency WHERE code IS NULL`;

// What was done of these is undone when a saga is compensated: goods are given back, the shipment is cancelled.
const UNDOABLE = `(('place', 1), ('place', 2))`;

// Steps are timed by the services' clocks. Where one lies outside of its saga's life by the database's clock, a clock was wrong, and order says nothing.
const STEPS = `WITH forward AS (SELECT * FROM saga_step WHERE NOT compensation)
	, undone AS (SELECT * FROM saga_step WHERE compensation AND outcome = 'OK')
	, timely AS (SELECT saga_id FROM saga_step JOIN saga USING (saga_id) GROUP BY saga_id
		HAVING bool_and(start_time >= create_time - interval '5 s' AND end_time <= update_time + interval '5 s'))
	SELECT 'undone before a later step was' AS what, a.saga_id, a.number, b.number AS other FROM undone a JOIN undone b USING (saga_id) JOIN timely USING (saga_id)
		WHERE a.number < b.number AND a.start_time < b.start_time
	UNION ALL SELECT 'run after its undoing began', saga_id, f.number, NULL FROM forward f JOIN undone u USING (saga_id, number) JOIN timely USING (saga_id)
		WHERE f.end_time > u.start_time
	UNION ALL SELECT 'completed, and undone', saga_id, number, NULL FROM undone JOIN saga USING (saga_id) WHERE state IN ('COMPLETED', 'REFUSED')
	UNION ALL SELECT 'compensated, but not undone', saga_id, number, NULL FROM forward f JOIN saga s USING (saga_id)
		WHERE s.state = 'COMPENSATED' AND f.outcome = 'OK' AND NOT EXISTS (SELECT FROM undone u WHERE (u.saga_id, u.number) = (f.saga_id, f.number))
			AND (s.kind, f.number) IN ${UNDOABLE}`;

// What was undone is counted where it was done: a step is one row of saga_step, however often it was tried.
const CANCELLED_AGAIN = `SELECT 'a shipment was cancelled more than once' AS what, aggregate_id AS shipment_id, count(*) FROM history
	WHERE to_state = 'SHIPMENT_STATE_CANCELLED' GROUP BY aggregate_id HAVING count(*) > 1`;
const RELEASED_AGAIN = `SELECT 'goods were given back more than once' AS what, aggregate_id AS reservation_id, count(*) FROM history
	WHERE to_state = 'RESERVATION_STATE_RELEASED' GROUP BY aggregate_id HAVING count(*) > 1`;

// What a step does is told apart by ids that follow from the work: a shipment's goods leave an item's reservation once, and no more than it holds.
const TAKEN = `SELECT 'goods were booked out more than once' AS what, reference AS shipment_id, reservation_id, count(*) FROM stock_movement
		WHERE kind = 'STOCK_MOVEMENT_KIND_SHIPMENT' GROUP BY reference, reservation_id HAVING count(*) > 1
	UNION ALL SELECT 'what a reservation gave is not what the ledger took', NULL, reservation_id, r.fulfilled_quantity - coalesce(l.taken, 0) FROM reservation r
		FULL JOIN (SELECT reservation_id, -sum(quantity) AS taken FROM stock_movement WHERE reservation_id IS NOT NULL GROUP BY reservation_id) l USING (reservation_id)
		WHERE r.fulfilled_quantity IS DISTINCT FROM coalesce(l.taken, 0)`;

export default [
	{
		id: 'SAGA-1',
		text: 'every saga is at its end, none waits for an operator, and no acknowledged request waits for its answer',
		advice: 'See the saga\'s last error; when its cause is gone, RetrySaga goes on with it.',
		parts: [
			{ kind: 'Q', needs: { ordering: ['saga'] }, find: ({ ordering }) => ordering.rows(UNFINISHED) },
			...SERVICES.map((service) => ({ kind: 'Q', needs: { [service]: ['idempotency'] }, find: (snapshot) => snapshot[service].rows(UNANSWERED) })),
		],
	},
	{
		id: 'SAGA-2',
		text: 'what a compensated saga did is undone once, last step first, and nothing runs after its undoing began (as far as steps are recorded, and clocks were right)',
		parts: [
			{ kind: 'A', needs: { ordering: ['saga', 'saga_step'] }, find: ({ ordering }) => ordering.rows(STEPS) },
			{ kind: 'A', needs: { shipping: ['history'] }, find: ({ shipping }) => shipping.rows(CANCELLED_AGAIN) },
			{ kind: 'A', needs: { warehouse: ['history'] }, find: ({ warehouse }) => warehouse.rows(RELEASED_AGAIN) },
		],
	},
	{
		id: 'SAGA-3',
		text: 'each effect happened at most once, and at least once when it was acknowledged: goods booked out, received, adjusted; payments (shipments: ORD-4, invoices: BILL-1)',
		parts: [{ kind: 'A', needs: { warehouse: ['stock_movement', 'reservation'] }, find: ({ warehouse }) => warehouse.rows(TAKEN) }, bookings],
	},
];
