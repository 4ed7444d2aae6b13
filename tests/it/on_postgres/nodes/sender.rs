//! A sender that is gone before its order is committed: the run belongs to the node all the same, which goes on with it.

use super::brake::{At, Brake};
use super::{calling, database, named};
use crate::support::peer::Peer;
use crate::support::raw::{Connection, path_of};

#[test]
fn the_run_of_an_order_whose_sender_is_gone_before_the_commit_goes_on() {
    let server = named(calling(&Peer::answering("200 OK", "{}")), "node").start();
    let database = database(&server);
    let brake = Brake::put(&database, At::Commit("open_runs"), "node");
    let mut connection = Connection::open(&server);
    let path = path_of(&server.hook_url("orders"));
    let headers = "host: hookflow\r\ncontent-type: application/json\r\ncontent-length: 27\r\nexpect: 100-continue";
    connection.send(format!("POST {path} HTTP/1.1\r\n{headers}\r\n\r\n{{\"email\":\"ann@example.com\"}}"));
    let held = brake.wait_for_held();
    // What the server sent, which asked for the body, was not read: so the connection is reset, not just closed.
    drop(connection);
    held.check_open(&database);
    brake.release();
    held.wait_for_end(&database);
    assert_eq!(server.wait_for_runs()[0]["attributes"]["status"], "completed");
}
