//! Connections on which a test speaks SMTP line by line.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};

use super::{Server, wait_for};

/// Where a server takes mails that was started with `--smtp-listen 127.0.0.1:0`.
pub fn address(server: &Server) -> SocketAddr {
    let printed = wait_for("the server to say where it takes mails", || {
        let output = server.output();
        output.lines().find_map(|line| line.strip_prefix("accepting mail on smtp://").map(str::to_owned))
    });
    printed.parse().expect("it prints an address")
}

pub struct Client(BufReader<TcpStream>);

impl Client {
    /// A connection, with its greeting still to be read.
    pub fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).expect("the server takes connections");
        stream.set_read_timeout(Some(super::PATIENCE)).expect("a time-out can be set");
        Client(BufReader::new(stream))
    }

    /// A connection on which the client has said what it is called.
    pub fn greeted(address: SocketAddr) -> Client {
        let mut client = Client::connect(address);
        assert_eq!(client.code(), 220);
        assert_eq!(client.say("EHLO client.example"), 250);
        client
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.get_mut().write_all(bytes.as_ref()).expect("the server reads");
    }

    /// The same to a server that may be gone.
    pub fn try_send(&mut self, text: &str) -> Option<()> {
        self.0.get_mut().write_all(text.as_bytes()).ok()
    }

    /// An answer; empty if the connection is closed.
    pub fn answer(&mut self) -> String {
        let mut answer = String::new();
        loop {
            let begin = answer.len();
            let is_over = self.0.read_line(&mut answer).unwrap_or(0) == 0;
            if is_over || answer.as_bytes().get(begin + 3) == Some(&b' ') {
                return answer;
            }
        }
    }

    pub fn code(&mut self) -> u16 {
        let answer = self.answer();
        answer.get(..3).and_then(|code| code.parse().ok()).unwrap_or_else(|| panic!("no answer: {answer:?}"))
    }

    /// Says a line; the code of its answer.
    pub fn say(&mut self, line: &str) -> u16 {
        self.send(format!("{line}\r\n"));
        self.code()
    }

    /// Sends a mail; the code of the answer to it.
    pub fn mail(&mut self, recipients: &[&str], text: &str) -> u16 {
        assert_eq!(self.say("MAIL FROM:<ann@example.com>"), 250);
        for recipient in recipients {
            assert_eq!(self.say(&format!("RCPT TO:<{recipient}>")), 250);
        }
        assert_eq!(self.say("DATA"), 354);
        self.say(&format!("{text}\r\n."))
    }
}
