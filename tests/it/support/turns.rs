//! A peer that sees which runs are at work at the same time: each run calls it once, with its key and its number.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::peer::{Gate, Peer, answer};

/// How long a call waits for one too many to come.
const LINGER: Duration = Duration::from_millis(60);

/// What was seen.
#[derive(Default)]
struct Seen {
    /// The numbers of the calls that are not answered yet, by key.
    going: BTreeMap<String, BTreeSet<i64>>,
    /// The most of them at once.
    most: BTreeMap<String, usize>,
    most_of_all: usize,
    /// The numbers in the order in which they came.
    order: BTreeMap<String, Vec<i64>>,
}

/// The peer, with what it has seen.
pub struct Observer {
    pub peer: Peer,
    /// No call is answered before it is open.
    pub gate: Gate,
    seen: Arc<(Mutex<Seen>, Condvar)>,
}

impl Observer {
    /// Expects at most `limit` calls of a key at once, and makes it likely that there are as many, and seen if there are more.
    pub fn start(limit: usize) -> Observer {
        let gate = Gate::default();
        let seen: Arc<(Mutex<Seen>, Condvar)> = Arc::default();
        let (held, watched) = (gate.clone(), seen.clone());
        let peer = Peer::start_reading(move |_, call, stream| {
            let body: Value = serde_json::from_str(&call.body).expect("calls have JSON bodies");
            let (key, number) = (body["key"].to_string(), body["number"].as_i64().expect("a run has a number"));
            begin(&watched, &key, number);
            held.pass();
            let too_few = |seen: &mut Seen| seen.going[&key].len() <= limit;
            let (lock, changed) = &*watched;
            drop(changed.wait_timeout_while(lock.lock().unwrap(), LINGER, too_few).unwrap());
            lock.lock().unwrap().going.get_mut(&key).expect("it has begun").remove(&number);
            answer(stream, "200 OK", "{}");
        });
        Observer { peer, gate, seen }
    }

    /// The same, for calls that are answered at once.
    pub fn open(limit: usize) -> Observer {
        let observer = Observer::start(limit);
        observer.gate.open();
        observer
    }

    /// A step that makes the call of its run; `payload` is where key and number stand.
    pub fn step(&self, id: &str, payload: &str) -> Value {
        let data = json!({ "key": format!("{payload}.key"), "number": format!("{payload}.number") });
        let params = json!({ "method": "POST", "uri": self.peer.url("/"), "data": data });
        json!({ "id": id, "action": "rest-api.json", "params": params })
    }

    /// The numbers in the order in which their calls came; one that called again is there again.
    pub fn order(&self, key: &Value) -> Vec<i64> {
        self.seen.0.lock().unwrap().order.get(&key.to_string()).cloned().unwrap_or_default()
    }

    /// The most runs that were at work at once with this key.
    pub fn most(&self, key: &Value) -> usize {
        self.seen.0.lock().unwrap().most.get(&key.to_string()).copied().unwrap_or_default()
    }

    /// The most runs that were at work at once.
    pub fn most_of_all(&self) -> usize {
        self.seen.0.lock().unwrap().most_of_all
    }
}

fn begin((lock, changed): &(Mutex<Seen>, Condvar), key: &str, number: i64) {
    let mut seen = lock.lock().unwrap();
    seen.order.entry(key.into()).or_default().push(number);
    let going = seen.going.entry(key.into()).or_default();
    going.insert(number);
    let (here, all) = (going.len(), seen.going.values().map(BTreeSet::len).sum());
    let most = seen.most.entry(key.into()).or_default();
    *most = here.max(*most);
    seen.most_of_all = seen.most_of_all.max(all);
    changed.notify_all();
}

/// A concurrency whose key is that of the hook's payload.
pub fn by_key(limit: usize) -> Value {
    json!({ "limit": limit, "key": "/#steps.1.attributes.data.key" })
}
