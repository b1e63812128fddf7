-- What every service keeps beside its own tables. Statements that use them: write.h, write.c, events.h, outbox.c, consumer.c.

-- One row per key of a write: written with the effect, so that the same key gets the same answer. `code` is NULL while the answer is still being worked out.
-- `numbers` are what only the database knew when it answered; the method's `complete` function puts them into the answer.
CREATE TABLE idempotency (
	scope text NOT NULL,
	key text NOT NULL,
	method text NOT NULL,
	fingerprint bytea NOT NULL,
	subject text NOT NULL,
	code integer,
	answer bytea,
	numbers bigint[],
	time timestamptz NOT NULL,
	PRIMARY KEY (scope, key)
);
CREATE INDEX idempotency_waiting ON idempotency (subject) WHERE code IS NULL;
CREATE INDEX idempotency_time ON idempotency (time);

-- Who did what, when, from which state to which, why. Never changed.
CREATE TABLE history (
	aggregate_id text NOT NULL,
	version bigint NOT NULL CHECK (version > 0),
	time timestamptz NOT NULL,
	actor text NOT NULL,
	action text NOT NULL,
	from_state text NOT NULL,
	to_state text NOT NULL,
	reason text NOT NULL,
	PRIMARY KEY (aggregate_id, version)
);

-- What happened. `entry` is the order of insertion, `position` the order in which consumers see it: given after the commit, 1, 2, 3, ... without gaps.
CREATE TABLE outbox (
	event_id uuid PRIMARY KEY,
	entry bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
	aggregate_type text NOT NULL,
	aggregate_id text NOT NULL,
	aggregate_version bigint NOT NULL,
	type text NOT NULL,
	payload bytea NOT NULL,
	trace_parent text NOT NULL,
	time timestamptz NOT NULL,
	position bigint UNIQUE,
	UNIQUE (aggregate_type, aggregate_id, aggregate_version, type)
);
CREATE INDEX outbox_new ON outbox (entry) WHERE position IS NULL;

-- The last position given. One row.
CREATE TABLE outbox_sequence (
	one boolean PRIMARY KEY DEFAULT true CHECK (one),
	last bigint NOT NULL DEFAULT 0
);
INSERT INTO outbox_sequence DEFAULT VALUES;

-- How far this service has handled each producer's events.
CREATE TABLE consumer_cursor (
	producer text PRIMARY KEY,
	position bigint NOT NULL
);
