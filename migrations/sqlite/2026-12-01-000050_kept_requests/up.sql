-- What is known about a transaction beside its request: why its body can't be read, how its hook's filter judged it, or
-- why it was refused before an admin accepted it. Few transactions have an entry.
CREATE TABLE transaction_details (
    org_id         INTEGER NOT NULL,
    hook_id        INTEGER NOT NULL,
    transaction_id INTEGER NOT NULL,
    problem        TEXT,
    detail         TEXT,
    judgement      TEXT,
    refusal        TEXT,
    PRIMARY KEY (org_id, hook_id, transaction_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX transaction_details_by_problem ON transaction_details (org_id, hook_id, problem, transaction_id)
    WHERE problem IS NOT NULL;

-- The runs that an admin started for a transaction after its arrival.
CREATE TABLE later_runs (
    org_id         INTEGER NOT NULL,
    hook_id        INTEGER NOT NULL,
    transaction_id INTEGER NOT NULL,
    run_id         INTEGER NOT NULL,
    PRIMARY KEY (org_id, hook_id, transaction_id, run_id)
) STRICT, WITHOUT ROWID;

-- Whether `body` is the whole body, and the transaction that the request became when an admin accepted it.
ALTER TABLE refused_requests ADD COLUMN whole INTEGER NOT NULL DEFAULT 0;
ALTER TABLE refused_requests ADD COLUMN transaction_id INTEGER;
