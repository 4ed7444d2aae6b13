//! Workflows over HTTP: saving makes versions, runs keep theirs, and mistakes are reported with their places.

use std::sync::mpsc;

use serde_json::{Value, json};

use crate::support::peer::{Peer, answer};
use crate::support::server::send;
use crate::support::{Server, ServerBuilder, always, detail, errors, ids, wait_for, workflow};

/// A workflow `names` that creates a customer of this name.
fn naming(name: &str) -> Value {
    workflow("names", json!([{ "id": "2", "action": "customer.create", "params": { "name": name } }]))
}

fn link(resource: &Value) -> String {
    resource["links"]["self"].as_str().expect("a resource has a link").to_owned()
}

/// A server with the hook `orders` and the workflow `names` at version 1.
fn server_with_names() -> (Server, Value) {
    let server = ServerBuilder::bare().start();
    server.call("POST", "/v1/hooks", json!({ "name": "orders" })).expect(201);
    let saved = server.call("POST", "/v1/workflows", naming("first")).expect(201)["data"].take();
    (server, saved)
}

/// The name of the customer that a run created.
fn name_given(run: &Value) -> &str {
    run["attributes"]["steps"][1]["output"]["name"].as_str().expect("the run created a customer")
}

#[test]
fn a_saved_workflow_is_in_force_at_once() {
    let (server, saved) = server_with_names();
    assert_eq!(saved["attributes"]["version"], 1);
    assert_eq!(saved["attributes"]["document"], naming("first"));
    assert_eq!(server.get(&link(&saved)).expect(200)["data"], saved);
    let run = server.run_order(&json!({}));
    assert_eq!((name_given(&run), &run["attributes"]["version"]), ("first", &json!(1)));
}

#[test]
fn every_save_makes_a_version_that_can_be_read_later() {
    let (server, saved) = server_with_names();
    let replaced = server.call("PUT", &link(&saved), naming("second")).expect(200);
    assert_eq!(replaced["data"]["attributes"]["version"], 2);
    let versions = server.get(&format!("{}/versions", link(&saved))).expect(200);
    let numbers: Vec<_> = versions["data"].as_array().unwrap().iter().map(|v| &v["attributes"]["version"]).collect();
    assert_eq!(numbers, [2, 1]);
    let first = server.get(&format!("{}/versions/1", link(&saved))).expect(200);
    assert_eq!(first["data"]["attributes"]["document"], naming("first"));
    assert_eq!(first["data"]["attributes"]["origin"], "api");
    server.get(&format!("{}/versions/3", link(&saved))).expect(404);
    let run = server.run_order(&json!({}));
    assert_eq!((name_given(&run), &run["attributes"]["version"]), ("second", &json!(2)));
}

#[test]
fn saving_the_same_document_again_makes_no_version() {
    let (server, saved) = server_with_names();
    let again = server.call("PUT", &link(&saved), naming("first")).expect(200);
    assert_eq!(again["data"]["attributes"]["version"], 1);
}

#[test]
fn versions_are_listed_page_by_page() {
    let (server, saved) = server_with_names();
    server.call("PUT", &link(&saved), naming("second")).expect(200);
    server.call("PUT", &link(&saved), naming("third")).expect(200);
    let first = server.get(&format!("{}/versions?pageSize=2", link(&saved))).expect(200);
    let second = server.get(first["links"]["next"].as_str().unwrap()).expect(200);
    assert_eq!((first["data"].as_array().unwrap().len(), second["data"].as_array().unwrap().len()), (2, 1));
    assert_eq!(second["data"][0]["attributes"]["version"], 1);
    assert_eq!(second["links"]["next"], Value::Null);
    for (query, parameter) in [("pageSize=0", "pageSize"), ("pageSize=x", "pageSize"), ("below=x", "below")] {
        let answer = server.get(&format!("{}/versions?{query}", link(&saved))).expect(400);
        assert_eq!(errors(&answer), [("bad_parameter", parameter)]);
    }
}

