//! Several processes on one database: what one changes the others know, and what one leaves the others finish.

mod brake;
mod catalog;
mod customers;
mod jobs;
mod lanes;
mod live;
mod loops;
mod pause;
mod retries;
mod schedules;
mod sender;
mod start;
mod stop;
mod storm;
mod storm_audit;
mod takeover;

use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::database::Kind;
use crate::support::peer::Peer;
use crate::support::postgres::TestDatabase;
use crate::support::{Server, ServerBuilder, always, wait_for};

/// What a process logs that finds that others took it for dead.
const GOES_ON: &str = "it continues under a new id";
/// What a process logs that takes another one for dead.
const TAKEN_FOR_DEAD: &str = "a process was declared dead";
/// All nodes on a database need the same.
const SECRET_KEY: &str = "0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f";

/// A server on PostgreSQL whose workflow `steps` calls `peer` for each order, and then makes its customer.
fn calling(peer: &Peer) -> ServerBuilder {
    let call =
        json!({ "method": "POST", "uri": peer.url("/"), "data": { "order": "/#steps.1.attributes.data.orderId" } });
    let create = json!({ "email": "/#steps.1.attributes.data.email" });
    let steps = json!([
        { "id": "2", "action": "rest-api.json", "params": call, "transitions": [always("3")] },
        { "id": "3", "action": "customer.create", "params": create },
    ]);
    ServerBuilder::with_steps(steps).on(Kind::Postgres).environment("HOOKFLOW_SECRET_KEY", SECRET_KEY)
}

/// One more node beside a server, which may call this machine too.
fn node_beside(server: &Server) -> Server {
    let node = ServerBuilder::node_beside(server).environment("HOOKFLOW_OUTBOUND_ALLOW", "127.0.0.0/8");
    node.environment("HOOKFLOW_SECRET_KEY", SECRET_KEY).start()
}

fn database(server: &Server) -> Arc<TestDatabase> {
    server.directory().postgres().clone()
}

/// Has the sessions of this one server carry a name.
fn named(builder: ServerBuilder, name: &str) -> ServerBuilder {
    let url = builder.shared_directory().postgres().url();
    builder.database_url(&format!("{url}&application_name={name}"))
}

/// The id that the database knows a process by; none if it was taken for dead, or has left.
fn node_id(database: &TestDatabase, process: u32) -> Option<String> {
    let rows = database.rows(&format!("SELECT id FROM nodes WHERE name LIKE '%:{process}'"));
    rows.first().map(|row| row["id"].as_str().expect("an id is a text").to_owned())
}

/// Has a process look as if it had been silent for ever. One that is not paused shows at once that it is not.
fn forget_heartbeat(database: &TestDatabase, node: &str) {
    database.execute(&format!("UPDATE nodes SET beat_at = 0 WHERE id = '{node}'"));
}

/// Waits until the others have taken a process for dead.
fn wait_until_buried(database: &TestDatabase, node: &str) {
    let is_there = || !database.rows(&format!("SELECT FROM nodes WHERE id = '{node}'")).is_empty();
    wait_for("a process to be taken for dead", || (!is_there()).then_some(()));
}

/// No run belongs to a process that the others don't watch: no node would ever take it over.
#[track_caller]
fn check_owners(database: &TestDatabase) {
    let lost =
        "SELECT id, status, owner FROM open_runs WHERE owner IS NOT NULL AND owner NOT IN (SELECT id FROM nodes)";
    assert_eq!(database.rows(lost), [] as [Value; 0]);
}

/// How the attempts of a run's call ended.
fn attempts(run: &Value) -> Vec<String> {
    let attempts = run["attributes"]["steps"][1]["attempts"].as_array().expect("the call has attempts");
    attempts.iter().map(|attempt| attempt["status"].as_str().expect("a status is a text").to_owned()).collect()
}
