//! Three nodes under load that are killed and paused at random: every order is there once, and so is what it led to.
//!
//! `HOOKFLOW_TEST_SOAK_S` says for how many seconds, instead of 45; `HOOKFLOW_TEST_SEED` repeats the choices.

use std::collections::HashSet;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;

use super::storm_audit::check_calls;
use super::{GOES_ON, check_owners, database, node_id, wait_until_buried};
use crate::support::audit::check_stored;
use crate::support::database::Kind;
use crate::support::orders::{Ledger, Load};
use crate::support::peer::{Peer, answer};
use crate::support::postgres::TestDatabase;
use crate::support::random::Random;
use crate::support::workspace::Workspace;
use crate::support::{PATIENCE, Server, ServerBuilder, always, wait_for, wait_longer};

const NODES: usize = 3;
const SECONDS: u64 = 45;
/// Fewer than there are orders, so that customers come back.
const CUSTOMERS: usize = 400;

/// A peer that answers each call only after a few more have come, so that there are always some under way.
#[derive(Clone, Default)]
struct Turnstile(Arc<(Mutex<(usize, bool)>, Condvar)>);

impl Turnstile {
    fn pass(&self, number: usize) {
        let wanted = number + number % 7;
        let mut state = self.0.0.lock().unwrap();
        state.0 = state.0.max(number);
        self.0.1.notify_all();
        let waits = |(last, is_open): &mut (usize, bool)| *last < wanted && !*is_open;
        drop(self.0.1.wait_timeout_while(state, PATIENCE, waits).unwrap());
    }

    fn open(&self) {
        self.0.0.lock().unwrap().1 = true;
        self.0.1.notify_all();
    }
}

/// A workflow at the hook `calls` that tells `peer` of the order first, and then does what the shipped one does for a new
/// customer, under the same ids.
fn calling_bundle(peer: &Peer) -> String {
    let data = "/#steps.1.attributes.data";
    let call = json!({ "method": "POST", "uri": peer.url("/"), "data": { "order": format!("{data}.orderId") } });
    let kobject = json!({
        "klassName": "order", "customer": "/#steps.3.id", "title": "Told Order", "data": data,
        "custom": { "orderIdStr": format!("{data}.orderId") },
    });
    let steps = json!([
        { "id": "2", "action": "rest-api.json", "params": call, "transitions": [always("3")] },
        { "id": "3", "action": "customer.create", "params": { "email": format!("{data}.email") }, "transitions": [always("5")] },
        { "id": "5", "action": "kobject.create-with-customer", "params": kobject },
    ]);
    let trigger = json!({ "id": "1", "eventName": "hooks.form.calls.receive", "transitions": [always("2")] });
    let workflow = json!({ "name": "tell-of-orders", "trigger": trigger, "steps": steps });
    json!({ "hooks": [{ "name": "calls", "type": "form" }], "workflows": [workflow] }).to_string()
}

fn start(workspace: Arc<Workspace>) -> Server {
    ServerBuilder::in_directory(workspace).environment("HOOKFLOW_OUTBOUND_ALLOW", "127.0.0.1").start()
}

/// A node, and those who post to it.
struct Node {
    server: Server,
    loads: Vec<Load>,
}

impl Node {
    fn new(server: Server, random: &mut Random) -> Node {
        let mut node = Node { server, loads: Vec::new() };
        node.start_loads(random);
        node
    }

    fn start_loads(&mut self, random: &mut Random) {
        self.loads.push(Load::start(&self.server, 2, CUSTOMERS, random));
        self.loads.push(Load::start_at("calls", &self.server, 1, CUSTOMERS, random));
    }

    fn finish_loads(&mut self, ledger: &mut Ledger) {
        for load in self.loads.drain(..) {
            load.finish(ledger);
        }
    }

    fn acknowledged(&self) -> usize {
        self.loads.iter().map(Load::acknowledged).sum()
    }

    fn wait_for_more(&self, count: usize) {
        let wanted = self.acknowledged() + count;
        wait_for("orders to be acknowledged", || (self.acknowledged() >= wanted).then_some(()));
    }
}

/// All nodes, and what was posted to them.
struct Storm {
    nodes: Vec<Node>,
    database: Arc<TestDatabase>,
    ledger: Ledger,
    random: Random,
    kills: usize,
    pauses: usize,
    renewals: usize,
}

impl Storm {
    /// Kills a node, and starts it again.
    fn kill(&mut self, index: usize) {
        let mut node = self.nodes.swap_remove(index);
        check_log(&node.server);
        let workspace = node.server.directory();
        node.server.signal("KILL");
        node.finish_loads(&mut self.ledger);
        // It is gone before the next one starts in its place.
        node.server.kill();
        self.nodes.push(Node::new(start(workspace), &mut self.random));
        self.kills += 1;
    }

    /// Pauses a node for a moment.
    fn pause(&mut self, index: usize) {
        self.nodes[index].server.signal("STOP");
        let others = self.random.within(1..NODES);
        self.nodes[(index + others) % NODES].wait_for_more(self.random.within(1..100));
        self.resume(index);
    }

