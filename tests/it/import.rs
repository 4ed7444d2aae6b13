//! `hookflow import`: exports of several shapes come over, are checked, loaded and run as they are.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::peer::{Peer, answer};
use crate::support::program::{Said, hookflow};
use crate::support::server::is_open;
use crate::support::{Server, ServerBuilder, wait_for};

const INVOICE: &str = include_str!("exports/invoice.json");
const MENU_RECORD: &str = include_str!("exports/menu-record.json");
const BOOKINGS_APP: &str = include_str!("exports/bookings-app.json");
const EFFORT_TIMER: &str = include_str!("exports/effort-timer.json");
const SHOP_APP: &str = include_str!("exports/shop-app.json");
const UNSUPPORTED: &str = include_str!("exports/unsupported.json");

/// Imports `export` with these arguments in a folder.
fn import(directory: &Path, export: &str, arguments: &[&str]) -> Said {
    std::fs::write(directory.join("export.json"), export).expect("a file can be written");
    hookflow(directory, &[&["import", "export.json"], arguments].concat())
}

/// A server that has loaded what was made of `export`.
fn server_with(export: &str, arguments: &[&str]) -> Server {
    let builder = ServerBuilder::bare();
    builder.write_workflow("hook.json", &json!({ "hooks": [{ "name": "orders", "type": "form" }] }).to_string());
    let said = import(builder.directory(), export, &[&["--out", "workflows"], arguments].concat());
    assert_eq!(said.code, Some(0), "{}{}", said.output, said.errors);
    let checked = hookflow(builder.directory(), &["check", "workflows"]);
    assert_eq!(checked.code, Some(0), "{}", checked.output);
    builder.environment("HOOKFLOW_OUTBOUND_ALLOW", "127.0.0.0/8").start()
}

/// The only run of a workflow, once it has ended.
fn only_run(server: &Server, workflow: &str) -> Value {
    wait_for("the run to end", || {
        let list = server.get(&format!("/v1/runs?workflow={workflow}")).expect(200)["data"].take();
        let [run] = list.as_array().unwrap().as_slice() else { return None };
        (!is_open(run["attributes"]["status"].as_str().unwrap())).then(|| run.clone())
    })
}

/// The ids of the steps that a run executed, in order.
fn path(steps: &[Value]) -> Vec<&str> {
    steps.iter().map(|step| step["id"].as_str().expect("an entry names its step")).collect()
}

