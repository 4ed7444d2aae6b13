//! Workflows that limit how many of their runs go on at a time: order, limits, and what is shown of those that wait.

use serde_json::{Value, json};

use crate::support::turns::{Observer, by_key};
use crate::support::{Server, ServerBuilder, always, wait_for, workflow};

/// A server whose workflow `orders` calls the observer once for each order.
fn server(observer: &Observer, concurrency: Value) -> Server {
    let builder = ServerBuilder::bare().environment("HOOKFLOW_OUTBOUND_ALLOW", "127.0.0.0/8");
    builder.write_workflow("bundle.json", &bundle(observer, concurrency).to_string());
    builder.start()
}

fn bundle(observer: &Observer, concurrency: Value) -> Value {
    let mut orders = workflow("orders", json!([observer.step("2", "/#steps.1.attributes.data")]));
    orders["concurrency"] = concurrency;
    json!({ "hooks": [{ "name": "orders", "type": "form" }], "workflows": [orders] })
}

fn post(server: &Server, key: impl Into<Value>, number: usize) {
    server.post_hook("orders", &json!({ "key": key.into(), "number": number })).expect(200);
}

/// The runs of `orders`, oldest first, as they are shown by themselves.
fn runs(server: &Server) -> Vec<Value> {
    let listed = server.get("/v1/runs?workflow=orders&pageSize=500").expect(200);
    let links = listed["data"].as_array().unwrap().iter().rev().map(|run| run["links"]["self"].as_str().unwrap());
    links.map(|link| server.get(link).expect(200)["data"].take()).collect()
}

fn positions(runs: &[Value]) -> Vec<&Value> {
    runs.iter().map(|run| &run["attributes"]["concurrency"]["position"]).collect()
}

fn cancel(server: &Server, run: &Value) {
    let link = run["links"]["self"].as_str().unwrap();
    server.call("POST", &format!("{link}/cancel"), Value::Null).expect(200);
}

fn statuses(runs: &[Value]) -> Vec<&str> {
    runs.iter().map(|run| run["attributes"]["status"].as_str().unwrap()).collect()
}

#[test]
fn runs_with_the_same_key_go_one_after_the_other_in_order_of_arrival() {
    let observer = Observer::open(1);
    let server = server(&observer, by_key(1));
    let keys = [json!("a"), json!("b"), json!(7), json!("ü"), json!({ "x": 1 })];
    for number in 0..8 {
        keys.iter().for_each(|key| post(&server, key.clone(), number));
    }
    assert!(server.wait_for_runs().iter().all(|run| run["attributes"]["status"] == "completed"));
    for key in &keys {
        assert_eq!(observer.order(key), (0..8).collect::<Vec<_>>(), "{key}");
        assert_eq!(observer.most(key), 1, "{key}: two runs at once");
    }
    assert!(observer.most_of_all() > 1, "keys go side by side");
}

#[test]
fn as_many_runs_go_on_as_the_limit_says_and_no_more() {
    let observer = Observer::open(3);
    let server = server(&observer, json!({ "limit": 3 }));
    for number in 0..15 {
        post(&server, "same", number);
    }
    assert_eq!(server.wait_for_runs().len(), 15);
    assert_eq!(observer.most(&json!("same")), 3);
}

#[test]
fn a_run_waits_for_a_timer_of_the_one_before() {
    let observer = Observer::open(1);
    let mut delayed = workflow(
        "orders",
        json!([{ "id": "2", "action": "delay", "params": { "for": "/#steps.1.attributes.data.for" },
                 "transitions": [always("3")] }, observer.step("3", "/#steps.1.attributes.data")]),
    );
    delayed["concurrency"] = json!({ "limit": 1 });
    let builder = ServerBuilder::bare().environment("HOOKFLOW_OUTBOUND_ALLOW", "127.0.0.0/8");
    let hooks = json!([{ "name": "orders", "type": "form" }]);
    builder.write_workflow("bundle.json", &json!({ "hooks": hooks, "workflows": [delayed] }).to_string());
    let server = builder.start();
    for (number, wait) in [0.3, 0.0, 0.1, 0.0].into_iter().enumerate() {
        server.post_hook("orders", &json!({ "key": "k", "number": number, "for": wait })).expect(200);
    }
    server.wait_for_runs();
    assert_eq!(observer.order(&json!("k")), [0, 1, 2, 3]);
    let runs = runs(&server);
    for pair in runs.windows(2) {
        let (finished, started) = (&pair[0]["attributes"]["finishedAt"], &pair[1]["attributes"]["startedAt"]);
        assert!(finished.as_str() <= started.as_str(), "{finished} and {started}");
    }
}

