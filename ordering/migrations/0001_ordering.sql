-- Numbers for people: a process takes a block of this size at a time and may not use all of it, so there can be gaps (and there may be).
CREATE SEQUENCE order_number INCREMENT BY 20;

-- What customers want. Addresses are snapshots (seven texts, see runtime/types.h); amounts are minor units of `currency`, which is empty while there
-- are no items. `search` is what free-text search looks at, in lower case. `submitted`: came by SubmitOrder, so it must not stay when it is refused.
-- `resume_time`, only while PLACING: when someone else may go on with placing it.
CREATE TABLE customer_order (
	order_id uuid PRIMARY KEY,
	version bigint NOT NULL CHECK (version > 0),
	number text NOT NULL UNIQUE,
	customer_id uuid NOT NULL,
	customer_name text NOT NULL,
	name text NOT NULL,
	note text NOT NULL,
	currency text NOT NULL,
	net bigint NOT NULL,
	tax bigint NOT NULL,
	gross bigint NOT NULL CHECK (gross = net + tax),
	state text NOT NULL CHECK (state IN ('ORDER_STATE_OPEN', 'ORDER_STATE_PLACING', 'ORDER_STATE_PLACED', 'ORDER_STATE_PARTLY_SHIPPED',
		'ORDER_STATE_SHIPPED', 'ORDER_STATE_COMPLETED', 'ORDER_STATE_CANCELLING', 'ORDER_STATE_CANCELLED', 'ORDER_STATE_EXPIRED')),
	state_reason text NOT NULL,
	shipping_address text[] CHECK (cardinality(shipping_address) = 7),
	billing_address text[] CHECK (cardinality(billing_address) = 7),
	submitted boolean NOT NULL,
	resume_time timestamptz CHECK ((resume_time IS NOT NULL) = (state = 'ORDER_STATE_PLACING')),
	search text NOT NULL,
	place_time timestamptz,
	create_time timestamptz NOT NULL,
	update_time timestamptz NOT NULL
);
CREATE INDEX order_newest ON customer_order (create_time DESC, order_id DESC);
CREATE INDEX order_of_customer ON customer_order (customer_id, create_time DESC, order_id DESC);
CREATE INDEX order_to_resume ON customer_order (resume_time) WHERE resume_time IS NOT NULL;

-- One product on an order. The id is also that of its reservation, so it is never used twice.
CREATE TABLE order_item (
	item_id uuid PRIMARY KEY,
	order_id uuid NOT NULL REFERENCES customer_order,
	position bigint NOT NULL CHECK (position > 0),
	sku text NOT NULL,
	name text NOT NULL,
	quantity bigint NOT NULL CHECK (quantity > 0),
	shipped_quantity bigint NOT NULL CHECK (shipped_quantity BETWEEN 0 AND quantity),
	unit_price bigint NOT NULL,
	tax_rate_basis_points bigint NOT NULL,
	net bigint NOT NULL CHECK (net = unit_price * quantity),
	tax bigint NOT NULL,
	gross bigint NOT NULL CHECK (gross = net + tax),
	state text NOT NULL CHECK (state IN ('ORDER_ITEM_STATE_RESERVED', 'ORDER_ITEM_STATE_REJECTED', 'ORDER_ITEM_STATE_RELEASED',
		'ORDER_ITEM_STATE_PARTLY_SHIPPED', 'ORDER_ITEM_STATE_SHIPPED')),
	UNIQUE (order_id, sku)
);

-- What was made of an order elsewhere, in that order.
CREATE TABLE order_shipment (
	shipment_id uuid PRIMARY KEY,
	order_id uuid NOT NULL REFERENCES customer_order,
	position bigint NOT NULL CHECK (position > 0),
	UNIQUE (order_id, position)
);
CREATE TABLE order_invoice (
	invoice_id uuid PRIMARY KEY,
	order_id uuid NOT NULL REFERENCES customer_order,
	position bigint NOT NULL CHECK (position > 0),
	UNIQUE (order_id, position)
);
