-- Longer logs are packed (LZ4, its block format behind the length in four bytes); `entries` is then empty.
ALTER TABLE step_log ADD COLUMN packed BLOB;
