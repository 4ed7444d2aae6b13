//! The suite for stores, on SQLite.

use std::cell::Cell;
use std::sync::Arc;

use hookflow::store::Store;
use hookflow::store::sqlite::Sqlite;
use tempfile::TempDir;

use crate::store::suite;

#[test]
fn sqlite_does_what_a_store_has_to_do() {
    let folder = TempDir::new().expect("a temporary folder can be made");
    let opened = Cell::new(0);
    suite(|| {
        opened.set(opened.get() + 1);
        let path = folder.path().join(format!("{}.db", opened.get()));
        Store::new(Arc::new(Sqlite::open(path.to_str().unwrap()).expect("a database can be made")))
    });
}
