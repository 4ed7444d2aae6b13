//! A node that is stopped leaves nothing behind that the others would have to find out about.

use serde_json::json;

use super::brake::{At, Brake};
use super::{TAKEN_FOR_DEAD, attempts, calling, check_owners, database, named, node_beside, node_id};
use crate::support::peer::{Gate, Peer, answer};
use crate::support::postgres::TestDatabase;
use crate::support::{Server, wait_for};

/// Orders whose calls are under way when the node is stopped.
const ORDERS: usize = 5;

/// Only one node is known, and only its connections write.
#[track_caller]
fn check_only_node(database: &TestDatabase, node: &Server) {
    let id = node_id(database, node.pid()).expect("the node is known");
    assert_eq!(database.rows("SELECT id FROM nodes"), [json!({ "id": id })]);
    assert_eq!(database.rows(&format!("SELECT FROM writers WHERE node <> '{id}'")).len(), 0);
    check_owners(database);
}

#[test]
fn the_runs_of_a_node_that_is_stopped_are_finished_by_another_at_once() {
    let gate = Gate::default();
    let stalled = gate.clone();
    // The calls of the node that is stopped outlast the time that it waits for them.
    let peer = Peer::start(move |number, stream| match number {
        0..ORDERS => stalled.pass(),
        _ => answer(stream, "200 OK", "{}"),
    });
    let stopped = calling(&peer).start();
    let other = node_beside(&stopped);
    let database = database(&stopped);
    for number in 0..ORDERS {
        stopped.post_hook("orders", &json!({ "email": format!("{number}@example.com") })).expect(200);
    }
    wait_for("calls to be under way", || (peer.received().len() == ORDERS).then_some(()));
    assert!(stopped.stop().success());
    check_only_node(&database, &other);
    for run in other.wait_for_runs() {
        let run = other.wait_for_run(run["id"].as_str().unwrap(), |_| true);
        assert_eq!(attempts(&run), ["unknown", "answered"]);
    }
    gate.open();
    assert_eq!(peer.received().len(), 2 * ORDERS);
    assert!(!other.errors().contains(TAKEN_FOR_DEAD), "{}", other.errors());
}

/// A run that is claimed while its node stops, after that has let go of all others.
#[test]
fn a_run_that_a_node_claims_while_it_stops_is_finished_by_another_at_once() {
    let peer = Peer::start(|number, stream| match number {
        0 => answer(stream, "503 Service Unavailable\r\nretry-after: 2", "{}"),
        _ => answer(stream, "200 OK", "{}"),
    });
    let stopped = named(calling(&peer), "stopped").start();
    let database = database(&stopped);
    stopped.post_hook("orders", &json!({ "email": "ann@example.com" })).expect(200);
    stopped.wait_for_retry();
    let brake = Brake::put(&database, At::Update("open_runs"), "stopped");
    let held = brake.wait_for_held();
    let other = node_beside(&stopped);
    stopped.signal("TERM");
    // What is under way is not waited for before the runs are let go of, but before the node leaves.
    stopped.wait_for_log("the door is closed");
    held.check_open(&database);
    brake.release();
    assert!(stopped.stop().success());
    check_only_node(&database, &other);
    assert_eq!(other.wait_for_runs()[0]["attributes"]["status"], "completed");
    assert_eq!(peer.received().len(), 2);
    assert!(!other.errors().contains(TAKEN_FOR_DEAD), "{}", other.errors());
}