#[test]
fn senders_are_answered_while_runs_wait_and_what_these_wait_for_is_shown() {
    let observer = Observer::start(1);
    let server = server(&observer, by_key(1));
    (0..4).for_each(|number| post(&server, "a", number));
    post(&server, "b", 0);
    wait_for("both keys to be at work", || (observer.most_of_all() == 2).then_some(()));
    let waiting = runs(&server);
    assert_eq!(statuses(&waiting), ["running", "queued", "queued", "queued", "running"]);
    assert_eq!(positions(&waiting), [&Value::Null, &json!(1), &json!(2), &json!(3), &Value::Null]);
    let lanes: Vec<&Value> = waiting.iter().map(|run| &run["attributes"]["concurrency"]["lane"]).collect();
    assert_eq!(lanes[0].as_str().map(str::len), Some(32));
    assert!(lanes[1..4].iter().all(|lane| *lane == lanes[0]) && lanes[4] != lanes[0], "{lanes:?}");
    let shown = &waiting[2]["attributes"];
    let expected = json!({ "lane": lanes[0], "limit": 1, "waits": true, "position": 2, "behind": [waiting[0]["id"]] });
    assert_eq!((&shown["concurrency"], &shown["dueAt"]), (&expected, &Value::Null));

    // One that waits can be cancelled, and so can the one that the others wait for.
    cancel(&server, &waiting[2]);
    cancel(&server, &waiting[0]);
    wait_for("the next one to be at work", || (observer.order(&json!("a")) == [0, 1]).then_some(()));
    let now = runs(&server);
    assert_eq!(statuses(&now), ["cancelled", "running", "cancelled", "queued", "running"]);
    assert_eq!(now[3]["attributes"]["concurrency"]["position"], 1);
    observer.gate.open();
    server.wait_for_runs();
    assert_eq!(observer.order(&json!("a")), [0, 1, 3]);
    assert_eq!(runs(&server)[1]["attributes"]["concurrency"], Value::Null);
}

#[test]
fn a_run_that_fails_makes_room_too() {
    let steps = json!([
        { "id": "2", "action": "delay", "params": { "for": 0.05 }, "transitions": [always("3")] },
        { "id": "3", "action": "customer.create", "params": { "email": "/#steps.1.attributes.data.email" } },
    ]);
    let mut orders = workflow("orders", steps);
    orders["concurrency"] = json!({ "limit": 1 });
    let builder = ServerBuilder::bare();
    let hooks = json!([{ "name": "orders", "type": "form" }]);
    builder.write_workflow("bundle.json", &json!({ "hooks": hooks, "workflows": [orders] }).to_string());
    let server = builder.start();
    for email in ["not an address", "ann@example.com", "neither", "bob@example.com"] {
        server.post_hook("orders", &json!({ "email": email })).expect(200);
    }
    server.wait_for_runs();
    assert_eq!(statuses(&runs(&server)), ["failed", "completed", "failed", "completed"]);
}

