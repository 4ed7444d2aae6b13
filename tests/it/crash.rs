//! Killed at random moments, again and again: nothing that was acknowledged is lost, and nothing is done twice.
//!
//! The real program, many connections, SIGKILL. This finds torn protocols and missing resumption; it does not find a
//! missing flush, since what was written survives in the kernel. `HOOKFLOW_TEST_ROUNDS` asks for more rounds than ten,
//! `HOOKFLOW_TEST_SEED` for the same ones again.

use crate::support::ServerBuilder;
use crate::support::audit::{check_over_http, check_stored};
use crate::support::orders::{Ledger, Load};
use crate::support::random::Random;

const ROUNDS: usize = 10;
const CONNECTIONS: usize = 10;
/// Fewer than there are orders, so that customers come back.
const CUSTOMERS: usize = 150;

/// How many rounds a crash test makes.
pub fn rounds(default: usize) -> usize {
    std::env::var("HOOKFLOW_TEST_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(default)
}

#[test]
fn nothing_acknowledged_is_lost_or_doubled_when_the_process_is_killed() {
    let mut random = Random::for_test("crash");
    let mut ledger = Ledger::default();
    let mut server = ServerBuilder::new().start();
    for round in 0..rounds(ROUNDS) {
        // Sometimes the next kill comes while the runs of the last round are being picked up.
        let wanted = random.within(1..200);
        let load = Load::start(&server, CONNECTIONS, CUSTOMERS, &mut random);
        load.wait_for_acknowledged(wanted);
        let directory = server.directory();
        server.kill();
        let acknowledged = load.finish(&mut ledger);
        println!("round {round}: killed after {acknowledged} acknowledged orders");
        assert!(acknowledged >= wanted, "a round without progress proves nothing");
        server = ServerBuilder::in_directory(directory).start();
    }
    server.wait_for_runs();
    check_over_http(&server, &ledger, &mut random);
    let directory = server.directory();
    assert!(server.stop().success());
    check_stored(directory.look(), &ledger);
}

#[test]
fn a_process_killed_while_it_starts_picks_everything_up_the_next_time() {
    let mut random = Random::for_test("crash at start");
    let mut ledger = Ledger::default();
    let server = ServerBuilder::new().start();
    let load = Load::start(&server, CONNECTIONS, CUSTOMERS, &mut random);
    load.wait_for_acknowledged(300);
    let directory = server.directory();
    server.kill();
    load.finish(&mut ledger);
    for _ in 0..rounds(3) {
        // Ready means that runs are being picked up at this moment.
        ServerBuilder::in_directory(directory.clone()).start().kill();
    }
    let server = ServerBuilder::in_directory(directory).start();
    server.wait_for_runs();
    check_over_http(&server, &ledger, &mut random);
    assert!(!server.errors().contains("panicked"), "{}", server.errors());
}
