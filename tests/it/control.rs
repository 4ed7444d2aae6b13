//! Actions about the course of a run, and about texts: stopping, log lines, regular expressions.

use serde_json::{Value, json};

use crate::support::program::hookflow;
use crate::support::{ServerBuilder, always};

fn run_with(steps: Value, payload: &Value) -> Value {
    ServerBuilder::with_steps(steps).start().run_order(payload)["attributes"].take()
}

#[test]
fn a_run_is_ended_as_completed_and_nothing_comes_after() {
    let run = run_with(
        json!([
            { "id": "2", "action": "workflow.stop", "params": { "message": "enough" }, "transitions": [always("3")] },
            { "id": "3", "action": "customer.create", "params": { "name": "Ann" } }
        ]),
        &json!({}),
    );
    assert_eq!((&run["status"], &run["error"]), (&json!("completed"), &Value::Null));
    assert_eq!(run["steps"].as_array().unwrap().len(), 2);
    assert_eq!(run["steps"][1]["output"], json!({ "status": "completed", "message": "enough" }));
}

#[test]
fn a_run_is_ended_as_failed_whatever_the_error_cases_say() {
    let goes_on = json!([{ "condition": { "op": "true", "values": [true] }, "errorAction": { "type": "continue" } }]);
    let params = json!({ "status": "failed", "message": "order {{steps.1.attributes.data.id}} is not ours" });
    let run = run_with(
        json!([{ "id": "2", "action": "workflow.stop", "params": params, "errorCases": goes_on }]),
        &json!({ "id": 7 }),
    );
    assert_eq!(run["status"], "failed");
    assert_eq!(run["error"]["code"], "stopped");
    assert_eq!((&run["error"]["message"], &run["error"]["step"]), (&json!("order 7 is not ours"), &json!("2")));
    assert_eq!(run["steps"][1]["status"], "completed");
}

#[test]
fn an_unknown_status_or_level_is_reported() {
    let run = run_with(json!([{ "id": "2", "action": "workflow.stop", "params": { "status": "faild" } }]), &json!({}));
    assert_eq!(run["error"]["message"], "/status: unknown status `faild`; did you mean `failed`?");
    let params = json!({ "level": "warning", "message": "x" });
    let run = run_with(json!([{ "id": "2", "action": "log", "params": params }]), &json!({}));
    assert_eq!(run["error"]["code"], "invalid_params");
}

#[test]
fn a_line_is_written_to_the_log_on_one_line_with_its_run() {
    let params = json!({ "level": "warn", "message": "{{{steps.1.attributes.data.text}}}" });
    let steps = json!([{ "id": "2", "action": "log", "params": params }]);
    let server = ServerBuilder::with_steps(steps).arguments(&["--log-format", "json"]).start();
    let run = server.run_order(&json!({ "text": "low stock\nforged" }));
    let log = server.wait_for_log("low stock");
    let line = log.lines().find(|line| line.contains("low stock")).expect("the line was waited for");
    let line: Value = serde_json::from_str(line).expect("a line of the log is JSON");
    assert_eq!((&line["message"], &line["level"]), (&json!("low stock forged"), &json!("warn")));
    assert_eq!((&line["run_id"], &line["workflow"], &line["step"]), (&run["id"], &json!("steps"), &json!("2")));
    assert_eq!(run["attributes"]["steps"][1]["output"], json!({ "level": "warn", "message": "low stock forged" }));
}

#[test]
fn a_regular_expression_is_found_with_its_groups() {
    let params = json!({ "testString": "/#steps.1.attributes.data.text", "regex": r"(?<shop>[a-z]+)-(\d+)(x)?" });
    let steps = json!([{ "id": "2", "action": "regex-match.generic", "params": params }]);
    let server = ServerBuilder::with_steps(steps).start();
    let run = server.run_order(&json!({ "text": "orders north-12 and süd-7" }));
    assert_eq!(
        run["attributes"]["steps"][1]["output"],
        json!({ "match": "north-12", "matched": true, "groups": ["north-12", "north", "12", null],
            "named": { "shop": "north" }, "matches": ["north-12", "d-7"] })
    );
    let run = server.run_order(&json!({ "text": "none" }));
    let output = &run["attributes"]["steps"][1]["output"];
    assert_eq!((&output["match"], &output["matched"]), (&Value::Null, &json!(false)));
    let run = server.run_order(&json!({ "text": "a-1".repeat(100_000) }));
    assert_eq!(run["attributes"]["error"]["message"], "/testString: longer than 262144 bytes, which is the limit");
}

#[test]
fn a_value_can_be_kept_with_a_regular_expression_as_in_exported_workflows() {
    let params = json!({ "testString": "{{{steps.1.attributes.data.a}}}", "regex": ".*" });
    let steps = json!([{ "id": "2", "action": "kustomer.regex-match.generic", "params": params }]);
    assert_eq!(run_with(steps, &json!({ "a": 5 }))["steps"][1]["output"]["match"], "5");
}

#[test]
fn an_expression_that_is_not_supported_is_found_when_it_is_loaded_or_when_it_is_known() {
    let params = json!({ "testString": "x", "regex": "a(?=b)" });
    let steps = json!([{ "id": "2", "action": "regex-match.generic", "params": params }]);
    let builder = ServerBuilder::with_steps(steps);
    let said = hookflow(builder.directory(), &["check", "workflows/bundle.json"]);
    let message = "not a regular expression: look-around, including look-ahead and look-behind, is not supported";
    assert!(said.code == Some(1) && said.output.contains(message), "{said:?}");
    let params = json!({ "testString": "x", "regex": "/#steps.1.attributes.data.regex" });
    let run =
        run_with(json!([{ "id": "2", "action": "regex-match.generic", "params": params }]), &json!({ "regex": "(" }));
    assert_eq!(run["error"]["message"], "/regex: not a regular expression: unclosed group");
}
