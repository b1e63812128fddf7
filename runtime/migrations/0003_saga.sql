-- Work that takes several services. Statements that use it: saga.h, saga_store.c, saga_admin.c.

-- One piece of such work, about one thing. `data` is what its steps need, as it was when it was started. It is driven by who holds the lease: until `lease_until`, by the
-- database's clock, and under `lease_epoch`, which every record must name, so that whoever lost the lease without noticing records nothing. `run_time` is when it is tried (again).
-- `backwards`, `undone`, `committed`: see saga_machine.h. `cause` is why it turned round, as a google.rpc.Status. `retries` were asked for by operators; each makes new keys.
CREATE TABLE saga (
	saga_id uuid PRIMARY KEY,
	kind text NOT NULL,
	subject_id text NOT NULL,
	state text NOT NULL CHECK (state IN ('RUNNING', 'COMPENSATING', 'COMPLETED', 'COMPENSATED', 'REFUSED', 'NEEDS_OPERATOR')),
	step integer NOT NULL DEFAULT 0,
	backwards boolean NOT NULL DEFAULT false,
	undone boolean NOT NULL DEFAULT false,
	committed boolean NOT NULL DEFAULT false,
	attempts integer NOT NULL DEFAULT 0,
	retries integer NOT NULL DEFAULT 0,
	last_error text NOT NULL DEFAULT '',
	cause bytea,
	data bytea NOT NULL,
	run_time timestamptz NOT NULL,
	deadline timestamptz,
	lease_owner text NOT NULL DEFAULT '',
	lease_until timestamptz NOT NULL,
	lease_epoch bigint NOT NULL DEFAULT 0,
	trace_parent text NOT NULL,
	create_time timestamptz NOT NULL,
	update_time timestamptz NOT NULL
);
-- At any time there is at most one of a kind about a thing that is not done.
CREATE UNIQUE INDEX saga_open ON saga (kind, subject_id) WHERE state IN ('RUNNING', 'COMPENSATING', 'NEEDS_OPERATOR');
CREATE INDEX saga_due ON saga (run_time) WHERE state IN ('RUNNING', 'COMPENSATING');
CREATE INDEX saga_oldest ON saga (create_time, saga_id);
CREATE INDEX saga_of_subject ON saga (subject_id, create_time);

-- Its steps, and their undoing, as far as they were tried, numbered from 1. Written with the records of the saga. `outcome` is the name of a status code.
CREATE TABLE saga_step (
	saga_id uuid NOT NULL REFERENCES saga ON DELETE CASCADE,
	number integer NOT NULL,
	compensation boolean NOT NULL,
	outcome text NOT NULL,
	attempts bigint NOT NULL,
	last_error text NOT NULL,
	start_time timestamptz NOT NULL,
	end_time timestamptz NOT NULL,
	PRIMARY KEY (saga_id, number, compensation)
);
