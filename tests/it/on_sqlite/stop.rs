//! A stop leaves one tidy file with everything in it.

use std::path::Path;

use serde_json::json;

use super::server;
use crate::support::ServerBuilder;
use crate::support::orders::{Ledger, Load};
use crate::support::random::Random;

/// Whether the write-ahead log was folded into the database.
fn is_folded(directory: &Path) -> bool {
    std::fs::metadata(directory.join("hookflow.db-wal")).map_or(0, |log| log.len()) == 0
}

#[test]
fn a_server_in_use_stops_with_everything_in_one_file() {
    let server = server().start();
    server.run_order(&json!({ "email": "ann@example.com" }));
    let directory = server.directory();
    assert_eq!(server.stop().code(), Some(0));
    assert!(is_folded(directory.path()));
}

#[test]
fn a_server_under_load_stops_with_everything_in_one_file() {
    let mut random = Random::for_test("one file");
    let mut server = server().start();
    for _ in 0..3 {
        let load = Load::start(&server, 8, 100, &mut random);
        load.wait_for_acknowledged(random.within(50..200));
        let directory = server.directory();
        assert_eq!(server.stop().code(), Some(0));
        load.finish(&mut Ledger::default());
        assert!(is_folded(directory.path()));
        server = ServerBuilder::in_directory(directory).start();
    }
}
