-- The first segment of a run's log, packed, if the run had ended when it was stored: one row instead of two.
ALTER TABLE runs ADD COLUMN log BLOB;

-- All segments of all logs, wherever they are.
CREATE VIEW step_logs AS
    SELECT org_id, run_id, segment, entries, packed FROM step_log
    UNION ALL
    SELECT org_id, id AS run_id, 0 AS segment, '' AS entries, log AS packed FROM runs WHERE log IS NOT NULL;
