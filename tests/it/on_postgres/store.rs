//! The suite for stores, on PostgreSQL.

use std::cell::RefCell;
use std::sync::Arc;

use hookflow::store::Store;
use hookflow::store::postgres::{PoolSizes, Postgres};

use crate::store::suite;
use crate::support::postgres::Cluster;

#[test]
fn postgresql_does_what_a_store_has_to_do() {
    suite_on(Cluster::shared());
}

/// Every check of the suite, each on a database of its own in this cluster.
pub fn suite_on(cluster: &Cluster) {
    // One connection that writes, so that a unit can keep others waiting.
    let sizes = PoolSizes { writers: 1, readers: 2 };
    let databases = RefCell::new(Vec::new());
    suite(|| {
        let database = cluster.database();
        let store = Postgres::open(&database.url().parse().unwrap(), sizes).expect("the database can be opened");
        databases.borrow_mut().push(database);
        Store::new(Arc::new(store))
    });
}
