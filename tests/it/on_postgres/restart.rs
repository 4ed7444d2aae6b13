//! The database server crashes under load and comes back, again and again: nothing that was acknowledged is lost, nothing
//! is done twice, and hookflow goes on without being restarted itself.

use std::sync::Arc;

use crate::crash::rounds;
use crate::support::ServerBuilder;
use crate::support::audit::{check_over_http, check_stored};
use crate::support::orders::{Ledger, Load};
use crate::support::postgres::{Cluster, ClusterOptions};
use crate::support::random::Random;

const ROUNDS: usize = 5;
const CONNECTIONS: usize = 8;
/// Fewer than there are orders, so that customers come back.
const CUSTOMERS: usize = 100;

#[test]
fn nothing_acknowledged_is_lost_or_doubled_when_the_database_server_crashes() {
    let mut random = Random::for_test("database restart");
    let mut ledger = Ledger::default();
    let cluster = Cluster::start(ClusterOptions { fsync: true, ..ClusterOptions::default() });
    let server = ServerBuilder::new().on_database(Arc::new(cluster.database())).start();
    let load = Load::start(&server, CONNECTIONS, CUSTOMERS, &mut random);
    for _ in 0..rounds(ROUNDS) {
        load.wait_for_more_acknowledged(random.within(1..100));
        cluster.restart_immediately();
    }
    load.wait_for_more_acknowledged(100);
    let acknowledged = load.finish(&mut ledger);
    println!("database restart: {acknowledged} of {} orders acknowledged", ledger.orders.len());
    server.wait_for_runs();
    check_over_http(&server, &ledger, &mut random);
    let (directory, log) = (server.directory(), server.errors());
    let outcomes = log.lines().filter(|line| line.contains("its outcome is now known"));
    println!("database restart: {} outcomes of commits were found out", outcomes.count());
    assert!(!log.contains("panicked") && !log.contains("the run can't continue"), "{log}");
    assert!(server.stop().success());
    check_stored(directory.look(), &ledger);
}
