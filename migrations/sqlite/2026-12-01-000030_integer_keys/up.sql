-- Ids become integers, which are the row numbers of the tables that every request writes: `src/store/sqlite/keys.rs` says
-- how. SQL can't compute them, so the tables of texts are renamed here; the program copies their rows, compares both and
-- drops them (`src/store/sqlite/convert.rs`).

-- The ids that have consecutive numbers.
CREATE TABLE small_ids (
    number INTEGER NOT NULL PRIMARY KEY,
    id     BLOB    NOT NULL UNIQUE
) STRICT;

-- The seconds, since 1970 and both inclusive, in which a number stands for the random bytes that the ids of a process share.
CREATE TABLE id_processes (
    span         INTEGER NOT NULL PRIMARY KEY,
    number       INTEGER NOT NULL,
    random       BLOB    NOT NULL,
    first_second INTEGER NOT NULL,
    last_second  INTEGER NOT NULL
) STRICT;

DROP VIEW open_runs;
DROP INDEX hooks_by_name;
DROP INDEX workflows_by_name;
DROP INDEX transactions_by_hook;
DROP INDEX runs_by_workflow;
DROP INDEX runs_due;
DROP INDEX runs_ended_early;
DROP INDEX runs_in_lanes;
DROP INDEX customers_by_external_id;
DROP INDEX kobjects_timeline;
DROP INDEX kobjects_by_external_id;
DROP INDEX entities_by_external_id;
DROP INDEX entities_by_email;
DROP INDEX entities_of_customer;
DROP INDEX entities_of_conversation;
DROP INDEX schedules_due;
DROP INDEX variables_by_name;
DROP INDEX hook_secrets_by_hook;
DROP INDEX seen_keys_by_transaction;
DROP INDEX seen_keys_by_expiry;
DROP INDEX catalog_changes_by_revision;
ALTER TABLE orgs RENAME TO text_orgs;
ALTER TABLE api_keys RENAME TO text_api_keys;
ALTER TABLE hooks RENAME TO text_hooks;
ALTER TABLE refusals RENAME TO text_refusals;
ALTER TABLE refused_requests RENAME TO text_refused_requests;
ALTER TABLE klasses RENAME TO text_klasses;
ALTER TABLE files RENAME TO text_files;
ALTER TABLE workflows RENAME TO text_workflows;
ALTER TABLE workflow_versions RENAME TO text_workflow_versions;
ALTER TABLE workflow_drafts RENAME TO text_workflow_drafts;
ALTER TABLE schedules RENAME TO text_schedules;
ALTER TABLE seen_keys RENAME TO text_seen_keys;
ALTER TABLE hook_secrets RENAME TO text_hook_secrets;
ALTER TABLE variables RENAME TO text_variables;
ALTER TABLE secret_keys RENAME TO text_secret_keys;
ALTER TABLE customers RENAME TO text_customers;
ALTER TABLE customer_emails RENAME TO text_customer_emails;
ALTER TABLE customer_phones RENAME TO text_customer_phones;
ALTER TABLE kobjects RENAME TO text_kobjects;
ALTER TABLE kobject_links RENAME TO text_kobject_links;
ALTER TABLE entities RENAME TO text_entities;
ALTER TABLE transactions RENAME TO text_transactions;
ALTER TABLE events RENAME TO text_events;
ALTER TABLE descendants RENAME TO text_descendants;
ALTER TABLE runs RENAME TO text_runs;
ALTER TABLE step_log RENAME TO text_step_log;
-- A log of what processes have seen; without it, they read everything once.
DROP TABLE catalog_changes;