    /// Pauses a node for longer than the others wait for it, and kills another one meanwhile.
    fn pause_past_the_lease(&mut self) {
        // The last one is left alone while another one comes and goes.
        let paused = self.nodes.pop().expect("there are nodes");
        let process = paused.server.pid();
        let node = wait_for("the node to be known", || node_id(&self.database, process));
        paused.server.signal("STOP");
        let other = self.random.within(0..NODES - 1);
        self.kill(other);
        wait_until_buried(&self.database, &node);
        self.nodes.push(paused);
        self.resume(NODES - 1);
        self.nodes[NODES - 1].server.wait_for_log(GOES_ON);
        self.renewals += 1;
    }

    fn resume(&mut self, index: usize) {
        let node = &mut self.nodes[index];
        node.server.signal("CONT");
        // A connection that was silent for so long may be closed, which ends those who post on it.
        node.finish_loads(&mut self.ledger);
        node.start_loads(&mut self.random);
        self.pauses += 1;
    }

    fn go_on(&mut self) {
        let index = self.random.within(0..NODES);
        let count = self.random.within(1..100);
        self.nodes[index].wait_for_more(count);
        match self.random.within(0..10) {
            0 => self.pause_past_the_lease(),
            1..4 => self.pause(index),
            _ => self.kill(index),
        }
    }

    /// Ends the load, and waits for all runs to end.
    fn calm_down(&mut self) {
        for node in &mut self.nodes {
            node.finish_loads(&mut self.ledger);
        }
        let session = self.database.session();
        let (calm_since, mut is_told) = (Instant::now(), false);
        wait_longer(3, "the runs to end", || {
            if calm_since.elapsed() > PATIENCE && !std::mem::replace(&mut is_told, true) {
                let known = session.rows("SELECT * FROM nodes");
                println!("open for a long time: {:#?}\n{known:#?}", session.rows("SELECT * FROM open_runs LIMIT 10"));
            }
            session.rows("SELECT FROM open_runs LIMIT 1").is_empty().then_some(())
        });
        let known = || session.rows("SELECT FROM nodes").len();
        wait_for("the dead to be forgotten", || (known() == NODES).then_some(()));
    }
}

#[track_caller]
fn check_log(server: &Server) {
    let log = server.errors();
    let is_bad =
        |line: &&str| ["panicked", "can't continue", "engine_error", "run failed"].iter().any(|bad| line.contains(bad));
    let bad: Vec<&str> = log.lines().filter(is_bad).collect();
    assert!(bad.is_empty(), "{bad:#?}");
}

#[test]
fn nothing_is_lost_or_doubled_by_three_nodes_that_are_killed_and_paused() {
    let mut random = Random::for_test("storm");
    let turnstile = Turnstile::default();
    let turns = turnstile.clone();
    let known = Mutex::new(HashSet::new());
    let peer = Peer::start_reading(move |number, request, stream| {
        turns.pass(number);
        let is_new = known.lock().unwrap().insert(request.body.clone());
        // Some orders are asked to come again; once, because the waits become longer each time.
        match is_new && number % 10 == 9 {
            true => answer(stream, "503 Service Unavailable", "{}"),
            false => answer(stream, "200 OK", "{}"),
        }
    });
    let builder = ServerBuilder::new().on(Kind::Postgres);
    builder.write_workflow("calls.json", &calling_bundle(&peer));
    let first = start(builder.shared_directory());
    let database = database(&first);
    let beside: Vec<Arc<Workspace>> = (1..NODES).map(|_| Arc::new(first.directory().beside())).collect();
    let servers = std::iter::once(first).chain(beside.into_iter().map(start));
    let nodes = servers.map(|server| Node::new(server, &mut random)).collect();
    let (ledger, kills, pauses, renewals) = (Ledger::default(), 0, 0, 0);
    let mut storm = Storm { nodes, database: database.clone(), ledger, random, kills, pauses, renewals };

    let seconds = std::env::var("HOOKFLOW_TEST_SOAK_S").ok().and_then(|seconds| seconds.parse().ok());
    let ends_at = Instant::now() + Duration::from_secs(seconds.unwrap_or(SECONDS));
    storm.pause_past_the_lease();
    while Instant::now() < ends_at {
        storm.go_on();
        check_owners(&database);
    }
    turnstile.open();
    storm.calm_down();
    let Storm { nodes, ledger, kills, pauses, renewals, .. } = storm;
    let (posted, acknowledged, calls) = (ledger.orders.len(), ledger.acknowledged(), peer.received().len());
    println!(
        "{kills} kills, {pauses} pauses of which {renewals} past the lease; {posted} orders posted, {acknowledged} \
         acknowledged; {calls} calls at the peer"
    );
    let directory = nodes[0].server.directory();
    for Node { server, .. } in nodes {
        check_log(&server);
        assert!(server.stop().success());
    }
    assert_eq!(database.rows("SELECT FROM nodes").len(), 0);
    assert_eq!(database.rows("SELECT FROM writers WHERE NOT fenced").len(), 0);
    check_stored(directory.look(), &ledger);
    check_calls(&database, &peer);
}
