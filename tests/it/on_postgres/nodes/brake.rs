//! Stops the transactions of one node in their middle, for as long as a test wants and the database lets them wait.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::support::postgres::{Sql, TestDatabase};
use crate::support::wait_for;

/// The table that transactions are stopped at, and when.
#[derive(Clone, Copy)]
pub enum At {
    /// Before they insert a row.
    Insert(&'static str),
    /// Before they change a row.
    Update(&'static str),
    /// In their COMMIT, if they have inserted a row.
    Commit(&'static str),
}

/// A brake that holds until it is released or dropped. No lock is waited for, so only the limit on the time of a
/// statement ends the waiting: ten seconds.
pub struct Brake {
    session: Sql,
    node: &'static str,
    /// Tells it from others in the same database.
    number: usize,
}

impl Brake {
    /// Stops the sessions that are named so.
    pub fn put(database: &TestDatabase, at: At, node: &'static str) -> Brake {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let session = database.session();
        let (trigger, event, table, when) = match at {
            At::Insert(table) => ("TRIGGER", "BEFORE INSERT", table, ""),
            At::Update(table) => ("TRIGGER", "BEFORE UPDATE", table, ""),
            At::Commit(table) => ("CONSTRAINT TRIGGER", "AFTER INSERT", table, "DEFERRABLE INITIALLY DEFERRED"),
        };
        session.execute(&format!(
            "SELECT pg_advisory_lock({number}); \
             CREATE FUNCTION brake_{number}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
               WHILE NOT pg_try_advisory_xact_lock_shared({number}) LOOP PERFORM pg_sleep(0.01); END LOOP; RETURN NEW; \
             END $$; \
             CREATE {trigger} brake_{number} {event} ON {table} {when} FOR EACH ROW \
               WHEN (current_setting('application_name') = '{node}') EXECUTE FUNCTION brake_{number}()"
        ));
        Brake { session, node, number }
    }

    /// The backends whose transactions wait here, or at another brake for the same sessions.
    fn held(&self) -> Vec<Value> {
        self.session.rows(&format!(
            "SELECT pid, xact_start FROM pg_stat_activity \
             WHERE datname = current_database() AND application_name = '{}' AND wait_event = 'PgSleep'",
            self.node
        ))
    }

    /// Waits until a transaction is stopped here; its backend.
    pub fn wait_for_held(&self) -> Held {
        let row = wait_for("a transaction to be stopped in its middle", || self.held().pop());
        Held { pid: row["pid"].clone(), began_at: row["xact_start"].clone() }
    }

    /// Waits until so many transactions are stopped here.
    pub fn wait_for_all_held(&self, count: usize) {
        wait_for("transactions to be stopped in their middle", || (self.held().len() >= count).then_some(()));
    }

    /// Lets everybody go on.
    pub fn release(&self) {
        self.session.execute(&format!("SELECT pg_advisory_unlock({})", self.number));
    }
}

/// A transaction that was stopped.
pub struct Held {
    pid: Value,
    began_at: Value,
}

impl Held {
    fn is_open(&self, database: &TestDatabase) -> bool {
        let (pid, began_at) = (&self.pid, &self.began_at);
        let began_at = began_at.as_str().expect("a time is a text");
        let query = format!("SELECT FROM pg_stat_activity WHERE pid = {pid} AND xact_start = '{began_at}'");
        !database.rows(&query).is_empty()
    }

    /// Waits until the transaction has ended, one way or the other.
    pub fn wait_for_end(&self, database: &TestDatabase) {
        wait_for("the transaction to end", || (!self.is_open(database)).then_some(()));
    }

    /// # Panics
    /// When the transaction has ended in the meantime, so that the test shows nothing.
    #[track_caller]
    pub fn check_open(&self, database: &TestDatabase) {
        assert!(self.is_open(database), "the transaction was given up before the test got to it");
    }
}
