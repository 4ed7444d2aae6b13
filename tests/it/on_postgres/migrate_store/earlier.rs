//! A file of an earlier version is moved as it is.

use super::{expect_success, migrate};
use crate::support::ServerBuilder;
use crate::support::database::Kind;
use crate::support::earlier::{self, Fixture};
use crate::support::peer::Peer;
use crate::support::postgres::Cluster;

#[test]
fn a_file_of_an_earlier_version_is_moved_with_everything_in_it_and_its_runs_go_on() {
    let peer = Peer::answering("200 OK", "{}");
    let source = ServerBuilder::bare().on(Kind::Sqlite);
    earlier::unpack(Fixture::SqliteWithMore, &source, &peer);
    let target = std::sync::Arc::new(Cluster::shared().database());
    expect_success(&migrate(source.directory(), &target));
    let builder = ServerBuilder::bare().on_database(target);
    for file in std::fs::read_dir(source.directory().join("workflows")).unwrap().flatten() {
        builder.write_workflow(file.file_name().to_str().unwrap(), &std::fs::read_to_string(file.path()).unwrap());
    }
    let server = earlier::server(builder).start();
    earlier::check(Fixture::SqliteWithMore, &server, &peer);
    let workspace = server.directory();
    assert!(server.stop().success());
    earlier::check_stored(&workspace);
}
