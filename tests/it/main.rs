//! hookflow's behaviour through its public faces: the HTTP interface, the command line, the store and the engine.
//!
//! One binary holds all of these tests. Those of the server start the real program on a database of their own.

mod crash;
mod crash_calls;
mod disk;
mod engine;
mod journey;
mod locked;
mod shutdown;
mod store;
mod support;
