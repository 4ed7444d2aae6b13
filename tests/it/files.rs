//! The folder of workflow files: loaded at start, watched while running, and what counts when HTTP and files disagree.

use serde_json::{Value, json};

use crate::support::server::send;
use crate::support::{Server, ServerBuilder, wait_for, workflow};

/// The file `bundle.json`: a hook `orders`, and a workflow `names` that creates a customer of this name.
fn bundle(name: &str) -> String {
    let steps = json!([{ "id": "2", "action": "customer.create", "params": { "name": name } }]);
    let hooks = json!([{ "name": "orders", "type": "form" }]);
    json!({ "hooks": hooks, "workflows": [workflow("names", steps)] }).to_string()
}

fn server_with(text: &str) -> Server {
    let builder = ServerBuilder::bare();
    builder.write_workflow("bundle.json", text);
    builder.start()
}

fn write(server: &Server, text: &str) {
    std::fs::write(server.path("workflows/bundle.json"), text).expect("a file can be written");
}

fn version(server: &Server) -> i64 {
    server.workflow("names")["attributes"]["version"].as_i64().unwrap()
}

fn restart(server: Server) -> Server {
    let directory = server.directory();
    assert!(server.stop().success());
    ServerBuilder::in_directory(directory).start()
}

/// The name that the current workflow gives to customers.
fn name_given(server: &Server) -> Value {
    server.run_order(&json!({}))["attributes"]["steps"][1]["output"]["name"].take()
}

#[test]
fn a_file_that_changes_while_the_server_runs_is_picked_up() {
    let server = server_with(&bundle("first"));
    let hash = server.hook("orders")["attributes"]["hash"].clone();
    write(&server, &bundle("second"));
    wait_for("version 2", || (version(&server) == 2).then_some(()));
    assert_eq!(name_given(&server), "second");
    assert_eq!(server.hook("orders")["attributes"]["hash"], hash);
    server.wait_for_log("workflow names: version 2 is in effect");
}

#[test]
fn a_file_that_is_added_while_the_server_runs_is_picked_up() {
    let server = ServerBuilder::bare().start();
    write(&server, &bundle("first"));
    wait_for("the hook", || {
        let hooks = server.get("/v1/hooks").expect(200);
        (hooks["data"].as_array().unwrap().len() == 1).then_some(())
    });
    assert_eq!(name_given(&server), "first");
}

#[test]
fn a_broken_file_is_reported_and_the_last_good_version_stays_in_force() {
    let server = server_with(&bundle("first"));
    write(&server, &bundle("second").replace("customer.create", "customer.craete"));
    let log = server.wait_for_log("files with errors were not loaded; their earlier declarations stay in effect");
    assert!(log.contains("unknown action `customer.craete`; did you mean `customer.create`?"), "{log}");
    assert!(log.contains("--> workflows/bundle.json:1:"), "{log}");
    assert_eq!(version(&server), 1);
    assert_eq!(name_given(&server), "first");
    write(&server, &bundle("third"));
    wait_for("version 2", || (version(&server) == 2).then_some(()));
    assert_eq!(name_given(&server), "third");
}

#[test]
fn a_broken_file_at_start_does_not_keep_the_others_from_being_loaded() {
    let builder = ServerBuilder::bare();
    builder.write_workflow("broken.json", "{ not json");
    builder.write_workflow("bundle.json", &bundle("first"));
    let server = builder.start();
    server.wait_for_log("not JSON: key must be a string");
    assert_eq!(name_given(&server), "first");
}

#[test]
fn a_restart_keeps_the_address_and_loads_changed_files() {
    let server = server_with(&bundle("first"));
    let hash = server.hook("orders")["attributes"]["hash"].clone();
    let directory = server.directory();
    let file = server.path("workflows/bundle.json");
    assert!(server.stop().success());
    std::fs::write(file, bundle("second")).unwrap();
    let server = ServerBuilder::in_directory(directory).start();
    assert_eq!(server.hook("orders")["attributes"]["hash"], hash);
    assert_eq!(version(&server), 2);
    assert_eq!(name_given(&server), "second");
}

#[test]
fn a_restart_without_changes_makes_no_version() {
    let server = restart(server_with(&bundle("first")));
    assert_eq!(version(&server), 1);
}

#[test]
fn the_declarations_of_a_removed_file_stay_in_force() {
    let server = server_with(&bundle("first"));
    std::fs::remove_file(server.path("workflows/bundle.json")).unwrap();
    server.wait_for_log("the file is gone; its declarations stay in effect until they are deleted");
    assert_eq!(name_given(&server), "first");
    let server = restart(server);
    assert_eq!(name_given(&server), "first");
}

/// Changes the workflow over HTTP to give this name.
fn change_over_http(server: &Server, name: &str) {
    let document: Value = serde_json::from_str(&bundle(name)).unwrap();
    let link = server.workflow("names")["links"]["self"].as_str().unwrap().to_owned();
    server.call("PUT", &link, document["workflows"][0].clone()).expect(200);
}

#[test]
fn an_unchanged_file_does_not_overwrite_a_change_over_http() {
    let server = server_with(&bundle("first"));
    change_over_http(&server, "second");
    let server = restart(server);
    assert_eq!(version(&server), 2);
    assert_eq!(name_given(&server), "second");
}

