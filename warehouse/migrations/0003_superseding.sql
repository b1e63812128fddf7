-- The version of the order that was confirmed last: what an earlier one asks comes too late. 0: none that was told.
ALTER TABLE booking ADD COLUMN order_version bigint NOT NULL DEFAULT 0;
