-- Deliveries are what hookflow sends; what it has received before is recognized by its key. Once a key has expired, a
-- request with the same key counts as new.
ALTER TABLE deliveries RENAME TO seen_keys;
ALTER INDEX deliveries_pkey RENAME TO seen_keys_pkey;
ALTER INDEX deliveries_by_transaction RENAME TO seen_keys_by_transaction;
ALTER INDEX deliveries_by_expiry RENAME TO seen_keys_by_expiry;

-- Why a transaction started no run: 1 if its hook was capturing, 2 if the hook's filter did not match, else 0.
ALTER TABLE transactions RENAME COLUMN quiet TO skip_reason;
