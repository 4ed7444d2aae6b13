//! `hookflow migrate-store`: everything that was in SQLite is in PostgreSQL afterwards, however often the command was
//! killed, and nothing else is touched.

mod contents;
mod earlier;
mod kill;
mod refusals;
mod tables;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hookflow::store::migrate::tables::TABLES;
use serde_json::{Value, json};

use crate::support::database::{Kind, Look};
use crate::support::peer::{Peer, answer};
use crate::support::postgres::{Cluster, TestDatabase};
use crate::support::program::{Said, hookflow};
use crate::support::workspace::Workspace;
use crate::support::{Server, ServerBuilder, wait_for, workflow};
use contents::{everything, fill};

/// What hooks are reached by, whatever port a server listens on.
const PUBLIC_URL: &str = "http://hooks.example.com";

/// Copies the SQLite file in a folder.
fn migrate(folder: &Path, target: &TestDatabase) -> Said {
    hookflow(folder, &["migrate-store", "--from", "sqlite:hookflow.db", "--to", &target.url()])
}

fn verify(folder: &Path, target: &TestDatabase) -> Said {
    hookflow(folder, &["migrate-store", "--verify-only", "--from", "sqlite:hookflow.db", "--to", &target.url()])
}

#[track_caller]
fn expect_success(said: &Said) {
    assert_eq!(said.code, Some(0), "{}{}", said.output, said.errors);
}

/// The last line that a command which failed said.
#[track_caller]
fn expect_refusal(said: &Said) -> &str {
    assert_eq!(said.code, Some(1), "{}{}", said.output, said.errors);
    assert_eq!(said.output, "");
    said.errors.lines().last().expect("it says something")
}

/// A folder with a SQLite file that a server has worked on, with one order in it.
fn small_source() -> Arc<Workspace> {
    let server = ServerBuilder::new().on(Kind::Sqlite).start();
    server.run_order(&json!({ "orderId": "1", "email": "ann@example.com" }));
    let workspace = server.directory();
    assert!(server.stop().success());
    workspace
}

/// The server that comes next in a folder, on the database that was copied to.
fn on_target(workspace: &Arc<Workspace>, target: &TestDatabase) -> ServerBuilder {
    let builder = ServerBuilder::in_directory(workspace.clone()).database_url(&target.url());
    builder.arguments(&["--public-url", PUBLIC_URL]).environment("HOOKFLOW_OUTBOUND_ALLOW", "127.0.0.1")
}

/// Where a hook's address is on this server.
fn hook_path(hook: &Value) -> String {
    let url = hook["attributes"]["url"].as_str().expect("a hook has an address");
    url.strip_prefix(PUBLIC_URL).expect("the address is a public one").to_owned()
}

#[test]
fn a_server_shows_the_same_after_the_move_and_goes_on() {
    let is_answering = Arc::new(AtomicBool::new(false));
    let answering = is_answering.clone();
    let peer = Peer::start(move |_, stream| match answering.load(Ordering::Relaxed) {
        true => answer(stream, "200 OK", "{\"done\":true}"),
        false => {
            let head = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 3600\r\ncontent-length: 0\r\n\r\n";
            std::io::Write::write_all(stream, head).expect("the server reads its answer");
        }
    });
    let builder = ServerBuilder::new().on(Kind::Sqlite).arguments(&["--public-url", PUBLIC_URL]);
    let server = builder.environment("HOOKFLOW_OUTBOUND_ALLOW", "127.0.0.1").start();
    fill(&server, &peer);
    let before = everything(&server);
    for status in ["waiting", "completed", "failed", "cancelled"] {
        assert_ne!(before[&format!("/v1/runs?status={status}")], json!([]), "{status}");
    }
    let workspace = server.directory();
    assert!(server.stop().success());

    let target = Cluster::shared().empty_database();
    let said = migrate(workspace.path(), &target);
    expect_success(&said);
    assert!(said.output.contains("Everything was copied and verified"), "{}", said.output);
    assert_eq!(said.output.matches("equal: ").count(), TABLES.len(), "{}", said.output);
    expect_success(&verify(workspace.path(), &target));
    expect_equal_logs(&workspace, &target);
    let defaults = "SELECT id FROM transactions_default UNION ALL SELECT id FROM runs_default \
                    UNION ALL SELECT run_id FROM step_log_default";
    assert_eq!(target.rows(defaults), [] as [Value; 0]);

    let server = on_target(&workspace, &target).start();
    let after = everything(&server);
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    for (path, shown) in &before {
        assert_eq!(shown, &after[path], "{path}");
    }
    // The addresses of hooks work, and their refusals are counted on.
    let hook = server.hook("orders");
    let posted = server.call("POST", &hook_path(&hook), json!({ "orderId": "after", "email": "ANN@example.com" }));
    let transaction = posted.expect(200);
    let transaction = server.get(transaction["data"]["links"]["self"].as_str().unwrap()).expect(200);
    let run = transaction["data"]["relationships"]["runs"]["data"][0]["id"].as_str().unwrap();
    let run = server.wait_for_run(run, |status| status == "completed");
    let found = &run["attributes"]["steps"][1]["output"]["id"];
    assert_eq!(found, &server.get("/v1/customers/email=ann@example.com").expect(200)["data"]["id"]);
    // Files are not loaded anew, and new versions follow the old ones.
    assert_eq!(server.workflow("order-to-kobject")["attributes"]["version"], 1);
    // A run that waits goes on when its time has come.
    let waiting = server.get("/v1/runs?status=waiting").expect(200);
    let waiting = waiting["data"][0]["id"].as_str().expect("a run waits");
    is_answering.store(true, Ordering::Relaxed);
    target.execute("UPDATE open_runs SET due_at = 0");
    let run = server.wait_for_run(waiting, |status| status == "completed");
    assert_eq!(run["attributes"]["steps"][1]["attempts"].as_array().map(Vec::len), Some(2), "{run:#}");
}

