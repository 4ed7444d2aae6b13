-- Variables of orgs and workflows; `sealed` is the value, encrypted with a key that is not in the database.
CREATE TABLE variables (
    org_id      TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    workflow_id TEXT,
    name        TEXT    NOT NULL,
    sealed      TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    PRIMARY KEY (org_id, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX variables_by_name ON variables (org_id, coalesce(workflow_id, ''), name);

-- Which key the variables of an org are encrypted with; the key itself can't be told from this.
CREATE TABLE secret_keys (
    org_id TEXT NOT NULL PRIMARY KEY,
    key_id TEXT NOT NULL
) STRICT, WITHOUT ROWID;
