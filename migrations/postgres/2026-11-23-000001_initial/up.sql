-- Conventions: ids are 24 hex characters that sort by time, compared byte by byte; times are microseconds since 1970 in
-- UTC; JSON is text; org_id leads every key, so that the tables can be distributed by it.
--
-- What only grows (transactions, ended runs, step logs) is partitioned by the day in the id, and is never updated. The
-- open runs, which are updated all the time, are few and have a small table of their own.

-- One row, which is locked by whoever changes what admins set up, and counts those changes.
CREATE TABLE catalog (
    revision bigint NOT NULL
);
CREATE UNIQUE INDEX catalog_is_one_row ON catalog ((true));
INSERT INTO catalog (revision) VALUES (1);

-- The processes that work on this database. One that has not beaten for a while is taken for dead.
CREATE TABLE nodes (
    id         text   COLLATE "C" NOT NULL PRIMARY KEY,
    name       text   NOT NULL,
    started_at bigint NOT NULL,
    beat_at    bigint NOT NULL
) WITH (fillfactor = 50);

-- One row for each connection that writes. `batch` is the number of the last transaction that it committed, by which an
-- unknown outcome is resolved; once `fenced`, its process is taken for dead and can't commit any more.
CREATE TABLE writers (
    node   text    COLLATE "C" NOT NULL,
    slot   bigint  NOT NULL,
    batch  bigint  NOT NULL,
    fenced boolean NOT NULL DEFAULT false,
    PRIMARY KEY (node, slot)
) WITH (fillfactor = 50, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

CREATE TABLE orgs (
    id         text   COLLATE "C" NOT NULL PRIMARY KEY,
    name       text   NOT NULL UNIQUE,
    created_at bigint NOT NULL
);

-- Only the SHA-256 of a key is kept; the keys are 256 random bits, so a plain hash can't be searched for.
CREATE TABLE api_keys (
    org_id     text   COLLATE "C" NOT NULL,
    id         text   COLLATE "C" NOT NULL,
    name       text   NOT NULL,
    role       text   NOT NULL,
    hash       text   COLLATE "C" NOT NULL,
    created_at bigint NOT NULL,
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, hash)
);

CREATE TABLE hooks (
    org_id      text   COLLATE "C" NOT NULL,
    id          text   COLLATE "C" NOT NULL,
    kind        text   NOT NULL,
    name        text   NOT NULL,
    title       text   NOT NULL,
    description text,
    hash        text   COLLATE "C" NOT NULL,
    status      text   NOT NULL CHECK (status IN ('enabled', 'disabled', 'deleted')),
    created_at  bigint NOT NULL,
    updated_at  bigint NOT NULL,
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, hash)
);
CREATE UNIQUE INDEX hooks_by_name ON hooks (org_id, kind, name) WHERE status <> 'deleted';

-- How many requests each hook refused, and why.
CREATE TABLE refusals (
    org_id  text   COLLATE "C" NOT NULL,
    hook_id text   COLLATE "C" NOT NULL,
    reason  text   COLLATE "C" NOT NULL,
    count   bigint NOT NULL,
    last_at bigint NOT NULL,
    PRIMARY KEY (org_id, hook_id, reason)
) WITH (fillfactor = 70);

CREATE TABLE klasses (
    org_id       text   COLLATE "C" NOT NULL,
    name         text   COLLATE "C" NOT NULL,
    id           text   COLLATE "C" NOT NULL,
    display_name text   NOT NULL,
    icon         text,
    properties   text   NOT NULL,
    created_at   bigint NOT NULL,
    updated_at   bigint NOT NULL,
    PRIMARY KEY (org_id, name)
);

-- What each workflow file said when it was last loaded: a file that says the same is not loaded again, so that changes
-- made over HTTP since then stay.
CREATE TABLE files (
    org_id    text   COLLATE "C" NOT NULL,
    name      text   NOT NULL,
    digest    text   NOT NULL,
    loaded_at bigint NOT NULL,
    PRIMARY KEY (org_id, name)
);

