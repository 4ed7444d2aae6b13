//! Every point at which the transaction of an order can lose its connection, one after the other.

use std::collections::BTreeMap;

use serde_json::json;

use super::Scene;
use crate::support::orders::Ledger;
use crate::support::proxy::{At, Cut, cut_points};
use crate::support::random::Random;
use crate::support::{postgres::Sql, wait_for};

/// How often a point is tried while other transactions of the server come in between.
const TRIES_MAX: usize = 20;
/// Which transaction is an order's.
const SIGN: &str = "INSERT INTO transactions";

/// One order after the other, and what became of them.
struct Round {
    scene: Scene,
    sql: Sql,
    ledger: Ledger,
    /// How often each status was answered.
    answers: BTreeMap<u16, usize>,
}

impl Round {
    fn begin() -> Round {
        // One connection writes, so that the next transaction is on the one that the test knows.
        let scene = Scene::set(&["--database-writers", "1"]);
        let sql = scene.database.session();
        Round { scene, sql, ledger: Ledger::default(), answers: BTreeMap::new() }
    }

    /// Posts a new order again and again until it is acknowledged; what was answered, and how many transactions had been
    /// broken by then.
    fn post(&mut self) -> Vec<(u16, usize)> {
        let id = format!("{:06}", self.ledger.orders.len());
        let email = format!("customer-{id}@example.com");
        let mut statuses = Vec::new();
        wait_for("an order to be acknowledged", || {
            let status = self.ledger.post(&self.scene.server, &self.scene.hook_url, &id, &email);
            statuses.push((status.expect("the server answers"), self.scene.proxy.broken_transactions().len()));
            (status == Some(200)).then_some(())
        });
        statuses.iter().for_each(|(status, _)| *self.answers.entry(*status).or_default() += 1);
        // The engine may have something to do for it, which is not to meet what the test does next.
        let open = || self.sql.rows("SELECT count(*) AS open FROM open_runs")[0]["open"] == json!(0);
        wait_for("the runs to end", || open().then_some(()));
        statuses
    }

    /// The messages of an order's transaction, after `prepare`.
    fn record(&mut self, prepare: fn(&mut Round)) -> Vec<String> {
        let mut record = || {
            prepare(self);
            self.post();
            let mut transactions = self.scene.proxy.transactions().into_iter().rev();
            transactions.find(|messages| messages.iter().any(|message| message.contains(SIGN))).expect("there was one")
        };
        // It may have shared its transaction with other work, but hardly twice with the same.
        let mut last = record();
        wait_for("two orders with the same messages", || {
            let next = record();
            let is_same = next == last;
            last = next;
            is_same.then_some(())
        });
        last
    }

    /// Cuts at one point of an order's transaction, after `prepare`.
    fn cut(&mut self, prepare: fn(&mut Round), transaction: &[String], (at, cut): (At, Cut)) {
        let At::Message(number) = at else { panic!("the points are told by number") };
        let proxy = |round: &Round| (round.scene.proxy.broken_transactions(), round.scene.proxy.trips());
        for _ in 0..TRIES_MAX {
            prepare(self);
            let (before, trips) = proxy(self);
            self.scene.proxy.cut(at, cut);
            let statuses = self.post();
            // Requests are refused with a request to retry until the store has a connection again.
            assert!(statuses.iter().all(|(status, _)| matches!(status, 200 | 503)), "{at:?} {cut:?}: {statuses:?}");
            let (broken, _) = proxy(self);
            if broken.len() == before.len() {
                // It was on a connection that others had used before, where it takes fewer messages.
                self.scene.proxy.forget_plans();
                continue;
            }
            wait_for("the connection to be cut", || (proxy(self).1 > trips).then_some(()));
            // The engine asks for due runs every now and then, and may have been cut in place of the order.
            if broken.last().is_some_and(|broken| *broken == transaction[..=number]) {
                if transaction[number].ends_with("COMMIT") {
                    // Not those who came before: they found no connection.
                    let status = statuses.iter().find(|(_, broken)| *broken > before.len()).map(|(status, _)| *status);
                    assert_eq!(status, Some(200), "{cut:?}: what became of a commit is found out");
                }
                return;
            }
        }
        panic!("no order came to {at:?} in {TRIES_MAX} tries");
    }

    fn all(mut self, what: &str, prepare: fn(&mut Round)) {
        let mut random = Random::for_test(what);
        let transaction = self.record(prepare);
        let points = cut_points(&transaction);
        points.iter().for_each(|point| self.cut(prepare, &transaction, *point));
        let log = self.scene.server.errors();
        let outcomes = |committed: bool| {
            let line = format!("its outcome is now known committed={committed}");
            log.lines().filter(|logged| logged.contains(&line)).count()
        };
        println!(
            "{what}: {} points, {} orders, {} acknowledged, answers {:?}, unknown outcomes that were commits {}, that were \
             none {}",
            points.len(),
            self.ledger.orders.len(),
            self.ledger.acknowledged(),
            self.answers,
            outcomes(true),
            outcomes(false),
        );
        self.scene.audit(&self.ledger, &mut random);
        // Before and within the answer to COMMIT, it is committed; before and within the message, it is not.
        assert!(outcomes(true) >= 2 && outcomes(false) >= 2, "{log}");
    }
}

#[test]
fn an_order_is_stored_once_wherever_a_connection_that_was_used_before_is_lost() {
    // Prepares on the connection what an order takes, which one that is done again does in another way.
    let prepare = |round: &mut Round| drop(round.post());
    Round::begin().all("warm connection", prepare);
}

#[test]
fn an_order_is_stored_once_wherever_a_new_connection_is_lost() {
    // The store makes a new connection for the order, and when it loses that one too, it gives up.
    Round::begin().all("new connection", |round| round.scene.proxy.cut_all_now());
}

#[test]
fn reading_is_tried_again_or_told_to_come_again_wherever_its_connection_is_lost() {
    let scene = Scene::set(&["--database-readers", "1"]);
    let reads = |messages: &Vec<String>| messages[0].contains("READ ONLY");
    let mut answers: BTreeMap<u16, usize> = BTreeMap::new();
    // The second time, everything is prepared.
    for _ in 0..2 {
        scene.server.get("/v1/runs").expect(200);
    }
    let transaction = scene.proxy.transactions().into_iter().rfind(reads).expect("it has read");
    let points = cut_points(&transaction);
    for (at, cut) in &points {
        scene.server.get("/v1/runs").expect(200);
        scene.proxy.cut(*at, *cut);
        let answer = scene.server.get("/v1/runs");
        assert!(matches!(answer.status, 200 | 503), "{at:?} {cut:?}: {}", answer.text);
        *answers.entry(answer.status).or_default() += 1;
        scene.proxy.forget_plans();
    }
    let reached = scene.proxy.broken_transactions().into_iter().filter(reads).count();
    println!("reading: {} points, {reached} of them reached, answers {answers:?}", points.len());
    // Now and then it is a transaction of the engine that is cut.
    assert!(reached * 2 > points.len());
}
