-- The newest requests that a hook refused, with what is shown of them; how many there were is in `refusals`.
CREATE TABLE refused_requests (
    org_id         TEXT    NOT NULL,
    hook_id        TEXT    NOT NULL,
    id             TEXT    NOT NULL,
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
