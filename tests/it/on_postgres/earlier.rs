//! A database of an earlier version.

use std::sync::Arc;

use crate::support::ServerBuilder;
use crate::support::earlier::{self, Fixture};
use crate::support::peer::Peer;
use crate::support::postgres::Cluster;

#[test]
fn a_database_of_an_earlier_version_opens_with_everything_in_it_and_its_runs_go_on() {
    let peer = Peer::answering("200 OK", "{}");
    let builder = ServerBuilder::bare().on_database(Arc::new(Cluster::shared().empty_database()));
    earlier::unpack(Fixture::Postgres, &builder, &peer);
    let server = earlier::server(builder).start();
    earlier::check(Fixture::Postgres, &server, &peer);
    let workspace = server.directory();
    assert!(server.stop().success());
    earlier::check_stored(&workspace);
}
