-- Lists by hook, workflow, klass and org are read along blocks of rows instead of an index for each, see
-- `src/store/sqlite/blocks.rs`. A block begins at each `start`, and all have rows of about the same number of orders.
CREATE TABLE blocks (
    start INTEGER NOT NULL PRIMARY KEY
) STRICT;

-- The blocks that have rows of a list: transactions of a hook (1), runs of an org (2), runs of a workflow (3), customers of
-- an org (4) and kobjects of a klass (5).
CREATE TABLE block_owners (
    list   INTEGER NOT NULL,
    org_id INTEGER NOT NULL,
    owner  ANY     NOT NULL,
    block  INTEGER NOT NULL,
    PRIMARY KEY (list, org_id, owner, block)
) STRICT, WITHOUT ROWID;

INSERT INTO blocks (start) VALUES (-9223372036854775808);
INSERT OR IGNORE INTO blocks (start)
    SELECT id FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM transactions) WHERE place % 512 = 0;
INSERT OR IGNORE INTO blocks (start)
    SELECT id FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM runs) WHERE place % 512 = 0;
INSERT OR IGNORE INTO blocks (start)
    SELECT id FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM customers) WHERE place % 512 = 0;
INSERT OR IGNORE INTO blocks (start)
    SELECT id FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM kobjects) WHERE place % 512 = 0;
INSERT OR IGNORE INTO block_owners (list, org_id, owner, block)
    SELECT 1, org_id, hook_id, (SELECT max(start) FROM blocks WHERE start <= id) FROM transactions;
INSERT OR IGNORE INTO block_owners (list, org_id, owner, block)
    SELECT 2, org_id, 0, (SELECT max(start) FROM blocks WHERE start <= id) FROM runs;
INSERT OR IGNORE INTO block_owners (list, org_id, owner, block)
    SELECT 3, org_id, workflow_id, (SELECT max(start) FROM blocks WHERE start <= id) FROM runs;
INSERT OR IGNORE INTO block_owners (list, org_id, owner, block)
    SELECT 4, org_id, 0, (SELECT max(start) FROM blocks WHERE start <= id) FROM customers;
INSERT OR IGNORE INTO block_owners (list, org_id, owner, block)
    SELECT 5, org_id, klass, (SELECT max(start) FROM blocks WHERE start <= id) FROM kobjects;

DROP INDEX transactions_by_hook;
DROP INDEX runs_by_org;
DROP INDEX runs_by_workflow;
DROP INDEX customers_by_org;
DROP INDEX kobjects_by_klass;