#[test]
fn a_run_without_a_key_takes_turns_with_others_that_have_none_and_says_so() {
    let observer = Observer::start(1);
    let server = server(&observer, by_key(1));
    for payload in [json!({ "number": 0 }), json!({ "number": 1, "key": null }), json!({ "number": 2, "key": "" })] {
        server.post_hook("orders", &payload).expect(200);
    }
    post(&server, "a", 3);
    wait_for("two to be at work", || (observer.most_of_all() == 2).then_some(()));
    let waiting = runs(&server);
    assert_eq!(positions(&waiting), [&Value::Null, &json!(1), &json!(2), &Value::Null]);
    let notes = &waiting[0]["attributes"]["steps"][0]["notes"];
    let messages: Vec<&Value> = notes.as_array().unwrap().iter().map(|note| &note["message"]).collect();
    assert_eq!(
        messages.last(),
        Some(&&json!("the run has no concurrency key; it shares the limit with all other runs without one"))
    );
    assert_eq!(notes[0]["pointer"], "/concurrency/key");
    assert_eq!(waiting[3]["attributes"]["steps"][0]["notes"], Value::Null, "one with a key has nothing to say");
    observer.gate.open();
    server.wait_for_runs();
}

#[test]
fn lanes_go_on_whatever_happens_to_their_workflow() {
    let observer = Observer::start(1);
    let server = server(&observer, by_key(1));
    let link = server.workflow("orders")["links"]["self"].as_str().unwrap().to_owned();
    let update = |concurrency: Value| {
        let mut document = bundle(&observer, concurrency)["workflows"][0].take();
        document["description"] = json!("another version");
        server.call("PUT", &link, document).expect(200);
    };
    (0..3).for_each(|number| post(&server, "a", number));
    update(by_key(2));
    (3..5).for_each(|number| post(&server, "a", number));
    assert_eq!(statuses(&runs(&server))[1..], ["queued"; 4], "whoever has more room does not overtake");
    update(Value::Null);
    post(&server, "a", 5);
    wait_for("the one without a limit", || (observer.order(&json!("a")).len() == 2).then_some(()));
    server.call("PATCH", &link, json!({ "enabled": false })).expect(200);
    server.call("DELETE", &link, Value::Null).expect(204);
    observer.gate.open();
    let ended = wait_for("the runs to end", || {
        let runs = server.get("/v1/runs?status=completed").expect(200)["data"].as_array().unwrap().len();
        (runs == 6).then_some(runs)
    });
    assert_eq!(ended, 6);
    let order: Vec<i64> = observer.order(&json!("a")).into_iter().filter(|number| *number != 5).collect();
    assert_eq!(order[..2], [0, 1]);
}

#[test]
fn a_hook_delivers_to_several_workflows_whatever_the_others_do() {
    let observer = Observer::start(1);
    let hook = json!([{ "name": "orders", "type": "form" }]);
    let mut limited = workflow("limited", json!([observer.step("2", "/#steps.1.attributes.data")]));
    limited["concurrency"] = json!({ "limit": 1 });
    let failing = json!([{ "id": "2", "action": "customer.create", "params": { "email": "nobody" } }]);
    let mut disabled = workflow("disabled", json!([{ "id": "2" }]));
    disabled["enabled"] = json!(false);
    let workflows = json!([limited, workflow("failing", failing), disabled, workflow("plain", json!([{ "id": "2" }]))]);
    let builder = ServerBuilder::bare().environment("HOOKFLOW_OUTBOUND_ALLOW", "127.0.0.0/8");
    builder.write_workflow("bundle.json", &json!({ "hooks": hook, "workflows": workflows }).to_string());
    let server = builder.start();
    for number in 0..3 {
        let transaction = server.post_hook("orders", &json!({ "key": "k", "number": number })).expect(200);
        let link = transaction["data"]["links"]["self"].as_str().unwrap();
        let runs = server.get(link).expect(200)["data"]["relationships"]["runs"]["data"].as_array().unwrap().len();
        assert_eq!(runs, 3, "each enabled workflow has its run");
    }
    let of = |name: &str, status: &str| {
        let found = server.get(&format!("/v1/runs?workflow={name}&status={status}")).expect(200);
        found["data"].as_array().unwrap().len()
    };
    wait_for("the others to end", || (of("plain", "completed") + of("failing", "failed") == 6).then_some(()));
    wait_for("the first to be at work", || (of("limited", "running") == 1).then_some(()));
    assert_eq!((of("limited", "queued"), of("disabled", "completed")), (2, 0));
    observer.gate.open();
    server.wait_for_runs();
    assert_eq!((of("limited", "completed"), observer.most(&json!("k"))), (3, 1));
}
