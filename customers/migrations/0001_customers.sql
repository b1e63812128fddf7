-- People and companies that order. `search` is what free-text search looks at, in lower case.
CREATE TABLE customer (
	customer_id uuid PRIMARY KEY,
	version bigint NOT NULL CHECK (version > 0),
	first_name text NOT NULL,
	last_name text NOT NULL,
	company text NOT NULL,
	email text NOT NULL,
	phone text NOT NULL,
	status text NOT NULL CHECK (status IN ('CUSTOMER_STATUS_ACTIVE', 'CUSTOMER_STATUS_BLOCKED', 'CUSTOMER_STATUS_ERASED')),
	status_reason text NOT NULL,
	search text NOT NULL,
	create_time timestamptz NOT NULL,
	update_time timestamptz NOT NULL
);
CREATE INDEX customer_newest ON customer (create_time DESC, customer_id DESC);

-- A customer's addresses, in the customer's order. At most one is the default for each use.
CREATE TABLE customer_address (
	customer_id uuid NOT NULL REFERENCES customer,
	position bigint NOT NULL CHECK (position > 0),
	label text NOT NULL,
	recipient text NOT NULL,
	line1 text NOT NULL,
	line2 text NOT NULL,
	postal_code text NOT NULL,
	city text NOT NULL,
	region text NOT NULL,
	country_code text NOT NULL,
	default_shipping boolean NOT NULL,
	default_billing boolean NOT NULL,
	PRIMARY KEY (customer_id, position)
);
