//! Workflows and hooks that an earlier version accepted and this one would refuse: they keep working as far as they can,
//! and the API shows what does not.

use serde_json::{Value, json};

use crate::support::{Server, ServerBuilder, always, workflow};

/// A server on a database in which a text of the stored documents was replaced by another one.
fn restarted(server: Server, text: &str, replacement: &str) -> Server {
    let workspace = server.directory();
    assert!(server.stop().success());
    workspace.execute(&format!("UPDATE workflow_versions SET document = replace(document, '{text}', '{replacement}')"));
    ServerBuilder::in_directory(workspace).start()
}

fn server(steps: Value) -> Server {
    let builder = ServerBuilder::bare();
    builder.write_workflow("hook.json", &json!({ "hooks": [{ "name": "orders", "type": "form" }] }).to_string());
    let server = builder.start();
    server.create("/v1/workflows", workflow("flow", steps));
    server
}

/// An expression that was accepted once, and that the checker refuses now.
const REFUSED: &str = "/#fn:inBusinessHours,steps.1.attributes.createdAt,emea";
const REASON: &str = "`inBusinessHours` takes at most 1 argument, not 2";

#[test]
fn an_expression_that_is_refused_by_now_fails_only_when_a_run_reaches_it() {
    let reached = json!({ "op": "eq", "values": ["/#steps.1.attributes.data.reach", "yes"] });
    let server = server(json!([
        { "id": "2", "action": "value.set", "params": { "value": "fine" },
          "transitions": [{ "target": "3", "condition": reached }] },
        { "id": "3", "action": "value.set", "params": { "value": "TEXT" },
          "transitions": [{ "target": "4", "condition": { "op": "eq", "values": ["TEXT", "x"] } }] },
        { "id": "4" },
    ]));
    let server = restarted(server, "TEXT", REFUSED);
    let shown = server.workflow("flow");
    assert_eq!((&shown["attributes"]["enabled"], &shown["attributes"]["problem"]), (&json!(true), &Value::Null));
    let run = server.run_order(&json!({}));
    assert_eq!(run["attributes"]["status"], "completed", "{run:#}");
    let run = server.run_order(&json!({ "reach": "yes" }));
    let error = &run["attributes"]["error"];
    assert_eq!((&error["code"], &error["step"]), (&json!("expression_failed"), &json!("3")), "{run:#}");
    assert!(error["message"].as_str().unwrap().ends_with(REASON), "{error}");

    let refused = server.call("PUT", shown["links"]["self"].as_str().unwrap(), shown["attributes"]["document"].clone());
    let refused = refused.expect(422);
    assert_eq!(refused["errors"].as_array().unwrap().len(), 2, "one for each place: {refused:#}");
    assert_eq!(refused["errors"][0]["detail"], format!("{REASON}; usage: `inBusinessHours date?`"));
}

#[test]
fn a_workflow_that_can_not_be_compiled_says_so() {
    let server = server(json!([{ "id": "2", "transitions": [always("3")] }, { "id": "3" }]));
    let server = restarted(server, r#""target":"3""#, r#""target":"9""#);
    let shown = server.workflow("flow");
    let problem = shown["attributes"]["problem"].as_str().expect("it has a problem");
    assert!(problem.contains("unknown step `9`"), "{problem}");
    let one = server.get(shown["links"]["self"].as_str().unwrap()).expect(200);
    assert_eq!(one["data"]["attributes"]["problem"], problem);
    let transaction = server.post_hook("orders", &json!({})).expect(200)["data"]["id"].clone();
    let transaction = server.get(&format!("/v1/transactions/{}", transaction.as_str().unwrap())).expect(200);
    assert_eq!(transaction["data"]["relationships"]["runs"]["data"], json!([]));
    // A version that compiles ends it.
    let fixed = workflow("flow", json!([{ "id": "2" }]));
    let saved = server.call("PUT", shown["links"]["self"].as_str().unwrap(), fixed).expect(200);
    assert_eq!(saved["data"]["attributes"]["problem"], Value::Null);
    assert_eq!(server.run_order(&json!({}))["attributes"]["status"], "completed");
}

#[test]
fn a_hook_whose_settings_can_not_be_read_says_so() {
    let server = server(json!([{ "id": "2" }]));
    let workspace = server.directory();
    assert!(server.stop().success());
    workspace.execute(r#"UPDATE hooks SET settings = '{"deduplicate":{"key":"/#fn:unknown,1"}}'"#);
    let server = ServerBuilder::in_directory(workspace).start();
    let shown = server.hook("orders");
    let problem = shown["attributes"]["problem"].as_str().expect("it has a problem");
    assert!(problem.starts_with("/deduplicate/key: unknown"), "{problem}");
    assert!(server.post_hook("orders", &json!({})).status >= 400);
    let link = shown["links"]["self"].as_str().unwrap();
    let changed = server.call("PATCH", link, json!({ "deduplicate": null })).expect(200);
    assert_eq!(changed["data"]["attributes"]["problem"], Value::Null);
    server.post_hook("orders", &json!({})).expect(200);
}
