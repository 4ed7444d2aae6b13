//! Kills while runs take turns: no lane stands still afterwards, no run is overtaken, and no two run at once.

use serde_json::{Value, json};

use crate::crash::rounds;
use crate::support::audit::all_pages;
use crate::support::random::Random;
use crate::support::turns::{Observer, by_key};
use crate::support::{Server, ServerBuilder, wait_for, workflow};

const KEYS: [&str; 4] = ["a", "b", "c", "d"];
/// Orders of a round, for each key.
const ORDERS: usize = 6;

fn start(observer: &Observer) -> Server {
    let mut orders = workflow("orders", json!([observer.step("2", "/#steps.1.attributes.data")]));
    orders["concurrency"] = by_key(1);
    let builder = ServerBuilder::bare().environment("HOOKFLOW_OUTBOUND_ALLOW", "127.0.0.1");
    let hooks = json!([{ "name": "orders", "type": "form" }]);
    builder.write_workflow("bundle.json", &json!({ "hooks": hooks, "workflows": [orders] }).to_string());
    builder.start()
}

#[test]
fn lanes_go_on_in_order_after_a_kill() {
    let mut random = Random::for_test("crash of lanes");
    let observer = Observer::open(1);
    let mut server = start(&observer);
    let rounds = rounds(3);
    for round in 0..rounds {
        let heard = observer.peer.received().len();
        for number in round * ORDERS..(round + 1) * ORDERS {
            for key in KEYS {
                server.post_hook("orders", &json!({ "key": key, "number": number })).expect(200);
            }
        }
        let wanted = heard + random.within(1..ORDERS * KEYS.len());
        wait_for("runs to be at work", || (observer.peer.received().len() >= wanted).then_some(()));
        let directory = server.directory();
        server.kill();
        server = ServerBuilder::in_directory(directory).environment("HOOKFLOW_OUTBOUND_ALLOW", "127.0.0.1").start();
    }
    server.wait_for_runs();
    let runs = all_pages(&server, "/v1/runs?pageSize=500");
    assert_eq!(runs.len(), rounds * ORDERS * KEYS.len());
    assert!(runs.iter().all(|run| run["attributes"]["status"] == "completed"), "{runs:#?}");
    for key in KEYS.map(|key| json!(key)) {
        check_order(&observer, &key, rounds * ORDERS);
    }
}

/// Each ran alone and in order; a run whose call was cut off called again.
#[track_caller]
pub fn check_order(observer: &Observer, key: &Value, count: usize) {
    let mut order = observer.order(key);
    assert!(order.is_sorted(), "{key}: {order:?}");
    order.dedup();
    assert_eq!(order, (0..count as i64).collect::<Vec<_>>(), "{key}");
    assert_eq!(observer.most(key), 1, "{key}: two at once");
}
