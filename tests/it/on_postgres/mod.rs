//! What is true of PostgreSQL only. These tests use it whatever `HOOKFLOW_TEST_DATABASE` says.

mod connect;
mod faults;
mod harness;
mod nodes;
mod proxy;
mod store;
