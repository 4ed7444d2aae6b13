-- Companies, conversations, messages, notes and users. What an entity belongs to, what is unique about it and what it
-- is found by stand in columns; the rest is one document. `email` is a user's, trimmed and in lower case.
CREATE TABLE entities (
    org_id          TEXT    NOT NULL,
    kind            TEXT    NOT NULL,
    id              TEXT    NOT NULL,
    customer_id     TEXT,
    conversation_id TEXT,
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

-- Two rows for each pair of kobjects that are related, so that each finds the other.
CREATE TABLE kobject_links (
    org_id        TEXT    NOT NULL,
    kobject_id    TEXT    NOT NULL,
    related_id    TEXT    NOT NULL,
    related_klass TEXT    NOT NULL,
    created_at    INTEGER NOT NULL,
    PRIMARY KEY (org_id, kobject_id, related_id)
) STRICT, WITHOUT ROWID;