#[test]
fn a_definition_runs_once_its_hook_is_mapped() {
    let peer = Peer::start(|number, stream| match number {
        0 => answer(stream, "200 OK", r#"{"amount":12.5,"pin":"4711","expirationDate":"2027-01-01"}"#),
        _ => answer(stream, "404 Not Found", r#"{"code":"no_invoice"}"#),
    });
    let server = server_with(INVOICE, &["--map-hook", "5f3c21aa90be7d0012c4e8a1=orders"]);
    // In the other system variables belong to one workflow; their values are not in exports.
    let variable = json!({ "name": "5b3d8a1c9f0e4d2b7a6c1e5f", "value": "Zm9vOmJhcg==" });
    server.call("POST", "/v1/variables", variable).expect(201);
    let order = json!({ "service": peer.url(""), "customer": { "externalId": "c-17" } });
    let found = server.run_order(&order);
    assert_eq!(found["attributes"]["status"], "completed", "{found:#}");
    let steps = server.steps(&found);
    assert_eq!(path(&steps), ["1", "e_r_w7wx8", "aN0X9A2Hc", "cFiGgpzyt", "8-gu8QS1s"]);
    let custom = json!({ "amountNum": 12.5, "loadingBool": false, "generatedTxt": "Pin=4711\n\nExp=2027-01-01" });
    assert_eq!(steps[4]["input"]["custom"], custom);
    assert_eq!(peer.received()[0].header("authorization"), Some("Basic Zm9vOmJhcg=="));
    let missing = server.run_order(&order);
    assert_eq!(path(&server.steps(&missing)), ["1", "e_r_w7wx8", "aN0X9A2Hc", "Pz84VgB5L"]);
    let nobody = server.run_order(&json!({}));
    assert_eq!(path(&server.steps(&nobody)), ["1", "e_r_w7wx8", "Pz84VgB5L"]);
}

#[test]
fn a_definition_stays_as_it_is_but_for_its_hook() {
    let folder = tempfile::tempdir().unwrap();
    let said = import(folder.path(), INVOICE, &["--map-hook", "5f3c21aa90be7d0012c4e8a1=orders"]);
    let mut expected: Value = serde_json::from_str(INVOICE).unwrap();
    expected["trigger"]["eventName"] = json!("hooks.form.orders.receive");
    let mut written: Value = serde_json::from_str(&said.output).unwrap();
    written.as_object_mut().unwrap().remove("$schema");
    assert_eq!(written, expected);
}

#[test]
fn the_record_of_a_callable_workflow_can_be_called() {
    let server = server_with(MENU_RECORD, &[]);
    let path = format!("{}/call", server.workflow("bot---new-mi-tienda")["links"]["self"].as_str().unwrap());
    for (inputs, menu) in [
        (json!({ "tags": ["new", "vip"] }), "vip"),
        (json!({ "tags": [], "tierNum": "10" }), "tier"),
        (json!({ "tags": ["vip2"], "order id": "7" }), "plain"),
    ] {
        let run = server.call("POST", &path, json!({ "inputs": inputs })).expect(201);
        let run = server.wait_for_run(run["data"]["id"].as_str().unwrap(), |status| !is_open(status));
        assert_eq!(run["attributes"]["output"], json!({ "value": menu }), "{run:#}");
    }
}

#[test]
fn an_app_comes_over_with_its_hook_klass_and_follow_ups() {
    let server = server_with(BOOKINGS_APP, &[]);
    let booking = json!({ "invitee": { "email": "ann@example.com" }, "guests": 2, "at": "2026-12-24T18:00:00Z" });
    server.post_hook("booking-made", &booking).expect(200);
    let made = only_run(&server, "bookings-new");
    assert_eq!(made["attributes"]["status"], "completed", "{made:#}");
    assert_eq!(path(&server.steps(&made)), ["1", "fU3-find_", "nEwCustom", "mK-create", "kR9_later"]);
    let followed = only_run(&server, "bookings-follow-up");
    let steps = server.steps(&followed);
    let kobject = server.steps(&made)[3]["output"]["id"].as_str().unwrap().to_owned();
    assert_eq!(steps[1]["output"]["value"], format!("{kobject} of ann@example.com"));
    let watching = &server.workflow("bookings-watch")["attributes"]["document"];
    assert_eq!(watching["steps"][0]["params"]["workflowId"], "bookings-follow-up");
}

#[test]
fn a_change_of_a_conversation_starts_an_export_and_its_follow_up() {
    let server = server_with(EFFORT_TIMER, &[]);
    let create = |path: &str, body: Value| server.call("POST", path, body).expect(201)["data"].take();
    let customer = create("/v1/customers", json!({ "name": "Ann" }));
    let user = create("/v1/users", json!({ "name": "Bob", "email": "bob@example.com" }));
    let customer = customer["links"]["self"].as_str().unwrap();
    let conversation = create(&format!("{customer}/conversations"), json!({ "name": "Broken", "tags": ["timed"] }));
    let link = conversation["links"]["self"].as_str().unwrap();
    server.call("PUT", link, json!({ "assignedUsers": [user["id"]] })).expect(200);
    let followed = only_run(&server, "effort-timer%202%20of%202");
    assert_eq!(followed["attributes"]["status"], "completed", "{followed:#}");
    assert_eq!(path(&server.steps(&followed)), ["1", "find-conv", "note"]);
    let notes = server.get(&format!("{link}/notes")).expect(200);
    assert_eq!(notes["data"][0]["attributes"]["body"], "Took 0 min");
    // The step that changed the conversation started the first workflow again, which went nowhere.
    let runs = server.wait_for_runs();
    let first = runs.iter().filter(|run| run["attributes"]["workflow"] == "effort-timer 1 of 2");
    let paths: Vec<usize> = first.map(|run| server.steps(run).len()).collect();
    assert_eq!(paths, [1, 4]);
}

#[test]
fn what_the_trigger_of_an_app_picks_is_found_in_the_event() {
    let server = server_with(SHOP_APP, &["--map-hook", "order-update=form/orders"]);
    let order = json!({ "email": "ann@example.com", "order": { "id": "77", "items": [{ "name": "Cup" }] } });
    let run = server.run_order(&order);
    assert_eq!(run["attributes"]["status"], "completed", "{run:#}");
    let steps = server.steps(&run);
    assert_eq!(path(&steps), ["1", "a1-cust_r", "k_obj-123"]);
    assert_eq!(steps[2]["output"]["title"], "Order 77");
    assert_eq!(steps[2]["output"]["custom"], json!({ "orderIdStr": "77", "firstItemStr": "Cup" }));
    let folder = tempfile::tempdir().unwrap();
    let unmapped = import(folder.path(), SHOP_APP, &[]);
    assert_eq!(unmapped.code, Some(0), "{}", unmapped.errors);
    let told = "`orderId` is `/#steps.1.attributes.data.order.id`";
    assert!(unmapped.errors.contains(told), "{}", unmapped.errors);
}

#[test]
fn other_parts_of_an_app_are_kept_and_reported() {
    let folder = tempfile::tempdir().unwrap();
    let said = import(folder.path(), BOOKINGS_APP, &[]);
    assert_eq!(said.code, Some(0));
    for (place, message) in [
        ("(/klasses/0)", "not supported on a klass: `color`, `status`; kept in the file's `meta`"),
        ("(/kviews)", "`kviews` of an app is not supported; it is kept in the file's `meta`"),
        ("(/workflows/0/name)", "this workflow name is not allowed here; it becomes `bookings-new`"),
    ] {
        let (_, after) = said.errors.split_once(message).unwrap_or_else(|| panic!("{message}: {}", said.errors));
        assert!(after.lines().nth(1).unwrap().ends_with(place), "{}", said.errors);
    }
    let written: Value = serde_json::from_str(&said.output).unwrap();
    assert_eq!(written["meta"]["kviews"][0]["name"], "booking-view");
    assert_eq!(written["meta"]["klasses"]["booking"]["color"], "#6b5ce7");
    assert_eq!(
        written["hooks"],
        json!([{ "name": "booking-made", "type": "form", "title": "Booking made", "description": "The booking page posts here" }])
    );
}

#[test]
fn what_is_not_supported_is_told_at_its_place_and_written_only_if_asked() {
    let folder = tempfile::tempdir().unwrap();
    let said = import(folder.path(), UNSUPPORTED, &["--out", "workflows"]);
    assert_eq!((said.code, said.errors.as_str()), (Some(1), ""));
    assert!(!folder.path().join("workflows").exists());
    // Which helpers, functions and operators there are is not this test's concern.
    let filters = [(r"the (helpers|functions|operators) are .*", "the $1 are …")];
    insta::with_settings!({ filters => filters }, { insta::assert_snapshot!(said.output) });
    let partial = import(folder.path(), UNSUPPORTED, &["--out", "workflows", "--partial"]);
    assert_eq!(partial.code, Some(0));
    let written = std::fs::read_to_string(folder.path().join("workflows/export.json")).unwrap();
    let mut written: Value = serde_json::from_str(&written).unwrap();
    written.as_object_mut().unwrap().remove("$schema");
    assert_eq!(written, serde_json::from_str::<Value>(UNSUPPORTED).unwrap());
}

#[test]
fn names_of_the_other_system_are_replaced_where_a_flag_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mappings =
        ["--map-hook", "5f3c21aa90be7d0012c4e8a1=form/orders", "--map-workflow", "60a2c3d4e5f60718293a4b5c=menu"];
    let variables = ["--map-variable", "5b3d8a1c9f0e4d2b7a6c1e5f=shop-key", "--map-variable", "unused=x", "--partial"];
    let said = import(folder.path(), UNSUPPORTED, &[mappings.as_slice(), &variables].concat());
    let written: Value = serde_json::from_str(&said.output).unwrap();
    assert_eq!(written["trigger"]["eventName"], "hooks.form.orders.receive");
    assert_eq!(written["steps"][1]["params"]["workflowId"], "menu");
    assert_eq!(written["steps"][1]["params"]["inputs"]["key"], "{{{variables.shop-key}}}");
    assert!(
        said.errors.contains("warning: the variable `unused` of --map-variable is not used in this export"),
        "{}",
        said.errors
    );
    assert!(said.errors.contains("hookflow variables set shop-key"), "{}", said.errors);
}

#[test]
fn a_different_file_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["--out", "workflows"];
    assert_eq!(import(folder.path(), BOOKINGS_APP, &arguments).code, Some(0));
    assert_eq!(import(folder.path(), BOOKINGS_APP, &arguments).code, Some(0));
    let other = import(folder.path(), MENU_RECORD, &arguments);
    assert_eq!(other.code, Some(1));
    assert!(other.errors.contains("`workflows/export.json` exists and differs"), "{}", other.errors);
    assert_eq!(import(folder.path(), MENU_RECORD, &[arguments.as_slice(), &["--force"]].concat()).code, Some(0));
}

