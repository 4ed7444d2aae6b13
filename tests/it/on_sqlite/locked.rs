//! Another program holds the database's write lock for longer than hookflow waits for it: an admin's shell, a backup.
//!
//! That passes. Senders are asked to retry, and no run may be given up because of it.

use diesel::Connection;
use diesel::connection::SimpleConnection;
use diesel::sqlite::SqliteConnection;
use serde_json::json;

use super::bare;
use crate::support::peer::{Peer, answer};
use crate::support::{PATIENCE, wait_for};

#[test]
fn a_run_goes_on_after_another_program_locked_the_database() {
    let (release, held) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    let peer = Peer::start(move |_, stream| {
        // Holds the first call back; later ones find the channel closed.
        let _ = held.lock().unwrap().recv_timeout(PATIENCE);
        answer(stream, "200 OK", "{}");
    });
    let call = json!({ "id": "2", "action": "rest-api.json", "params": { "uri": peer.url("/orders") } });
    let always = json!({ "target": "2", "condition": { "op": "true", "values": [true] } });
    let trigger = json!({ "id": "1", "eventName": "hooks.form.orders.receive", "transitions": [always] });
    let workflow = json!({ "name": "calling", "trigger": trigger, "steps": [call] });
    let builder = bare();
    let bundle = json!({ "hooks": [{ "name": "orders", "type": "form" }], "workflows": [workflow] });
    builder.write_workflow("calls.json", &bundle.to_string());
    let server = builder.environment("HOOKFLOW_OUTBOUND_ALLOW", "127.0.0.1").start();
    server.post_hook("orders", &json!({ "orderId": "1" })).expect(200);
    wait_for("the call to be under way", || (peer.received().len() == 1).then_some(()));

    let path = server.path("hookflow.db");
    let mut other = SqliteConnection::establish(path.to_str().unwrap()).expect("the database can be opened");
    other.batch_execute("BEGIN IMMEDIATE").expect("the lock is free");
    drop(release);
    // This waits for the lock until hookflow loses patience, and so does the run that takes its answer.
    let refused = server.post_hook("orders", &json!({ "orderId": "2" }));
    assert_eq!(refused.status, 503, "{}", refused.text);
    assert!(refused.headers.contains_key("retry-after"), "{:?}", refused.headers);
    other.batch_execute("ROLLBACK").expect("the lock is let go");
    let runs = server.wait_for_runs();
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0]["attributes"]["status"], "completed", "{:#}", runs[0]);
    server.post_hook("orders", &json!({ "orderId": "3" })).expect(200);
}
