//! What each action on objects does, judged by what its step puts out and by what a server shows afterwards.

mod conversations;
mod customers;
mod dry_runs;
mod examples;
mod kobjects;
mod others;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::support::server::is_open;
use crate::support::{Server, ServerBuilder, always};

/// A server that executes single actions.
pub struct Stage {
    pub server: Server,
    /// The fields that each action says it outputs.
    declared: BTreeMap<String, BTreeSet<String>>,
    workflows: Cell<usize>,
}

impl Stage {
    /// A server with the klasses `order` and `return`.
    pub fn new() -> Stage {
        let klasses = json!([
            { "name": "order", "properties": { "paidBool": {}, "totalNum": {} } },
            { "name": "return", "properties": {} },
        ]);
        let builder = ServerBuilder::bare();
        builder.write_workflow("bundle.json", &json!({ "klasses": klasses }).to_string());
        let server = builder.start();
        let actions = server.get("/v1/actions").expect(200)["data"].take();
        let fields = |action: &Value| {
            let fields = action["attributes"]["output"].as_array().unwrap().iter();
            fields.map(|field| field["name"].as_str().unwrap().to_owned()).collect()
        };
        let declared = actions.as_array().unwrap().iter();
        let declared = declared.map(|action| (action["id"].as_str().unwrap().to_owned(), fields(action))).collect();
        Stage { server, declared, workflows: Cell::new(0) }
    }

    /// A callable workflow of these steps, one after the other; its id.
    pub fn workflow(&self, mut steps: Vec<Value>) -> String {
        self.workflows.set(self.workflows.get() + 1);
        let ids: Vec<String> = (2..2 + steps.len()).map(|id| id.to_string()).collect();
        for (index, step) in steps.iter_mut().enumerate() {
            step["id"] = json!(ids[index]);
            step["transitions"] = ids.get(index + 1).map_or(json!([]), |next| json!([always(next)]));
        }
        let trigger = json!({ "id": "1", "callable": true, "transitions": [always("2")] });
        let document = json!({ "name": format!("stage-{}", self.workflows.get()), "trigger": trigger, "steps": steps });
        self.server.create("/v1/workflows", document)["id"].as_str().unwrap().to_owned()
    }

    /// Calls a workflow; the entries of its run's steps, without the trigger's.
    pub fn call(&self, workflow: &str, inputs: &Value) -> Vec<Value> {
        let run = self.server.create(&format!("/v1/workflows/{workflow}/call"), json!({ "inputs": inputs }));
        let run = self.server.wait_for_run(run["id"].as_str().unwrap(), |status| !is_open(status));
        self.server.steps(&run).split_off(1)
    }

    /// Executes one action; its entry. The params are what expressions resolve to, so that nothing is found out when
    /// the workflow is saved.
    fn step(&self, action: &str, params: Value) -> Value {
        let expression = |name: &String| (name.clone(), json!(format!("/#steps.1.{name}")));
        let expressions: Map<String, Value> = params.as_object().unwrap().keys().map(expression).collect();
        let workflow = self.workflow(vec![json!({ "action": action, "params": expressions })]);
        self.call(&workflow, &params).remove(0)
    }

    /// The output of an action that succeeds.
    #[track_caller]
    pub fn output(&self, action: &str, params: Value) -> Value {
        let entry = self.step(&format!("kustomer.{action}"), params);
        assert_eq!(entry["status"], "completed", "{entry:#}");
        for name in entry["output"].as_object().expect("an output is an object").keys() {
            assert!(self.declared[action].contains(name), "{action} does not say that it outputs `{name}`");
        }
        entry["output"].clone()
    }

    /// Checks that an action finds nothing, and says so.
    #[track_caller]
    pub fn expect_nothing(&self, action: &str, params: Value) {
        let entry = self.step(action, params);
        assert_eq!((&entry["status"], &entry["output"]), (&json!("completed"), &json!({})), "{entry:#}");
        assert!(entry["notes"][0]["message"].is_string(), "{entry:#}");
    }

    /// The code of an action's failure, and where its problems are.
    #[track_caller]
    pub fn failure(&self, action: &str, params: Value) -> (String, Vec<String>) {
        let mut entry = self.step(action, params);
        assert_eq!(entry["status"], "failed", "{entry:#}");
        let error = entry["error"].take();
        let problems = error["problems"].as_array().into_iter().flatten();
        let pointers = problems.map(|problem| problem["pointer"].as_str().unwrap().to_owned()).collect();
        (error["code"].as_str().unwrap().to_owned(), pointers)
    }

    /// Checks that an action's params are refused at these places.
    #[track_caller]
    pub fn expect_invalid<const N: usize>(&self, action: &str, params: Value, pointers: [&str; N]) {
        let expected = ("invalid_params".to_owned(), pointers.map(str::to_owned).to_vec());
        assert_eq!(self.failure(action, params), expected);
    }
}

/// An id of nothing.
pub const NOBODY: &str = "5a3c95d6f1c0de0001a1b2c3";

#[test]
fn every_action_and_every_param_is_described_in_the_docs() {
    let docs = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/actions.md")).unwrap();
    let sections: BTreeMap<&str, &str> =
        docs.split("\n## ").skip(1).filter_map(|section| section.split_once('\n')).collect();
    let server = Server::start();
    let actions = server.get("/v1/actions").expect(200)["data"].take();
    for action in actions.as_array().unwrap() {
        let name = action["id"].as_str().unwrap();
        assert!(sections.contains_key(name), "no section about {name}");
        // An action may be described as another one of its family with a difference.
        let family = name.split_once('.').map_or(name, |(family, _)| family);
        let described: String =
            sections.iter().filter(|(name, _)| name.starts_with(family)).map(|(_, section)| *section).collect();
        for param in action["attributes"]["params"].as_array().unwrap() {
            let param = param["name"].as_str().unwrap();
            assert!(described.contains(&format!("`{param}`")), "{name}: nothing about `{param}`");
        }
    }
}
