-- What the latest revisions of the catalog changed, so that a process reads only that. Each revision has a row without an
-- entry, so a revision without rows shows that the log does not reach back that far.
CREATE TABLE catalog_changes (
    revision INTEGER NOT NULL,
    org      TEXT,
    kind     TEXT,
    entry    TEXT
) STRICT;
CREATE INDEX catalog_changes_by_revision ON catalog_changes (revision);

CREATE INDEX hook_secrets_by_hook ON hook_secrets (org_id, hook_id);
