-- Runs that other runs started: by which run, and how many stand between it and something from outside. `output` is what
-- a workflow that was called answers.
ALTER TABLE open_runs ADD COLUMN parent_id text COLLATE "C", ADD COLUMN depth bigint NOT NULL DEFAULT 0, ADD COLUMN output text;
ALTER TABLE runs ADD COLUMN parent_id text COLLATE "C", ADD COLUMN depth bigint NOT NULL DEFAULT 0, ADD COLUMN output text;
