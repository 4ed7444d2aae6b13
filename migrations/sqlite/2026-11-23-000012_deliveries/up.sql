-- What tells deliveries apart, of hooks that ask for it: the digest of a key, the transaction that the first one made, and how
-- often it came again until `expires_at`.
CREATE TABLE deliveries (
    org_id         TEXT    NOT NULL,
    hook_id        TEXT    NOT NULL,
    key_digest     TEXT    NOT NULL,
    transaction_id TEXT    NOT NULL,
    expires_at     INTEGER NOT NULL,
    duplicates     INTEGER NOT NULL,
    last_at        INTEGER NOT NULL,
    PRIMARY KEY (org_id, hook_id, key_digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX deliveries_by_transaction ON deliveries (org_id, transaction_id);
CREATE INDEX deliveries_by_expiry ON deliveries (org_id, expires_at);
