//! Observability: log lines and counters.

pub mod logging;
pub mod metrics;
