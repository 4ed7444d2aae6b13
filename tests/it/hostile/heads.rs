//! Heads of requests that are too large, and bytes that are none.

use std::io::Write;
use std::net::TcpStream;

use super::{honest, rest};
use crate::support::random::Random;
use crate::support::raw::{Connection, path_of};
use crate::support::{PATIENCE, Server};

/// The status of the answer to an empty order with these lines in its head.
fn status(server: &Server, lines: &str) -> String {
    let path = path_of(&server.hook_url("orders"));
    let mut connection = Connection::open(server);
    // It may answer before it has read all.
    let head = format!("POST {path} HTTP/1.1\r\nhost: hookflow\r\ncontent-length: 2\r\n{lines}\r\n{{}}");
    let mut stream = connection.stream();
    let _ = stream.write_all(head.as_bytes());
    connection.read_head().split(' ').nth(1).unwrap_or("none").to_owned()
}

#[test]
fn the_number_of_headers_is_limited() {
    let server = Server::start();
    let headers = |count: usize| (0..count).map(|number| format!("x-{number}: a\r\n")).collect::<String>();
    assert_eq!(status(&server, &headers(94)), "200");
    assert_eq!(status(&server, &headers(95)), "431");
    assert_eq!(status(&server, &headers(100_000)), "431");
    honest(&server);
}

#[test]
fn the_bytes_of_headers_are_limited() {
    let server = Server::start();
    let header = |bytes: usize| format!("x-a: {}\r\n", "a".repeat(bytes));
    assert_eq!(status(&server, &header(120_000)), "200");
    assert_eq!(status(&server, &header(140_000)), "431");
    assert_eq!(status(&server, &header(10_000_000)), "431");
    honest(&server);
}

#[test]
fn bytes_that_are_no_request_are_answered_or_cut_off() {
    let server = Server::start();
    let mut random = Random::for_test("bytes that are no request");
    for _ in 0..200 {
        let mut bytes: Vec<u8> = (0..random.within(0..2_000)).map(|_| random.number() as u8).collect();
        // Some begin like requests.
        if random.within(0..2) == 0 {
            bytes.splice(0..0, *b"POST /v1/hooks/form/x HTTP/1.1\r\nhost: x\r\ncontent-length: 7\r\n");
        }
        let mut stream = TcpStream::connect(server.address()).expect("the server takes connections");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let said = String::from_utf8(rest(&mut stream)).expect("answers are text");
        assert!(!said.starts_with("HTTP/1.1 5"), "{said}");
    }
    honest(&server);
}
