-- An order whose reservations were released as a whole gets none again. A closed booking without reservations is a tombstone: the order was
-- released before it reserved anything, and stays so.
ALTER TABLE booking ADD COLUMN closed boolean NOT NULL DEFAULT false;
