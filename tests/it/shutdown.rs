//! Stopped by SIGTERM while orders come in: the process ends by itself, and everything is there.

use crate::support::ServerBuilder;
use crate::support::audit::{check_over_http, check_stored};
use crate::support::orders::{Ledger, Load};
use crate::support::random::Random;

#[test]
fn everything_acknowledged_is_there_after_a_stop_under_load() {
    let mut random = Random::for_test("shutdown");
    let mut ledger = Ledger::default();
    let mut server = ServerBuilder::new().start();
    for _ in 0..3 {
        let load = Load::start(&server, 8, 100, &mut random);
        load.wait_for_acknowledged(random.within(50..200));
        let directory = server.directory();
        let status = server.stop();
        load.finish(&mut ledger);
        assert_eq!(status.code(), Some(0));
        server = ServerBuilder::in_directory(directory).start();
    }
    server.wait_for_runs();
    check_over_http(&server, &ledger, &mut random);
    let directory = server.directory();
    assert!(server.stop().success());
    check_stored(directory.look(), &ledger);
}
