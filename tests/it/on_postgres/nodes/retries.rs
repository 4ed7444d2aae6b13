//! Calls that are to be made again are made once, however many nodes look for what is due.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use serde_json::{Value, json};

use super::{calling, database, node_beside};
use crate::support::audit::all_pages;
use crate::support::peer::{Peer, answer};
use crate::support::{Server, wait_for};

/// Enough for several nodes to have their part when all are due at once.
const ORDERS: usize = 40;

/// A peer that asks everybody who comes for the first time to come again later.
fn reluctant_peer(retry_after_seconds: u8) -> Peer {
    let refusal = format!("503 Service Unavailable\r\nretry-after: {retry_after_seconds}");
    let known = Mutex::new(HashSet::new());
    Peer::start_reading(move |_, request, stream| match known.lock().unwrap().insert(request.body.clone()) {
        true => answer(stream, &refusal, "{}"),
        false => answer(stream, "200 OK", "{}"),
    })
}

fn post_orders(node: &Server, count: usize) {
    for number in 0..count {
        let order = json!({ "orderId": number, "email": format!("{number}@example.com") });
        node.post_hook("orders", &order).expect(200);
    }
}

/// Each run has completed with two attempts, and the peer has heard of both, and of no other.
fn check_calls(node: &Server, peer: &Peer, count: usize) {
    let runs = all_pages(node, "/v1/runs?pageSize=500");
    assert_eq!(runs.len(), count);
    for run in runs {
        assert_eq!(run["attributes"]["status"], "completed", "{run:#}");
        let steps = node.steps(&run);
        let attempts = steps[1]["attempts"].as_array().unwrap();
        let statuses: Vec<&Value> = attempts.iter().map(|attempt| &attempt["statusCode"]).collect();
        assert_eq!(statuses, [503, 200], "{attempts:#?}");
        assert!(attempts[1]["startedAt"].as_str() >= attempts[0]["retryAt"].as_str(), "{attempts:#?}");
    }
    let mut calls: HashMap<String, usize> = HashMap::new();
    for call in peer.received() {
        *calls.entry(call.header("idempotency-key").unwrap().to_owned()).or_default() += 1;
    }
    assert_eq!(calls.len(), count);
    assert!(calls.values().all(|count| *count == 2), "{calls:?}");
}

#[test]
fn a_call_that_is_due_again_is_made_by_one_of_three_nodes() {
    let peer = reluctant_peer(2);
    let first = calling(&peer).start();
    let others = [node_beside(&first), node_beside(&first)];
    post_orders(&first, ORDERS);
    first.wait_for_runs();
    check_calls(&others[0], &peer, ORDERS);
}

#[test]
fn a_call_that_is_due_again_does_not_wait_for_the_node_that_made_it_first() {
    let (peer, count) = (reluctant_peer(5), ORDERS / 4);
    let dying = calling(&peer).start();
    let others = [node_beside(&dying), node_beside(&dying)];
    let database = database(&dying);
    post_orders(&dying, count);
    // No node holds them, so a dying node has nothing to take over.
    let waiting = "SELECT FROM open_runs WHERE status = 'waiting' AND owner IS NULL AND pending LIKE '%503%'";
    wait_for("all runs to wait", || (database.rows(waiting).len() == count).then_some(()));
    dying.kill();
    others[0].wait_for_runs();
    check_calls(&others[0], &peer, count);
}
