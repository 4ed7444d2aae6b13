//! Changes of objects over HTTP raise events, and workflows that listen get their runs with them.

use serde_json::{Value, json};

use crate::support::server::is_open;
use crate::support::{Server, ServerBuilder, link, wait_for, workflow};

/// What can be changed, and how its events begin.
const SUBJECTS: [&str; 6] = ["customer", "company", "conversation", "message", "note", "kobject.order"];

/// A server on which a workflow listens for each change of each kind of object, and takes note of a name.
fn server() -> Server {
    let step = json!([
        { "id": "2", "action": "value.set", "params": { "value": "/#steps.1.changes.attributes.name.after" } },
    ]);
    let events =
        SUBJECTS.iter().flat_map(|subject| ["create", "update", "delete"].map(|deed| format!("{subject}.{deed}")));
    let listeners: Vec<Value> = events
        .map(|event| {
            let mut listener = workflow(&event, step.clone());
            listener["trigger"]["eventName"] = json!(event);
            listener
        })
        .collect();
    let klasses = json!([{ "name": "order", "properties": { "paidBool": {} } }]);
    let builder = ServerBuilder::bare();
    builder.write_workflow("bundle.json", &json!({ "klasses": klasses, "workflows": listeners }).to_string());
    builder.start()
}

/// The runs that an object's change started, once no run of that workflow is open.
fn told(server: &Server, event: &str, object: &Value) -> Vec<Vec<Value>> {
    let runs = wait_for("the runs to end", || {
        let list = server.get(&format!("/v1/runs?workflow={event}&pageSize=500")).expect(200)["data"].take();
        let runs = list.as_array().unwrap().clone();
        runs.iter().all(|run| !is_open(run["attributes"]["status"].as_str().unwrap())).then_some(runs)
    });
    let steps = runs.iter().rev().map(|run| server.steps(run));
    steps.filter(|steps| steps[0]["output"]["id"] == object["id"]).collect()
}

/// The payload of the only run that it started.
fn payload(server: &Server, event: &str, object: &Value) -> Value {
    let told = told(server, event, object);
    assert_eq!(told.len(), 1, "{event}: {told:#?}");
    told[0][0]["output"].clone()
}

/// Checks that a payload is the object as an answer showed it, flattened. Nothing may be left out.
fn expect_object(payload: &Value, shown: &Value) {
    assert_eq!(payload["id"], shown["id"]);
    for (name, value) in shown["attributes"].as_object().unwrap() {
        let is_nothing = value.is_null() || *value == json!([]);
        let is_told = payload[name] == *value || (payload.get(name).is_none() && is_nothing);
        assert!(is_told, "{name} is {value} in {payload:#}");
    }
    for name in ["customer", "conversation", "user", "company"] {
        assert_eq!(payload[name], shown["relationships"][name]["data"]["id"], "{name}");
    }
}

/// Creates, changes and deletes an object, and checks the events.
fn live_and_die(server: &Server, (subject, path): (&str, &str), content: Value, update: Value, changes: Value) {
    let made = server.create(path, content);
    let address = link(&made);
    // What is refused, and what changes nothing, raises nothing.
    server.call("PATCH", &address, json!({ "nonsense": 1 })).expect(422);
    assert_eq!(server.call("PATCH", &address, json!({})).expect(200)["data"], made);
    let changed = server.call("PATCH", &address, update.clone()).expect(200)["data"].take();
    assert_eq!(server.call("PATCH", &address, update).expect(200)["data"], changed);
    assert_eq!(server.call("DELETE", &address, Value::Null).status, 204);

    let created = payload(server, &format!("{subject}.create"), &made);
    expect_object(&created, &made);
    assert_eq!(created.get("changes"), None);
    let updated = payload(server, &format!("{subject}.update"), &made);
    expect_object(&updated, &changed);
    assert_eq!(updated["changes"], changes, "{subject}");
    let deleted = payload(server, &format!("{subject}.delete"), &made);
    expect_object(&deleted, &changed);
    assert_eq!(deleted.get("changes"), None);
}

fn change(op: &str, before: impl Into<Value>, after: impl Into<Value>) -> Value {
    json!({ "op": op, "before": before.into(), "after": after.into() })
}

