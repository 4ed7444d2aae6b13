-- How requests to a hook are verified, as JSON; without, they need no signature.
ALTER TABLE hooks ADD COLUMN verification text;

-- The secrets that senders sign with; `sealed` is the value, encrypted with a key that is not in the database.
CREATE TABLE hook_secrets (
    org_id     text COLLATE "C" NOT NULL,
    id         text COLLATE "C" NOT NULL,
    hook_id    text COLLATE "C" NOT NULL,
    sealed     text NOT NULL,
    created_at bigint NOT NULL,
    PRIMARY KEY (org_id, id)
);
