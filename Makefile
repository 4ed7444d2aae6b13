# `make test` checks everything, on a fresh machine too. `make bench` measures.

.PHONY: test bench tools

# Snapshots that differ fail; they are never rewritten by a check.
export INSTA_UPDATE = no

test: tools
	cargo fmt --all --check
	cargo clippy --locked --all-targets -- --deny warnings
	cargo test --locked

bench:
	cargo bench --locked --bench throughput -- $(BENCH)

# What the tests use beside the Rust toolchain: a C compiler for SQLite, curl for the README's commands, mount for the
# full disk. Installed where Debian's packages are, and only what is missing.
tools:
	@./tests/install-tools
