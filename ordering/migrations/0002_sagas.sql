-- Placing is a saga now. Those that are under way go on as one: under the order's own id, from which the id of their shipment was derived.
INSERT INTO saga (saga_id, kind, subject_id, state, data, run_time, deadline, lease_until, trace_parent, create_time, update_time)
SELECT order_id, 'place', order_id::text, 'RUNNING', '', now(), now() + interval '15 minutes', now(), '', now(), now()
FROM customer_order WHERE state = 'ORDER_STATE_PLACING';

ALTER TABLE customer_order DROP COLUMN resume_time;
