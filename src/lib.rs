//! hookflow takes hooks from external systems and runs workflows on them.
pub mod id;
pub mod objects;
pub mod time;
