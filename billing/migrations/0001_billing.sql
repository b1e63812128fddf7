-- The last number given out, per series and calendar year. Numbers have no gaps because this row changes in the
-- statement that issues, and never otherwise: what is rolled back gave nothing out. (A sequence would skip numbers at
-- every crash.)
CREATE TABLE invoice_series (
	series text NOT NULL,
	year integer NOT NULL,
	last bigint NOT NULL CHECK (last >= 0),
	PRIMARY KEY (series, year)
);

-- What changes about an invoice: what came in, what was taken back. More than it asks for can be neither.
CREATE TABLE invoice_balance (
	invoice_id uuid PRIMARY KEY,
	version bigint NOT NULL CHECK (version > 0),
	state text NOT NULL CHECK (state IN ('INVOICE_STATE_ISSUED', 'INVOICE_STATE_PARTLY_PAID', 'INVOICE_STATE_PAID',
		'INVOICE_STATE_CREDITED')),
	gross bigint NOT NULL CHECK (gross >= 0),
	paid bigint NOT NULL CHECK (paid >= 0),
	credited bigint NOT NULL CHECK (credited >= 0),
	update_time timestamptz NOT NULL,
	CHECK (paid <= gross - credited)
);

-- What never changes about an invoice: the document. One for each shipment. `search` is what free-text search looks at,
-- in lower case.
CREATE TABLE invoice (
	invoice_id uuid PRIMARY KEY REFERENCES invoice_balance,
	number text NOT NULL UNIQUE,
	order_id uuid NOT NULL,
	order_number text NOT NULL,
	shipment_id uuid NOT NULL UNIQUE,
	customer_id uuid NOT NULL,
	customer_name text NOT NULL,
	billing_address text[] NOT NULL CHECK (cardinality(billing_address) = 7),
	currency text NOT NULL CHECK (length(currency) = 3),
	net bigint NOT NULL CHECK (net >= 0),
	tax bigint NOT NULL CHECK (tax >= 0),
	gross bigint NOT NULL CHECK (gross = net + tax),
	issue_date date NOT NULL,
	due_date date NOT NULL CHECK (due_date >= issue_date),
	search text NOT NULL,
	create_time timestamptz NOT NULL
);
CREATE INDEX invoice_newest ON invoice (create_time DESC, invoice_id DESC);
CREATE INDEX invoice_order ON invoice (order_id);
CREATE INDEX invoice_customer ON invoice (customer_id, create_time DESC, invoice_id DESC);

CREATE TABLE invoice_line (
	invoice_id uuid NOT NULL REFERENCES invoice_balance,
	position bigint NOT NULL CHECK (position > 0),
	item_id uuid NOT NULL,
	sku text NOT NULL,
	name text NOT NULL,
	quantity bigint NOT NULL CHECK (quantity > 0),
	unit_price bigint NOT NULL CHECK (unit_price >= 0),
	tax_rate_basis_points integer NOT NULL CHECK (tax_rate_basis_points BETWEEN 0 AND 10000),
	net bigint NOT NULL CHECK (net = unit_price * quantity),
	tax bigint NOT NULL CHECK (tax >= 0),
	gross bigint NOT NULL CHECK (gross = net + tax),
	PRIMARY KEY (invoice_id, position),
	UNIQUE (invoice_id, item_id)
);

-- What came in. `version` is the invoice's that the payment made, so it counts the payments in their order.
CREATE TABLE payment (
	payment_id uuid PRIMARY KEY,
	invoice_id uuid NOT NULL REFERENCES invoice_balance,
	version bigint NOT NULL CHECK (version > 1),
	amount bigint NOT NULL CHECK (amount > 0),
	method text NOT NULL,
	reference text NOT NULL,
	actor text NOT NULL,
	time timestamptz NOT NULL,
	UNIQUE (invoice_id, version)
);

-- Money moves, in double entry. A row takes an amount from one account and brings it to another, so no row and no entry
-- can be out of balance. `entry_id` is the id of the document: the invoice or the payment.
CREATE TABLE journal (
	entry_id uuid NOT NULL,
	position bigint NOT NULL CHECK (position > 0),
	kind text NOT NULL CHECK (kind IN ('INVOICE', 'PAYMENT')),
	invoice_id uuid NOT NULL REFERENCES invoice_balance,
	debit text NOT NULL CHECK (debit IN ('RECEIVABLE', 'REVENUE', 'TAX', 'CASH')),
	credit text NOT NULL CHECK (credit IN ('RECEIVABLE', 'REVENUE', 'TAX', 'CASH')),
	amount bigint NOT NULL CHECK (amount > 0),
	currency text NOT NULL CHECK (length(currency) = 3),
	time timestamptz NOT NULL,
	PRIMARY KEY (entry_id, position),
	CHECK (debit <> credit)
);
CREATE INDEX journal_invoice ON journal (invoice_id);

-- The same for accountants: each account's side of each row.
CREATE VIEW ledger AS
	SELECT entry_id, position, kind, invoice_id, time, currency,
		debit AS account, amount AS debit, 0::bigint AS credit FROM journal
	UNION ALL
	SELECT entry_id, position, kind, invoice_id, time, currency,
		credit AS account, 0::bigint AS debit, amount AS credit FROM journal;

-- Documents and bookings stay as they were written; corrections are documents and bookings of their own. The service
-- itself cannot do otherwise. (They refer to invoice_balance because a table that is referred to must be open for
-- locks, which takes the right to update.)
REVOKE UPDATE, DELETE, TRUNCATE ON invoice, invoice_line, payment, journal FROM CURRENT_USER;
