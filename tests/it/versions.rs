//! Versions of workflows: what differs between two, drafts, and the way back.

use serde_json::{Value, json};

use crate::support::{Server, ServerBuilder, always, detail, errors, workflow};

/// A server with a workflow that sets this value, and the workflow's address.
fn server() -> (Server, String) {
    let builder = ServerBuilder::bare();
    builder.write_workflow("hook.json", &json!({ "hooks": [{ "name": "orders", "type": "form" }] }).to_string());
    let server = builder.start();
    let made = server.call("POST", "/v1/workflows", sets("one")).expect(201);
    let link = made["data"]["links"]["self"].as_str().unwrap().to_owned();
    (server, link)
}

fn sets(value: &str) -> Value {
    workflow("sets", json!([{ "id": "2", "action": "value.set", "params": { "value": value } }]))
}

/// The value that a run sets now.
fn value_set(server: &Server) -> Value {
    server.run_order(&json!({}))["attributes"]["steps"][1]["output"]["value"].clone()
}

#[test]
fn the_difference_between_two_versions_has_pointers_and_text() {
    let (server, link) = server();
    let mut second = sets("two");
    second["steps"][0]["transitions"] = json!([always("3")]);
    second["steps"].as_array_mut().unwrap().push(json!({ "id": "3" }));
    server.call("PUT", &link, second).expect(200);
    let shown = server.get(&format!("{link}/versions/1/diff/2")).expect(200)["data"]["attributes"].take();
    let changes = json!([
        { "op": "replace", "pointer": "/steps/0/params/value", "id": "2", "before": "one", "after": "two" },
        { "op": "add", "pointer": "/steps/0/transitions", "id": "2", "after": [always("3")] },
        { "op": "add", "pointer": "/steps/1", "id": "3", "after": { "id": "3" } },
    ]);
    assert_eq!(shown["changes"], changes);
    let text = shown["text"].as_str().unwrap();
    assert!(text.starts_with("~ /steps/0/params/value  (in `2`)\n    - \"one\"\n    + \"two\"\n"), "{text}");
    let back = server.get(&format!("{link}/versions/current/diff/1")).expect(200);
    assert_eq!(back["data"]["attributes"]["changes"][0]["after"], "one");
    let same = server.get(&format!("{link}/versions/2/diff/current")).expect(200);
    assert_eq!((&same["data"]["attributes"]["changes"], &same["data"]["attributes"]["text"]), (&json!([]), &json!("")));
    for missing in ["1/diff/9", "x/diff/1", "1/diff/draft"] {
        let answer = server.get(&format!("{link}/versions/{missing}")).expect(404);
        assert!(detail(&answer).contains(" has no version `"), "{answer}");
    }
}

#[test]
fn an_old_version_is_restored_as_a_new_one() {
    let (server, link) = server();
    server.call("PUT", &link, sets("two")).expect(200);
    assert_eq!(value_set(&server), "two");
    let back = server.call("POST", &format!("{link}/rollback"), json!({ "version": 1 })).expect(200);
    assert_eq!(back["data"]["attributes"]["version"], 3);
    assert_eq!(value_set(&server), "one");
    let versions = server.get(&format!("{link}/versions")).expect(200);
    let origins: Vec<&Value> =
        versions["data"].as_array().unwrap().iter().map(|version| &version["attributes"]["origin"]).collect();
    assert_eq!(origins, ["rollback to version 1", "api", "api"]);
    let again = server.call("POST", &format!("{link}/rollback"), json!({ "version": 1 })).expect(200);
    assert_eq!(again["data"]["attributes"]["version"], 3, "it says that already");
    let answer = server.call("POST", &format!("{link}/rollback"), json!({})).expect(422);
    assert_eq!(errors(&answer), [("invalid", "/version")]);
    server.call("POST", &format!("{link}/rollback"), json!({ "version": 17 })).expect(404);
}

#[test]
fn a_draft_is_checked_but_in_force_only_once_it_is_published() {
    let (server, link) = server();
    let draft = format!("{link}/draft");
    server.get(&draft).expect(404);
    let wrong = server.call("PUT", &draft, json!({ "name": "sets", "steps": [] })).expect(422);
    assert_eq!(errors(&wrong), [("invalid", "")]);
    let saved = server.call("PUT", &draft, sets("two")).expect(200);
    assert_eq!(saved["data"]["attributes"]["baseVersion"], 1);
    assert_eq!(server.get(&draft).expect(200)["data"]["attributes"]["document"], sets("two"));
    assert_eq!(value_set(&server), "one");
    let ahead = server.get(&format!("{link}/versions/current/diff/draft")).expect(200);
    assert_eq!(ahead["data"]["attributes"]["changes"][0]["pointer"], "/steps/0/params/value");

    let published = server.call("POST", &format!("{link}/publish"), Value::Null).expect(200);
    assert_eq!(published["data"]["attributes"]["version"], 2);
    assert_eq!(value_set(&server), "two");
    server.get(&draft).expect(404);
    server.call("POST", &format!("{link}/publish"), Value::Null).expect(404);
    server.call("PUT", &draft, sets("three")).expect(200);
    server.call("DELETE", &draft, Value::Null).expect(204);
    server.call("DELETE", &draft, Value::Null).expect(404);
}

#[test]
fn a_draft_on_an_older_version_is_not_published() {
    let (server, link) = server();
    server.call("PUT", &format!("{link}/draft"), sets("draft")).expect(200);
    server.call("PUT", &link, sets("two")).expect(200);
    let answer = server.call("POST", &format!("{link}/publish"), Value::Null).expect(409);
    let told = "version 2 has come into force since the draft was saved on version 1";
    assert!(detail(&answer).starts_with(told), "{answer}");
    server.call("PUT", &format!("{link}/draft"), sets("draft")).expect(200);
    server.call("POST", &format!("{link}/publish"), Value::Null).expect(200);
    assert_eq!(value_set(&server), "draft");
}

#[test]
fn a_version_that_has_become_invalid_is_not_put_in_force() {
    let (server, link) = server();
    let makes = |klass: &str| {
        let params = json!({ "klassName": klass, "customer": "/#steps.1.id", "title": "t", "data": {}, "custom": { "aStr": "x" } });
        workflow("sets", json!([{ "id": "2", "action": "kobject.create-with-customer", "params": params }]))
    };
    server.call("POST", "/v1/klasses", json!({ "name": "box", "properties": { "aStr": {} } })).expect(201);
    server.call("PUT", &link, makes("box")).expect(200);
    server.call("PUT", &link, sets("three")).expect(200);
    server.call("PUT", &format!("{link}/draft"), makes("box")).expect(200);
    server.call("PUT", "/v1/klasses/box", json!({ "properties": {} })).expect(200);
    for (path, body) in [("publish", Value::Null), ("rollback", json!({ "version": 2 }))] {
        let answer = server.call("POST", &format!("{link}/{path}"), body).expect(422);
        assert_eq!(errors(&answer), [("invalid", "/steps/0/params/custom/aStr")]);
    }
    assert_eq!(value_set(&server), "three");
}
