-- Companies, conversations, messages, notes and users. What an entity belongs to, what is unique about it and what it
-- is found by stand in columns; the rest is one document. `email` is a user's, trimmed and in lower case.
CREATE TABLE entities (
    org_id          text   COLLATE "C" NOT NULL,
    kind            text   COLLATE "C" NOT NULL,
    id              text   COLLATE "C" NOT NULL,
    customer_id     text   COLLATE "C",
    conversation_id text   COLLATE "C",
    external_id     text   COLLATE "C",
    email           text   COLLATE "C",
    attributes      text   NOT NULL,
    created_at      bigint NOT NULL,
    updated_at      bigint NOT NULL,
    rev             bigint NOT NULL,
    PRIMARY KEY (org_id, kind, id)
);
CREATE UNIQUE INDEX entities_by_external_id ON entities (org_id, kind, external_id) WHERE external_id IS NOT NULL;
CREATE UNIQUE INDEX entities_by_email ON entities (org_id, kind, email) WHERE email IS NOT NULL;
CREATE INDEX entities_of_customer ON entities (org_id, customer_id, kind, id) WHERE customer_id IS NOT NULL;
CREATE INDEX entities_of_conversation ON entities (org_id, conversation_id, kind, id) WHERE conversation_id IS NOT NULL;

-- Two rows for each pair of kobjects that are related, so that each finds the other.
CREATE TABLE kobject_links (
    org_id        text   COLLATE "C" NOT NULL,
    kobject_id    text   COLLATE "C" NOT NULL,
    related_id    text   COLLATE "C" NOT NULL,
    related_klass text   COLLATE "C" NOT NULL,
    created_at    bigint NOT NULL,
    PRIMARY KEY (org_id, kobject_id, related_id)
);