#[test]
fn a_run_under_way_keeps_the_version_it_began_with() {
    let (release, released) = mpsc::channel::<()>();
    let released = std::sync::Mutex::new(released);
    let peer = Peer::start(move |_, stream| {
        released.lock().unwrap().recv().unwrap();
        answer(stream, "200 OK", "{}");
    });
    let steps = |name: &str| {
        json!([
            { "id": "2", "action": "rest-api.json", "params": { "uri": peer.url("/") }, "transitions": [always("3")] },
            { "id": "3", "action": "customer.create", "params": { "name": name } }
        ])
    };
    let server = ServerBuilder::with_steps(steps("before")).start();
    server.post_hook("orders", &json!({})).expect(200);
    wait_for("the call to arrive", || (!peer.received().is_empty()).then_some(()));
    let changed = server.call("PUT", &link(&server.workflow("steps")), workflow("steps", steps("after"))).expect(200);
    assert_eq!(changed["data"]["attributes"]["version"], 2);
    release.send(()).unwrap();
    let first = server.wait_for_runs();
    release.send(()).unwrap();
    let second = server.run_order(&json!({}));
    assert_eq!(first[0]["attributes"]["version"], 1);
    assert_eq!(server.steps(&first[0])[2]["output"]["name"], "before");
    assert_eq!(second["attributes"]["version"], 2);
    assert_eq!(second["attributes"]["steps"][2]["output"]["name"], "after");
}

#[test]
fn all_mistakes_in_a_document_are_reported_at_once_with_their_places() {
    let (server, _) = server_with_names();
    let document = r#"{
  "name": "mistaken",
  "trigger": {
    "id": "1", "eventName": "hooks.form.orders.receive",
    "transitions": [{ "target": "fnid", "condition": { "op": "true", "values": [true] } }]
  },
  "steps": [
    { "id": "find", "action": "customer.find-by-emial", "params": { "email": "a@example.com" },
      "transitions": [{ "target": "create", "condition": { "op": "exist", "values": ["/#steps.find.id"] } }] },
    { "id": "create", "action": "customer.create", "params": { "emial": "a@example.com" } }
  ]
}"#;
    let request = server.request("POST", "/v1/workflows").bearer_auth(&server.admin_key);
    let answer = send(request.body(document)).expect(422);
    let told: Vec<String> = answer["errors"].as_array().unwrap().iter().map(shown).collect();
    assert_eq!(
        told,
        [
            "5:33 /trigger/transitions/0/target: unknown step `fnid`; did you mean `find`?",
            "8:31 /steps/0/action: unknown action `customer.find-by-emial`; did you mean `customer.find-by-email`?",
            "9:66 /steps/0/transitions/0/condition/op: unknown operator `exist`; did you mean `exists`?",
            "10:64 /steps/1/params/emial: unknown param `emial`; did you mean `email`?; `customer.create` takes name, \
             email, emails, phone, phones, externalId, company, username, urls, locations, locale, timeZone, birthdayAt, \
             gender, tags, custom",
        ]
    );
    assert_eq!(ids(&server.get("/v1/workflows").expect(200)).len(), 1);
}

fn shown(error: &Value) -> String {
    let text = |value: &Value| value.as_str().expect("an error has texts").to_owned();
    assert_eq!((text(&error["status"]), text(&error["code"])), ("422".into(), "invalid".into()));
    let (place, pointer) = (&error["meta"], text(&error["source"]["pointer"]));
    format!("{}:{} {pointer}: {}", place["line"], place["column"], text(&error["detail"]))
}

#[test]
fn a_document_that_is_not_json_is_refused_with_its_place() {
    let (server, _) = server_with_names();
    let request = || server.request("POST", "/v1/workflows").bearer_auth(&server.admin_key);
    let answer = send(request().body("{\"name\": \"x\",\n  steps: []}")).expect(422);
    assert_eq!(answer["errors"][0]["meta"], json!({ "line": 2, "column": 3 }));
    assert_eq!(detail(&answer), "not JSON: key must be a string");
    let answer = send(request().body(&b"\xFF"[..])).expect(400);
    assert!(detail(&answer).starts_with("the body is not UTF-8"), "{answer}");
}

