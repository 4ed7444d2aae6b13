//! A proxy between a node and PostgreSQL that breaks connections where a test wants them broken.
//!
//! It knows the messages of both sides, and where each transaction begins and ends. So a test can let one transaction pass,
//! look at the messages that it took ([`Proxy::transactions`]), and then have connections cut before, within and after
//! each of them and of its answer ([`cut_points`], [`Proxy::cut`]). It understands no TLS: `sslmode=disable`.

mod link;
mod messages;
mod tracker;

use std::collections::VecDeque;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Weak};

use link::Link;
use tracker::{Place, Tracker};

/// Which message of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// By number, from 0, which is the one with BEGIN; numbers as in [`Proxy::transactions`].
    Message(usize),
    /// The one with COMMIT.
    Commit,
}

/// Where a connection is cut, to both sides. The answer of a message is everything up to the moment when the server is
/// ready for the next; a message that is not answered by itself shares the answer of the `Sync` after it. What the client
/// sends without waiting for that answer does not reach the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The server never sees the message.
    BeforeMessage,
    /// The server sees half of the message.
    InMessage,
    /// The server sees the message, and the client no answer; whether it has been worked on by then is open.
    AfterMessage,
    /// The server has done it, and the client hears nothing of that.
    BeforeAnswer,
    /// The server has done it, and the client gets half of the answer.
    InAnswer,
    /// The client has the whole answer.
    AfterAnswer,
}

/// All points at which a transaction with these messages can be cut.
pub fn cut_points(transaction: &[String]) -> Vec<(At, Cut)> {
    let message = [Cut::BeforeMessage, Cut::InMessage, Cut::AfterMessage];
    let answer = [Cut::BeforeAnswer, Cut::InAnswer, Cut::AfterAnswer];
    let points = |(number, shown): (usize, &String)| {
        let answer = if messages::is_answered(shown.as_bytes()[0]) { &answer[..] } else { &[] };
        message.iter().chain(answer).map(|cut| (At::Message(number), *cut)).collect::<Vec<_>>()
    };
    transaction.iter().enumerate().flat_map(points).collect()
}

/// A running proxy; it cuts everything when dropped.
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    target: u16,
    state: Mutex<State>,
    thawed: Condvar,
}

#[derive(Default)]
struct State {
    is_dropped: bool,
    refuses: bool,
    is_frozen: bool,
    plans: VecDeque<(At, Cut)>,
    trips: usize,
    commits: usize,
    transactions: Vec<Vec<String>>,
    broken: Vec<Vec<String>>,
    links: Vec<Weak<Link>>,
}

impl Proxy {
    /// Forwards to a port of this machine.
    pub fn start(target: u16) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it has an address").port();
        let shared = Arc::new(Shared { target, state: Mutex::default(), thawed: Condvar::new() });
        let proxy = Proxy { port, shared: shared.clone() };
        std::thread::spawn(move || shared.accept(&listener));
        proxy
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Cuts one connection: the one whose transaction first comes to this point. Plans are tripped one after the other,
    /// in the order in which they were made.
    pub fn cut(&self, at: At, cut: Cut) {
        self.shared.state().plans.push_back((at, cut));
    }

    /// Makes no more of the cuts that no transaction has come to yet.
    pub fn forget_plans(&self) {
        self.shared.state().plans.clear();
    }

    /// How many connections were cut by plan.
    pub fn trips(&self) -> usize {
        self.shared.state().trips
    }

    /// How many times the server reported a commit, whether or not the client received it.
    pub fn commits(&self) -> usize {
        self.shared.state().commits
    }

    /// The messages of each transaction that came to its end, from BEGIN to COMMIT or ROLLBACK: the letter of the
    /// protocol, and the beginning of the statement that it is about, as in `Q BEGIN`.
    pub fn transactions(&self) -> Vec<Vec<String>> {
        self.shared.state().transactions.clone()
    }

    /// The messages of each transaction that a plan was about, from BEGIN to the one where its connection is cut. Which
    /// transaction that is, the plan leaves open: any that comes so far.
    pub fn broken_transactions(&self) -> Vec<Vec<String>> {
        self.shared.state().broken.clone()
    }

    /// Cuts every connection.
    pub fn cut_all_now(&self) {
        let links = std::mem::take(&mut self.shared.state().links);
        for link in links.iter().filter_map(Weak::upgrade) {
            link.close();
        }
        // Whoever has just looked, and saw the connection open, is waiting once the lock is free.
        drop(self.shared.state());
        self.shared.thawed.notify_all();
    }

    /// Closes new connections at once, or stops doing so.
    pub fn refuse(&self, refuses: bool) {
        self.shared.state().refuses = refuses;
    }

    /// Keeps everything that comes from either side, as a network that has gone silent, or lets it go on.
    pub fn freeze(&self, is_frozen: bool) {
        self.shared.state().is_frozen = is_frozen;
        self.shared.thawed.notify_all();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.state().is_dropped = true;
        self.cut_all_now();
        // Wakes the thread that waits for connections.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread panics with the lock")
    }

    fn accept(self: &Arc<Shared>, listener: &TcpListener) {
        for client in listener.incoming().flatten() {
            if self.state().is_dropped {
                return;
            }
            if self.state().refuses {
                continue;
            }
            // A server that is away refuses by itself.
            if let Ok(server) = TcpStream::connect(("127.0.0.1", self.target)) {
                let link = Arc::new(Link::new(client, server));
                self.state().links.retain(|link| link.strong_count() > 0);
                self.state().links.push(Arc::downgrade(&link));
                link.start(self);
            }
        }
    }

    /// Waits while the network is silent; whether the connection is still there.
    fn pass(&self, link: &Link) -> bool {
        let state = self.thawed.wait_while(self.state(), |state| state.is_frozen && !link.is_closed());
        drop(state.expect("no thread panics with the lock"));
        !link.is_closed()
    }

    /// Takes the next plan if it is about this message of a transaction.
    fn take_plan(&self, place: &Place, tracker: &Tracker) -> Option<Cut> {
        let mut state = self.state();
        let (_, cut) = state.plans.pop_front_if(|(at, _)| match at {
            At::Message(wanted) => *wanted == place.number,
            At::Commit => place.commits,
        })?;
        state.broken.push(tracker.messages(place));
        Some(cut)
    }

    /// Cuts a connection by plan.
    fn trip(&self, link: &Link) {
        // Who finds the connection closed, and asks, has to wait for the count.
        let mut state = self.state();
        state.trips += usize::from(link.close());
    }
}

/// Ends both directions of a connection; readers and writers notice.
fn shut(stream: &TcpStream) {
    let _ = stream.shutdown(Shutdown::Both);
}
