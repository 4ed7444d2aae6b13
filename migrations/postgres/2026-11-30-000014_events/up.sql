-- Events that workflows listen for and that are no transaction: each is stored once, and the runs that it starts refer to
-- it. `run_id` is the run whose step raised it. Runs that were made before this have the payload in `input`.
CREATE TABLE events (
    org_id     text   COLLATE "C" NOT NULL,
    id         text   COLLATE "C" NOT NULL,
    name       text   NOT NULL,
    created_at bigint NOT NULL,
    run_id     text   COLLATE "C",
    payload    text   NOT NULL,
    PRIMARY KEY (org_id, id)
) PARTITION BY RANGE (id);
CREATE TABLE events_default PARTITION OF events DEFAULT;

-- How many runs descend from each root: a transaction, another event from outside, or a replay. A root has a row once one
-- of its runs has started another. Partitioned by the day of the root, with which the rows grow old.
CREATE TABLE descendants (
    org_id  text   COLLATE "C" NOT NULL,
    root_id text   COLLATE "C" NOT NULL,
    count   bigint NOT NULL,
    PRIMARY KEY (org_id, root_id)
) PARTITION BY RANGE (root_id);
CREATE TABLE descendants_default PARTITION OF descendants DEFAULT;

-- `root_id` is null if the run's own event is the root.
ALTER TABLE open_runs ADD COLUMN event_id text COLLATE "C", ADD COLUMN root_id text COLLATE "C";
ALTER TABLE runs ADD COLUMN event_id text COLLATE "C", ADD COLUMN root_id text COLLATE "C";
