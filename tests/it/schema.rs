//! The schema of workflow files, and the list of actions: what editors complete from.

use serde_json::{Value, json};

use crate::support::program::hookflow;
use crate::support::{Server, ServerBuilder, orders_bundle};

/// What `hookflow schema` prints for a file, or for none.
fn schema(file: Option<&str>) -> Value {
    let builder = ServerBuilder::new();
    let arguments: Vec<&str> = ["schema"].into_iter().chain(file).collect();
    let said = hookflow(builder.directory(), &arguments);
    serde_json::from_str(&said.output).unwrap_or_else(|error| panic!("{error}: {}{}", said.output, said.errors))
}

/// Where an instance does not fit the schema.
fn misfits(schema: &Value, instance: &Value) -> Vec<String> {
    let validator = jsonschema::validator_for(schema).expect("the schema is one");
    validator.iter_errors(instance).map(|error| error.instance_path().to_string()).collect()
}

fn orders() -> Value {
    serde_json::from_str(&orders_bundle()).expect("the bundle is JSON")
}

#[test]
fn the_shipped_bundle_fits_the_schema_that_it_names() {
    let server = Server::start();
    let answer = server.get_without_key("/schemas/workflow.json");
    assert_eq!(answer.headers["content-type"], "application/schema+json");
    assert_eq!(answer.json(), schema(None));
    assert!(orders()["$schema"].as_str().unwrap().ends_with("/schemas/workflow.json"));
    assert_eq!(misfits(&answer.json(), &orders()), [""; 0]);
    assert_eq!(misfits(&answer.json(), &orders()["workflows"][0]), [""; 0], "one workflow is a file, too");
}

#[test]
fn slips_do_not_fit() {
    let schema = schema(Some("workflows/orders.json"));
    assert_eq!(misfits(&schema, &orders()), [""; 0]);
    let slip = |pointer: &str, value: Value| {
        let mut document = orders();
        *document.pointer_mut(pointer).unwrap() = value;
        misfits(&schema, &document)
    };
    let steps = "/workflows/0/steps";
    for (pointer, value) in [
        (format!("{steps}/0/action"), json!("customer.find-by-emial")),
        (format!("{steps}/0/params"), json!({})),
        (format!("{steps}/0/params"), json!({ "email": "/#steps.1.id", "mail": "x" })),
        (format!("{steps}/0/transitions/0/target"), json!("44")),
        (format!("{steps}/0/transitions/0/condition/op"), json!("is")),
        ("/klasses/0/properties".into(), json!({ "orderNumber": {} })),
        ("/hooks/0".into(), json!({ "nmae": "orders" })),
    ] {
        assert_ne!(slip(&pointer, value), [""; 0], "{pointer}");
    }
}

#[test]
fn actions_are_listed_with_their_params_and_outputs() {
    let server = Server::start();
    let actions = server.get("/v1/actions").expect(200)["data"].take();
    let all = actions.as_array().unwrap();
    let find = all.iter().find(|action| action["id"] == "customer.find-by-email").expect("it is an action");
    let email = &find["attributes"]["params"][0];
    assert_eq!((&email["name"], &email["kind"], &email["required"]), (&json!("email"), &json!("text"), &json!(true)));
    let id = json!({ "name": "id", "kind": "text", "summary": "The customer's id." });
    assert_eq!(find["attributes"]["output"][0], id);
    for action in all {
        assert_ne!(action["attributes"]["output"], json!([]), "{}", action["id"]);
    }
}
