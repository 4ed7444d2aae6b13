-- Conventions: ids are 24 hex characters that sort by time; times are microseconds since 1970 in UTC; JSON is text;
-- org_id leads every key. Tables whose rows stay small are clustered on their key (WITHOUT ROWID); those that hold
-- payloads are not, because SQLite moves rows of a clustered table to overflow pages at a quarter of a page.

CREATE TABLE orgs (
    id         TEXT    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Only the SHA-256 of a key is kept; the keys are 256 random bits, so a plain hash can't be searched for.
CREATE TABLE api_keys (
    org_id     TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    role       TEXT    NOT NULL,
    hash       TEXT    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (org_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE hooks (
    org_id      TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    title       TEXT    NOT NULL,
    description TEXT,
    hash        TEXT    NOT NULL UNIQUE,
    status      TEXT    NOT NULL CHECK (status IN ('enabled', 'disabled', 'deleted')),
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    PRIMARY KEY (org_id, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX hooks_by_name ON hooks (org_id, kind, name) WHERE status <> 'deleted';

-- How many requests each hook refused, and why.
CREATE TABLE refusals (
    org_id  TEXT    NOT NULL,
    hook_id TEXT    NOT NULL,
    reason  TEXT    NOT NULL,
    count   INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    PRIMARY KEY (org_id, hook_id, reason)
) STRICT, WITHOUT ROWID;

CREATE TABLE klasses (
    org_id       TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    id           TEXT    NOT NULL,
    display_name TEXT    NOT NULL,
    icon         TEXT,
    properties   TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    PRIMARY KEY (org_id, name)
) STRICT, WITHOUT ROWID;

-- What each workflow file said when it was last loaded: a file that says the same is not loaded again, so that changes
-- made over HTTP since then stay.
CREATE TABLE files (
    org_id    TEXT    NOT NULL,
    name      TEXT    NOT NULL,
    digest    TEXT    NOT NULL,
    loaded_at INTEGER NOT NULL,
    PRIMARY KEY (org_id, name)
) STRICT, WITHOUT ROWID;

-- `version` is the one in force; `file` is the file that declared it, if one did.
CREATE TABLE workflows (
    org_id      TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    version     INTEGER NOT NULL,
    status      TEXT    NOT NULL CHECK (status IN ('enabled', 'disabled', 'deleted')),
    file        TEXT,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    PRIMARY KEY (org_id, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX workflows_by_name ON workflows (org_id, name) WHERE status <> 'deleted';

-- Never changed after it was written.
CREATE TABLE workflow_versions (
    org_id      TEXT    NOT NULL,
    workflow_id TEXT    NOT NULL,
    version     INTEGER NOT NULL,
    document    TEXT    NOT NULL,
    origin      TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    UNIQUE (org_id, workflow_id, version)
) STRICT;

-- `raw` is the body, byte for byte. `run_ids` lists the runs that it started.
CREATE TABLE transactions (
    org_id       TEXT    NOT NULL,
    id           TEXT    NOT NULL,
    hook_id      TEXT    NOT NULL,
    hook_kind    TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    content_type TEXT,
    headers      TEXT    NOT NULL,
    query        TEXT,
    peer         TEXT,
    raw          BLOB    NOT NULL,
    run_ids      TEXT    NOT NULL,
    UNIQUE (org_id, id)
) STRICT;
CREATE INDEX transactions_by_hook ON transactions (org_id, hook_id, id);

-- `due_at` is when an open run next wants attention, and null once it has ended. `rev` counts writes; a writer that
-- holds an older rev has lost the run to somebody else.
CREATE TABLE runs (
    org_id         TEXT    NOT NULL,
    id             TEXT    NOT NULL,
    workflow_id    TEXT    NOT NULL,
    workflow_name  TEXT    NOT NULL,
    version        INTEGER NOT NULL,
    event          TEXT    NOT NULL,
    transaction_id TEXT,
    input          TEXT,
    replay_of      TEXT,
    status         TEXT    NOT NULL,
    position       TEXT,
    steps          INTEGER NOT NULL,
    pending        TEXT,
    error          TEXT,
    created_at     INTEGER NOT NULL,
    started_at     INTEGER,
    finished_at    INTEGER,
    due_at         INTEGER,
    rev            INTEGER NOT NULL,
    PRIMARY KEY (org_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX runs_by_workflow ON runs (org_id, workflow_id, id);
CREATE INDEX runs_due ON runs (due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX runs_ended_early ON runs (org_id, status, id) WHERE status IN ('failed', 'cancelled');

-- The step entries of a run, as a JSON list for each commit that the run made.
CREATE TABLE step_log (
    org_id  TEXT    NOT NULL,
    run_id  TEXT    NOT NULL,
    segment INTEGER NOT NULL,
    entries TEXT    NOT NULL,
    UNIQUE (org_id, run_id, segment)
) STRICT;

CREATE TABLE customers (
    org_id      TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    external_id TEXT,
    profile     TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    rev         INTEGER NOT NULL,
    PRIMARY KEY (org_id, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX customers_by_external_id ON customers (org_id, external_id) WHERE external_id IS NOT NULL;

-- What makes an address belong to one customer only; `email` is trimmed and in lower case.
CREATE TABLE customer_emails (
    org_id      TEXT NOT NULL,
    email       TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    PRIMARY KEY (org_id, email)
) STRICT, WITHOUT ROWID;

CREATE TABLE customer_phones (
    org_id      TEXT NOT NULL,
    phone       TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    PRIMARY KEY (org_id, phone, customer_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE kobjects (
    org_id      TEXT    NOT NULL,
    klass       TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    customer_id TEXT,
    external_id TEXT,
    title       TEXT    NOT NULL,
    icon        TEXT,
    data        TEXT    NOT NULL,
    custom      TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    rev         INTEGER NOT NULL,
    UNIQUE (org_id, klass, id)
) STRICT;
CREATE INDEX kobjects_timeline ON kobjects (org_id, customer_id, id) WHERE customer_id IS NOT NULL;
CREATE UNIQUE INDEX kobjects_by_external_id ON kobjects (org_id, klass, external_id) WHERE external_id IS NOT NULL;
