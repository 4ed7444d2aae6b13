//! Clients that are slow on purpose: a byte now and then, or none.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use super::{DRIP, honest, rest};
use crate::support::raw::{Connection, path_of};
use crate::support::{PATIENCE, Server, ServerBuilder};

/// Sends a byte now and then until the server answers or closes; what it said.
fn drip(server: &Server, stream: &mut TcpStream, mut next: impl FnMut(usize) -> u8) -> String {
    let begun = Instant::now();
    stream.set_read_timeout(Some(DRIP)).unwrap();
    for count in 0.. {
        if stream.write_all(&[next(count)]).is_err() {
            return String::new();
        }
        if count % 5 == 0 {
            honest(server);
        }
        match stream.read(&mut [0; 1]) {
            Ok(0) => return String::new(),
            Ok(_) => break,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => return String::new(),
        }
        assert!(begun.elapsed() < PATIENCE, "the server is still waiting after {count} bytes");
    }
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    String::from_utf8(rest(stream)).unwrap()
}

fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(server.address()).expect("the server takes connections")
}

/// The letters of a header that never ends.
fn endless(count: usize) -> u8 {
    b"x-a: b\r\n"[count % 8]
}

#[test]
fn a_head_that_drips_is_cut_off() {
    let server = Server::start();
    let mut stream = connect(&server);
    stream.write_all(b"GET /healthz HTTP/1.1\r\n").unwrap();
    let said = drip(&server, &mut stream, endless);
    assert!(said.starts_with("TTP/1.1 408 "), "{said}");
}

#[test]
fn so_is_the_head_of_a_later_request() {
    let server = Server::start();
    let mut connection = Connection::open(&server);
    connection.send("GET /healthz HTTP/1.1\r\nhost: hookflow\r\n\r\n");
    assert!(connection.read_answer().starts_with("HTTP/1.1 200 "));
    connection.send("GET /healthz HTTP/1.1\r\n");
    assert_eq!(drip(&server, &mut connection.into_stream(), endless), "");
}

#[test]
fn a_head_that_came_with_the_request_before_it_is_not_waited_for_either() {
    let server = ServerBuilder::bare().environment("HOOKFLOW_KEEP_ALIVE_S", "1").start();
    let mut connection = Connection::open(&server);
    connection.send("GET /healthz HTTP/1.1\r\nhost: hookflow\r\n\r\nGET /healthz HTTP/1.1\r\nx-a: ");
    assert!(connection.read_answer().starts_with("HTTP/1.1 200 "));
    assert_eq!(rest(&mut connection.into_stream()), b"");
}

#[test]
fn a_body_that_drips_is_refused() {
    let server = Server::start();
    let mut stream = connect(&server);
    let path = path_of(&server.hook_url("orders"));
    let head = format!("POST {path} HTTP/1.1\r\nhost: hookflow\r\ncontent-length: 100000\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let said = drip(&server, &mut stream, |_| b' ');
    assert!(said.starts_with("TTP/1.1 408 ") && said.contains("body_too_slow"), "{said}");
    assert!(said.contains("the body arrives too slowly: "), "{said}");
}

#[test]
fn a_connection_without_a_request_is_closed() {
    let server = Server::start();
    let mut stream = connect(&server);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let said = String::from_utf8(rest(&mut stream)).unwrap();
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 408 "), "{said}");
    honest(&server);
}

#[test]
fn an_answer_that_goes_on_without_a_word_is_not_cut_off() {
    let server = Server::start();
    let live = format!("{}/live", server.hook("orders")["links"]["self"].as_str().unwrap());
    let mut connection = Connection::open(&server);
    let key = &server.admin_key;
    connection.send(format!("GET {live} HTTP/1.1\r\nhost: hookflow\r\nauthorization: Bearer {key}\r\n\r\n"));
    assert!(connection.read_head().starts_with("HTTP/1.1 200 "));
    // Nothing happens for longer than a connection without a request is kept.
    let (mut stream, mut said, mut piece) = (connection.into_stream(), String::new(), [0; 1_024]);
    while !said.contains("nothing new") {
        let read = stream.read(&mut piece).expect("the server goes on");
        assert!(read > 0, "the server closed the connection after {said:?}");
        said.push_str(std::str::from_utf8(&piece[..read]).unwrap());
    }
}
