//! A database for each test, copied from a template with hookflow's tables.

use std::sync::atomic::{AtomicUsize, Ordering};

use hookflow::store::Backend;
use hookflow::store::postgres::{PoolSizes, Postgres};
use serde_json::Value;

use super::{Address, Cluster, Sql};

/// What the tests' databases are copied from, which is faster than to make the tables in each.
const TEMPLATE: &str = "template_hookflow";

/// A database of a test's own; dropped with everything that is connected to it.
pub struct TestDatabase {
    address: Address,
    name: String,
    /// Whether it goes with this value; one on a standby goes with that of the primary.
    owned: bool,
}

impl Cluster {
    /// A database with hookflow's tables and nothing in them.
    pub fn database(&self) -> TestDatabase {
        let session = self.session();
        let mut is_made = self.template.lock().expect("the template was made");
        if !*is_made {
            session.execute(&format!("CREATE DATABASE {TEMPLATE}"));
            prepare(&self.url(TEMPLATE));
            // Whoever connects to it would keep it from being copied.
            session.execute(&format!("ALTER DATABASE {TEMPLATE} ALLOW_CONNECTIONS false"));
            *is_made = true;
        }
        self.make_database(&session, TEMPLATE)
    }

    /// A database with nothing in it at all.
    pub fn empty_database(&self) -> TestDatabase {
        self.make_database(&self.session(), "template0")
    }

    fn make_database(&self, session: &Sql, template: &str) -> TestDatabase {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("hookflow_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        session.execute(&format!("CREATE DATABASE {name} TEMPLATE {template}"));
        TestDatabase { address: self.address(), name, owned: true }
    }
}

/// Makes hookflow's tables in an empty database.
fn prepare(url: &str) {
    let store = Postgres::open(&url.parse().expect("the URL is right"), PoolSizes { writers: 1, readers: 1 });
    store.expect("the database can be set up").close();
}

impl TestDatabase {
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What hookflow connects to.
    pub fn url(&self) -> String {
        self.url_through(self.address.port)
    }

    /// The same by way of another port of this machine.
    pub fn url_through(&self, port: u16) -> String {
        self.address.url(port, &self.name)
    }

    /// The database of the same name in another cluster, which follows or followed this one.
    pub fn in_cluster(&self, cluster: &Cluster) -> TestDatabase {
        TestDatabase { address: cluster.address(), name: self.name.clone(), owned: false }
    }

    /// A session that lasts, for tests that hold locks or transactions.
    pub fn session(&self) -> Sql {
        self.address.connect(&self.name).expect("the database can be reached")
    }

    /// The rows of a query, each an object with the columns' names.
    #[track_caller]
    pub fn rows(&self, query: &str) -> Vec<Value> {
        self.session().rows(query)
    }

    /// Does one or more statements in a transaction of their own.
    #[track_caller]
    pub fn execute(&self, sql: &str) {
        self.session().execute(sql);
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if self.owned {
            // A cluster that is stopped or gone takes its databases along.
            let session = self.address.connect("postgres");
            let drop = format!("DROP DATABASE {} WITH (FORCE)", self.name);
            let _ = session.and_then(|session| session.try_execute(&drop));
        }
    }
}
