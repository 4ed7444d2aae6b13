//! A reachable database that takes no writes for a while: another client holds a lock, or has made it read-only.
//!
//! That passes. Senders are asked to retry, and no run may be given up because of it.

use std::sync::{Arc, Mutex, mpsc};

use serde_json::json;

use crate::support::peer::{Peer, answer};
use crate::support::postgres::{Cluster, ClusterOptions, TestDatabase};
use crate::support::{PATIENCE, Server, ServerBuilder, wait_for};

/// A server with one run, whose only call is not answered yet.
struct Scene {
    server: Server,
    _peer: Peer,
    /// Dropped to let the call be answered.
    held: mpsc::Sender<()>,
}

impl Scene {
    fn set(database: &Arc<TestDatabase>) -> Scene {
        let (held, release) = mpsc::channel::<()>();
        let release = Mutex::new(release);
        let peer = Peer::start(move |_, stream| {
            // Holds the first call back; later ones find the channel closed.
            let _ = release.lock().unwrap().recv_timeout(PATIENCE);
            answer(stream, "200 OK", "{}");
        });
        let call = json!([{ "id": "2", "action": "rest-api.json", "params": { "uri": peer.url("/orders") } }]);
        let builder = ServerBuilder::with_steps(call).on_database(database.clone());
        let server = builder.arguments(&["--database-writers", "1"]).start();
        server.post_hook("orders", &json!({ "orderId": "1" })).expect(200);
        wait_for("the call to be under way", || (peer.received().len() == 1).then_some(()));
        Scene { server, _peer: peer, held }
    }

    /// Lets the run take its answer, and has a hook come, while the database takes no writes; then it does again.
    fn outlast(self, takes_writes_again: impl FnOnce()) {
        let Scene { server, _peer, held } = self;
        drop(held);
        let refused = server.post_hook("orders", &json!({ "orderId": "2" }));
        assert_eq!(refused.status, 503, "{}", refused.text);
        assert!(refused.headers.contains_key("retry-after"), "{:?}", refused.headers);
        takes_writes_again();
        let runs = server.wait_for_runs();
        assert_eq!(runs.len(), 1);
        assert_eq!(runs[0]["attributes"]["status"], "completed", "{:#}", runs[0]);
        server.post_hook("orders", &json!({ "orderId": "3" })).expect(200);
        let log = server.errors();
        assert!(!log.contains("the run can't continue"), "{log}");
    }
}

#[test]
fn a_run_goes_on_after_another_program_locked_the_tables() {
    let database = Arc::new(Cluster::shared().database());
    let scene = Scene::set(&database);
    let other = database.session();
    other.execute("BEGIN; LOCK TABLE transactions, open_runs, runs IN EXCLUSIVE MODE");
    scene.outlast(|| other.execute("ROLLBACK"));
}

#[test]
fn a_run_goes_on_after_the_server_had_been_made_read_only() {
    let cluster = Cluster::start(ClusterOptions::default());
    let scene = Scene::set(&Arc::new(cluster.database()));
    let admin = cluster.session();
    let set = |read_only: &str| {
        admin.execute(&format!("ALTER SYSTEM SET default_transaction_read_only = {read_only}"));
        admin.execute("SELECT pg_reload_conf()");
        let is_set = || admin.rows("SELECT current_setting('default_transaction_read_only') AS setting");
        wait_for("the setting", || (is_set()[0]["setting"] == read_only).then_some(()));
    };
    set("on");
    scene.outlast(|| set("off"));
}
