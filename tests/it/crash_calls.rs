//! Killed while external calls are under way: each is made at least once, always with the same key, and its run ends.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use crate::crash::rounds;
use crate::support::audit::all_pages;
use crate::support::orders::Ledger;
use crate::support::peer::{Gate, Peer, answer};
use crate::support::random::Random;
use crate::support::{Server, ServerBuilder, wait_for};

/// Orders of one round, each of which makes one call.
const ORDERS: usize = 24;

/// A workflow whose one step tells `peer` of the order.
fn calling_bundle(peer: &Peer) -> String {
    let call = json!({
        "id": "2", "action": "rest-api.json",
        "params": { "method": "POST", "uri": peer.url("/orders"), "data": { "order": "/#steps.1.attributes.data.orderId" } },
    });
    let always = json!({ "target": "2", "condition": { "op": "true", "values": [true] } });
    let trigger = json!({ "id": "1", "eventName": "hooks.form.orders.receive", "transitions": [always] });
    let workflow = json!({ "name": "tell-of-orders", "trigger": trigger, "steps": [call] });
    json!({ "hooks": [{ "name": "orders", "type": "form" }], "workflows": [workflow] }).to_string()
}

fn start_calling(peer: &Peer) -> Server {
    let builder = ServerBuilder::bare();
    builder.write_workflow("calls.json", &calling_bundle(peer));
    allow_local_calls(builder).start()
}

fn allow_local_calls(builder: ServerBuilder) -> ServerBuilder {
    builder.environment("HOOKFLOW_OUTBOUND_ALLOW", "127.0.0.1")
}

fn restart(server: Server) -> Server {
    let directory = server.directory();
    server.kill();
    allow_local_calls(ServerBuilder::in_directory(directory)).start()
}

/// The keys under which the peer heard of each order, one for each call.
fn keys_by_order(peer: &Peer) -> HashMap<String, Vec<String>> {
    let mut keys: HashMap<String, Vec<String>> = HashMap::new();
    for request in peer.received() {
        let body: Value = serde_json::from_str(&request.body).expect("calls have JSON bodies");
        let key = request.header("idempotency-key").expect("every call has a key").to_owned();
        keys.entry(body["order"].as_str().unwrap().to_owned()).or_default().push(key);
    }
    keys
}

fn attempts(server: &Server, run: &Value) -> Vec<String> {
    let steps = server.steps(run);
    let call = steps.iter().find(|step| step["id"] == "2").expect("the call is logged");
    let attempts = call["attempts"].as_array().unwrap();
    assert!((1..).zip(attempts).all(|(number, attempt)| attempt["number"] == json!(number)), "{attempts:#?}");
    attempts.iter().map(|attempt| attempt["status"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_call_cut_off_by_a_kill_is_made_again_with_the_same_key() {
    let mut random = Random::for_test("crash during calls");
    let mut ledger = Ledger::default();
    let gate = Gate::default();
    let held = gate.clone();
    // Some calls are answered at once, so that the kill also meets runs that are just taking an answer.
    let peer = Peer::start(move |number, stream| {
        if !number.is_multiple_of(3) {
            held.pass();
        }
        answer(stream, "200 OK", "{\"heard\":true}");
    });
    let mut server = start_calling(&peer);
    for round in 0..rounds(3) {
        let (heard, hook_url) = (peer.received().len(), server.hook_url("orders"));
        let ids = (0..ORDERS).map(|number| format!("{round}-{number}"));
        ids.for_each(|id| assert_eq!(ledger.post(&server, &hook_url, &id, "test@example.com"), Some(200)));
        let wanted = heard + random.within(1..ORDERS);
        wait_for("calls to be under way", || (peer.received().len() >= wanted).then_some(()));
        server = restart(server);
    }
    gate.open();
    server.wait_for_runs();
    let runs = all_pages(&server, "/v1/runs?pageSize=500");

    assert_eq!(runs.len(), ledger.orders.len());
    assert!(runs.iter().all(|run| run["attributes"]["status"] == "completed"), "{runs:#?}");
    let keys = keys_by_order(&peer);
    for order in &ledger.orders {
        let heard = keys.get(&order.id).unwrap_or_else(|| panic!("the peer never heard of {order:?}"));
        assert!(heard.iter().all(|key| *key == heard[0]), "{order:?} was told of under several keys: {heard:?}");
    }
    let distinct: HashSet<&String> = keys.values().map(|heard| &heard[0]).collect();
    assert_eq!(distinct.len(), ledger.orders.len(), "two runs shared a key");

    let attempts: Vec<Vec<String>> = runs.iter().map(|run| attempts(&server, run)).collect();
    for attempts in &attempts {
        let (last, before) = attempts.split_last().expect("a call has an attempt");
        assert_eq!(last, "answered");
        assert!(before.iter().all(|status| status == "unknown" || status == "failed"), "{attempts:?}");
    }
    assert!(attempts.iter().flatten().any(|status| status == "unknown"), "no call was cut off");
    let made: usize = attempts.iter().map(Vec::len).sum();
    assert!(made >= peer.received().len(), "the peer heard of calls that are in no log");
}

#[test]
fn a_run_that_waits_to_try_again_goes_on_after_a_kill() {
    let peer = Peer::start(|number, stream| match number {
        0 => answer(stream, "503 Service Unavailable\r\nretry-after: 2", "{}"),
        _ => answer(stream, "200 OK", "{}"),
    });
    let mut ledger = Ledger::default();
    let server = start_calling(&peer);
    ledger.post(&server, &server.hook_url("orders"), "1", "test@example.com");
    server.wait_for_retry();
    let server = restart(server);
    let runs = server.wait_for_runs();
    assert_eq!(runs[0]["attributes"]["status"], "completed");

    let steps = server.steps(&runs[0]);
    let attempts = steps[1]["attempts"].as_array().unwrap();
    let statuses: Vec<&Value> = attempts.iter().map(|attempt| &attempt["statusCode"]).collect();
    assert_eq!(statuses, [503, 200], "the wait outlived the process, and was waited for once");
    // Both are written in the same form, which sorts by time.
    assert!(attempts[1]["startedAt"].as_str() >= attempts[0]["retryAt"].as_str(), "{attempts:#?}");
    assert_eq!(keys_by_order(&peer)["1"].iter().collect::<HashSet<_>>().len(), 1);
}
