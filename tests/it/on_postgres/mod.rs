//! What is true of PostgreSQL only. These tests use it whatever `HOOKFLOW_TEST_DATABASE` says.

mod batches;
mod belongings;
mod connect;
mod earlier;
mod failover;
mod faults;
mod harness;
mod held_runs;
mod locked;
mod migrate_store;
mod nodes;
pub(crate) mod org_id;
mod partitions;
mod proxy;
mod restart;
mod rights;
mod start;
mod store;
mod writers;
