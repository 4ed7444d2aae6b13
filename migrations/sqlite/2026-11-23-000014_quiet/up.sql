-- Why a transaction started no workflow that listens: 1 if its hook captured, 2 if it did not pass the hook's filter.
ALTER TABLE transactions ADD COLUMN quiet INTEGER NOT NULL DEFAULT 0;