#[test]
fn a_file_that_is_not_an_export_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    for (text, message) in [
        ("[1", "error: not JSON: "),
        ("{}", "error: expected a workflow (`trigger` and `steps`) or an app"),
        ("7", "error: expected an object, not a number"),
        (r#"{"data": [{"type": "customer", "id": "x", "attributes": {}}]}"#, "(/data/0/attributes)"),
        (
            r#"{"data": {"type": "workflow", "attributes": {"name": 7, "trigger": [], "steps": {}}}}"#,
            "(/data/attributes/name)",
        ),
    ] {
        let said = import(folder.path(), text, &[]);
        assert_eq!((said.code, said.output.as_str()), (Some(1), ""), "{text}");
        assert!(said.errors.contains(message), "{text}: {}", said.errors);
    }
}

#[test]
fn the_event_of_an_installed_app_is_that_of_its_hook() {
    let app = |listens: &str| {
        json!({
            "hooks": [{ "name": "calendly-event-update", "type": "web", "eventName": "kustomer.app.Calendly_App.update-event" }],
            "workflows": [{
                "name": "updates",
                "trigger": { "id": "1", "eventName": listens, "transitions": [
                    { "target": "2", "condition": { "op": "exists", "values": ["/#steps.1.id"] } },
                ] },
                "steps": [{ "id": "2", "action": "value.set", "params": { "value": "/#steps.1.id" } }],
            }],
        })
        .to_string()
    };
    let folder = tempfile::tempdir().unwrap();
    let said = import(folder.path(), &app("kustomer.app.calendly_app_5f3c21aa90be7d0012c4e8a1.update-event"), &[]);
    let written: Value = serde_json::from_str(&said.output).unwrap();
    assert_eq!(written["workflows"][0]["trigger"]["eventName"], "hooks.web.calendly-event-update.receive");
    let other = import(folder.path(), &app("kustomer.app.calendly_app_5f3c21aa90be7d0012c4e8a1.created"), &[]);
    let message =
        "nothing in this export raises `app.calendly_app_5f3c21aa90be7d0012c4e8a1.created`, so the workflow never runs";
    assert!(other.errors.contains(message), "{}", other.errors);
}
