//! A store with two threads that write, for transactions that are open at the same time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hookflow::base::id::Id;
use hookflow::base::time::Timestamp;
use hookflow::store::postgres::{PoolSizes, Postgres};
use hookflow::store::{Org, Session, Store, StoreResult};
use tokio::runtime::Runtime;

use crate::support::postgres::{Cluster, TestDatabase};
use crate::support::wait_for;

pub struct Writers {
    database: TestDatabase,
    store: Store,
    runtime: Runtime,
}

impl Writers {
    pub fn new() -> Writers {
        let (database, sizes) = (Cluster::shared().database(), PoolSizes { writers: 2, readers: 1 });
        let store = Postgres::open(&database.url().parse().unwrap(), sizes).expect("the database can be opened");
        let store = Store::new(Arc::new(store));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        Writers { database, store, runtime }
    }

    pub fn add_org(&self) -> Id {
        let org = Org { id: Id::generate(), name: "one".into(), created_at: Timestamp::now() };
        let id = org.id;
        self.write(move |session| session.insert_org(&org));
        id
    }

    pub fn write<T: Send + 'static>(&self, work: impl FnMut(&mut dyn Session) -> StoreResult<T> + Send + 'static) -> T {
        self.runtime.block_on(self.store.write(work)).unwrap()
    }

    /// Does `first`, and starts `second` while the transaction of `first` is still open. That one commits when `second`
    /// waits for it. Returns the result of `second`.
    pub fn overlap<T: Send + 'static>(
        &self,
        mut first: impl FnMut(&mut dyn Session) -> StoreResult<()> + Send + 'static,
        second: impl FnMut(&mut dyn Session) -> StoreResult<T> + Send + 'static,
    ) -> T {
        let done = Arc::new(AtomicBool::new(false));
        let (signal, watcher) = (done.clone(), self.database.session());
        let waits = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let work = move |session: &mut dyn Session| {
            first(session)?;
            signal.store(true, Ordering::SeqCst);
            wait_for("the second to wait for the first", || (!watcher.rows(waits).is_empty()).then_some(()));
            Ok(())
        };
        let store = self.store.clone();
        let first = self.runtime.spawn(async move { store.write(work).await });
        wait_for("the first to have done its work", || done.load(Ordering::SeqCst).then_some(()));
        let second = self.runtime.block_on(self.store.write(second)).unwrap();
        self.runtime.block_on(first).unwrap().unwrap();
        second
    }

    pub fn close(self) {
        self.store.close();
    }
}
