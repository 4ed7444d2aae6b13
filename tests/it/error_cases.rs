//! What a workflow says should happen when an action has failed.

use serde_json::{Value, json};

use crate::support::server::is_open;
use crate::support::{Server, ServerBuilder, always, wait_for};

/// A workflow whose step `put` puts a kobject of the klass `late` on a new customer's timeline, and fails as long as there
/// is no such klass. `after` comes after it.
fn server(error_cases: Value) -> Server {
    let error = json!({ "code": "/#error.code", "step": "/#error.step", "text": "said: {{{error.message}}}" });
    let steps = json!([
        { "id": "customer", "action": "customer.create", "params": { "email": "ann@example.com" },
          "transitions": [always("put")] },
        { "id": "put", "action": "kobject.create-with-customer", "errorCases": error_cases,
          "params": { "klassName": "/#steps.1.attributes.data.klass", "customer": "/#steps.customer.id", "title": "Late",
                      "data": {} },
          "transitions": [always("after")] },
        { "id": "after", "action": "kobject.create-with-customer",
          "params": { "klassName": "note", "customer": "/#steps.customer.id", "title": "After", "data": error } },
    ]);
    let bundle = json!({
        "hooks": [{ "name": "orders", "type": "form" }],
        "klasses": [{ "name": "note", "properties": {} }],
        "workflows": [crate::support::workflow("steps", steps)],
    });
    let builder = ServerBuilder::bare();
    builder.write_workflow("bundle.json", &bundle.to_string());
    builder.start()
}

fn case(kind: &str) -> Value {
    json!([{ "condition": { "op": "and", "values": [] }, "errorAction": { "type": kind } }])
}

fn post(server: &Server) -> String {
    server.post_hook("orders", &json!({ "klass": "late" })).expect(200);
    wait_for("the run", || server.get("/v1/runs").expect(200)["data"][0]["id"].as_str().map(str::to_owned))
}

fn make_klass(server: &Server) {
    server.call("POST", "/v1/klasses", json!({ "name": "late", "properties": {} })).expect(201);
}

/// Ids and statuses of the steps.
fn path(server: &Server, run: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    server.steps(run).iter().map(|step| (text(&step["id"]), text(&step["status"]))).collect()
}

fn shown(path: &[(&str, &str)]) -> Vec<(String, String)> {
    path.iter().map(|(id, status)| ((*id).to_owned(), (*status).to_owned())).collect()
}

const COMPLETED: &str = "completed";

#[test]
fn continue_goes_on_and_later_steps_see_the_error() {
    let server = server(case("continue"));
    let run = server.wait_for_run(&post(&server), |status| !is_open(status));
    assert_eq!(run["attributes"]["status"], "completed", "{run:#}");
    let expected = [("1", COMPLETED), ("customer", COMPLETED), ("put", "failed"), ("after", COMPLETED)];
    assert_eq!(path(&server, &run), shown(&expected));
    let data = server.steps(&run)[3]["output"]["data"].clone();
    assert_eq!((&data["code"], &data["step"]), (&json!("invalid_params"), &json!("put")));
    assert_eq!(data["text"], "said: /klassName: unknown klass `late`");
}

#[test]
fn without_a_case_that_holds_the_run_fails() {
    let other = json!([{ "condition": { "op": "eq", "values": ["/#error.code", "taken"] }, "errorAction": { "type": "continue" } }]);
    for cases in [json!([]), case("stop-processing"), other] {
        let server = server(cases);
        let run = server.wait_for_run(&post(&server), |status| !is_open(status));
        assert_eq!(run["attributes"]["status"], "failed");
        assert_eq!(run["attributes"]["error"]["step"], "put");
        assert_eq!(path(&server, &run), shown(&[("1", COMPLETED), ("customer", COMPLETED), ("put", "failed")]));
    }
}

#[test]
fn retry_action_executes_the_step_again_and_shows_each_attempt() {
    let server = server(case("retry-action"));
    let run = post(&server);
    let waiting = server.wait_for_run(&run, |status| status == "waiting");
    assert_eq!(server.steps(&waiting)[2]["attempts"][0]["error"], "/klassName: unknown klass `late`");
    make_klass(&server);
    let run = server.wait_for_run(&run, |status| !is_open(status));
    let expected = [("1", COMPLETED), ("customer", COMPLETED), ("put", COMPLETED), ("after", COMPLETED)];
    assert_eq!(path(&server, &run), shown(&expected));
    assert!(!server.steps(&run)[2]["attempts"].as_array().unwrap().is_empty());
}

#[test]
fn retry_workflow_begins_with_the_trigger_again() {
    let server = server(case("retry-workflow"));
    let run = post(&server);
    server.wait_for_run(&run, |status| status == "waiting");
    make_klass(&server);
    let run = server.wait_for_run(&run, |status| !is_open(status));
    let path = path(&server, &run);
    let first = shown(&[("1", COMPLETED), ("customer", COMPLETED), ("put", "failed")]);
    let last = shown(&[("1", COMPLETED), ("customer", COMPLETED), ("put", COMPLETED), ("after", COMPLETED)]);
    assert!(path.starts_with(&first) && path.ends_with(&last), "{path:?}");
    assert_eq!(server.get("/v1/customers").expect(200)["data"].as_array().unwrap().len(), 1);
}
