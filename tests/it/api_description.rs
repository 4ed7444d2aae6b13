//! The description of the HTTP interface: that it is valid and complete, and that the server is as described, which
//! schemathesis tries with requests of its own.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::Server;
use crate::support::description::validator_of;

fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().expect("there are paths") {
        let methods = item.as_object().expect("a path has methods").iter();
        operations.extend(methods.map(|(method, operation)| (path.clone(), method.to_uppercase(), operation)));
    }
    operations
}

#[test]
fn every_operation_has_what_a_client_needs() {
    let document = hookflow::api::document();
    assert_eq!(document["openapi"], "3.1.0");
    let mut ids = BTreeSet::new();
    for (path, method, operation) in operations(&document) {
        let id = operation["operationId"].as_str().expect("an operation has an id");
        assert!(ids.insert(id.to_owned()), "{id} is there twice");
        assert!(operation["summary"].as_str().is_some_and(|summary| !summary.is_empty()), "{id}");
        let tag = &operation["tags"][0];
        assert!(document["tags"].as_array().unwrap().iter().any(|described| described["name"] == *tag), "{id}: {tag}");
        let named = path.split('/').filter(|segment| segment.starts_with('{')).count();
        let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
        assert_eq!(parameters.iter().filter(|parameter| parameter["in"] == "path").count(), named, "{method} {path}");
        assert!(parameters.iter().all(|parameter| parameter["description"].is_string()), "{id}");
    }
    assert!(ids.len() > 70, "{}", ids.len());
}

#[test]
fn every_reference_leads_somewhere() {
    fn visit(value: &Value, document: &Value) {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(target)) = members.get("$ref") {
                    let pointer = target.strip_prefix('#').expect("references stay within the document");
                    assert!(document.pointer(pointer).is_some(), "{target}");
                }
                members.values().for_each(|member| visit(member, document));
            }
            Value::Array(items) => items.iter().for_each(|item| visit(item, document)),
            _ => {}
        }
    }
    let document = hookflow::api::document();
    visit(&document, &document);
}

#[test]
fn the_examples_of_requests_are_as_described() {
    let document = hookflow::api::document();
    for (path, method, operation) in operations(&document) {
        let media = &operation["requestBody"]["content"]["application/json"];
        if media.is_null() {
            assert!(!matches!(method.as_str(), "PUT" | "PATCH"), "{method} {path} describes no body");
            continue;
        }
        let validator = validator_of(&media["schema"], &document["components"]);
        let problems: Vec<String> = validator.iter_errors(&media["example"]).map(|error| error.to_string()).collect();
        assert!(problems.is_empty(), "{method} {path}: {problems:?}");
    }
}

#[test]
fn every_answer_and_every_parameter_has_an_example_that_is_as_described() {
    let document = hookflow::api::document();
    let problems = |schema: &Value, example: &Value| -> Vec<String> {
        let validator = validator_of(schema, &document["components"]);
        validator.iter_errors(example).map(|error| format!("{}: {error}", error.instance_path())).collect()
    };
    let mut invalid = Vec::new();
    for (path, method, operation) in operations(&document) {
        for (status, answer) in operation["responses"].as_object().expect("there are answers") {
            let contents = answer["content"].as_object().into_iter().flatten();
            for (_, media) in contents.filter(|(content_type, _)| content_type.as_str() == "application/json") {
                let single = media.get("example").into_iter();
                let several = media["examples"].as_object().into_iter().flatten().map(|(_, example)| &example["value"]);
                let examples: Vec<&Value> = single.chain(several).collect();
                assert!(!examples.is_empty(), "{method} {path} {status} has no example");
                for example in examples {
                    let found = problems(&media["schema"], example);
                    invalid.extend((!found.is_empty()).then(|| format!("{method} {path} {status}: {found:?}")));
                }
            }
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let found = problems(&parameter["schema"], &parameter["example"]);
            invalid.extend((!found.is_empty()).then(|| format!("{method} {path} {}: {found:?}", parameter["name"])));
        }
    }
    assert!(invalid.is_empty(), "{}", invalid.join("\n"));
}

/// Requests that are described reach a handler, with or without a key.
#[test]
fn what_is_described_is_there() {
    let server = Server::start();
    let document = server.get_without_key("/openapi.json").expect(200);
    assert_eq!(document, hookflow::api::document());
    for (path, method, operation) in operations(&document) {
        if operation["security"].is_null() || operation["tags"][0] == "Door" {
            continue;
        }
        let path = path.replace("{id}", "6b03e07737db00a02c000001").replace(['{', '}'], "");
        let answer = crate::support::server::send(server.request(&method, &path));
        assert_eq!(answer.status, 401, "{method} {path}: {}", answer.text);
    }
}

#[test]
fn the_page_needs_nothing_from_elsewhere() {
    let server = Server::start();
    let page = server.get_without_key("/docs");
    assert_eq!(page.status, 200);
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    let links: Vec<&str> =
        page.text.split(['"', '\'']).filter(|text| text.starts_with('/') || text.contains("://")).collect();
    assert_eq!(links.len(), 4, "{links:?}");
    for link in links {
        assert_eq!(server.get_without_key(link).status, 200, "{link}");
    }
    assert!(!page.text.contains("<script>"), "a script stands in the page");
}

/// What schemathesis does not try: streams that do not end, what hooks' settings say, and the assets of the page.
const PATHS_LEFT_OUT: &str = "/live$|^/v1/hooks/(form|web|email)/|^/docs";
/// Operations whose body it can't make: the schema of workflow documents has `if` and `then`.
const OPERATIONS_LEFT_OUT: [&str; 3] = ["createWorkflow", "replaceWorkflow", "saveDraft"];
/// What it checks of each answer. Whether valid input is accepted depends on what is stored, so that is not among it.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                      response_schema_conformance,negative_data_rejection,unsupported_method,ignored_auth";

/// About 7,000 requests that are made from the description, valid and not; their seed is fixed. Takes about a minute.
#[test]
fn schemathesis_finds_nothing() {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/python-tools/bin/schemathesis");
    assert!(program.exists(), "schemathesis is missing; `tests/install-tools` installs it");
    let server = Server::start();
    for number in ["1", "2", "3"] {
        server.run_order(&json!({ "orderId": number, "email": "ann@example.com", "price": "$1", "quantity": 2 }));
    }
    let mut command = Command::new(program);
    command.arg("--no-color").arg("run").arg(format!("{}/openapi.json", server.base_url));
    command.args(["--header", &format!("Authorization: Bearer {}", server.admin_key)]);
    command.args(["--exclude-path-regex", PATHS_LEFT_OUT, "--checks", CHECKS]);
    command.args(OPERATIONS_LEFT_OUT.iter().flat_map(|id| ["--exclude-operation-id", *id]));
    command.args(["--phases", "examples,coverage,fuzzing", "--max-examples", "4", "--seed", "1"]);
    command.args(["--workers", "1", "--warnings", "off", "--no-shrink", "--continue-on-failure"]);
    let output = command.current_dir(server.path("")).output().expect("schemathesis runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("No issues found"), "{text}");
}
