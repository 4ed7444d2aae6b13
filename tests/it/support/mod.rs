//! What the tests share: a running server, a client for it, workflows to run on it, and waiting.

pub mod audit;
pub mod builder;
pub mod database;
pub mod description;
pub mod earlier;
pub mod http_2;
pub mod mail;
pub mod orders;
pub mod peer;
pub mod ports;
pub mod postgres;
pub mod program;
pub mod proxy;
pub mod random;
pub mod raw;
pub mod server;
pub mod signing;
pub mod signing_vendors;
pub mod smtp;
pub mod sqlite;
pub mod tls;
pub mod transcript;
pub mod turns;
pub mod workspace;

use std::time::{Duration, Instant};

use serde_json::{Value, json};

pub use builder::ServerBuilder;
pub use server::{Answer, Server};

/// How long a state may take to come about before a test gives up. Generous, because machines are shared; no test
/// passes or fails by how fast something is.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Asks again and again until `probe` has something to say.
///
/// # Panics
/// When nothing has come after [`PATIENCE`].
pub fn wait_for<T>(what: &str, probe: impl FnMut() -> Option<T>) -> T {
    wait_longer(1, what, probe)
}

/// The same for what takes several times as long by its nature.
///
/// # Panics
/// When nothing has come after so many times [`PATIENCE`].
pub fn wait_longer<T>(times: u32, what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let patience = PATIENCE * times;
    let deadline = Instant::now() + patience;
    loop {
        if let Some(value) = probe() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited {patience:?} for {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// The order workflow's bundle, as it ships.
pub fn orders_bundle() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/workflows/orders.json")).expect("the bundle ships")
}

/// A workflow that listens to the hook `orders` and begins with the first of its steps.
pub fn workflow(name: &str, steps: Value) -> Value {
    json!({
        "name": name,
        "trigger": {
            "id": "1",
            "eventName": "hooks.form.orders.receive",
            "transitions": [always(steps[0]["id"].as_str().expect("a step has an id"))]
        },
        "steps": steps
    })
}

/// A transition that is always taken.
pub fn always(target: &str) -> Value {
    json!({ "target": target, "condition": { "op": "true", "values": [true] } })
}

/// Code and pointer or parameter of each error in an answer.
pub fn errors(answer: &Value) -> Vec<(&str, &str)> {
    fn shown(error: &Value) -> (&str, &str) {
        let source = &error["source"];
        let place = source["pointer"].as_str().or(source["parameter"].as_str()).unwrap_or_default();
        (error["code"].as_str().expect("an error has a code"), place)
    }
    answer["errors"].as_array().expect("an answer with errors").iter().map(shown).collect()
}

/// The sentence of an answer's only error.
pub fn detail(answer: &Value) -> &str {
    let errors = answer["errors"].as_array().expect("an answer with errors");
    assert_eq!(errors.len(), 1, "{answer:#}");
    errors[0]["detail"].as_str().expect("an error has a detail")
}

/// The ids of the resources in a list.
pub fn ids(list: &Value) -> Vec<&Value> {
    list["data"].as_array().expect("a list").iter().map(|resource| &resource["id"]).collect()
}

/// Where a resource says that it is.
pub fn link(resource: &Value) -> String {
    resource["links"]["self"].as_str().expect("a resource has a link").to_owned()
}
