-- How requests to a hook are verified, as JSON; without, they need no signature.
ALTER TABLE hooks ADD COLUMN verification TEXT;

-- The secrets that senders sign with; `sealed` is the value, encrypted with a key that is not in the database.
CREATE TABLE hook_secrets (
    org_id     TEXT NOT NULL,
    id         TEXT NOT NULL,
    hook_id    TEXT NOT NULL,
    sealed     TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (org_id, id)
) STRICT, WITHOUT ROWID;
