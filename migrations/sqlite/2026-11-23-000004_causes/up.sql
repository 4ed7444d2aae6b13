-- Runs that other runs started: by which run, and how many stand between it and something from outside. `output` is what
-- a workflow that was called answers.
ALTER TABLE runs ADD COLUMN parent_id TEXT;
ALTER TABLE runs ADD COLUMN depth INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN output TEXT;