#[test]
fn a_changed_file_overrides_an_older_change_over_http() {
    let server = server_with(&bundle("first"));
    change_over_http(&server, "second");
    write(&server, &bundle("third"));
    wait_for("version 3", || (version(&server) == 3).then_some(()));
    assert_eq!(name_given(&server), "third");
}

#[test]
fn a_workflow_disabled_over_http_stays_disabled_when_its_file_changes() {
    let server = server_with(&bundle("first"));
    let link = server.workflow("names")["links"]["self"].as_str().unwrap().to_owned();
    server.call("PATCH", &link, json!({ "enabled": false })).expect(200);
    write(&server, &bundle("second"));
    wait_for("version 2", || (version(&server) == 2).then_some(()));
    assert_eq!(server.workflow("names")["attributes"]["enabled"], false);
}

#[test]
fn a_version_says_which_file_it_came_from() {
    let server = server_with(&bundle("first"));
    let workflow = server.workflow("names");
    assert_eq!(workflow["attributes"]["file"], "workflows/bundle.json");
    let link = format!("{}/versions/1", workflow["links"]["self"].as_str().unwrap());
    assert_eq!(server.get(&link).expect(200)["data"]["attributes"]["origin"], "file workflows/bundle.json");
}

#[test]
fn only_json_files_of_the_folder_itself_are_read() {
    let builder = ServerBuilder::bare();
    builder.write_workflow("notes.txt", "not a workflow");
    builder.write_workflow(".hidden.json", "not a workflow");
    std::fs::create_dir(builder.directory().join("workflows/deeper.json")).unwrap();
    builder.write_workflow("deeper.json/broken.json", "not a workflow");
    builder.write_workflow("bundle.json", &bundle("first"));
    let server = builder.start();
    assert!(!server.errors().contains("not JSON"), "{}", server.errors());
    assert_eq!(name_given(&server), "first");
}

/// Where the hook `orders` or the workflow `names` can be changed.
fn link(resource: &Value) -> String {
    resource["links"]["self"].as_str().expect("a resource has a link").to_owned()
}

fn count(server: &Server, list: &str) -> usize {
    server.get(list).expect(200)["data"].as_array().unwrap().len()
}

#[test]
fn a_workflow_deleted_over_http_stays_deleted_until_its_file_changes() {
    let server = server_with(&bundle("first"));
    let link = link(&server.workflow("names"));
    assert_eq!(server.call("DELETE", &link, Value::Null).status, 204);
    let server = restart(server);
    assert_eq!((count(&server, "/v1/workflows"), count(&server, "/v1/hooks")), (0, 1));
    // Another file that changes has the folder read again, but not this file loaded.
    let other = json!({ "hooks": [{ "name": "returns", "type": "form" }] }).to_string();
    std::fs::write(server.path("workflows/returns.json"), other).unwrap();
    wait_for("the other hook", || (count(&server, "/v1/hooks") == 2).then_some(()));
    assert_eq!(count(&server, "/v1/workflows"), 0);

    write(&server, &bundle("second"));
    wait_for("the workflow", || (count(&server, "/v1/workflows") == 1).then_some(()));
    assert_eq!(name_given(&server), "second");
    server.get(&link).expect(404);
}

#[test]
fn a_hook_deleted_over_http_stays_deleted_until_its_file_changes() {
    let server = server_with(&bundle("first"));
    let deleted = server.hook("orders");
    assert_eq!(server.call("DELETE", &link(&deleted), Value::Null).status, 204);
    let server = restart(server);
    assert_eq!((count(&server, "/v1/workflows"), count(&server, "/v1/hooks")), (1, 0));
    let old_address = format!("/v1/hooks/form/{}", deleted["attributes"]["hash"].as_str().unwrap());
    let post = |address: &str| send(server.request("POST", address).json(&json!({}))).status;
    assert_eq!(post(&old_address), 410);

    write(&server, &bundle("second"));
    wait_for("the hook", || (count(&server, "/v1/hooks") == 1).then_some(()));
    assert_ne!(server.hook("orders")["id"], deleted["id"]);
    assert_eq!((name_given(&server), post(&old_address)), (json!("second"), 410));
}

#[test]
fn a_hooks_title_changed_over_http_stays_until_its_file_changes() {
    let server = server_with(&bundle("first"));
    let title = |server: &Server| server.hook("orders")["attributes"]["title"].clone();
    let declared = title(&server);
    server.call("PATCH", &link(&server.hook("orders")), json!({ "title": "Shop" })).expect(200);
    let server = restart(server);
    assert_eq!(title(&server), "Shop");
    write(&server, &bundle("second"));
    wait_for("version 2", || (version(&server) == 2).then_some(()));
    assert_eq!(title(&server), declared);
}

#[test]
fn a_file_that_says_again_what_it_said_before_its_last_change_is_loaded_again() {
    let server = server_with(&bundle("first"));
    for (text, number) in [(bundle("second"), 2), (bundle("first"), 3)] {
        write(&server, &text);
        wait_for("the next version", || (version(&server) == number).then_some(()));
    }
    assert_eq!(name_given(&server), "first");
}
