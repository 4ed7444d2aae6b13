-- Deliveries are what hookflow sends; what it has received before is recognized by its key. Once a key has expired, a
-- request with the same key counts as new.
ALTER TABLE deliveries RENAME TO seen_keys;
DROP INDEX deliveries_by_transaction;
DROP INDEX deliveries_by_expiry;
CREATE INDEX seen_keys_by_transaction ON seen_keys (org_id, transaction_id);
CREATE INDEX seen_keys_by_expiry ON seen_keys (org_id, expires_at);

-- Why a transaction started no run: 1 if its hook was capturing, 2 if the hook's filter did not match, else 0.
ALTER TABLE transactions RENAME COLUMN quiet TO skip_reason;
