-- What is to become the next version of a workflow, and the version that was in force when it was written.
CREATE TABLE workflow_drafts (
    org_id       TEXT    NOT NULL,
    workflow_id  TEXT    NOT NULL,
    document     TEXT    NOT NULL,
    base_version INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    UNIQUE (org_id, workflow_id)
) STRICT;
