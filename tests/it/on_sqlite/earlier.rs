//! A file of an earlier version.

use super::bare;
use crate::support::earlier;
use crate::support::peer::Peer;

#[test]
fn a_file_of_an_earlier_version_opens_with_everything_in_it_and_its_runs_go_on() {
    let peer = Peer::answering("200 OK", "{}");
    let builder = bare();
    earlier::unpack(&builder, &peer);
    let server = earlier::server(builder).start();
    earlier::check(&server, &peer);
    let workspace = server.directory();
    assert!(server.stop().success());
    earlier::check_stored(&workspace);
}
