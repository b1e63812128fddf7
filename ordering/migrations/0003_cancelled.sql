-- What of an item was cancelled after its order was placed.
ALTER TABLE order_item ADD COLUMN cancelled_quantity bigint NOT NULL DEFAULT 0 CHECK (cancelled_quantity >= 0);
ALTER TABLE order_item ADD CHECK (shipped_quantity + cancelled_quantity <= quantity);
