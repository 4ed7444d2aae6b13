//! Orders posted from many connections at once, and a ledger of what was answered.
//!
//! The ledger lives outside the server, so it survives whatever happens to that. An order of the ledger is acknowledged
//! if a 200 came back with the id of its transaction; of any other nobody knows whether it was stored.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use reqwest::blocking::Client;
use serde_json::{Value, json};

use super::random::Random;
use super::server::{Server, client};
use super::wait_for;

/// How long a sender waits after it was refused.
const COME_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// An order that was posted.
#[derive(Clone, Debug)]
pub struct Order {
    /// Unique among all orders of a test.
    pub id: String,
    /// The id of the transaction, if the order was acknowledged.
    pub transaction: Option<String>,
}

/// What was posted, in no particular order.
#[derive(Default)]
pub struct Ledger {
    pub orders: Vec<Order>,
}

impl Ledger {
    pub fn acknowledged(&self) -> usize {
        self.orders.iter().filter(|order| order.transaction.is_some()).count()
    }

    /// Posts one order from the calling thread; the answer's status, or none if there was no answer.
    pub fn post(&mut self, server: &Server, hook_url: &str, id: &str, email: &str) -> Option<u16> {
        let answer = server.request("POST", hook_url).json(&payload(id, email)).send();
        let (status, transaction) = read_answer(answer);
        self.orders.push(Order { id: id.to_owned(), transaction });
        status
    }
}

/// Threads that post one order after the other, each on a connection of its own, until the server is gone.
pub struct Load {
    stop: Arc<AtomicBool>,
    ledger: Arc<Mutex<Ledger>>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    /// The customers come back: each order is from one of `customers` addresses, written in a case of its own.
    pub fn start(server: &Server, threads: usize, customers: usize, random: &mut Random) -> Load {
        Load::start_at("orders", server, threads, customers, random)
    }

    /// The same at another hook.
    pub fn start_at(hook: &str, server: &Server, threads: usize, customers: usize, random: &mut Random) -> Load {
        let (stop, ledger) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Ledger::default())));
        let hook_url = server.hook_url(hook);
        let spawn = |_| {
            let (stop, ledger, hook_url, random) = (stop.clone(), ledger.clone(), hook_url.clone(), random.fork());
            std::thread::spawn(move || post_until_gone(&hook_url, customers, random, &stop, &ledger))
        };
        let threads = (0..threads).map(spawn).collect();
        Load { stop, ledger, threads }
    }

    /// How many orders were acknowledged so far.
    pub fn acknowledged(&self) -> usize {
        self.ledger.lock().unwrap().acknowledged()
    }

    pub fn wait_for_acknowledged(&self, count: usize) {
        wait_for("orders to be acknowledged", || (self.acknowledged() >= count).then_some(()));
    }

    /// The same for so many more than there are now.
    pub fn wait_for_more_acknowledged(&self, count: usize) {
        let acknowledged = self.ledger.lock().unwrap().acknowledged();
        self.wait_for_acknowledged(acknowledged + count);
    }

    /// Lets the threads end, and adds what they posted to `ledger`; how many orders were acknowledged.
    pub fn finish(self, ledger: &mut Ledger) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().for_each(|thread| thread.join().expect("a posting thread does not panic"));
        let posted = std::mem::take(&mut *self.ledger.lock().unwrap());
        let acknowledged = posted.acknowledged();
        ledger.orders.extend(posted.orders);
        acknowledged
    }
}

fn post_until_gone(hook_url: &str, customers: usize, mut random: Random, stop: &AtomicBool, ledger: &Mutex<Ledger>) {
    let client: Client = client();
    while !stop.load(Ordering::Relaxed) {
        let id = format!("{:016x}", random.number());
        let mut email = format!("customer-{}@example.com", random.within(0..customers));
        if random.number().is_multiple_of(2) {
            email = email.to_uppercase();
        }
        let answer = client.post(hook_url).json(&payload(&id, &email)).send();
        let (status, transaction) = read_answer(answer);
        ledger.lock().unwrap().orders.push(Order { id, transaction });
        match status {
            None => return,
            Some(200) => {}
            // Nobody comes again at once; a server with much to do would be kept from doing it.
            Some(_) => std::thread::park_timeout(COME_AGAIN_AFTER),
        }
    }
}

fn payload(id: &str, email: &str) -> Value {
    json!({ "orderId": id, "price": "$10.25", "quantity": 2, "email": email })
}

/// The status, and the transaction's id if the order was acknowledged. A truncated answer does not count.
fn read_answer(answer: reqwest::Result<reqwest::blocking::Response>) -> (Option<u16>, Option<String>) {
    let Ok(response) = answer else { return (None, None) };
    let status = response.status().as_u16();
    let Ok(body) = response.json::<Value>() else { return (None, None) };
    let id = body["data"]["id"].as_str().filter(|_| status == 200).map(str::to_owned);
    (Some(status), id)
}
