//! A standby takes over from a primary that is lost: hookflow finds it by itself, and nothing that was acknowledged is lost
//! or doubled.

use std::sync::Arc;

use crate::support::audit::{check_over_http, check_stored};
use crate::support::database::Look;
use crate::support::orders::{Ledger, Load};
use crate::support::postgres::{Cluster, ClusterOptions};
use crate::support::random::Random;
use crate::support::{ServerBuilder, wait_for};

const CONNECTIONS: usize = 8;
/// Fewer than there are orders, so that customers come back.
const CUSTOMERS: usize = 100;
/// How often the test tries to have an order wait.
const TRIES_MAX: usize = 20;

#[test]
fn nothing_acknowledged_is_lost_or_doubled_when_a_synchronous_standby_takes_over() {
    let mut random = Random::for_test("failover");
    let mut ledger = Ledger::default();
    let primary = Cluster::start(ClusterOptions::default());
    let database = Arc::new(primary.database());
    let standby = primary.standby();
    primary.make_synchronous(&standby);
    let place = |cluster: &Cluster| format!("127.0.0.1:{}", cluster.port());
    let both = format!("{},{}", place(&primary), place(&standby));
    let url = database.url().replace(&place(&primary), &both);
    let server = ServerBuilder::new().on_database(database.clone()).database_url(&url).start();
    let load = Load::start(&server, CONNECTIONS, CUSTOMERS, &mut random);
    load.wait_for_acknowledged(random.within(50..150));
    primary.stop_immediately();
    standby.promote();
    load.wait_for_more_acknowledged(100);
    let acknowledged = load.finish(&mut ledger);
    println!("failover: {acknowledged} of {} orders acknowledged", ledger.orders.len());
    server.wait_for_runs();
    check_over_http(&server, &ledger, &mut random);
    let log = server.errors();
    let outcomes = log.lines().filter(|line| line.contains("its outcome is now known"));
    println!("failover: {} outcomes of commits were found out", outcomes.count());
    assert!(!log.contains("panicked") && !log.contains("the run can't continue"), "{log}");
    assert!(server.stop().success());
    check_stored(Look::database(&database.in_cluster(&standby)), &ledger);
}

/// The standbys that a cluster waits for; none when this is dropped, as nobody could tidy up otherwise.
struct Standbys<'a>(&'a Cluster);

impl Standbys<'_> {
    fn set(&self, names: &str) {
        let session = self.0.session();
        session.execute(&format!("ALTER SYSTEM SET synchronous_standby_names = '{names}'"));
        session.execute("SELECT pg_reload_conf()");
    }
}

impl Drop for Standbys<'_> {
    fn drop(&mut self) {
        self.set("");
    }
}

#[test]
fn what_no_standby_has_is_not_acknowledged_although_it_can_be_seen() {
    let cluster = Cluster::start(ClusterOptions::default());
    let database = Arc::new(cluster.database());
    let server = ServerBuilder::new().on_database(database.clone()).arguments(&["--database-writers", "1"]).start();
    let hook_url = server.hook_url("orders");
    let standbys = Standbys(&cluster);
    // What the transactions have to do with whose commits wait for a standby.
    let waiting = || {
        let relations = "SELECT relation::regclass::text AS name FROM pg_locks JOIN pg_stat_activity USING (pid) \
             WHERE wait_event = 'SyncRep' AND datname = current_database() AND relation IS NOT NULL";
        let names = database.rows(relations).into_iter().map(|row| row["name"].as_str().unwrap().to_owned());
        names.collect::<Vec<String>>()
    };
    let writes = |relations: &[String], table: &str| relations.iter().any(|relation| relation == table);
    let mut ledger = Ledger::default();
    for number in 0.. {
        assert!(number < TRIES_MAX, "no order's commit has waited");
        // A standby that never comes.
        standbys.set("nobody");
        let (id, email) = (number.to_string(), format!("{number}@example.com"));
        let was_order = std::thread::scope(|threads| {
            let order = threads.spawn(|| ledger.post(&server, &hook_url, &id, &email));
            let found = wait_for("a commit to wait", || Some(waiting()).filter(|found| writes(found, "writers")));
            // Now and then it is one with which the engine asks for runs. Then the order waits behind it.
            let was_order = writes(&found, "transactions");
            if was_order {
                cluster.restart_immediately();
                // After a crash, committed rows are visible, whichever standby they waited for.
                wait_for("hookflow to ask for the outcome", || {
                    assert!(!order.is_finished(), "the order was acknowledged, and is on one machine only");
                    writes(&waiting(), "writers").then_some(())
                });
            }
            standbys.set("");
            let status = order.join().expect("the order is posted");
            assert!(status == Some(200) || !was_order, "{status:?}");
            was_order
        });
        if was_order {
            break;
        }
    }
    server.wait_for_log("its outcome is now known committed=true");
    server.wait_for_runs();
    assert!(server.stop().success());
    check_stored(Look::database(&database), &ledger);
}
