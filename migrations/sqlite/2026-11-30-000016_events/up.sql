-- Events that workflows listen for and that are no transaction: each is stored once, and the runs that it starts refer to
-- it. `run_id` is the run whose step raised it. Runs that were made before this have the payload in `input`.
CREATE TABLE events (
    org_id     TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    run_id     TEXT,
    payload    TEXT    NOT NULL,
    UNIQUE (org_id, id)
) STRICT;

-- How many runs descend from each root: a transaction, another event from outside, or a replay. A root has a row once one
-- of its runs has started another.
CREATE TABLE descendants (
    org_id  TEXT    NOT NULL,
    root_id TEXT    NOT NULL,
    count   INTEGER NOT NULL,
    PRIMARY KEY (org_id, root_id)
) STRICT, WITHOUT ROWID;

-- `root_id` is null if the run's own event is the root.
ALTER TABLE runs ADD COLUMN event_id TEXT;
ALTER TABLE runs ADD COLUMN root_id TEXT;
