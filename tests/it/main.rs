//! hookflow's behaviour through its public faces: the HTTP interface, the command line, the store and the engine.
//!
//! One binary holds all of these tests. Those of the server start the real program on a database of their own.

mod calls;
mod check;
mod crash;
mod crash_calls;
mod disk;
mod engine;
mod envelope;
mod files;
mod first_stretch;
mod hooks;
mod journey;
mod keys;
mod kobjects;
mod locked;
mod objects;
mod on_postgres;
mod postgres_connect;
mod power;
mod refusals;
mod runs;
mod shutdown;
mod start;
mod stop;
mod store;
mod support;
mod workflows;
