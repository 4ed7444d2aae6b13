//! Runs that take turns on several nodes.

use serde_json::json;

use super::{check_owners, database, node_beside};
use crate::crash_lanes::check_order;
use crate::support::database::Kind;
use crate::support::turns::{Observer, by_key};
use crate::support::{Server, ServerBuilder, wait_for, workflow};

fn start(observer: &Observer, concurrency: serde_json::Value) -> Server {
    let mut orders = workflow("orders", json!([observer.step("2", "/#steps.1.attributes.data")]));
    orders["concurrency"] = concurrency;
    let builder = ServerBuilder::bare().on(Kind::Postgres).environment("HOOKFLOW_OUTBOUND_ALLOW", "127.0.0.0/8");
    let hooks = json!([{ "name": "orders", "type": "form" }]);
    builder.write_workflow("bundle.json", &json!({ "hooks": hooks, "workflows": [orders] }).to_string());
    builder.start()
}

#[test]
fn whichever_node_takes_an_order_it_is_done_in_its_turn_and_the_death_of_a_node_changes_nothing() {
    let observer = Observer::open(1);
    let dying = start(&observer, by_key(1));
    let other = node_beside(&dying);
    let keys = [json!("a"), json!("b"), json!("c")];
    for number in 0..10 {
        for (key, server) in keys.iter().zip([&dying, &other].into_iter().cycle().skip(number)) {
            server.post_hook("orders", &json!({ "key": key, "number": number })).expect(200);
        }
    }
    wait_for("some to be done", || (observer.peer.received().len() >= 6).then_some(()));
    dying.kill();
    for number in 10..12 {
        keys.iter().for_each(|key| {
            other.post_hook("orders", &json!({ "key": key, "number": number })).expect(200);
        });
    }
    let runs = other.wait_for_runs();
    assert!(runs.iter().all(|run| run["attributes"]["status"] == "completed"), "{runs:#?}");
    keys.iter().for_each(|key| check_order(&observer, key, 12));
    check_owners(&database(&other));
}

/// Many come to one lane and leave it at the same moment, on several connections of several nodes.
#[test]
fn nodes_that_share_a_lane_neither_overfill_it_nor_lose_a_run() {
    const SENDERS: usize = 6;
    const ORDERS: usize = 10;
    let observer = Observer::open(3);
    let one = start(&observer, json!({ "limit": 3 }));
    let other = node_beside(&one);
    std::thread::scope(|scope| {
        for sender in 0..SENDERS {
            let server = [&one, &other][sender % 2];
            scope.spawn(move || {
                for order in 0..ORDERS {
                    let number = sender * ORDERS + order;
                    server.post_hook("orders", &json!({ "key": "same", "number": number })).expect(200);
                }
            });
        }
    });
    let runs = one.wait_for_runs();
    assert_eq!(runs.len(), SENDERS * ORDERS);
    assert!(runs.iter().all(|run| run["attributes"]["status"] == "completed"), "{runs:#?}");
    assert_eq!(observer.most(&json!("same")), 3);
    check_owners(&database(&one));
}
