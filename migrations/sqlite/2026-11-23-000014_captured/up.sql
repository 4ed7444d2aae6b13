-- 1 for what arrived while its hook captured: no workflow was started.
ALTER TABLE transactions ADD COLUMN captured INTEGER NOT NULL DEFAULT 0;
