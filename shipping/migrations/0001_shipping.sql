-- Goods of one order that travel together. `search` is what free-text search looks at, in lower case. A row without an
-- order is a tombstone: it was cancelled before it was created, and stays so.
CREATE TABLE shipment (
	shipment_id uuid PRIMARY KEY,
	version bigint NOT NULL CHECK (version > 0),
	order_id uuid,
	order_number text NOT NULL,
	customer_id uuid,
	address text[] CHECK (cardinality(address) = 7),
	state text NOT NULL CHECK (state IN ('SHIPMENT_STATE_PENDING', 'SHIPMENT_STATE_DISPATCHED',
		'SHIPMENT_STATE_DELIVERED', 'SHIPMENT_STATE_CANCELLED')),
	carrier text NOT NULL,
	tracking_number text NOT NULL,
	tracking_url text NOT NULL,
	note text NOT NULL,
	dispatch_time timestamptz,
	deliver_time timestamptz,
	search text NOT NULL,
	create_time timestamptz NOT NULL,
	update_time timestamptz NOT NULL,
	CHECK (state = 'SHIPMENT_STATE_CANCELLED'
		OR (order_id IS NOT NULL AND customer_id IS NOT NULL AND address IS NOT NULL)),
	CHECK ((dispatch_time IS NOT NULL) = (state IN ('SHIPMENT_STATE_DISPATCHED', 'SHIPMENT_STATE_DELIVERED'))),
	CHECK ((deliver_time IS NOT NULL) = (state = 'SHIPMENT_STATE_DELIVERED'))
);
CREATE INDEX shipment_newest ON shipment (create_time DESC, shipment_id DESC);
CREATE INDEX shipment_pending ON shipment (create_time, shipment_id) WHERE state = 'SHIPMENT_STATE_PENDING';
CREATE INDEX shipment_order ON shipment (order_id);
CREATE INDEX shipment_customer ON shipment (customer_id, create_time DESC, shipment_id DESC);

-- What is in a shipment, in the order's order.
CREATE TABLE shipment_line (
	shipment_id uuid NOT NULL REFERENCES shipment,
	position bigint NOT NULL CHECK (position > 0),
	item_id uuid NOT NULL,
	sku text NOT NULL,
	name text NOT NULL,
	quantity bigint NOT NULL CHECK (quantity > 0),
	PRIMARY KEY (shipment_id, position),
	UNIQUE (shipment_id, item_id)
);
