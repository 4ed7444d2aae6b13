//! `hookflow check`: what it says of files, as a compiler would, and its exit code.

use std::fs::write;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::orders_bundle;
use crate::support::program::{Said, hookflow};

/// A file with every kind of mistake, shared with the checker's own tests.
const MISTAKES: &str = include_str!("../../src/workflow/fixtures/mistakes.json");

fn folder() -> TempDir {
    TempDir::new().expect("a temporary folder can be made")
}

/// What `check` says of one file.
fn check(text: impl AsRef<[u8]>, arguments: &[&str]) -> Said {
    let folder = folder();
    write(folder.path().join("file.json"), text).expect("a file can be written");
    hookflow(folder.path(), &[&["check", "file.json"], arguments].concat())
}

#[test]
fn every_kind_of_mistake_is_shown_at_its_place() {
    let said = check(MISTAKES, &[]);
    assert_eq!(said.code, Some(1));
    assert_eq!(said.errors, "");
    insta::assert_snapshot!(said.output);
}

#[test]
fn a_file_without_mistakes_passes() {
    let said = check(orders_bundle(), &["--strict"]);
    assert_eq!((said.code, said.output.as_str()), (Some(0), "1 file: 0 errors, 0 warnings\n"));
}

#[test]
fn the_files_of_a_folder_are_checked_together() {
    let folder = folder();
    let mut bundle: serde_json::Value = serde_json::from_str(&orders_bundle()).unwrap();
    let workflow = bundle["workflows"][0].take();
    bundle.as_object_mut().unwrap().remove("workflows");
    std::fs::create_dir(folder.path().join("all")).unwrap();
    write(folder.path().join("all/declarations.json"), bundle.to_string()).unwrap();
    write(folder.path().join("all/workflow.json"), workflow.to_string()).unwrap();
    let said = hookflow(folder.path(), &["check", "all"]);
    assert_eq!((said.code, said.output.as_str()), (Some(0), "2 files: 0 errors, 0 warnings\n"));
    let said = hookflow(folder.path(), &["check", "all/workflow.json"]);
    assert_eq!(said.code, Some(1));
    assert!(said.output.contains("error: unknown klass `order`\n"), "{}", said.output);
}

#[test]
fn a_text_that_can_not_be_stored_is_shown_at_its_place() {
    let said = check(
        r#"{"hooks": [{"name": "x", "type": "form", "title": "\u0000", "description": "a\u0000"}],
            "klasses": [{"name": "y", "displayName": "\u0000"}]}"#,
        &[],
    );
    assert_eq!(said.code, Some(1));
    assert_eq!(said.output.matches("error: contains the character U+0000, which can't be stored\n").count(), 3);
    let places = ["/hooks/0/title", "/hooks/0/description", "/klasses/0/displayName"];
    assert!(places.iter().all(|place| said.output.contains(place)), "{}", said.output);
}

#[test]
fn a_warning_fails_the_check_only_if_it_is_strict() {
    let lonely = r#"{"name": "x", "trigger": {"id": "1", "eventName": "hooks.form.nobody.receive", "transitions":
      [{"target": "2", "condition": {"op": "true", "values": [true]}}]}, "steps": [{"id": "2"}]}"#;
    let (lenient, strict) = (check(lonely, &[]), check(lonely, &["--strict"]));
    assert_eq!((lenient.code, strict.code), (Some(0), Some(1)));
    assert_eq!(lenient.output, strict.output);
    insta::assert_snapshot!(lenient.output);
}

#[test]
fn a_syntax_error_is_shown_at_its_place() {
    let said = check("{\n  \"workflows\": [,]\n}\n", &[]);
    assert_eq!(said.code, Some(1));
    insta::assert_snapshot!(said.output);
}

#[test]
fn a_file_that_is_missing_or_not_text_is_an_error_beside_those_of_others() {
    let folder = folder();
    write(folder.path().join("latin1.json"), b"{\"name\": \"caf\xE9\"}").unwrap();
    write(folder.path().join("broken.json"), "[").unwrap();
    let said = hookflow(folder.path(), &["check", "missing.json", "latin1.json", "broken.json"]);
    assert_eq!(said.code, Some(1));
    insta::assert_snapshot!(said.output);
}

#[test]
fn a_folder_without_files_has_no_problems() {
    let folder = folder();
    let said = hookflow(folder.path(), &["check", "."]);
    assert_eq!((said.code, said.output.as_str()), (Some(0), "0 files: 0 errors, 0 warnings\n"));
}

#[test]
fn check_without_files_shows_how_it_is_used() {
    let said = hookflow(folder().path(), &["check"]);
    assert_eq!(said.code, Some(2));
    assert!(said.errors.contains("Usage: hookflow check"), "{}", said.errors);
}

#[test]
fn control_characters_of_a_file_do_not_reach_the_terminal() {
    let said = check("{\"work\u{9b}31mflows\": [], \"\\u001b[31m\": 1}", &[]);
    assert_eq!(said.code, Some(1));
    assert!(!said.output.chars().any(|character| character.is_control() && character != '\n'), "{:?}", said.output);
}