#[test]
fn an_undeclared_hook_is_only_a_warning() {
    let server = ServerBuilder::bare().start();
    let saved = server.call("POST", "/v1/workflows", naming("x")).expect(201);
    let warnings = saved["data"]["attributes"]["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), 1, "{saved:#}");
    assert_eq!(warnings[0]["severity"], "warning");
    assert_eq!(warnings[0]["pointer"], "/trigger/eventName");
    assert_eq!(warnings[0]["message"], "unknown form hook `orders`");
}

#[test]
fn a_disabled_workflow_does_not_run_until_it_is_enabled_again() {
    let (server, saved) = server_with_names();
    let disabled = server.call("PATCH", &link(&saved), json!({ "enabled": false })).expect(200);
    assert_eq!(disabled["data"]["attributes"]["enabled"], false);
    assert_eq!(disabled["data"]["attributes"]["version"], 1);
    server.post_hook("orders", &json!({})).expect(200);
    assert!(ids(&server.get("/v1/runs").expect(200)).is_empty());
    server.call("PATCH", &link(&saved), json!({ "enabled": true })).expect(200);
    server.run_order(&json!({}));
}

#[test]
fn a_change_without_enabled_is_refused() {
    let (server, saved) = server_with_names();
    let answer = server.call("PATCH", &link(&saved), json!({ "name": "other" })).expect(422);
    assert_eq!(errors(&answer), [("invalid", "/enabled"), ("invalid", "/name")]);
}

#[test]
fn a_deleted_workflow_is_gone_and_its_runs_stay() {
    let (server, saved) = server_with_names();
    let run = server.run_order(&json!({}));
    assert_eq!(server.call("DELETE", &link(&saved), Value::Null).status, 204);
    server.get(&link(&saved)).expect(404);
    server.call("PUT", &link(&saved), naming("second")).expect(404);
    server.call("DELETE", &link(&saved), Value::Null).expect(404);
    assert!(ids(&server.get("/v1/workflows").expect(200)).is_empty());
    server.post_hook("orders", &json!({})).expect(200);
    assert_eq!(ids(&server.get("/v1/runs").expect(200)), [run["id"].as_str().unwrap()]);
    assert_eq!(server.get(&link(&run)).expect(200)["data"], run);
}

#[test]
fn a_name_belongs_to_one_workflow() {
    let (server, _) = server_with_names();
    let answer = server.call("POST", "/v1/workflows", naming("other")).expect(409);
    assert_eq!(errors(&answer), [("taken", "/name")]);
    assert_eq!(detail(&answer), "a workflow named `names` already exists");
    let other = workflow("others", json!([{ "id": "2" }]));
    let other = server.call("POST", "/v1/workflows", other).expect(201)["data"].take();
    let answer = server.call("PUT", &link(&other), naming("other")).expect(409);
    assert_eq!(errors(&answer), [("taken", "/name")]);
}

#[test]
fn every_workflow_that_listens_runs() {
    let (server, _) = server_with_names();
    let other = workflow("others", json!([{ "id": "2" }]));
    server.call("POST", "/v1/workflows", other).expect(201);
    server.post_hook("orders", &json!({})).expect(200);
    let runs = server.wait_for_runs();
    let mut names: Vec<_> = runs.iter().map(|run| run["attributes"]["workflow"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["names", "others"]);
}

#[test]
fn a_document_larger_than_admin_calls_may_be_is_refused_in_json() {
    let server = ServerBuilder::bare().start();
    let request = server.request("POST", "/v1/workflows").bearer_auth(&server.admin_key);
    let answer = send(request.body(" ".repeat(4 * 1024 * 1024 + 1))).expect(413);
    assert_eq!(errors(&answer), [("body_too_large", "")]);
}
