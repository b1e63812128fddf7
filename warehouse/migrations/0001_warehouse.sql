-- What is sold. `search` is what free-text search looks at, in lower case. Skus are ordered byte by byte, the same in every locale.
CREATE TABLE product (
	sku text COLLATE "C" PRIMARY KEY,
	version bigint NOT NULL CHECK (version > 0),
	name text NOT NULL,
	description text NOT NULL,
	currency text NOT NULL,
	unit_price bigint NOT NULL CHECK (unit_price >= 0),
	tax_rate_basis_points bigint NOT NULL CHECK (tax_rate_basis_points BETWEEN 0 AND 10000),
	packaging text NOT NULL CHECK (packaging IN ('PACKAGING_UNSPECIFIED', 'PACKAGING_BAG', 'PACKAGING_BOX', 'PACKAGING_BOTTLE',
		'PACKAGING_BULK', 'PACKAGING_BUNDLE', 'PACKAGING_CAN', 'PACKAGING_CARTON', 'PACKAGING_NET', 'PACKAGING_PACK')),
	content_quantity bigint NOT NULL CHECK (content_quantity >= 0),
	measure text NOT NULL CHECK (measure IN ('MEASURE_UNSPECIFIED', 'MEASURE_G', 'MEASURE_KG', 'MEASURE_ML', 'MEASURE_L', 'MEASURE_PCS')),
	weight_grams bigint NOT NULL CHECK (weight_grams >= 0),
	reorder_level bigint NOT NULL CHECK (reorder_level >= 0),
	state text NOT NULL CHECK (state IN ('PRODUCT_STATE_ACTIVE', 'PRODUCT_STATE_ARCHIVED')),
	search text NOT NULL,
	create_time timestamptz NOT NULL,
	update_time timestamptz NOT NULL
);

-- How much of a product is in a stock location, and how much of that is promised. Every product has a row for the location MAIN.
-- Nobody can sell what is not there: the last CHECK says so, whatever a statement thinks.
CREATE TABLE stock (
	sku text COLLATE "C" NOT NULL REFERENCES product,
	location_id text COLLATE "C" NOT NULL,
	on_hand bigint NOT NULL,
	reserved bigint NOT NULL,
	update_time timestamptz NOT NULL,
	PRIMARY KEY (sku, location_id),
	CHECK (0 <= reserved AND reserved <= on_hand)
);

-- The ledger: for each location the sum of `quantity` is `on_hand`, and `on_hand` of each row is the sum up to it. `entry` is the order of booking.
CREATE TABLE stock_movement (
	entry bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	movement_id uuid NOT NULL UNIQUE,
	sku text COLLATE "C" NOT NULL,
	location_id text COLLATE "C" NOT NULL,
	kind text NOT NULL CHECK (kind IN ('STOCK_MOVEMENT_KIND_RECEIPT', 'STOCK_MOVEMENT_KIND_ADJUSTMENT', 'STOCK_MOVEMENT_KIND_SHIPMENT',
		'STOCK_MOVEMENT_KIND_TRANSFER', 'STOCK_MOVEMENT_KIND_RETURN')),
	quantity bigint NOT NULL CHECK (quantity <> 0),
	on_hand bigint NOT NULL CHECK (on_hand >= 0),
	reason text NOT NULL,
	reference text NOT NULL,
	reservation_id uuid,
	actor text NOT NULL,
	time timestamptz NOT NULL,
	FOREIGN KEY (sku, location_id) REFERENCES stock,
	CHECK ((reservation_id IS NOT NULL) = (kind = 'STOCK_MOVEMENT_KIND_SHIPMENT'))
);
CREATE INDEX stock_movement_newest ON stock_movement (sku, entry DESC);
-- A shipment takes each reservation's goods once.
CREATE UNIQUE INDEX stock_movement_shipment ON stock_movement (reference, reservation_id) WHERE kind = 'STOCK_MOVEMENT_KIND_SHIPMENT';
-- Never changed, never removed.
REVOKE UPDATE, DELETE, TRUNCATE ON stock_movement FROM CURRENT_USER;

-- One row for each order that ever had reservations. They change together: `version` counts the changes and guards them.
CREATE TABLE booking (
	order_id uuid PRIMARY KEY,
	version bigint NOT NULL CHECK (version > 0)
);

-- Goods kept back for one order item. `version` is that of the booking when the row changed last.
-- A row without a product is a tombstone: it was released before it was reserved, and stays so.
CREATE TABLE reservation (
	reservation_id uuid PRIMARY KEY,
	order_id uuid NOT NULL REFERENCES booking,
	version bigint NOT NULL CHECK (version > 0),
	sku text COLLATE "C",
	location_id text COLLATE "C",
	quantity bigint NOT NULL,
	fulfilled_quantity bigint NOT NULL,
	state text NOT NULL CHECK (state IN ('RESERVATION_STATE_HELD', 'RESERVATION_STATE_CONFIRMED', 'RESERVATION_STATE_RELEASED',
		'RESERVATION_STATE_EXPIRED', 'RESERVATION_STATE_PARTLY_FULFILLED', 'RESERVATION_STATE_FULFILLED')),
	reason text NOT NULL,
	expire_time timestamptz,
	create_time timestamptz NOT NULL,
	update_time timestamptz NOT NULL,
	FOREIGN KEY (sku, location_id) REFERENCES stock,
	CHECK (CASE WHEN sku IS NULL THEN location_id IS NULL AND quantity = 0 AND state = 'RESERVATION_STATE_RELEASED'
		ELSE location_id IS NOT NULL AND quantity > 0 END),
	CHECK ((expire_time IS NOT NULL) = (state = 'RESERVATION_STATE_HELD')),
	CHECK (CASE state WHEN 'RESERVATION_STATE_RELEASED' THEN 0 <= fulfilled_quantity AND fulfilled_quantity <= quantity
		WHEN 'RESERVATION_STATE_PARTLY_FULFILLED' THEN 0 < fulfilled_quantity AND fulfilled_quantity < quantity
		WHEN 'RESERVATION_STATE_FULFILLED' THEN fulfilled_quantity = quantity
		ELSE fulfilled_quantity = 0 END)
);
CREATE INDEX reservation_order ON reservation (order_id);
CREATE INDEX reservation_newest ON reservation (create_time DESC, reservation_id DESC) WHERE sku IS NOT NULL;
CREATE INDEX reservation_product ON reservation (sku, create_time DESC, reservation_id DESC) WHERE sku IS NOT NULL;
CREATE INDEX reservation_due ON reservation (expire_time) WHERE state = 'RESERVATION_STATE_HELD';
