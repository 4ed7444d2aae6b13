//! The database is away for a while: cut off, refusing, or silent. What `/readyz` says is true, senders are told to come
//! again and are not kept waiting, and work goes on by itself once the database is back.

use super::Scene;
use crate::support::orders::{Ledger, Load};
use crate::support::proxy::{At, Cut};
use crate::support::random::Random;
use crate::support::server::Answer;
use crate::support::wait_for;

const CONNECTIONS: usize = 8;
const CUSTOMERS: usize = 60;
/// How often the test tries to cut what it wants to.
const TRIES_MAX: usize = 20;

/// Checks that a sender is asked to retry.
#[track_caller]
fn assert_refused(answer: &Answer) {
    assert_eq!(answer.status, 503, "{}", answer.text);
    assert!(answer.headers.contains_key("retry-after"), "{:?}", answer.headers);
    assert_eq!(answer.json()["errors"][0]["code"], "unavailable");
}

impl Scene {
    /// Waits until the server says that it takes no hooks, and why.
    fn wait_until_unready(&self) {
        let answer = wait_for("the server to say that it is not ready", || {
            Some(self.ready()).filter(|answer| answer.status == 503)
        });
        let answer = answer.json();
        assert_eq!(answer["status"], "unavailable");
        let reason = answer["reason"].as_str().expect("a reason");
        assert!(
            reason.starts_with("the database is unreachable; hooks are refused until it is reachable: "),
            "{reason}"
        );
    }

    /// Posts more orders at the same time than there are connections that write.
    fn expect_refusals(&self) {
        std::thread::scope(|threads| {
            let post = |id| threads.spawn(move || assert_refused(&self.post(id)));
            let posted = ["one", "two", "three", "four", "five", "six"].map(post);
            posted.into_iter().for_each(|posted| posted.join().expect("it is refused"));
        });
    }
}

#[test]
fn connections_that_are_cut_under_load_lose_and_double_nothing() {
    let mut random = Random::for_test("cut under load");
    let mut ledger = Ledger::default();
    let scene = Scene::set(&[]);
    let load = Load::start(&scene.server, CONNECTIONS, CUSTOMERS, &mut random);
    let mut cuts = 0;
    for round in 1..=20 {
        load.wait_for_acknowledged(round * 20);
        scene.proxy.cut_all_now();
        cuts += 1;
    }
    load.wait_for_acknowledged(21 * 20);
    let acknowledged = load.finish(&mut ledger);
    println!("cut under load: {cuts} times, {acknowledged} of {} orders acknowledged", ledger.orders.len());
    scene.wait_until_ready();
    scene.audit(&ledger, &mut random);
}

#[test]
fn hooks_are_refused_while_the_database_refuses_connections() {
    let mut random = Random::for_test("refusing");
    let mut ledger = Ledger::default();
    let scene = Scene::set(&[]);
    for round in 0..3 {
        let load = Load::start(&scene.server, CONNECTIONS, CUSTOMERS, &mut random);
        load.wait_for_acknowledged(50);
        scene.take_the_database_away();
        scene.wait_until_unready();
        for number in 0..20 {
            assert_refused(&scene.post(&format!("{round}-{number}")));
        }
        scene.wait_until_unready();
        scene.proxy.refuse(false);
        scene.wait_until_ready();
        load.wait_for_more_acknowledged(50);
        let acknowledged = load.finish(&mut ledger);
        println!("refusing: {acknowledged} acknowledged, {} posted so far", ledger.orders.len());
    }
    scene.audit(&ledger, &mut random);
}

#[test]
fn while_the_network_is_silent_hooks_are_refused() {
    let mut random = Random::for_test("silence");
    let mut ledger = Ledger::default();
    let scene = Scene::set(&[]);
    // First with nothing under way. Some of these hooks meet connections on which nothing comes back, and are told when
    // these have been given up, later than the server ends what is open there. The others wait behind them.
    scene.proxy.freeze(true);
    scene.expect_refusals();
    scene.wait_until_unready();
    scene.proxy.freeze(false);
    scene.wait_until_ready();
    // Then in the middle of everything, and not for so long.
    let load = Load::start(&scene.server, CONNECTIONS, CUSTOMERS, &mut random);
    load.wait_for_acknowledged(50);
    scene.proxy.freeze(true);
    scene.wait_until_unready();
    scene.proxy.freeze(false);
    scene.wait_until_ready();
    load.wait_for_more_acknowledged(50);
    let acknowledged = load.finish(&mut ledger);
    println!("silence: {acknowledged} of {} orders acknowledged", ledger.orders.len());
    scene.audit(&ledger, &mut random);
}

#[test]
fn waiting_for_an_unknown_outcome_does_not_delay_others() {
    let mut random = Random::for_test("unknown outcome");
    let mut ledger = Ledger::default();
    let scene = Scene::set(&["--database-writers", "1"]);
    for number in 0.. {
        assert!(number < TRIES_MAX, "no order's commit was cut");
        let cuts = scene.proxy.broken_transactions().len();
        // Whoever is connected stays so.
        scene.proxy.refuse(true);
        scene.proxy.cut(At::Commit, Cut::BeforeAnswer);
        let id = format!("unknown-{number}");
        let was_cut = std::thread::scope(|threads| {
            let post = || ledger.post(&scene.server, &scene.hook_url, &id, &format!("{id}@example.com"));
            let waiting = threads.spawn(post);
            let broken = wait_for("a commit to be cut", || scene.proxy.broken_transactions().get(cuts).cloned());
            // Now and then it is one with which the engine asks for runs. Then the order waits behind it.
            let was_cut = broken.iter().any(|message| message.contains("INSERT INTO transactions"));
            if was_cut {
                scene.wait_until_unready();
                (0..5).for_each(|other| assert_refused(&scene.post(&format!("{number}-{other}"))));
                assert!(!waiting.is_finished(), "neither yes nor no can be said yet");
            }
            scene.proxy.refuse(false);
            let status = waiting.join().expect("the order is posted");
            assert!(status == Some(200) || !was_cut, "{status:?}");
            scene.wait_until_ready();
            was_cut
        });
        if was_cut {
            break;
        }
    }
    scene.server.wait_for_log("its outcome is now known committed=true");
    scene.audit(&ledger, &mut random);
}
