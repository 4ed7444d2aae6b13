//! `hookflow apply` and `hookflow export`: a server and a folder that match each other.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::program::{Said, hookflow};
use crate::support::server::ADMIN_KEY;
use crate::support::{Server, ServerBuilder, orders_bundle, workflow};

fn folder() -> TempDir {
    TempDir::new().expect("a temporary folder can be made")
}

fn write(folder: &TempDir, name: &str, content: &Value) {
    std::fs::write(folder.path().join(name), content.to_string()).expect("a file can be written");
}

/// Runs a command on a folder and a server.
fn run(command: &str, folder: &Path, server: &Server, arguments: &[&str]) -> Said {
    let folder = folder.to_str().expect("the path is text");
    let common = [command, folder, "--server", &server.base_url, "--key", ADMIN_KEY];
    hookflow(Path::new("/"), &[&common, arguments].concat())
}

#[track_caller]
fn succeed(said: Said) -> String {
    assert_eq!((said.code, said.errors.as_str()), (Some(0), ""), "{}", said.output);
    said.output
}

#[track_caller]
fn fail(said: Said) -> String {
    assert_eq!(said.code, Some(1), "{}", said.output);
    said.errors
}

/// Names and contents of the files in a folder.
fn files(folder: &TempDir) -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap());
    let read = |path| std::fs::read_to_string(path).unwrap();
    entries.map(|entry| (entry.file_name().into_string().unwrap(), read(entry.path()))).collect()
}

fn sets(name: &str, value: &str) -> Value {
    workflow(name, json!([{ "id": "2", "action": "value.set", "params": { "value": value } }]))
}

/// A server with the shipped bundle, and workflows in every state.
fn server_with_everything() -> Server {
    let server = Server::start();
    let mut named = sets("hooks", "a name that a file of another kind has");
    named["meta"] = json!({ "z": 1, "a": [null, 2.5, "ä\n"] });
    let mut switched_off = sets("said-on", "off");
    switched_off["enabled"] = json!(true);
    let mut switched_on = sets("said-off", "on");
    switched_on["enabled"] = json!(false);
    for (document, enabled) in
        [(named, true), (sets(".hidden.test", "x"), false), (switched_off, false), (switched_on, true)]
    {
        let made = server.call("POST", "/v1/workflows", document).expect(201);
        let link = made["data"]["links"]["self"].as_str().unwrap().to_owned();
        server.call("PATCH", &link, json!({ "enabled": enabled })).expect(200);
    }
    server.call("POST", "/v1/klasses", json!({ "name": "parcel", "properties": { "weightNum": {} } })).expect(201);
    server
}

#[test]
fn what_is_exported_is_read_back_without_a_change() {
    let (server, exported) = (server_with_everything(), folder());
    assert_eq!(succeed(run("export", exported.path(), &server, &[])), "7 files written\n");
    let names: Vec<String> = files(&exported).into_keys().collect();
    let expected = [
        "_.hidden.test_.json",
        "hooks-2.json",
        "hooks.json",
        "klasses.json",
        "order-to-kobject.json",
        "said-off.json",
        "said-on.json",
    ];
    assert_eq!(names, expected);
    let matches = "The server matches the folder.\n";
    assert_eq!(succeed(run("apply", exported.path(), &server, &["--dry-run", "--prune"])), matches);
    let again = folder();
    succeed(run("export", again.path(), &server, &[]));
    assert_eq!(files(&again), files(&exported), "the same state gives the same files");

    let other = ServerBuilder::bare().start();
    let said = succeed(run("apply", exported.path(), &other, &["--yes"]));
    assert!(said.contains("\n8 to add, 0 to change, 0 to delete\n"), "{said}");
    assert_eq!(succeed(run("apply", exported.path(), &other, &["--yes"])), matches);
    let copy = folder();
    succeed(run("export", copy.path(), &other, &[]));
    assert_eq!(files(&copy), files(&exported), "another server that matches the files gives the same files");
    other.run_order(&json!({ "orderId": "1", "price": "$1", "quantity": 1, "email": "ann@example.com" }));
}

