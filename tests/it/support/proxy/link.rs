//! One connection through the proxy: two sockets, and a thread for each direction.

use std::collections::VecDeque;
use std::io::{Result, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::messages::{KERBEROS_REQUEST, Message, TLS_REQUEST, is_answered};
use super::tracker::Tracker;
use super::{Cut, Shared, shut};

pub struct Link {
    client: TcpStream,
    server: TcpStream,
    is_closed: AtomicBool,
    answers: Mutex<Answers>,
}

/// What has to happen to the answers that are still to come.
#[derive(Default)]
struct Answers {
    /// One for each message that the server answers.
    expected: VecDeque<Option<Cut>>,
    /// For the next of them that is sent.
    next: Option<Cut>,
}

impl Link {
    pub fn new(client: TcpStream, server: TcpStream) -> Link {
        // Messages are small, and a peer waits for each.
        let _ = client.set_nodelay(true);
        let _ = server.set_nodelay(true);
        // The first answer is to the login.
        let answers = Answers { expected: VecDeque::from([None]), next: None };
        Link { client, server, is_closed: AtomicBool::new(false), answers: Mutex::new(answers) }
    }

    /// Carries messages in both directions until one side closes, or the proxy cuts.
    pub fn start(self: Arc<Link>, shared: &Arc<Shared>) {
        let (link, proxy) = (self.clone(), shared.clone());
        std::thread::spawn(move || {
            let _ = link.carry_requests(&proxy);
            link.end(&proxy);
        });
        let proxy = shared.clone();
        std::thread::spawn(move || {
            let _ = self.carry_answers(&proxy);
            self.end(&proxy);
        });
    }

    /// One side has closed. A network that is silent does not say so either.
    fn end(&self, proxy: &Shared) {
        proxy.pass(self);
        self.close();
    }

    /// Closes both sides; whether they were open.
    pub fn close(&self) -> bool {
        let was_open = !self.is_closed.swap(true, Ordering::SeqCst);
        shut(&self.client);
        shut(&self.server);
        was_open
    }

    pub fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::SeqCst)
    }

    fn carry_requests(&self, shared: &Shared) -> Result<()> {
        let (mut client, mut server) = (&self.client, &self.server);
        let mut first = Message::read_first(&mut client)?;
        while matches!(first.code(), TLS_REQUEST | KERBEROS_REQUEST) {
            client.write_all(b"N")?;
            first = Message::read_first(&mut client)?;
        }
        if !shared.pass(self) {
            return Ok(());
        }
        server.write_all(&first.bytes)?;
        let mut tracker = Tracker::default();
        loop {
            let message = Message::read(&mut client)?;
            if !shared.pass(self) {
                return Ok(());
            }
            let place = tracker.follow(&message);
            let cut = place.as_ref().and_then(|place| shared.take_plan(place, &tracker));
            if let Some(Cut::BeforeMessage | Cut::InMessage) = cut {
                let seen = if cut == Some(Cut::InMessage) { message.half() } else { &[] };
                server.write_all(seen)?;
                shared.trip(self);
                return Ok(());
            }
            let is_last = self.expect_answer(&message, cut);
            server.write_all(&message.bytes)?;
            if cut == Some(Cut::AfterMessage) {
                shared.trip(self);
            }
            shared.state().transactions.extend(place.and_then(|place| place.finished));
            if is_last {
                return self.read_to_end();
            }
        }
    }

    /// Says what has to happen to the answer, before the server can give it; whether it is the last.
    fn expect_answer(&self, message: &Message, cut: Option<Cut>) -> bool {
        let mut answers = self.answers.lock().expect("no thread panics with the lock");
        answers.next = answers.next.or(cut);
        if !is_answered(message.kind()) {
            return false;
        }
        let next = answers.next.take();
        answers.expected.push_back(next);
        next.is_some()
    }

    /// Forwards nothing more; returns when the client has gone, or the connection was cut.
    fn read_to_end(&self) -> Result<()> {
        std::io::copy(&mut &self.client, &mut std::io::sink()).map(drop)
    }

    fn carry_answers(&self, shared: &Shared) -> Result<()> {
        let (mut client, mut server) = (&self.client, &self.server);
        let mut kept = Vec::new();
        loop {
            let message = Message::read(&mut server)?;
            if message.kind() == b'C' && message.texts().next().as_deref() == Some("COMMIT") {
                shared.state().commits += 1;
            }
            if !shared.pass(self) {
                return Ok(());
            }
            let is_whole = message.kind() == b'Z';
            match self.cut_of_answer(is_whole) {
                None => client.write_all(&message.bytes)?,
                Some(Cut::AfterAnswer) => {
                    client.write_all(&message.bytes)?;
                    if is_whole {
                        shared.trip(self);
                    }
                }
                Some(cut) => {
                    kept.extend(message.bytes);
                    if is_whole && cut == Cut::InAnswer {
                        client.write_all(&kept[..kept.len() / 2])?;
                    }
                    if is_whole {
                        shared.trip(self);
                    }
                }
            }
        }
    }

    /// What has to happen to the answer that is coming in; it is done with if it is whole.
    fn cut_of_answer(&self, is_whole: bool) -> Option<Cut> {
        let mut answers = self.answers.lock().expect("no thread panics with the lock");
        let cut = match answers.expected.front() {
            Some(cut) => *cut,
            None => answers.next,
        };
        if is_whole {
            answers.expected.pop_front();
        }
        cut
    }
}
