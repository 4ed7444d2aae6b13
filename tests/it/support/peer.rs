//! HTTP servers that misbehave on demand, for calls that go out.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

use super::PATIENCE;

/// A request that a peer received.
#[derive(Clone, Debug)]
pub struct Received {
    pub head: String,
    pub body: String,
}

impl Received {
    /// The value of a header, by lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

/// A server on a port of its own that answers each connection as `behave` says and remembers what it was sent.
pub struct Peer {
    pub address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Peer {
    /// `behave` gets the number of the request, from 0, and the connection to answer on; returning closes it.
    pub fn start(behave: impl Fn(usize, &mut TcpStream) + Send + Sync + 'static) -> Peer {
        Peer::start_reading(move |number, _, stream| behave(number, stream))
    }

    /// The same for one that answers by what it was sent.
    pub fn start_reading(behave: impl Fn(usize, &Received, &mut TcpStream) + Send + Sync + 'static) -> Peer {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        let received = Arc::new(Mutex::new(Vec::new()));
        let (remembered, behave) = (received.clone(), Arc::new(behave));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (remembered, behave) = (remembered.clone(), behave.clone());
                std::thread::spawn(move || serve(stream, &remembered, &*behave));
            }
        });
        Peer { address, received }
    }

    /// A server that gives every request the same answer.
    pub fn answering(status: &'static str, body: &'static str) -> Peer {
        Peer::start(move |_, stream| answer(stream, status, body))
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

fn serve(
    mut stream: TcpStream,
    received: &Mutex<Vec<Received>>,
    behave: &(dyn Fn(usize, &Received, &mut TcpStream) + Sync),
) {
    let Some(request) = read_request(&mut stream) else { return };
    let number = {
        let mut received = received.lock().unwrap();
        received.push(request.clone());
        received.len() - 1
    };
    behave(number, &request, &mut stream);
}

fn read_request(stream: &mut TcpStream) -> Option<Received> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line.trim().is_empty() {
            break;
        }
        head.push_str(&line);
    }
    let mut request = Received { head, body: String::new() };
    let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    request.body = String::from_utf8_lossy(&body).into_owned();
    Some(request)
}

/// Holds calls back until it is opened.
#[derive(Clone, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    /// Returns when it is open, or after the longest time that a test waits.
    pub fn pass(&self) {
        let closed = |open: &mut bool| !*open;
        drop(self.0.1.wait_timeout_while(self.0.0.lock().unwrap(), PATIENCE, closed).unwrap());
    }
}

/// Answers with a JSON body and closes the connection.
pub fn answer(stream: &mut TcpStream, status: &str, body: &str) {
    let text = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.write_all(text.as_bytes());
}