#[test]
fn the_difference_is_shown_before_the_server_is_changed() {
    let (server, changed) = (Server::start(), folder());
    let mut bundle: Value = serde_json::from_str(&orders_bundle()).unwrap();
    bundle["hooks"][0]["title"] = json!("Orders");
    bundle["klasses"][0]["properties"]["noteTxt"] = json!({});
    bundle["workflows"][0]["steps"][0]["meta"] = json!({ "displayName": "Look" });
    bundle["workflows"][0]["enabled"] = json!(false);
    write(&changed, "orders.json", &bundle);
    write(&changed, "new.json", &sets("new", "x"));
    let shown = succeed(run("apply", changed.path(), &server, &["--dry-run"]));
    insta::assert_snapshot!(shown);
    let refused = run("apply", changed.path(), &server, &[]);
    assert_eq!(refused.output, shown);
    let told = "error: standard input is not a terminal; use --yes to apply without confirmation\n";
    assert_eq!(fail(refused), told);
    assert_eq!(server.workflow("order-to-kobject")["attributes"]["version"], 1);

    let done = succeed(run("apply", changed.path(), &server, &["--yes"]));
    let steps =
        "form hook orders: changed\nklass order: changed\nworkflow new: added\nworkflow order-to-kobject: changed\n";
    assert_eq!(done, format!("{shown}{steps}"));
    let applied = server.workflow("order-to-kobject")["attributes"].take();
    assert_eq!((&applied["version"], &applied["enabled"]), (&json!(2), &json!(false)));
    assert_eq!(server.hook("orders")["attributes"]["title"], "Orders");
}

#[test]
fn undeclared_parts_are_left_alone_unless_pruned() {
    let (server, only) = (Server::start(), folder());
    write(&only, "hook.json", &json!({ "hooks": [{ "name": "returns", "type": "form" }] }));
    let said = succeed(run("apply", only.path(), &server, &["--yes"]));
    let left =
        "On the server but in no file, left unchanged: workflow order-to-kobject, form hook orders, klass order\n";
    assert!(said.contains(left), "{said}");
    let said = succeed(run("apply", only.path(), &server, &["--yes", "--prune"]));
    assert!(said.contains("\n0 to add, 0 to change, 2 to delete\n"), "{said}");
    assert_eq!(server.get("/v1/workflows").expect(200)["data"], json!([]));
    assert_eq!(server.get("/v1/hooks").expect(200)["data"].as_array().unwrap().len(), 1);
}

#[test]
fn files_with_errors_change_nothing() {
    let (server, wrong) = (Server::start(), folder());
    write(&wrong, "a.json", &sets("a", "x"));
    let params = json!({ "klassName": "order", "customer": "/#steps.1.id", "title": "t", "data": {}, "custom": { "orderStr": "x" } });
    write(
        &wrong,
        "b.json",
        &workflow("b", json!([{ "id": "2", "action": "kobject.create-with-customer", "params": params }])),
    );
    let errors = fail(run("apply", wrong.path(), &server, &["--yes"]));
    assert!(errors.contains("b.json:1:"), "{errors}");
    assert!(
        errors.contains("unknown attribute `orderStr`; did you mean `orderIdStr`?"),
        "the server's klass counts: {errors}"
    );
    assert!(errors.ends_with("error: the files have errors; nothing was changed\n"), "{errors}");
    assert_eq!(server.get("/v1/workflows").expect(200)["data"].as_array().unwrap().len(), 1);
}

#[test]
fn a_failure_is_reported_in_one_line() {
    let (server, empty, full) = (Server::start(), folder(), folder());
    assert!(
        fail(run("apply", empty.path(), &server, &["--yes"])).contains("has no workflow files; nothing was changed")
    );
    write(&full, "mine.json", &sets("mine", "x"));
    let errors = fail(run("export", full.path(), &server, &[]));
    assert!(errors.contains("mine.json` is not part of this export"), "{errors}");
    assert_eq!(files(&full).len(), 1);
    succeed(run("export", full.path(), &server, &["--force"]));
    let path = full.path().to_str().unwrap();
    let keyless = hookflow(full.path(), &["export", path, "--server", &server.base_url]);
    assert!(fail(keyless).starts_with("error: no API key"));
    let refused = hookflow(full.path(), &["apply", path, "--server", &server.base_url, "--key", "wrong"]);
    assert_eq!(fail(refused).lines().count(), 1);
}
