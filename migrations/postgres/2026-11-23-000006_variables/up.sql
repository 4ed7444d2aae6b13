-- Variables of orgs and workflows; `sealed` is the value, encrypted with a key that is not in the database.
CREATE TABLE variables (
    org_id      text   COLLATE "C" NOT NULL,
    id          text   COLLATE "C" NOT NULL,
    workflow_id text   COLLATE "C",
    name        text   COLLATE "C" NOT NULL,
    sealed      text   NOT NULL,
    created_at  bigint NOT NULL,
    updated_at  bigint NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE UNIQUE INDEX variables_by_name ON variables (org_id, coalesce(workflow_id, ''), name);

-- Which key the variables of an org are encrypted with; the key itself can't be told from this.
CREATE TABLE secret_keys (
    org_id text COLLATE "C" NOT NULL PRIMARY KEY,
    key_id text NOT NULL
);
