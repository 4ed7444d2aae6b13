//! Connections that break while hooks arrive: nothing that was acknowledged is lost, and nothing is done twice.
//!
//! The real program reaches its database through a proxy. First each message of the transaction that stores an order is the
//! one at which the connection is lost, in each way in which it can be ([`points`]); then the whole database is away for a
//! while ([`away`]).

mod away;
mod idle;
mod points;

use std::sync::Arc;

use crate::support::audit::{check_over_http, check_stored};
use crate::support::orders::Ledger;
use crate::support::postgres::{Cluster, TestDatabase};
use crate::support::proxy::Proxy;
use crate::support::random::Random;
use crate::support::server::{Answer, send};
use crate::support::{Server, ServerBuilder, wait_for};

/// A server whose database is behind a proxy.
struct Scene {
    database: Arc<TestDatabase>,
    proxy: Proxy,
    server: Server,
    hook_url: String,
}

impl Scene {
    /// A server with the shipped bundle.
    fn set(arguments: &[&str]) -> Scene {
        Scene::with(ServerBuilder::new().arguments(arguments))
    }

    fn with(builder: ServerBuilder) -> Scene {
        let cluster = Cluster::shared();
        let (database, proxy) = (Arc::new(cluster.database()), Proxy::start(cluster.port()));
        let builder = builder.on_database(database.clone()).database_url(&database.url_through(proxy.port()));
        let server = builder.start();
        let hook_url = server.hook_url("orders");
        Scene { database, proxy, server, hook_url }
    }

    /// What `/readyz` says.
    fn ready(&self) -> Answer {
        self.server.get_without_key("/readyz")
    }

    fn wait_until_ready(&self) {
        wait_for("the server to be ready again", || (self.ready().status == 200).then_some(()));
    }

    /// Makes the proxy refuse all connections, and cut the existing ones.
    fn take_the_database_away(&self) {
        self.proxy.refuse(true);
        self.proxy.cut_all_now();
    }

    /// Posts an order that no audit counts.
    fn post(&self, id: &str) -> Answer {
        let order = serde_json::json!({ "orderId": id, "email": format!("{id}@example.com") });
        send(self.server.request("POST", &self.hook_url).json(&order))
    }

    /// Looks at everything that was posted, once all of it is done.
    fn audit(self, ledger: &Ledger, random: &mut Random) {
        self.server.wait_for_runs();
        check_over_http(&self.server, ledger, random);
        let log = self.server.errors();
        for sign in ["panicked", "the run can't continue"] {
            assert!(!log.contains(sign), "{log}");
        }
        assert!(self.server.stop().success());
        check_stored(crate::support::database::Look::database(&self.database), ledger);
    }
}
