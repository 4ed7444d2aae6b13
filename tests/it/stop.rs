//! Stopping, orderly and not: what was acknowledged stays, and what is under way is answered.

use std::net::TcpStream;

use serde_json::json;

use crate::support::raw::{Connection, path_of};
use crate::support::{Server, ServerBuilder, wait_for};

#[test]
fn a_request_under_way_is_answered_before_the_server_stops() {
    let server = Server::start();
    let directory = server.directory();
    let mut connection = Connection::open(&server);
    let path = path_of(&server.hook_url("orders"));
    let headers = "host: hookflow\r\ncontent-type: application/json\r\ncontent-length: 15\r\nexpect: 100-continue";
    connection.send(format!("POST {path} HTTP/1.1\r\n{headers}\r\n\r\n"));
    assert!(connection.read_head().starts_with("HTTP/1.1 100 "));
    server.signal("TERM");
    let address = server.address().to_owned();
    wait_for("the door to close", || TcpStream::connect(&address).is_err().then_some(()));
    connection.send(r#"{"orderId":"1"}"#);
    let answer = connection.read_answer();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(server.stop().code(), Some(0));
    let server = ServerBuilder::in_directory(directory).start();
    assert_eq!(server.wait_for_runs().len(), 1);
}

#[test]
fn what_was_acknowledged_is_there_after_a_kill() {
    let server = Server::start();
    let transaction = server.post_hook("orders", &json!({ "email": "ann@example.com" })).expect(200);
    let directory = server.directory();
    server.kill();
    let server = ServerBuilder::in_directory(directory).start();
    server.get(transaction["data"]["links"]["self"].as_str().unwrap()).expect(200);
    assert_eq!(server.wait_for_runs()[0]["attributes"]["status"], "completed");
}
