//! The examples in `docs/actions.md` about what is not objects: a dry run of each gives the output that it shows.
//!
//! Beside a step and what it `gives`, an example may say what a peer answers: a block of JSON after the words `answered with`.

use serde_json::{Value, json};
use tempfile::TempDir;

use super::examples::{FAMILIES, block, matches};
use crate::support::always;
use crate::support::program::hookflow;

struct Example {
    step: Value,
    answer: Option<Value>,
    gives: Value,
}

fn examples(section: &str) -> Vec<Example> {
    let example = |(at, _): (usize, &str)| {
        let begin = section[..at].rfind("```json\n").expect("a step stands before what it gives");
        let gives = block(section[at..].trim_start_matches("\n```\n\ngives\n\n"));
        let before = section[..begin].trim_end();
        match before.strip_suffix("answered with") {
            None => Example { step: block(&section[begin..]), answer: None, gives },
            Some(before) => {
                let begin_of_step = before.rfind("```json\n").expect("a step stands before its answer");
                Example { step: block(&before[begin_of_step..]), answer: Some(block(&section[begin..])), gives }
            }
        }
    };
    section.match_indices("\n```\n\ngives\n\n").map(example).collect()
}

/// The step's entry, in a run for an order.
fn dry_run(step: &Value, answer: Option<&Value>) -> Value {
    let folder = TempDir::new().unwrap();
    let mut step = step.clone();
    step["id"] = json!("2");
    let bundle = json!({
        "hooks": [{ "name": "orders", "type": "form" }],
        "workflows": [
            { "name": "example",
              "trigger": { "id": "1", "eventName": "hooks.form.orders.receive", "transitions": [always("2")] },
              "steps": [step] },
            { "name": "greet",
              "trigger": { "id": "1", "callable": true, "transitions": [always("2")],
                           "schema": { "properties": { "name": { "type": "string" } }, "required": ["name"] } },
              "steps": [{ "id": "2", "action": "value.set", "params": { "value": "Hello {{steps.1.name}}" } }] }
        ]
    });
    let order = json!({
        "orderId": "1234", "name": "Ann", "email": "ann@example.com", "total": 10.25,
        "items": [{ "sku": "A-1", "price": 7.25, "count": 1 }, { "sku": "B-2", "price": 1.5, "count": 2 }]
    });
    let write = |name: &str, value: &Value| std::fs::write(folder.path().join(name), value.to_string()).unwrap();
    write("bundle.json", &bundle);
    write("order.json", &order);
    write("answers.json", &answer.map_or(json!({}), |answer| json!({ "2": answer })));
    let arguments = ["bundle.json", "--workflow", "example", "--payload", "order.json", "--answers", "answers.json"];
    let said = hookflow(
        folder.path(),
        &[&["try"], arguments.as_slice(), &["--variable", "apiKey=s3cret", "--now", "2026-01-01T00:00:00Z", "--json"]]
            .concat(),
    );
    let tried: Value =
        serde_json::from_str(&said.output).unwrap_or_else(|_| panic!("{step:#}: {}{}", said.output, said.errors));
    tried["runs"][0]["steps"][1].clone()
}

#[test]
fn every_other_action_has_an_example_with_its_real_output() {
    let docs = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/actions.md")).unwrap();
    let sections = docs.split("\n## ").skip(1).filter_map(|section| section.split_once('\n'));
    for (name, section) in sections {
        let family = name.split_once('.').map_or(name, |(family, _)| family);
        let is_action = hookflow::actions::find(name).is_some();
        if !is_action || FAMILIES.contains(&family) {
            continue;
        }
        let examples = examples(section);
        assert!(!examples.is_empty(), "{name} has no example");
        for Example { step, answer, gives } in examples {
            assert_eq!(step["action"], name);
            let entry = dry_run(&step, answer.as_ref());
            assert_eq!(entry["status"], "completed", "{name}: {entry:#}");
            assert!(matches(&gives, &entry["output"]), "{name} gives {:#}", entry["output"]);
        }
    }
}
