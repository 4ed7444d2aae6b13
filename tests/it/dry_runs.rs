//! `hookflow try` and `hookflow test`: workflows without a server.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::database::Kind;
use crate::support::program::{Said, hookflow};
use crate::support::{ServerBuilder, always, orders_bundle, wait_for, workflow};

fn folder(files: &[(&str, String)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

/// A bundle whose workflow `steps` has these steps and listens to the hook `orders`.
fn steps(steps: Value) -> (&'static str, String) {
    let bundle = json!({ "hooks": [{ "name": "orders", "type": "form" }], "workflows": [workflow("steps", steps)] });
    ("steps.json", bundle.to_string())
}

/// A test file with one case.
fn case(case: Value) -> (&'static str, String) {
    let mut case = case;
    case["name"] = json!("the case");
    ("steps.test.json", json!({ "cases": [case] }).to_string())
}

fn test(folder: &TempDir) -> Said {
    hookflow(folder.path(), &["test", "."])
}

#[track_caller]
fn assert_passes(files: &[(&str, String)]) {
    let said = test(&folder(files));
    assert_eq!(said.code, Some(0), "{}{}", said.output, said.errors);
}

fn try_json(directory: &Path, arguments: &[&str]) -> Value {
    let said = hookflow(directory, &[&["try"], arguments, &["--json"]].concat());
    serde_json::from_str(&said.output).unwrap_or_else(|error| panic!("{error}: {}{}", said.output, said.errors))
}

#[test]
fn the_shipped_tests_pass() {
    let said = hookflow(Path::new(env!("CARGO_MANIFEST_DIR")), &["test"]);
    assert_eq!(said.code, Some(0), "{}{}", said.output, said.errors);
    assert!(said.output.ends_with("3 cases: 3 passed, 0 failed\n"), "{}", said.output);
}

#[test]
fn try_shows_the_path_with_what_each_step_received_and_gave() {
    let order = json!({ "orderId": "1234", "price": "$10.25", "quantity": 2, "email": "test@example.com" });
    let folder = folder(&[("orders.json", orders_bundle()), ("order.json", order.to_string())]);
    let arguments = ["try", "orders.json", "--payload", "order.json", "--now", "2026-01-02T03:04:05Z"];
    let said = hookflow(folder.path(), &arguments);
    assert_eq!(said.code, Some(0), "{}", said.errors);
    let mut settings = insta::Settings::clone_current();
    settings.add_filter("[0-9a-f]{24}", "<id>");
    settings.bind(|| insta::assert_snapshot!(said.output));
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().flatten().map(|file| file.file_name()).collect();
    assert_eq!(left.len(), 2, "nothing is left behind: {left:?}");
}

#[test]
fn what_is_not_as_expected_is_told_with_its_place() {
    let expect = json!({
        "status": "failed", "path": ["1", "3"], "steps": { "2": { "output": { "value": "no", "more": 1 } } },
        "calls": [{}], "runs": []
    });
    let folder = folder(&[
        steps(json!([{ "id": "2", "action": "value.set", "params": { "value": "yes" } }])),
        case(json!({ "expect": expect })),
    ]);
    let said = hookflow(folder.path(), &["test", ".", "--junit", "report.xml"]);
    assert_eq!(said.code, Some(1));
    insta::assert_snapshot!(said.output);
    let report = std::fs::read_to_string(folder.path().join("report.xml")).unwrap();
    assert!(
        report.contains(r#"<testsuites name="hookflow" tests="1" skipped="0" failures="1" errors="0">"#),
        "{report}"
    );
    assert!(report.contains("/steps/2/output/value"), "{report}");
}

#[test]
fn invalid_files_are_reported_with_their_places() {
    let good = steps(json!([{ "id": "2", "action": "value.set", "params": { "value": 1 } }]));
    for (text, told) in [
        (
            "{\"cases\": [\n  {\"name\": \"a\", \"expct\": {}}]}",
            "./steps.test.json:2:23: unknown field `expct`, expected one of",
        ),
        ("{\"cases\": []}", "./steps.test.json: `cases` is empty"),
    ] {
        let said = test(&folder(&[good.clone(), ("steps.test.json", text.into())]));
        assert_eq!(said.code, Some(2));
        assert!(said.errors.contains(told), "{}", said.errors);
    }
    let said = test(&folder(&[good.clone(), case(json!({ "expect": { "paht": [] } }))]));
    assert_eq!(said.code, Some(1));
    assert!(said.output.contains("unknown key `paht` in the expectation; did you mean `path`?"), "{}", said.output);
    let said = test(&folder(&[good.clone(), case(json!({ "workflow": "stesp", "expect": {} }))]));
    assert!(said.output.contains("unknown workflow `stesp`; did you mean `steps`?"), "{}", said.output);
    let said = test(&folder(&[good]));
    assert_eq!((said.code, said.errors.contains("no test files in `.`")), (Some(2), true), "{}", said.errors);
    let said = test(&folder(&[steps(json!([{ "id": "2", "action": "value.sit" }])), case(json!({ "expect": {} }))]));
    assert_eq!(said.code, Some(2));
    assert!(said.errors.contains("unknown action `value.sit`; did you mean `value.set`?"), "{}", said.errors);
}

#[test]
fn calls_are_answered_by_the_test_and_compared() {
    let call = json!([{ "id": "2", "action": "rest-api.json", "params": {
        "method": "POST", "uri": "https://api.example.com/orders", "headers": { "authorization": "Bearer {{{variables.key}}}" },
        "data": { "id": "/#steps.1.attributes.data.id" } } }]);
    assert_passes(&[
        steps(call.clone()),
        case(json!({
            "payload": { "id": 7 },
            "variables": { "key": "s3cret" },
            "answers": { "2": [{ "failure": "the peer hung up" }, { "status": 503 }, { "status": 201, "body": { "new": true } }] },
            "expect": {
                "steps": { "2": {
                    "attempts": [{ "error": "the peer hung up" }, { "statusCode": 503 }, { "statusCode": 201 }],
                    "input": { "headers": { "authorization": "<any>" } },
                    "output": { "response": { "statusCode": 201 }, "body": { "new": true } }
                } },
                "calls": [{}, {}, {
                    "step": "2", "attempt": 3, "method": "POST", "uri": "https://api.example.com/orders",
                    "headers": { "authorization": "Bearer s3cret", "idempotency-key": "<any>" }, "body": { "id": 7 }
                }]
            }
        })),
    ]);
    let said = test(&folder(&[steps(call.clone()), case(json!({ "expect": {} }))]));
    let told = "no answer for the call of step `2`: POST https://api.example.com/orders";
    assert!(said.output.contains(told), "{}", said.output);
    let said = hookflow(folder(&[steps(call)]).path(), &["try", "steps.json", "--variable", "key=s3cret"]);
    assert_eq!(said.code, Some(0), "{}", said.errors);
    assert!(
        said.output.contains("not sent: POST https://api.example.com/orders (step 2, attempt 1)"),
        "{}",
        said.output
    );
    assert!(!said.output.contains("s3cret"), "{}", said.output);
}

#[test]
fn waiting_takes_no_time_and_nested_runs_are_executed_too() {
    let bundle = json!({ "workflows": [
        { "name": "steps",
          "trigger": { "id": "1", "callable": true, "schema": { "properties": { "days": { "type": "number" } }, "required": ["days"] },
                       "transitions": [always("wait")] },
          "steps": [
            { "id": "wait", "action": "delay", "params": { "for": { "value": "/#steps.1.days", "unit": "days" } }, "transitions": [always("ask")] },
            { "id": "ask", "action": "command.run-by-name", "params": { "name": "other", "inputs": { "a": 1 } },
              "transitions": [always("when")] },
            { "id": "when", "action": "value.set", "params": { "value": "done" },
              "transitions": [] }
          ] },
        { "name": "other",
          "trigger": { "id": "1", "callable": true, "transitions": [always("2")] },
          "steps": [{ "id": "2", "action": "value.set", "params": { "value": "/#steps.1.a" } }] }
    ] });
    assert_passes(&[
        ("steps.json", bundle.to_string()),
        case(json!({
            "workflow": "steps", "now": "2026-01-31T12:00:00Z", "payload": { "days": 40 },
            "expect": {
                "path": ["1", "wait", "ask", "when"],
                "steps": {
                    "wait": { "finishedAt": "2026-03-12T12:00:00.000Z" },
                    "ask": { "output": { "response": { "value": 1 } } }
                },
                "runs": [{ "workflow": "other", "status": "completed", "path": ["1", "2"] }]
            }
        })),
    ]);
}

#[test]
fn a_scheduled_workflow_starts_as_its_schedule_would_start_it() {
    let bundle = json!({ "workflows": [{
        "name": "steps",
        "trigger": { "id": "1", "schedule": { "cron": "0 9 * * *", "timeZone": "UTC" }, "transitions": [always("2")] },
        "steps": [{ "id": "2", "action": "value.set", "params": { "value": "/#steps.1.nextAt" } }]
    }] });
    let folder = folder(&[("steps.json", bundle.to_string())]);
    let tried = try_json(folder.path(), &["steps.json", "--now", "2026-01-31T09:00:00Z"]);
    let run = &tried["runs"][0];
    assert_eq!(run["event"], "workflow.steps.schedule");
    let at = "2026-01-31T09:00:00.000Z";
    let expected = json!({ "scheduledAt": at, "firedAt": at, "missed": 0, "nextAt": "2026-02-01T09:00:00.000Z" });
    assert_eq!(run["steps"][0]["output"], expected);
}

#[test]
fn a_real_database_lends_its_objects_and_keeps_nothing() {
    let server = ServerBuilder::new().on(Kind::Sqlite).start();
    let order = json!({ "orderId": "1", "price": "$10.25", "quantity": 2, "email": "ann@example.com" });
    server.run_order(&order);
    let directory = server.directory();
    std::fs::write(directory.path().join("order.json"), order.to_string()).unwrap();
    let arguments = ["workflows/orders.json", "--payload", "order.json", "--database-url", "sqlite:hookflow.db"];
    let busy = hookflow(directory.path(), &[&["try"], arguments.as_slice()].concat());
    assert!(busy.errors.contains("another hookflow process uses the database"), "{}", busy.errors);
    assert!(server.stop().success());
    let tried = try_json(directory.path(), &arguments);
    assert_eq!(tried["runs"][0]["path"], json!(["1", "2", "4"]), "{tried:#}");
    let server = ServerBuilder::in_directory(directory).start();
    let count = |path: &str| server.get(path).expect(200)["data"].as_array().unwrap().len();
    assert_eq!((count("/v1/runs"), count("/v1/klasses/order"), count("/v1/customers")), (1, 1, 1));
}

#[test]
fn a_dry_run_takes_turns_with_itself_but_not_with_real_runs() {
    let mut limited = workflow("steps", json!([{ "id": "2", "action": "delay", "params": { "for": 3600 } }]));
    limited["trigger"]["callable"] = json!(true);
    limited["concurrency"] = json!({ "limit": 1 });
    let call = json!({ "name": "steps", "wait": false });
    let twice = workflow(
        "twice",
        json!([
            { "id": "2", "action": "command.run-by-name", "params": call, "transitions": [always("3")] },
            { "id": "3", "action": "command.run-by-name", "params": call },
        ]),
    );
    let bundle = json!({ "hooks": [{ "name": "orders", "type": "form" }], "workflows": [limited, twice] });
    let builder = ServerBuilder::bare().on(Kind::Sqlite);
    builder.write_workflow("bundle.json", &bundle.to_string());
    let server = builder.start();
    server.post_hook("orders", &json!({})).expect(200);
    wait_for("a run to wait", || {
        (!server.get("/v1/runs?status=waiting").expect(200)["data"].as_array().unwrap().is_empty()).then_some(())
    });
    let directory = server.directory();
    assert!(server.stop().success());
    std::fs::write(directory.path().join("order.json"), "{}").unwrap();
    let arguments =
        ["workflows/bundle.json", "--workflow", "twice", "--payload", "order.json", "--now", "2026-01-01T00:00:00Z"];
    let tried = try_json(directory.path(), &[&arguments, ["--database-url", "sqlite:hookflow.db"].as_slice()].concat());
    let ended: Vec<&Value> = tried["runs"].as_array().unwrap().iter().map(|run| &run["status"]).collect();
    assert_eq!(ended, ["completed"; 3], "{tried:#}");
    assert_eq!(tried["endedAt"], "2026-01-01T02:00:00.000Z", "one after the other");
}

#[test]
fn a_workflow_that_never_ends_is_reported() {
    let call_itself = json!({ "workflows": [{
        "name": "steps",
        "trigger": { "id": "1", "callable": true, "transitions": [always("2")] },
        "steps": [
            { "id": "2", "action": "app.scheduler.schedule-workflow",
              "params": { "workflowId": "steps", "runAt": { "type": "relative", "value": 1 } } }
        ]
    }] });
    let said = hookflow(folder(&[("steps.json", call_itself.to_string())]).path(), &["try", "steps.json", "--json"]);
    // The depth limit ends it before the limit of dry runs does.
    let tried: Value = serde_json::from_str(&said.output).unwrap_or_else(|_| panic!("{}{}", said.output, said.errors));
    let last = tried["runs"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["status"], &last["error"]["code"]), (&json!("failed"), &json!("event_loop")), "{tried:#}");
}

#[test]
fn a_call_that_the_server_would_refuse_fails_in_a_dry_run() {
    let params = json!({ "uri": "{{{steps.1.attributes.data.url}}}" });
    let files = [
        steps(json!([{ "id": "2", "action": "rest-api.json", "params": params }])),
        ("order.json", json!({ "url": "ftp://a.example/" }).to_string()),
    ];
    let folder = folder(&files);
    let said = hookflow(folder.path(), &["try", "steps.json", "--payload", "order.json"]);
    assert_eq!(said.code, Some(1), "{}", said.output);
    assert!(said.output.contains("the URL must begin with http: or https:"), "{}", said.output);
}
