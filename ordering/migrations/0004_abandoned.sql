-- Orders that nobody goes on with are found by when they were touched last.
CREATE INDEX order_abandoned ON customer_order (update_time) WHERE state = 'ORDER_STATE_OPEN';
