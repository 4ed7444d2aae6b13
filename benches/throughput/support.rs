//! What the tests have, too: PostgreSQL clusters.

use std::time::Duration;

#[path = "../../tests/it/support/ports.rs"]
pub mod ports;
#[path = "../../tests/it/support/postgres/mod.rs"]
pub mod postgres;

/// Asks again and again until `probe` has something to say.
///
/// # Panics
/// After a minute.
pub fn wait_for<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    for _ in 0..60_000 {
        if let Some(value) = probe() {
            return value;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("waited a minute for {what}");
}
