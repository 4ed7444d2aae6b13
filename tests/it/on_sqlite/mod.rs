//! What is true of SQLite only: one process, one file, and what can happen to a file. These tests use it whatever
//! `HOOKFLOW_TEST_DATABASE` says.

mod disk;
mod earlier;
mod locked;
mod org_id;
mod power;
mod secrets;
mod start;
mod stop;
mod store;

use crate::support::ServerBuilder;
use crate::support::database::Kind;

/// A server with the shipped bundle.
fn server() -> ServerBuilder {
    ServerBuilder::new().on(Kind::Sqlite)
}

/// A server with no workflow.
fn bare() -> ServerBuilder {
    ServerBuilder::bare().on(Kind::Sqlite)
}
