//! Connections that end while they are idle: those to the server, and those of senders.

use serde_json::{Value, json};

use super::Scene;
use crate::support::peer::Peer;
use crate::support::raw::{Connection, path_of};
use crate::support::{ServerBuilder, wait_for};

const ROUNDS: usize = 5;

#[test]
fn a_hook_does_not_suffer_from_connections_that_were_ended_before_it_came() {
    let scene = Scene::set(&["--database-writers", "1"]);
    let sql = scene.database.session();
    let own = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    for round in 0..ROUNDS {
        scene.post(&format!("before-{round}"));
        scene.wait_until_ready();
        let ended: Vec<Value> = sql.rows(&format!("SELECT pid {own}")).iter().map(|row| row["pid"].clone()).collect();
        assert!(ended.len() >= 2, "one coordinates and one writes: {ended:?}");
        sql.execute(&format!("SELECT pg_terminate_backend(pid) {own}"));
        wait_for("the connections to end", || {
            let present = sql.rows(&format!("SELECT pid {own}"));
            (!present.iter().any(|row| ended.contains(&row["pid"]))).then_some(())
        });
        let answer = scene.post(&format!("after-{round}"));
        assert_eq!(answer.status, 200, "{}\n{}", answer.text, scene.server.errors());
        assert_eq!(scene.server.get("/v1/runs?pageSize=1").status, 200, "so it is with reading");
    }
}

#[test]
fn a_run_goes_on_although_the_sender_has_gone() {
    let peer = Peer::answering("200 OK", "{}");
    let call = json!([{ "id": "2", "action": "rest-api.json", "params": { "uri": peer.url("/orders") } }]);
    let scene = Scene::with(ServerBuilder::with_steps(call).arguments(&["--database-writers", "1"]));
    let sql = scene.database.session();
    let waits = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    for round in 1..=ROUNDS {
        sql.execute("BEGIN; LOCK TABLE transactions IN EXCLUSIVE MODE");
        let mut sender = Connection::open(&scene.server);
        let path = path_of(&scene.hook_url);
        sender.send(format!(
            "POST {path} HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\nexpect: 100-continue\r\n\
             content-length: 2\r\n\r\n{{}}"
        ));
        wait_for("the hook to be under way", || (!sql.rows(waits).is_empty()).then_some(()));
        // It has not read that it may go on, so its machine tells the server that the connection is broken.
        drop(sender);
        sql.execute("ROLLBACK");
        let stored = || sql.rows("SELECT FROM transactions").len();
        wait_for("the hook to be stored", || (stored() == round).then_some(()));
    }
    let runs = scene.server.wait_for_runs();
    assert!(runs.len() == ROUNDS && runs.iter().all(|run| run["attributes"]["status"] == "completed"), "{runs:#?}");
}
