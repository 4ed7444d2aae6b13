-- The newest requests that a hook refused, with what is shown of them; how many there were is in `refusals`.
CREATE TABLE refused_requests (
    org_id         text   COLLATE "C" NOT NULL,
    hook_id        text   COLLATE "C" NOT NULL,
    id             text   COLLATE "C" NOT NULL,
    created_at     bigint NOT NULL,
    reason         text   NOT NULL,
    detail         text   NOT NULL,
    method         text   NOT NULL,
    path           text   NOT NULL,
    query          text,
    headers        text   NOT NULL,
    peer           text,
    content_length bigint,
    body           bytea  NOT NULL,
    PRIMARY KEY (org_id, hook_id, id)
);
