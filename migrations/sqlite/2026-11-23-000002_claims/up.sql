-- Whether the process that wrote a run goes on with it at once; runs that nobody holds are taken when they are due.
ALTER TABLE runs ADD COLUMN held INTEGER NOT NULL DEFAULT 0;

-- A call under way belonged to the process that has just ended.
UPDATE runs SET held = 1 WHERE status = 'running';

-- One row, which counts changes of what admins set up.
CREATE TABLE catalog (
    revision INTEGER NOT NULL
) STRICT;
INSERT INTO catalog (revision) VALUES (1);
