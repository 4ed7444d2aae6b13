//! Many connections at a time.

use std::net::{SocketAddr, TcpStream};

use socket2::{Domain, Socket, Type};

use super::{honest, rest};
use crate::support::raw::Connection;
use crate::support::{PATIENCE, Server, ServerBuilder, wait_for};

/// A connection from an address of this machine's own, `127.0.0.` and this number.
pub fn connect_from(number: u8, server: &Server) -> std::io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from(([127, 0, 0, number], 0)).into())?;
    let address: SocketAddr = server.address().parse().expect("the server has an address");
    socket.connect(&address.into())?;
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Whether the server lets one more connection in.
fn is_let_in(stream: TcpStream) -> Option<Connection> {
    let mut connection = Connection::from_stream(stream);
    // A connection that is closed at once may be closed before this is sent.
    let sent = std::io::Write::write_all(&mut connection.stream(), b"GET /healthz HTTP/1.1\r\nhost: hookflow\r\n\r\n");
    (sent.is_ok() && !rest_of_head(&mut connection).is_empty()).then_some(connection)
}

fn rest_of_head(connection: &mut Connection) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    let mut stream = connection.stream();
    while !head.ends_with(b"\r\n\r\n") && matches!(std::io::Read::read(&mut stream, &mut byte), Ok(1)) {
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

#[test]
fn a_peer_has_so_many_connections_and_others_have_theirs() {
    let server = ServerBuilder::new().arguments(&["--connections-per-peer", "8"]).start();
    // These are waiting for more, so that they stay open.
    let held: Vec<Connection> = (0..8).map(|_| is_let_in(connect_from(9, &server).unwrap()).unwrap()).collect();
    let refused = connect_from(9, &server).map(|mut stream| rest(&mut stream));
    assert!(refused.is_err() || refused.is_ok_and(|said| said.is_empty()));
    assert!(is_let_in(connect_from(10, &server).unwrap()).is_some());
    honest(&server);
    let metrics = server.get_without_key("/metrics").text;
    assert!(metrics.contains("\nhookflow_connections_refused_total 1\n"), "{metrics}");
    drop(held);
    wait_for("room for the peer", || is_let_in(connect_from(9, &server).ok()?));
}

#[test]
fn trusted_proxies_have_any_number() {
    let arguments = ["--connections-per-peer", "1", "--trusted-proxies", "127.0.0.9"];
    let server = ServerBuilder::new().arguments(&arguments).start();
    let held: Vec<_> = (0..8).map(|_| is_let_in(connect_from(9, &server).unwrap()).unwrap()).collect();
    assert_eq!(held.len(), 8);
}
