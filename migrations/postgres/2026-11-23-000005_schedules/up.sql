-- The workflows in force that run by themselves. `rule` is the schedule as it was when `due_at` was reckoned; `last_at` is
-- the due time of the latest run. Whoever makes a run moves `due_at` on in the same transaction.
CREATE TABLE schedules (
    org_id      text   COLLATE "C" NOT NULL,
    workflow_id text   COLLATE "C" NOT NULL,
    rule        text   NOT NULL,
    due_at      bigint NOT NULL,
    last_at     bigint,
    PRIMARY KEY (org_id, workflow_id)
);
CREATE INDEX schedules_due ON schedules (due_at);
