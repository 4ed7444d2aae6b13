//! `user.*` and `org.*`; what changes by steps tell others; and that no change gets lost among many.

use serde_json::{Value, json};

use super::{NOBODY, Stage};
use crate::support::server::is_open;
use crate::support::{ServerBuilder, always, wait_for, workflow};

#[test]
fn users_and_the_org_are_looked_up() {
    let stage = Stage::new();
    let user = stage.server.create("/v1/users", json!({ "name": "Zoë", "email": "Zoe@Example.com" }));
    let found = stage.output("user.find-by-email", json!({ "email": " zoe@example.com" }));
    assert_eq!((&found["id"], &found["name"]), (&user["id"], &json!("Zoë")));
    assert_eq!(stage.output("user.find-by-id", json!({ "id": user["id"] })), found);
    stage.expect_nothing("user.find-by-email", json!({ "email": "ann@example.com" }));
    stage.expect_nothing("user.find-by-id", json!({ "id": NOBODY }));
    let org = stage.server.get("/v1/org").expect(200)["data"].take();
    let shown = json!({ "id": org["id"], "name": "default", "createdAt": org["attributes"]["createdAt"] });
    assert_eq!(stage.output("org.current", json!({})), shown);
}

#[test]
fn changes_by_steps_raise_events_with_their_run() {
    let steps = json!([
        { "id": "2", "action": "customer.create", "params": { "name": "Ann" }, "transitions": [always("3")] },
        { "id": "3", "action": "customer.update", "params": { "id": "/#steps.2.id", "name": "Anna" },
          "transitions": [always("4")] },
        { "id": "4", "action": "customer.update", "params": { "id": "/#steps.2.id", "name": "Anna" },
          "transitions": [always("5")] },
        { "id": "5", "action": "kobject.create-with-customer", "transitions": [always("6")],
          "params": { "klassName": "order", "customer": "/#steps.2.id", "title": "Order", "data": {} } },
        { "id": "6", "action": "kobject.update", "params": { "klassName": "order", "id": "/#steps.5.id", "title": "Changed" },
          "transitions": [always("7")] },
        { "id": "7", "action": "kobject.delete", "params": { "klassName": "order", "id": "/#steps.5.id" } },
    ]);
    let note = json!([{ "id": "2", "action": "value.set", "params": { "value": {
        "name": "/#steps.1.changes.attributes.name.after", "title": "/#steps.1.changes.attributes.title" } } }]);
    let events =
        ["customer.create", "customer.update", "kobject.order.create", "kobject.order.update", "kobject.order.delete"];
    let listeners = events.map(|event| {
        let mut listener = workflow(event, note.clone());
        listener["trigger"]["eventName"] = json!(event);
        listener
    });
    let workflows: Vec<Value> = listeners.into_iter().chain([workflow("changes", steps)]).collect();
    let bundle = json!({
        "hooks": [{ "name": "orders", "type": "form" }],
        "klasses": [{ "name": "order", "properties": {} }],
        "workflows": workflows,
    });
    let builder = ServerBuilder::bare();
    builder.write_workflow("bundle.json", &bundle.to_string());
    let server = builder.start();
    server.post_hook("orders", &json!({})).expect(200);
    let runs = wait_for("the runs to end", || {
        let runs = server.get("/v1/runs").expect(200)["data"].take();
        let runs = runs.as_array().unwrap().clone();
        let all_ended = runs.iter().all(|run| !is_open(run["attributes"]["status"].as_str().unwrap()));
        (runs.len() == 6 && all_ended).then_some(runs)
    });
    let run = |name: &str| runs.iter().find(|run| run["attributes"]["workflow"] == name).expect("it has a run");
    let value = |name: &str| server.steps(run(name))[1]["output"]["value"].clone();
    for event in events {
        assert_eq!(run(event)["relationships"]["parent"]["data"]["id"], run("changes")["id"], "{event}");
    }
    assert_eq!(value("customer.create"), json!({}));
    assert_eq!(value("customer.update"), json!({ "name": "Anna" }));
    let title = json!({ "op": "replace", "before": "Order", "after": "Changed" });
    assert_eq!(value("kobject.order.update"), json!({ "title": title }));
    assert_eq!(value("kobject.order.delete"), json!({}));
}

/// With PostgreSQL several threads write, and each change is made of what was read before.
#[test]
fn no_change_gets_lost_when_many_runs_change_one_object() {
    const RUNS: usize = 40;
    let stage = Stage::new();
    let customer = stage.output("customer.create", json!({}));
    let conversation = stage.output("conversation.create", json!({ "customer": customer["id"] }))["id"].take();
    let params = json!({ "id": conversation, "tags": "/#steps.1.tag" });
    let tag = stage.workflow(vec![json!({ "action": "conversation.append-tags", "params": params })]);
    let path = format!("/v1/workflows/{tag}/call");
    let (server, path) = (&stage.server, path.as_str());
    std::thread::scope(|threads| {
        for worker in 0..4 {
            threads.spawn(move || {
                for number in (worker..RUNS).step_by(4) {
                    server.create(path, json!({ "inputs": { "tag": number.to_string() } }));
                }
            });
        }
    });
    let runs = wait_for("the runs to end", || {
        let runs = server.get(&format!("/v1/runs?workflow={tag}&pageSize=100")).expect(200)["data"].take();
        let runs = runs.as_array().unwrap().clone();
        runs.iter().all(|run| !is_open(run["attributes"]["status"].as_str().unwrap())).then_some(runs)
    });
    assert_eq!(runs.len(), RUNS);
    for run in &runs {
        assert_eq!(run["attributes"]["status"], "completed", "{run:#}");
    }
    let shown = server.get(&format!("/v1/conversations/{}", conversation.as_str().unwrap())).expect(200);
    assert_eq!(shown["data"]["attributes"]["tags"].as_array().unwrap().len(), RUNS);
    assert_eq!(shown["data"]["attributes"]["rev"], RUNS + 1);
}
