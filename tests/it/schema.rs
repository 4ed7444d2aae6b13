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
fn credentials_are_completed_by_their_type() {
    let schema = schema(None);
    let with = |auth: Value| {
        let mut workflow = orders()["workflows"][0].take();
        let params = json!({ "uri": "https://example.com", "auth": auth });
        workflow["steps"][0] = json!({ "id": "2", "action": "rest-api.json", "params": params });
        misfits(&schema, &workflow)
    };
    assert_eq!(with(json!({ "type": "bearer", "token": "/#variables.token" })), [""; 0]);
    for wrong in [
        json!({ "type": "bearer" }),
        json!({ "type": "baerer", "token": "x" }),
        json!({ "type": "basic", "username": "a", "password": "b", "pasword": "c" }),
        json!({ "type": "api-key", "in": "body", "name": "a", "value": "b" }),
    ] {
        assert_ne!(with(wrong.clone()), [""; 0], "{wrong}");
    }
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
fn exports_fit_once_they_are_imported() {
    let folder = tempfile::tempdir().unwrap();
    let hook = ["--map-hook", "5f3c21aa90be7d0012c4e8a1=orders"];
    for (export, arguments) in [
        (include_str!("exports/invoice.json"), hook.as_slice()),
        (include_str!("exports/menu-record.json"), &[]),
        (include_str!("exports/bookings-app.json"), &[]),
    ] {
        std::fs::write(folder.path().join("export.json"), export).unwrap();
        let said = hookflow(folder.path(), &[&["import", "export.json"], arguments].concat());
        let imported: Value = serde_json::from_str(&said.output).expect("it was imported");
        assert_eq!(misfits(&schema(None), &imported), [""; 0]);
    }
}

/// What the checker refuses in a workflow, the schema refuses as far as it can know.
#[test]
fn what_the_checker_refuses_does_not_fit() {
    let (schema, folder) = (schema(None), tempfile::tempdir().unwrap());
    let with = |pointer: &str, key: &str, value: Value| {
        let mut document = orders()["workflows"][0].clone();
        document.pointer_mut(pointer).unwrap()[key] = value;
        document
    };
    let always = json!({ "op": "true", "values": [true] });
    for (document, fits) in [
        (with("", "colour", json!("red")), false),
        (with("", "logging", json!(true)), true),
        (with("", "replaces", Value::Null), true),
        (with("/trigger", "evenName", json!("x")), false),
        (with("", "concurrency", json!({ "limit": 1, "key": "/#steps.1.attributes.data.orderId" })), true),
        (with("", "concurrency", json!({ "limit": 0 })), false),
        (with("", "concurrency", json!({ "key": "/#steps.1.id" })), false),
        (with("/trigger", "schedule", json!({ "cron": "0 9 * * 1-5", "timeZone": "Europe/Paris" })), true),
        (with("/trigger", "schedule", json!({ "every": "15m", "catchUp": "none" })), true),
        (with("/trigger", "schedule", json!({ "every": "soon" })), false),
        (with("/trigger", "schedule", json!({ "every": "15m", "timeZone": "Europe/Paris" })), false),
        (with("/trigger", "schedule", json!({ "cron": "0 9 * * *", "timeZone": "Europe/Pairs" })), false),
        (with("/steps/0", "action", json!("kustomer.customer.find-by-email")), true),
        (with("/steps/0", "action", json!("kustomer.customer.find-by-emial")), false),
        (with("/steps/0", "meta", json!({ "parked": true, "anything": 1 })), true),
        (with("/steps/0", "_id", json!("60a2c3d4e5f60718293a4b72")), true),
        (with("/steps/0", "transition", json!([])), false),
        (with("/steps/0/transitions/0", "condition", json!({ "op": "eq", "values": [1] })), false),
        (with("/steps/0/transitions/0", "condition", json!({ "op": "dne", "values": [1, ""] })), true),
        (with("/steps/0/transitions/0", "condition", json!({ "op": "and", "values": [] })), false),
        (with("/steps/0/transitions/0", "condition", json!({ "op": "and", "values": ["/#steps.1.id"] })), false),
        (
            with(
                "/steps/0/transitions/0",
                "condition",
                json!({ "op": "or", "values": [{ "op": "and", "values": [always] }] }),
            ),
            true,
        ),
        (
            with(
                "/steps/0",
                "errorCases",
                json!([{ "condition": { "op": "and", "values": [] }, "errorAction": { "type": "continue" } }]),
            ),
            true,
        ),
        (with("/steps/0", "errorCases", json!([{ "condition": always, "errorAction": { "type": "ignore" } }])), false),
        (with("", "errorCases", json!([])), true),
        (with("/trigger", "errorCases", json!([])), true),
        (with("/trigger", "errorCases", json!({})), false),
    ] {
        assert_eq!(misfits(&schema, &document).is_empty(), fits, "{document}");
        let mut bundle = orders();
        bundle["workflows"][0] = document;
        std::fs::write(folder.path().join("file.json"), bundle.to_string()).unwrap();
        let checked = hookflow(folder.path(), &["check", "file.json"]);
        assert_eq!(checked.code == Some(0), fits, "{}", checked.output);
    }
}

/// Error cases that have no effect are no error in either: documents with them are in databases and exports.
#[test]
fn error_cases_of_a_document_or_a_trigger_fit_and_are_warned_of() {
    let (schema, folder) = (schema(None), tempfile::tempdir().unwrap());
    let case = json!([{ "condition": { "op": "and", "values": [] }, "errorAction": { "type": "continue" } }]);
    for (pointer, entries, warns) in
        [("", json!([]), false), ("/trigger", json!([]), false), ("", case.clone(), true), ("/trigger", case, true)]
    {
        let mut bundle = orders();
        let place = format!("/workflows/0{pointer}");
        bundle.pointer_mut(&place).unwrap()["errorCases"] = entries;
        assert_eq!(misfits(&schema, &bundle["workflows"][0]), [""; 0], "{place}");
        std::fs::write(folder.path().join("file.json"), bundle.to_string()).unwrap();
        let checked = hookflow(folder.path(), &["check", "file.json"]);
        assert_eq!(checked.code, Some(0), "{}", checked.output);
        let warning = format!("({place}/errorCases)");
        let said = format!("{}{}", checked.output, checked.errors);
        assert_eq!(said.contains("`errorCases` apply to steps only") && said.contains(&warning), warns, "{said}");
    }
}

#[test]
fn a_schema_for_a_file_completes_its_own_hooks_and_klasses() {
    let events = |schema: &Value| schema["$defs"]["trigger"]["properties"]["eventName"]["examples"].to_string();
    let builder = ServerBuilder::bare();
    let file = json!({ "hooks": [{ "name": "returns", "type": "form" }], "klasses": [{ "name": "parcel" }] });
    builder.write_workflow("own.json", &file.to_string());
    let said = hookflow(builder.directory(), &["schema", "workflows/own.json"]);
    let own: Value = serde_json::from_str(&said.output).unwrap();
    assert!(events(&own).contains("hooks.form.returns.receive") && events(&own).contains("kobject.parcel.update"));
    assert!(!events(&own).contains("orders"), "{}", events(&own));
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
