-- What is to become the next version of a workflow, and the version that was in force when it was written.
CREATE TABLE workflow_drafts (
    org_id       text   COLLATE "C" NOT NULL,
    workflow_id  text   COLLATE "C" NOT NULL,
    document     text   NOT NULL,
    base_version bigint NOT NULL,
    updated_at   bigint NOT NULL,
    PRIMARY KEY (org_id, workflow_id)
);
