-- What became of events that could not be handled, and how long events are kept. Statements that use it: events.h, consumer.c, parking.c, outbox.c, retention.c.

-- Events that their consumer could not handle, and those of the same aggregate behind them. Handled again, the lowest position of an aggregate first, while it has
-- tries left; 0 tries: until somebody asks for it.
CREATE TABLE event_parked (
	producer text NOT NULL,
	position bigint NOT NULL,
	event_id uuid NOT NULL UNIQUE,
	aggregate_id text NOT NULL,
	event bytea NOT NULL,
	error text NOT NULL,
	attempts integer NOT NULL,
	tries_left integer NOT NULL DEFAULT 0 CHECK (tries_left >= 0),
	park_time timestamptz NOT NULL,
	PRIMARY KEY (producer, position)
);
CREATE INDEX event_parked_aggregate ON event_parked (producer, aggregate_id, position);
CREATE INDEX event_parked_time ON event_parked (park_time, event_id);
CREATE INDEX event_parked_tries ON event_parked (producer, position) WHERE tries_left > 0;

-- Counts what was parked: whoever does not know of the last one handles nothing.
ALTER TABLE consumer_cursor ADD COLUMN parkings bigint NOT NULL DEFAULT 0;

-- How far each consumer of this service's events has come, as it said last. Events that one of them still needs are kept.
CREATE TABLE outbox_consumer (
	consumer text PRIMARY KEY,
	position bigint NOT NULL,
	time timestamptz NOT NULL
);

-- The last position that is not kept any more.
ALTER TABLE outbox_sequence ADD COLUMN forgotten bigint NOT NULL DEFAULT 0;