#[test]
fn every_change_of_an_object_raises_one_event_with_the_difference() {
    let server = server();
    let customer = server.create("/v1/customers", json!({ "name": "Owner" }))["id"].take();
    let conversation = server.create("/v1/conversations", json!({ "customer": customer }))["id"].take();
    let user = server.create("/v1/users", json!({ "email": "zoe@example.com" }))["id"].take();
    live_and_die(
        &server,
        ("customer", "/v1/customers"),
        json!({ "name": "Ann", "emails": ["ann@example.com"] }),
        json!({ "name": "Ann B.", "tags": ["vip"], "emails": [] }),
        json!({
            "attributes": {
                "name": change("replace", "Ann", "Ann B."),
                "emails": change("replace", json!([{ "email": "ann@example.com", "type": "other", "verified": false }]), json!([])),
                "tags": change("replace", json!([]), json!(["vip"])),
            },
            "relationships": {},
        }),
    );
    live_and_die(
        &server,
        ("company", "/v1/companies"),
        json!({ "name": "Acme", "custom": { "aNum": 1, "bStr": "x" } }),
        json!({ "custom": { "aNum": 2 } }),
        json!({
            "attributes": { "custom": change("replace", json!({ "aNum": 1, "bStr": "x" }), json!({ "aNum": 2, "bStr": "x" })) },
            "relationships": {},
        }),
    );
    live_and_die(
        &server,
        ("conversation", "/v1/conversations"),
        json!({ "customer": customer, "priority": 3 }),
        json!({ "status": "done", "priority": null }),
        json!({
            "attributes": { "status": change("replace", "open", "done"), "priority": change("remove", 3, Value::Null) },
            "relationships": {},
        }),
    );
    live_and_die(
        &server,
        ("message", "/v1/messages"),
        json!({ "conversation": conversation, "body": "Hello" }),
        json!({ "subject": "Greeting" }),
        json!({ "attributes": { "subject": change("add", Value::Null, "Greeting") }, "relationships": {} }),
    );
    live_and_die(
        &server,
        ("note", "/v1/notes"),
        json!({ "customer": customer, "body": "She called" }),
        json!({ "user": user }),
        json!({ "attributes": {}, "relationships": { "user": change("add", Value::Null, user.clone()) } }),
    );
    live_and_die(
        &server,
        ("kobject.order", "/v1/klasses/order"),
        json!({ "title": "Order", "customer": customer, "data": { "n": 1 } }),
        json!({ "custom": { "paidBool": true } }),
        json!({ "attributes": { "custom": change("replace", json!({}), json!({ "paidBool": true })) }, "relationships": {} }),
    );
}

#[test]
fn a_workflow_reads_the_change_of_an_attribute_and_has_no_parent() {
    let server = server();
    let ann = server.create("/v1/customers", json!({ "name": "Ann" }));
    server.call("PATCH", &link(&ann), json!({ "name": "Anna" })).expect(200);
    let told = told(&server, "customer.update", &ann);
    assert_eq!(told[0][1]["output"], json!({ "value": "Anna" }));
    let runs = server.get("/v1/runs?workflow=customer.update").expect(200);
    assert_eq!(runs["data"][0]["relationships"].get("parent"), None);
    assert_eq!(runs["data"][0]["attributes"]["event"], "customer.update");
}

#[test]
fn a_merge_raises_an_update_and_a_deletion() {
    let server = server();
    let [ann, bob] = ["Ann", "Bob"].map(|name| server.create("/v1/customers", json!({ "name": name })));
    server.call("PATCH", &link(&bob), json!({ "phone": "+49 30 1234" })).expect(200);
    let conversation = server.create("/v1/conversations", json!({ "customer": bob["id"] }));
    server.call("POST", &format!("{}/merge", link(&ann)), json!({ "source": bob["id"] })).expect(200);
    let phones = payload(&server, "customer.update", &ann)["changes"]["attributes"].take();
    let phone = json!([{ "phone": "+49 30 1234", "type": "other", "verified": false }]);
    assert_eq!(phones, json!({ "phones": change("replace", json!([]), phone) }));
    assert_eq!(payload(&server, "customer.delete", &bob)["name"], "Bob");
    // What changes hands raises nothing, and neither does what goes with a customer.
    server.call("DELETE", &link(&ann), Value::Null);
    for event in ["conversation.update", "conversation.delete"] {
        assert_eq!(told(&server, event, &conversation), [] as [Vec<Value>; 0], "{event}");
    }
}

#[test]
fn workflows_that_change_what_they_listen_for_are_stopped() {
    let more = json!([{ "id": "2", "action": "customer.update",
        "params": { "id": "/#steps.1.id", "name": "{{{steps.1.name}}}+" } }]);
    let mut again = workflow("again", more);
    again["trigger"]["eventName"] = json!("customer.update");
    let builder = ServerBuilder::bare();
    builder.write_workflow("bundle.json", &again.to_string());
    let server = builder.start();
    let ann = server.create("/v1/customers", json!({ "name": "Ann" }));
    server.call("PATCH", &link(&ann), json!({ "name": "Anna" })).expect(200);
    let failed = wait_for("the circle to be stopped", || {
        let failed = server.get("/v1/runs?status=failed").expect(200)["data"].take();
        failed.as_array().unwrap().first().cloned()
    });
    assert_eq!(failed["attributes"]["error"]["code"], "event_loop");
    let runs = server.get("/v1/runs?pageSize=100").expect(200)["data"].take();
    let runs = runs.as_array().unwrap();
    let completed = runs.iter().filter(|run| run["attributes"]["status"] == "completed").count();
    assert_eq!((runs.len(), completed), (12, 11), "each change begins one run, and the last of them does not begin");
    let name = server.get(&link(&ann)).expect(200)["data"]["attributes"]["name"].take();
    assert_eq!(name, format!("Anna{}", "+".repeat(11)));
}
