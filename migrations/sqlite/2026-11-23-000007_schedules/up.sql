-- The workflows in force that run by themselves. `rule` is the schedule as it was when `due_at` was reckoned; `last_at` is
-- the due time of the latest run. Whoever makes a run moves `due_at` on in the same transaction.
CREATE TABLE schedules (
    org_id      TEXT    NOT NULL,
    workflow_id TEXT    NOT NULL,
    rule        TEXT    NOT NULL,
    due_at      INTEGER NOT NULL,
    last_at     INTEGER,
    PRIMARY KEY (org_id, workflow_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX schedules_due ON schedules (due_at);