/// What runs, but not as meant: each line of a newcomer's list of slips.
#[test]
fn what_is_probably_not_meant_is_warned_about() {
    let always = json!({ "op": "true", "values": [true] });
    let step = |id: &str, action: &str, params: Value, next: &str, condition: Value| json!({ "id": id, "action": action, "params": params, "transitions": [{ "target": next, "condition": condition }] });
    let file = json!({
        "hooks": [{
            "name": "orders", "type": "form",
            "answer": { "when": { "step": "9" }, "workflow": "nope", "body": "/#steps.9.id" },
            "deduplicate": { "key": "/#steps.1.data.id" },
            "filter": { "op": "eq", "values": ["/#steps.1.request.header.x-topic", "orders/create"] },
        }],
        "workflows": [{
            "name": "slips",
            "trigger": { "id": "1", "eventName": "hooks.form.orders.receive", "transitions": [
                { "target": "2", "condition": { "op": "exists", "values": ["steps.1.attributes.data.email"] } },
            ] },
            "steps": [
                step("2", "customer.create", json!({
                    "email": "/#steps.1.data.email", "name": "{{steps.1.attributes.data.name}}",
                    "custom": { "aStr": "$.steps.1.attributes.data.a", "bStr": "Order /#steps.1.attributes.data.b", "tier": "x" },
                }), "3", json!({ "op": "eq", "values": [1, 2] })),
                step("3", "rest-api.json", json!({
                    "uri": "https://shop.example/{{steps.1.attributes.data.items[0].id}}", "timeoutMs": 90000,
                    "data": "{\"name\": \"{{steps.2.name}}\", \"count\": {{steps.1.attributes.data.count}}}",
                }), "4", json!({ "op": "eq", "values": ["/#steps.3.response.status", 200] })),
                step("4", "command.run-by-name", json!({ "name": "slip" }), "5", json!({ "op": "exists", "values": ["/#steps.3.data"] })),
                step("5", "for-each", json!({ "list": "/#steps.2.emails.email", "workflow": "slips" }), "6", always.clone()),
                step("6", "delay", json!({ "for": "2 hours" }), "7", always.clone()),
                step("7", "mail.send", json!({ "to": "not an address", "subject": " /#steps.2.name" }), "8", always),
                json!({ "id": "8", "action": "rest-api.generic", "params": { "uri": "ftp://a.example/", "method": "CONNECT" } }),
            ],
        }],
    });
    let said = check(serde_json::to_string_pretty(&file).unwrap(), &[]);
    assert_eq!(said.code, Some(1));
    let lines = said.output.lines().filter(|line| !line.contains(" | ") && !line.ends_with(" |"));
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"));
}

#[test]
fn calls_that_can_never_be_made_are_errors() {
    for (name, value, message) in [
        ("uri", json!("not a url"), "the URL is not valid"),
        ("uri", json!("ftp://a.example/"), "the URL must begin with http: or https:"),
        ("method", json!("CONNECT"), "the method \"CONNECT\" is not supported"),
        ("headers", json!({ "bad name": "x" }), "\"bad name\" is not a valid header name"),
        ("headers", json!({ "x-a": "a\nb", "x-b": "/#steps.1.id" }), "characters that are not allowed in headers"),
    ] {
        let mut params = json!({ "uri": "https://a.example/" });
        params[name] = value;
        let steps = json!([{ "id": "2", "action": "rest-api.json", "params": params }]);
        let said = check(crate::support::workflow("calls", steps).to_string(), &[]);
        assert_eq!(said.code, Some(1), "{name}");
        assert!(said.output.contains(message), "{name}: {}", said.output);
    }
}

/// The steps in the documentation, each in a workflow of its own.
#[test]
fn examples_of_actions_have_no_warnings() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/actions.md")).unwrap();
    let blocks = page.split("```json\n").skip(1).filter_map(|rest| rest.split_once("\n```").map(|(block, _)| block));
    let mut steps = 0;
    for mut step in blocks.filter_map(|block| serde_json::from_str::<Value>(block).ok()) {
        if step["action"].is_null() {
            continue;
        }
        steps += 1;
        step["id"] = json!("2");
        // What the inputs of a callable workflow are is not known, so any reference to them is fine.
        let mut example = crate::support::workflow("example", json!([step]));
        example["trigger"]["callable"] = json!(true);
        let said = check(example.to_string(), &[]);
        let warnings: Vec<&str> = said.output.lines().filter(|line| line.starts_with("warning: ")).collect();
        let unknown_here = ["unknown form hook", "unknown workflow", "cannot have run before"];
        let odd: Vec<_> =
            warnings.iter().filter(|line| !unknown_here.iter().any(|known| line.contains(known))).collect();
        assert!(odd.is_empty(), "{step}: {odd:?}");
    }
    assert!(steps > 50, "{steps}");
}
