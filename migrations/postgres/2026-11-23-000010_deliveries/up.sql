-- What tells deliveries apart, of hooks that ask for it: the digest of a key, the transaction that the first one made, and how
-- often it came again until `expires_at`.
CREATE TABLE deliveries (
    org_id         text COLLATE "C" NOT NULL,
    hook_id        text COLLATE "C" NOT NULL,
    key_digest     text COLLATE "C" NOT NULL,
    transaction_id text COLLATE "C" NOT NULL,
    expires_at     bigint NOT NULL,
    duplicates     bigint NOT NULL,
    last_at        bigint NOT NULL,
    PRIMARY KEY (org_id, hook_id, key_digest)
);
CREATE INDEX deliveries_by_transaction ON deliveries (org_id, transaction_id);
CREATE INDEX deliveries_by_expiry ON deliveries (org_id, expires_at);
