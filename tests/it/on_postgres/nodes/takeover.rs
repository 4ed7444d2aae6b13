//! A node that dies loses its runs to the others, which finish them.

use std::collections::HashSet;
use std::time::Instant;

use serde_json::json;

use super::brake::{At, Brake};
use super::{TAKEN_FOR_DEAD, attempts, calling, check_owners, database, forget_heartbeat, named, node_beside, node_id};
use crate::support::audit::check_stored;
use crate::support::database::Kind;
use crate::support::orders::Ledger;
use crate::support::peer::{Gate, Peer, answer};
use crate::support::{ServerBuilder, wait_for};

/// Orders whose calls are under way when the node dies.
const ORDERS: usize = 12;

#[test]
fn the_runs_of_a_node_that_dies_are_finished_by_another() {
    let gate = Gate::default();
    let stalled = gate.clone();
    // The calls of the node that dies are never answered.
    let peer = Peer::start(move |number, stream| match number {
        0..ORDERS => stalled.pass(),
        _ => answer(stream, "200 OK", "{}"),
    });
    let dying = calling(&peer).start();
    let other = node_beside(&dying);
    let (database, mut ledger) = (database(&dying), Ledger::default());
    let hook_url = dying.hook_url("orders");
    for number in 0..ORDERS {
        let status = ledger.post(&dying, &hook_url, &number.to_string(), &format!("{number}@example.com"));
        assert_eq!(status, Some(200));
    }
    wait_for("calls to be under way", || (peer.received().len() == ORDERS).then_some(()));
    let killed_at = Instant::now();
    dying.kill();
    wait_for("another node to take the runs", || (peer.received().len() > ORDERS).then_some(()));
    println!("runs were taken over {:?} after the death of their node", killed_at.elapsed());
    let runs = other.wait_for_runs();
    println!("they were finished after {:?}", killed_at.elapsed());
    gate.open();

    other.wait_for_log(TAKEN_FOR_DEAD);
    assert_eq!(runs.len(), ORDERS);
    for run in &runs {
        let run = other.wait_for_run(run["id"].as_str().unwrap(), |_| true);
        assert_eq!(run["attributes"]["status"], "completed", "{run:#}");
        assert_eq!(attempts(&run), ["unknown", "answered"]);
    }
    let received = peer.received();
    let keys: HashSet<_> = received.iter().map(|call| (call.header("idempotency-key"), &call.body)).collect();
    assert_eq!(
        (received.len(), keys.len()),
        (2 * ORDERS, ORDERS),
        "each order has one key, under which it was told twice"
    );
    assert_eq!(database.rows("SELECT FROM writers WHERE NOT fenced AND node NOT IN (SELECT id FROM nodes)").len(), 0);
}

/// A run is only queued when it could not be begun in the commit of its order. Then its node claims it, and begins it.
#[test]
fn a_queued_run_of_a_node_that_dies_is_begun_by_another() {
    let dying = named(ServerBuilder::new().on(Kind::Postgres), "dying").start();
    let database = database(&dying);
    let node = node_id(&database, dying.pid()).expect("the node is known");
    let brake = Brake::put(&database, At::Insert("customer_emails"), "dying");
    database.execute(
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
           IF NOT EXISTS (SELECT FROM open_runs) THEN RAISE 'not in the first commit'; END IF; RETURN NEW; \
         END $$; \
         CREATE TRIGGER a_fails_first BEFORE INSERT ON customer_emails FOR EACH ROW EXECUTE FUNCTION fail()",
    );
    let mut ledger = Ledger::default();
    let status = ledger.post(&dying, &dying.hook_url("orders"), "1", "ann@example.com");
    assert_eq!(status, Some(200));
    brake.wait_for_held();
    let stored = database.rows("SELECT status, owner FROM open_runs");
    assert_eq!(stored, [json!({ "status": "queued", "owner": node })]);
    let other = node_beside(&dying);
    dying.kill();
    forget_heartbeat(&database, &node);
    assert_eq!(other.wait_for_runs()[0]["attributes"]["status"], "completed");
    brake.release();
    let directory = other.directory();
    assert!(other.stop().success());
    check_stored(directory.look(), &ledger);
}

#[test]
fn an_order_whose_node_dies_in_the_commit_is_finished_by_another() {
    let peer = Peer::answering("200 OK", "{}");
    let dying = named(calling(&peer), "dying").start();
    let other = node_beside(&dying);
    let database = database(&dying);
    let node = node_id(&database, dying.pid()).expect("the node is known");
    let brake = Brake::put(&database, At::Commit("open_runs"), "dying");
    let hook_url = dying.hook_url("orders");
    let held = std::thread::scope(|scope| {
        let posting = scope.spawn(|| Ledger::default().post(&dying, &hook_url, "1", "ann@example.com"));
        let held = brake.wait_for_held();
        assert!(!posting.is_finished(), "an order is acknowledged after its commit");
        dying.signal("KILL");
        assert_eq!(posting.join().expect("the posting thread does not panic"), None);
        held
    });
    // The commit is under way, so its process can't be fenced yet.
    forget_heartbeat(&database, &node);
    held.check_open(&database);
    assert_eq!(database.rows("SELECT FROM transactions").len(), 0);
    brake.release();
    held.wait_for_end(&database);
    // The commit happened, although no process is left to receive the result.
    wait_for("the order's run", || (!other.wait_for_runs().is_empty()).then_some(()));
    let run = other.wait_for_run(other.wait_for_runs()[0]["id"].as_str().unwrap(), |_| true);
    assert_eq!((attempts(&run), peer.received().len()), (vec!["answered".to_owned()], 1));
    check_owners(&database);
}
