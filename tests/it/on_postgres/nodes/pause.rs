//! A node that is paused for so long that the others take it for dead changes nothing that is theirs by then, and goes on
//! as a new one.

use serde_json::{Value, json};

use super::brake::{At, Brake};
use super::{
    GOES_ON, TAKEN_FOR_DEAD, attempts, calling, check_owners, database, forget_heartbeat, named, node_beside, node_id,
    wait_until_buried,
};
use crate::support::Server;
use crate::support::audit::all_pages;
use crate::support::orders::Ledger;
use crate::support::peer::{Gate, Peer, answer};
use crate::support::postgres::TestDatabase;
use crate::support::server::{client, send};
use crate::support::wait_for;

/// Orders whose calls are under way when the node is paused.
const ORDERS: usize = 8;

/// Everything that is stored of some runs.
fn stored(database: &TestDatabase, runs: &[Value]) -> Vec<Value> {
    let ids: Vec<String> = runs.iter().map(|run| format!("'{}'", run["id"].as_str().unwrap())).collect();
    let ids = ids.join(", ");
    [
        format!("SELECT * FROM runs WHERE id IN ({ids}) ORDER BY id"),
        format!("SELECT * FROM open_runs WHERE id IN ({ids}) ORDER BY id"),
        format!("SELECT * FROM step_log WHERE run_id IN ({ids}) ORDER BY run_id, segment"),
        "SELECT * FROM customers WHERE profile LIKE '%@before.example%' ORDER BY id".to_owned(),
    ]
    .iter()
    .flat_map(|query| database.rows(query))
    .collect()
}

/// Takes orders in at the node, and waits for their runs to end.
fn check_works(node: &Server) {
    for number in 0..ORDERS {
        let order = json!({ "orderId": number, "email": format!("{number}@after.example") });
        let transaction = node.post_hook("orders", &order).expect(200);
        let transaction = node.get(transaction["data"]["links"]["self"].as_str().unwrap()).expect(200);
        let run = transaction["data"]["relationships"]["runs"]["data"][0]["id"].as_str().unwrap().to_owned();
        let run = node.wait_for_run(&run, |status| status == "completed");
        assert_eq!(attempts(&run), ["answered"]);
    }
}

#[test]
fn a_node_that_pauses_past_its_lease_changes_nothing_and_goes_on_as_a_new_one() {
    let gate = Gate::default();
    let stalled = gate.clone();
    // The first calls are answered while their node is paused, so that it has all answers as soon as it goes on.
    let peer = Peer::start(move |number, stream| {
        if number < ORDERS {
            stalled.pass();
        }
        answer(stream, "200 OK", &format!("{{\"number\":{number}}}"));
    });
    let paused = calling(&peer).start();
    let other = node_beside(&paused);
    let database = database(&paused);
    let node = node_id(&database, paused.pid()).expect("the node is known");
    for number in 0..ORDERS {
        let order = json!({ "orderId": number, "email": format!("{number}@before.example") });
        paused.post_hook("orders", &order).expect(200);
    }
    wait_for("calls to be under way", || (peer.received().len() == ORDERS).then_some(()));
    let address = paused.hook_url("orders");
    paused.signal("STOP");
    std::thread::scope(|scope| {
        // Somebody connects and posts to it in the meantime, and has an answer in the end.
        let late = client().post(&address).json(&json!({ "orderId": "late", "email": "late@after.example" }));
        let posting = scope.spawn(move || send(late));
        wait_until_buried(&database, &node);
        let runs = other.wait_for_runs();
        gate.open();
        let before = stored(&database, &runs);
        assert_eq!(before.len(), ORDERS * 4, "a run, two segments of its log, and a customer each: {before:#?}");

        paused.signal("CONT");
        paused.wait_for_log(GOES_ON);
        posting.join().expect("the posting thread does not panic").expect(200);
        check_works(&paused);
        assert_eq!(stored(&database, &runs), before);
    });
    assert_eq!(other.wait_for_runs().len(), 2 * ORDERS + 1);
    assert_eq!(peer.received().len(), 3 * ORDERS + 1, "nothing was called again by the node that was paused");
    let renewed = node_id(&database, paused.pid()).expect("the node is known again");
    assert_ne!(renewed, node);
    assert!(!paused.errors().contains("ERROR"), "{}", paused.errors());
    other.wait_for_log(TAKEN_FOR_DEAD);
    check_owners(&database);
}

/// Waits until nothing is left that a paused process could do before its heartbeat is missed, and has that be missed.
fn pause(node: &Server, database: &TestDatabase) {
    let id = node_id(database, node.pid()).expect("the node is known");
    node.signal("STOP");
    forget_heartbeat(database, &id);
    wait_until_buried(database, &id);
}

#[test]
fn a_stretch_that_was_paused_in_its_transaction_changes_nothing() {
    let gate = Gate::default();
    let stalled = gate.clone();
    let peer = Peer::start(move |number, stream| {
        if number == 1 {
            stalled.pass();
        }
        answer(stream, "200 OK", "{}");
    });
    let paused = named(calling(&peer), "paused").start();
    let other = node_beside(&paused);
    let database = database(&paused);
    // The answer of the call is about to be written, with the step after it.
    let brake = Brake::put(&database, At::Insert("customer_emails"), "paused");
    paused.post_hook("orders", &json!({ "email": "ann@before.example" })).expect(200);
    let held = brake.wait_for_held();
    pause(&paused, &database);
    wait_for("the other node to call again", || (peer.received().len() == 2).then_some(()));
    let runs = all_pages(&other, "/v1/runs");
    let before = stored(&database, &runs);
    held.check_open(&database);

    paused.signal("CONT");
    brake.release();
    held.wait_for_end(&database);
    paused.wait_for_log(GOES_ON);
    assert_eq!(stored(&database, &runs), before);
    gate.open();
    let run = other.wait_for_run(runs[0]["id"].as_str().unwrap(), |status| status == "completed");
    assert_eq!(attempts(&run), ["unknown", "answered"]);
    check_works(&paused);
    check_owners(&database);
}

#[test]
fn an_order_that_was_paused_in_its_transaction_belongs_to_no_node_that_is_gone() {
    let peer = Peer::answering("200 OK", "{}");
    let paused = named(calling(&peer), "paused").start();
    let other = node_beside(&paused);
    let database = database(&paused);
    let [inserting, going_on] =
        [At::Insert("open_runs"), At::Update("open_runs")].map(|at| Brake::put(&database, at, "paused"));
    let address = paused.hook_url("orders");
    std::thread::scope(|scope| {
        let posting = scope.spawn(|| Ledger::default().post(&paused, &address, "1", "ann@example.com"));
        let held = inserting.wait_for_held();
        pause(&paused, &database);
        held.check_open(&database);
        // All statements of the transaction were sent, and are done now; what is missing is its COMMIT.
        inserting.release();
        paused.signal("CONT");
        assert_eq!(posting.join().expect("the posting thread does not panic"), Some(200));
    });
    // Were the node killed at this moment, another one would have to find the run.
    check_owners(&database);
    going_on.release();
    paused.wait_for_log(GOES_ON);
    let runs = other.wait_for_runs();
    assert_eq!((runs.len(), database.rows("SELECT FROM transactions").len()), (1, 1));
    assert_eq!((&runs[0]["attributes"]["status"], peer.received().len()), (&json!("completed"), 1));
    check_works(&paused);
}