/// SQLite keeps long logs packed and short ones as text; PostgreSQL has the text of all.
#[track_caller]
fn expect_equal_logs(workspace: &Workspace, target: &TestDatabase) {
    let mut source = Look::file(&workspace.path().join("hookflow.db"));
    let kept = source.rows("step_log", &["packed IS NULL", "entries = ''"]);
    let count = |row: Value| kept.iter().filter(|kept| **kept == row).count();
    let (text, packed) = (count(json!(["1", "0"])), count(json!(["0", "1"])));
    assert!(text > 0 && packed > 0 && text + packed == kept.len(), "{kept:?}");
    let columns = ["run_id", "segment", "entries"];
    assert_eq!(source.rows("step_log", &columns), Look::database(target).rows("step_log", &columns));
}

/// A SQLite server whose only workflow calls the peer.
fn calling_server(peer: &Peer) -> Server {
    let call = json!({ "id": "2", "action": "rest-api.json", "params": { "method": "POST", "uri": peer.url("/") } });
    let hooks = json!([{ "name": "orders", "type": "form" }]);
    let bundle = json!({ "hooks": hooks, "workflows": [workflow("calling", json!([call]))] });
    let builder = ServerBuilder::bare().on(Kind::Sqlite).environment("HOOKFLOW_OUTBOUND_ALLOW", "127.0.0.1");
    builder.write_workflow("calls.json", &bundle.to_string());
    builder.start()
}

#[test]
fn runs_that_sqlite_held_or_had_only_queued_go_on_in_postgresql() {
    let is_answering = Arc::new(AtomicBool::new(false));
    let answering = is_answering.clone();
    let peer = Peer::start(move |_, stream| {
        if answering.load(Ordering::Relaxed) {
            answer(stream, "200 OK", "{}");
        } else {
            // Until the server is gone.
            let _ = std::io::Read::read(stream, &mut [0]);
        }
    });
    let server = calling_server(&peer);
    server.post_hook("orders", &json!({ "order": 1 })).expect(200);
    server.post_hook("orders", &json!({ "order": 2 })).expect(200);
    wait_for("the calls", || (peer.received().len() == 2).then_some(()));
    let workspace = server.directory();
    server.kill();
    // The second as it was before anybody had begun it.
    workspace.execute(
        "DELETE FROM step_log WHERE run_id = (SELECT max(id) FROM runs); \
         UPDATE runs SET status = 'queued', position = NULL, steps = 0, pending = NULL, started_at = NULL, held = 0, \
           due_at = created_at, rev = 7 WHERE id = (SELECT max(id) FROM runs)",
    );

    let target = Cluster::shared().database();
    expect_success(&migrate(workspace.path(), &target));
    let open = target.rows(
        "SELECT status, owner, due_at <= 1000000 * extract(epoch FROM now()) AS due, rev = 7 AS same FROM open_runs \
         ORDER BY id",
    );
    let shown = |status: &str, same: bool| json!({ "status": status, "owner": null, "due": true, "same": same });
    assert_eq!(open, [shown("running", false), shown("queued", true)]);
    is_answering.store(true, Ordering::Relaxed);
    let server = on_target(&workspace, &target).start();
    let runs = server.wait_for_runs();
    let attempts = runs.iter().map(|run| {
        assert_eq!(run["attributes"]["status"], "completed", "{run:#}");
        let steps = server.steps(run);
        let attempts = steps[1]["attempts"].as_array().expect("the call is logged").clone();
        attempts.into_iter().map(|mut attempt| attempt["status"].take()).collect::<Vec<_>>()
    });
    assert_eq!(attempts.collect::<Vec<_>>(), [vec![json!("answered")], vec![json!("unknown"), json!("answered")]]);
}