CREATE TABLE orgs (
    id         INTEGER NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE api_keys (
    org_id     INTEGER NOT NULL,
    id         INTEGER NOT NULL,
    name       TEXT    NOT NULL,
    role       TEXT    NOT NULL,
    hash       TEXT    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (org_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE hooks (
    org_id      INTEGER NOT NULL,
    id          INTEGER NOT NULL,
    kind        TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    title       TEXT    NOT NULL,
    description TEXT,
    hash        TEXT    NOT NULL UNIQUE,
    status      TEXT    NOT NULL CHECK (status IN ('enabled', 'disabled', 'deleted')),
    settings    TEXT    NOT NULL DEFAULT '{}',
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    PRIMARY KEY (org_id, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX hooks_by_name ON hooks (org_id, kind, name) WHERE status <> 'deleted';

CREATE TABLE hook_secrets (
    org_id     INTEGER NOT NULL,
    id         INTEGER NOT NULL,
    hook_id    INTEGER NOT NULL,
    sealed     TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (org_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX hook_secrets_by_hook ON hook_secrets (org_id, hook_id);

CREATE TABLE refusals (
    org_id  INTEGER NOT NULL,
    hook_id INTEGER NOT NULL,
    reason  TEXT    NOT NULL,
    count   INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    PRIMARY KEY (org_id, hook_id, reason)
) STRICT, WITHOUT ROWID;

CREATE TABLE refused_requests (
    org_id         INTEGER NOT NULL,
    hook_id        INTEGER NOT NULL,
    id             INTEGER NOT NULL,
    created_at     INTEGER NOT NULL,
    reason         TEXT    NOT NULL,
    detail         TEXT    NOT NULL,
    method         TEXT    NOT NULL,
    path           TEXT    NOT NULL,
    query          TEXT,
    headers        TEXT    NOT NULL,
    peer           TEXT,
    content_length INTEGER,
    body           BLOB    NOT NULL,
    PRIMARY KEY (org_id, hook_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE seen_keys (
    org_id         INTEGER NOT NULL,
    hook_id        INTEGER NOT NULL,
    key_digest     TEXT    NOT NULL,
    transaction_id INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL,
    duplicates     INTEGER NOT NULL,
    last_at        INTEGER NOT NULL,
    PRIMARY KEY (org_id, hook_id, key_digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX seen_keys_by_transaction ON seen_keys (org_id, transaction_id);
CREATE INDEX seen_keys_by_expiry ON seen_keys (org_id, expires_at);

CREATE TABLE klasses (
    org_id       INTEGER NOT NULL,
    name         TEXT    NOT NULL,
    id           INTEGER NOT NULL,
    display_name TEXT    NOT NULL,
    icon         TEXT,
    properties   TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    PRIMARY KEY (org_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE files (
    org_id    INTEGER NOT NULL,
    name      TEXT    NOT NULL,
    digest    TEXT    NOT NULL,
    loaded_at INTEGER NOT NULL,
    PRIMARY KEY (org_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE workflows (
    org_id      INTEGER NOT NULL,
    id          INTEGER NOT NULL,
    name        TEXT    NOT NULL,
    version     INTEGER NOT NULL,
    status      TEXT    NOT NULL CHECK (status IN ('enabled', 'disabled', 'deleted')),
    file        TEXT,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    PRIMARY KEY (org_id, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX workflows_by_name ON workflows (org_id, name) WHERE status <> 'deleted';

CREATE TABLE workflow_versions (
    org_id      INTEGER NOT NULL,
    workflow_id INTEGER NOT NULL,
    version     INTEGER NOT NULL,
    document    TEXT    NOT NULL,
    origin      TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    UNIQUE (org_id, workflow_id, version)
) STRICT;

CREATE TABLE workflow_drafts (
    org_id       INTEGER NOT NULL,
    workflow_id  INTEGER NOT NULL,
    document     TEXT    NOT NULL,
    base_version INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    UNIQUE (org_id, workflow_id)
) STRICT;

CREATE TABLE schedules (
    org_id      INTEGER NOT NULL,
    workflow_id INTEGER NOT NULL,
    rule        TEXT    NOT NULL,
    due_at      INTEGER NOT NULL,
    last_at     INTEGER,
    PRIMARY KEY (org_id, workflow_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX schedules_due ON schedules (due_at);

CREATE TABLE variables (
    org_id      INTEGER NOT NULL,
    id          INTEGER NOT NULL,
    workflow_id INTEGER,
    name        TEXT    NOT NULL,
    sealed      TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    PRIMARY KEY (org_id, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX variables_by_name ON variables (org_id, coalesce(workflow_id, ''), name);

CREATE TABLE secret_keys (
    org_id INTEGER NOT NULL PRIMARY KEY,
    key_id TEXT    NOT NULL
) STRICT;

-- What changes in the catalog is not copied, see above.
CREATE TABLE catalog_changes (
    revision INTEGER NOT NULL,
    org      INTEGER,
    kind     TEXT,
    entry    TEXT
) STRICT;
CREATE INDEX catalog_changes_by_revision ON catalog_changes (revision);

-- Every index of a table whose row number is its id ends with that id, unsaid.
CREATE TABLE transactions (
    id           INTEGER NOT NULL PRIMARY KEY,
    org_id       INTEGER NOT NULL,
    hook_id      INTEGER NOT NULL,
    hook_kind    TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    skip_reason  INTEGER NOT NULL DEFAULT 0,
    content_type TEXT,
    query        TEXT,
    peer         TEXT,
    run_ids      TEXT    NOT NULL,
    headers      TEXT    NOT NULL,
    raw          BLOB    NOT NULL
) STRICT;
CREATE INDEX transactions_by_hook ON transactions (org_id, hook_id);

CREATE TABLE events (
    id         INTEGER NOT NULL PRIMARY KEY,
    org_id     INTEGER NOT NULL,
    name       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    run_id     INTEGER,
    payload    TEXT    NOT NULL
) STRICT;

CREATE TABLE descendants (
    org_id  INTEGER NOT NULL,
    root_id INTEGER NOT NULL,
    count   INTEGER NOT NULL,
    PRIMARY KEY (org_id, root_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE runs (
    id             INTEGER NOT NULL PRIMARY KEY,
    org_id         INTEGER NOT NULL,
    workflow_id    INTEGER NOT NULL,
    workflow_name  TEXT    NOT NULL,
    version        INTEGER NOT NULL,
    event          TEXT    NOT NULL,
    transaction_id INTEGER,
    event_id       INTEGER,
    replay_of      INTEGER,
    parent_id      INTEGER,
    root_id        INTEGER,
    depth          INTEGER NOT NULL DEFAULT 0,
    status         TEXT    NOT NULL,
    position       TEXT,
    steps          INTEGER NOT NULL,
    created_at     INTEGER NOT NULL,
    started_at     INTEGER,
    finished_at    INTEGER,
    due_at         INTEGER,
    held           INTEGER NOT NULL DEFAULT 0,
    rev            INTEGER NOT NULL,
    lane           TEXT,
    lane_limit     INTEGER,
    lane_place     INTEGER,
    error          TEXT,
    input          TEXT,
    pending        TEXT,
    output         TEXT
) STRICT;
CREATE INDEX runs_by_org ON runs (org_id);
CREATE INDEX runs_by_workflow ON runs (org_id, workflow_id);
CREATE INDEX runs_due ON runs (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX runs_ended_early ON runs (org_id, status) WHERE status IN ('failed', 'cancelled');
CREATE INDEX runs_in_lanes ON runs (org_id, lane, lane_place) WHERE lane_place IS NOT NULL;

CREATE VIEW open_runs AS
    SELECT org_id, id, lane, lane_limit, lane_place FROM runs WHERE due_at IS NOT NULL;

CREATE TABLE step_log (
    org_id  INTEGER NOT NULL,
    run_id  INTEGER NOT NULL,
    segment INTEGER NOT NULL,
    entries TEXT    NOT NULL,
    packed  BLOB,
    UNIQUE (run_id, segment)
) STRICT;

CREATE TABLE customers (
    id          INTEGER NOT NULL PRIMARY KEY,
    org_id      INTEGER NOT NULL,
    external_id TEXT,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    rev         INTEGER NOT NULL,
    profile     TEXT    NOT NULL
) STRICT;
CREATE INDEX customers_by_org ON customers (org_id);
CREATE UNIQUE INDEX customers_by_external_id ON customers (org_id, external_id) WHERE external_id IS NOT NULL;

CREATE TABLE customer_emails (
    org_id      INTEGER NOT NULL,
    email       TEXT    NOT NULL,
    customer_id INTEGER NOT NULL,
    PRIMARY KEY (org_id, email)
) STRICT, WITHOUT ROWID;

CREATE TABLE customer_phones (
    org_id      INTEGER NOT NULL,
    phone       TEXT    NOT NULL,
    customer_id INTEGER NOT NULL,
    PRIMARY KEY (org_id, phone, customer_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE kobjects (
    id          INTEGER NOT NULL PRIMARY KEY,
    org_id      INTEGER NOT NULL,
    klass       TEXT    NOT NULL,
    customer_id INTEGER,
    external_id TEXT,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    rev         INTEGER NOT NULL,
    title       TEXT    NOT NULL,
    icon        TEXT,
    custom      TEXT    NOT NULL,
    data        TEXT    NOT NULL
) STRICT;
CREATE INDEX kobjects_by_klass ON kobjects (org_id, klass);
CREATE INDEX kobjects_timeline ON kobjects (org_id, customer_id) WHERE customer_id IS NOT NULL;
CREATE UNIQUE INDEX kobjects_by_external_id ON kobjects (org_id, klass, external_id) WHERE external_id IS NOT NULL;

CREATE TABLE kobject_links (
    org_id        INTEGER NOT NULL,
    kobject_id    INTEGER NOT NULL,
    related_id    INTEGER NOT NULL,
    related_klass TEXT    NOT NULL,
    created_at    INTEGER NOT NULL,
    PRIMARY KEY (org_id, kobject_id, related_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE entities (
    org_id          INTEGER NOT NULL,
    kind            TEXT    NOT NULL,
    id              INTEGER NOT NULL,
    customer_id     INTEGER,
    conversation_id INTEGER,
    external_id     TEXT,
    email           TEXT,
    attributes      TEXT    NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    rev             INTEGER NOT NULL,
    UNIQUE (org_id, kind, id)
) STRICT;
CREATE UNIQUE INDEX entities_by_external_id ON entities (org_id, kind, external_id) WHERE external_id IS NOT NULL;
CREATE UNIQUE INDEX entities_by_email ON entities (org_id, kind, email) WHERE email IS NOT NULL;
CREATE INDEX entities_of_customer ON entities (org_id, customer_id, kind, id) WHERE customer_id IS NOT NULL;
CREATE INDEX entities_of_conversation ON entities (org_id, conversation_id, kind, id) WHERE conversation_id IS NOT NULL;
