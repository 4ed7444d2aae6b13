-- 1 for what arrived while its hook captured: no workflow was started.
ALTER TABLE transactions ADD COLUMN captured bigint NOT NULL DEFAULT 0;
