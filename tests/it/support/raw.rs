//! Connections on which a test writes HTTP byte by byte, where a client would be too well-behaved.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use super::Server;

/// A connection to a server.
pub struct Connection(TcpStream);

impl Connection {
    pub fn open(server: &Server) -> Connection {
        let stream = TcpStream::connect(server.address()).expect("the server takes connections");
        stream.set_read_timeout(Some(super::PATIENCE)).expect("a time-out can be set");
        Connection(stream)
    }

    pub fn from_stream(stream: TcpStream) -> Connection {
        Connection(stream)
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).expect("the server reads");
    }

    /// Reads up to the end of a head, which may be that of an interim answer.
    pub fn read_head(&mut self) -> String {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && self.0.read(&mut byte).expect("the server answers") == 1 {
            head.push(byte[0]);
        }
        String::from_utf8(head).expect("a head is text")
    }

    /// Reads one answer with its body.
    pub fn read_answer(&mut self) -> String {
        let head = self.read_head();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().expect("a length is a number"))];
        self.0.read_exact(&mut body).expect("the server sends the whole answer");
        head + std::str::from_utf8(&body).expect("the answer is text")
    }

    /// What goes over the connection.
    pub fn stream(&self) -> &TcpStream {
        &self.0
    }

    pub fn into_stream(self) -> TcpStream {
        self.0
    }

    /// Tells the server that nothing more comes.
    pub fn stop_sending(&self) {
        self.0.shutdown(Shutdown::Write).expect("the connection is open");
    }
}

/// The path of an address.
pub fn path_of(url: &str) -> String {
    url::Url::parse(url).expect("a URL").path().to_owned()
}