-- `version` is the one in force; `file` is the file that declared it, if one did.
CREATE TABLE workflows (
    org_id      text   COLLATE "C" NOT NULL,
    id          text   COLLATE "C" NOT NULL,
    name        text   NOT NULL,
    version     bigint NOT NULL,
    status      text   NOT NULL CHECK (status IN ('enabled', 'disabled', 'deleted')),
    file        text,
    created_at  bigint NOT NULL,
    updated_at  bigint NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE UNIQUE INDEX workflows_by_name ON workflows (org_id, name) WHERE status <> 'deleted';

-- Never changed after it was written.
CREATE TABLE workflow_versions (
    org_id      text   COLLATE "C" NOT NULL,
    workflow_id text   COLLATE "C" NOT NULL,
    version     bigint NOT NULL,
    document    text   NOT NULL,
    origin      text   NOT NULL,
    created_at  bigint NOT NULL,
    PRIMARY KEY (org_id, workflow_id, version)
);

-- `raw` is the body, byte for byte. `run_ids` lists the runs that it started.
CREATE TABLE transactions (
    org_id       text   COLLATE "C" NOT NULL,
    id           text   COLLATE "C" NOT NULL,
    hook_id      text   COLLATE "C" NOT NULL,
    hook_kind    text   NOT NULL,
    created_at   bigint NOT NULL,
    content_type text,
    headers      text   NOT NULL,
    query        text,
    peer         text,
    raw          bytea  NOT NULL,
    run_ids      text   NOT NULL,
    PRIMARY KEY (org_id, id)
) PARTITION BY RANGE (id);
CREATE TABLE transactions_default PARTITION OF transactions DEFAULT;
CREATE INDEX transactions_by_hook ON transactions (org_id, hook_id, id);

-- Runs that have not ended. `owner` is the process that works on the run now, if one does; `due_at` is when it next wants
-- attention. `rev` counts writes and changes of owner, and is the fencing token: a writer that holds an older one has
-- lost the run to somebody else.
CREATE TABLE open_runs (
    org_id         text   COLLATE "C" NOT NULL,
    id             text   COLLATE "C" NOT NULL,
    workflow_id    text   COLLATE "C" NOT NULL,
    workflow_name  text   NOT NULL,
    version        bigint NOT NULL,
    event          text   NOT NULL,
    transaction_id text   COLLATE "C",
    input          text,
    replay_of      text   COLLATE "C",
    status         text   NOT NULL,
    position       text,
    steps          bigint NOT NULL,
    pending        text,
    error          text,
    created_at     bigint NOT NULL,
    started_at     bigint,
    finished_at    bigint,
    due_at         bigint NOT NULL,
    rev            bigint NOT NULL,
    owner          text   COLLATE "C",
    PRIMARY KEY (org_id, id)
) WITH (
    fillfactor = 70, autovacuum_vacuum_scale_factor = 0.1, autovacuum_vacuum_threshold = 50,
    autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0.5
);
CREATE INDEX open_runs_due ON open_runs (org_id, due_at, id) WHERE owner IS NULL;
CREATE INDEX open_runs_owned ON open_runs (org_id, owner) WHERE owner IS NOT NULL;

-- Runs that have ended, with the columns of the open ones.
CREATE TABLE runs (
    org_id         text   COLLATE "C" NOT NULL,
    id             text   COLLATE "C" NOT NULL,
    workflow_id    text   COLLATE "C" NOT NULL,
    workflow_name  text   NOT NULL,
    version        bigint NOT NULL,
    event          text   NOT NULL,
    transaction_id text   COLLATE "C",
    input          text,
    replay_of      text   COLLATE "C",
    status         text   NOT NULL,
    position       text,
    steps          bigint NOT NULL,
    pending        text,
    error          text,
    created_at     bigint NOT NULL,
    started_at     bigint,
    finished_at    bigint,
    due_at         bigint,
    rev            bigint NOT NULL,
    PRIMARY KEY (org_id, id)
) PARTITION BY RANGE (id);
CREATE TABLE runs_default PARTITION OF runs DEFAULT;
CREATE INDEX runs_by_workflow ON runs (org_id, workflow_id, id);
CREATE INDEX runs_ended_early ON runs (org_id, status, id) WHERE status IN ('failed', 'cancelled');

-- The step entries of a run, as a JSON list for each commit that the run made.
CREATE TABLE step_log (
    org_id  text   COLLATE "C" NOT NULL,
    run_id  text   COLLATE "C" NOT NULL,
    segment bigint NOT NULL,
    entries text   NOT NULL,
    PRIMARY KEY (org_id, run_id, segment)
) PARTITION BY RANGE (run_id);
CREATE TABLE step_log_default PARTITION OF step_log DEFAULT;

CREATE TABLE customers (
    org_id      text   COLLATE "C" NOT NULL,
    id          text   COLLATE "C" NOT NULL,
    external_id text   COLLATE "C",
    profile     text   NOT NULL,
    created_at  bigint NOT NULL,
    updated_at  bigint NOT NULL,
    rev         bigint NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE UNIQUE INDEX customers_by_external_id ON customers (org_id, external_id) WHERE external_id IS NOT NULL;

-- What makes an address belong to one customer only; `email` is trimmed and in lower case.
CREATE TABLE customer_emails (
    org_id      text COLLATE "C" NOT NULL,
    email       text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (org_id, email)
);

CREATE TABLE customer_phones (
    org_id      text COLLATE "C" NOT NULL,
    phone       text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (org_id, phone, customer_id)
);

CREATE TABLE kobjects (
    org_id      text   COLLATE "C" NOT NULL,
    klass       text   COLLATE "C" NOT NULL,
    id          text   COLLATE "C" NOT NULL,
    customer_id text   COLLATE "C",
    external_id text   COLLATE "C",
    title       text   NOT NULL,
    icon        text,
    data        text   NOT NULL,
    custom      text   NOT NULL,
    created_at  bigint NOT NULL,
    updated_at  bigint NOT NULL,
    rev         bigint NOT NULL,
    PRIMARY KEY (org_id, klass, id)
);
CREATE INDEX kobjects_timeline ON kobjects (org_id, customer_id, id) WHERE customer_id IS NOT NULL;
CREATE UNIQUE INDEX kobjects_by_external_id ON kobjects (org_id, klass, external_id) WHERE external_id IS NOT NULL;
