//! A node that starts while others work.

use serde_json::json;

use super::{calling, database, named};
use crate::support::peer::Peer;
use crate::support::server::send;
use crate::support::{ServerBuilder, wait_for};

#[test]
fn what_is_changed_while_a_node_starts_is_in_force_there() {
    let server = calling(&Peer::answering("200 OK", "{}")).start();
    let database = database(&server);
    let key = server.call("POST", "/v1/keys", json!({ "name": "gone", "role": "org.read" })).expect(201);
    // The node has read the catalog, and is about to go through the runs, when it has to wait.
    let session = database.session();
    session.execute("BEGIN; LOCK open_runs IN SHARE MODE");
    let starting = named(ServerBuilder::node_beside(&server), "starting");
    let starting = std::thread::spawn(move || starting.start());
    let sessions = |condition: &str| {
        let of_the_node = "datname = current_database() AND application_name = 'starting'";
        database.rows(&format!("SELECT FROM pg_stat_activity WHERE {of_the_node} AND {condition}")).len()
    };
    let waits = "wait_event_type = 'Lock' AND query LIKE 'UPDATE open_runs%'";
    wait_for("the node to go through the runs", || (sessions(waits) > 0).then_some(()));
    let deleted_at = database.rows("SELECT clock_timestamp() AS now")[0]["now"].as_str().unwrap().to_owned();
    server.call("DELETE", &format!("/v1/keys/{}", key["data"]["id"].as_str().unwrap()), json!(null)).expect(204);
    // The node has heard of the change before it is ready to act on that.
    let asked = format!("query LIKE '%revision%' AND state = 'idle' AND query_start > '{deleted_at}'");
    wait_for("the node to hear of a change", || (sessions(&asked) > 0).then_some(()));
    session.execute("ROLLBACK");
    let node = starting.join().expect("the node starts");
    let secret = key["data"]["attributes"]["key"].as_str().unwrap();
    wait_for("the key to be refused", || {
        (send(node.request("GET", "/v1/org").bearer_auth(secret)).status == 401).then_some(())
    });
}
