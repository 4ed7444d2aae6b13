//! What the tests share: a running server, a client for it, and waiting.

pub mod audit;
pub mod orders;
pub mod peer;
pub mod random;
pub mod server;
pub mod sqlite;

use std::time::{Duration, Instant};

pub use server::{Answer, Server, ServerBuilder};

/// How long a state may take to come about before a test gives up. Generous, because machines are shared; no test
/// passes or fails by how fast something is.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Asks again and again until `probe` has something to say.
///
/// # Panics
/// When nothing has come after [`PATIENCE`].
pub fn wait_for<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = probe() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} for {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// The order workflow's bundle, as it ships.
pub fn orders_bundle() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/workflows/orders.json")).expect("the bundle ships")
}
