//! What the tests with broken connections stand on: the proxy that breaks them.

use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio_postgres::{Client, Error, NoTls};

use crate::support::postgres::{Cluster, TestDatabase};
use crate::support::proxy::{At, Cut, Proxy, cut_points};
use crate::support::wait_for;

/// A database with one table, and a proxy before it.
struct Scene {
    database: TestDatabase,
    proxy: Proxy,
    runtime: Runtime,
}

impl Scene {
    fn set() -> Scene {
        let cluster = Cluster::shared();
        let database = cluster.empty_database();
        database.execute("CREATE TABLE numbers (number integer PRIMARY KEY)");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Scene { database, proxy: Proxy::start(cluster.port()), runtime }
    }

    /// A connection through the proxy.
    fn connect(&self) -> Result<Client, Error> {
        let url = self.database.url_through(self.proxy.port());
        let (client, connection) = self.runtime.block_on(tokio_postgres::connect(&url, NoTls))?;
        self.runtime.spawn(connection);
        Ok(client)
    }

    fn execute(&self, client: &Client, sql: &str) -> Result<(), Error> {
        self.runtime.block_on(client.batch_execute(sql))
    }

    /// Stores a number in a transaction, with both kinds of statements that a client can send.
    fn store(&self, client: &Client, number: i32) -> Result<(), Error> {
        self.runtime.block_on(async {
            client.batch_execute("BEGIN").await?;
            client.execute("INSERT INTO numbers (number) VALUES ($1)", &[&number]).await?;
            client.batch_execute("COMMIT").await
        })
    }

    /// By then the server has done what it received, or never will.
    fn wait_until_nobody_is_connected(&self) {
        let session = self.database.session();
        let others = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
        wait_for("the server to be done", || session.rows(others).is_empty().then_some(()));
    }

    fn stored(&self) -> Vec<Value> {
        let rows = self.database.rows("SELECT number FROM numbers ORDER BY number");
        rows.iter().map(|row| row["number"].clone()).collect()
    }
}

/// The messages of [`Scene::store`].
const MESSAGES: [&str; 10] = [
    "Q BEGIN",
    "P INSERT INTO numbers (number) VALUES ($1)",
    "D",
    "S",
    "B INSERT INTO numbers (number) VALUES ($1)",
    "E INSERT INTO numbers (number) VALUES ($1)",
    "S",
    "C",
    "S",
    "Q COMMIT",
];

#[test]
fn a_transaction_is_cut_at_every_point() {
    let scene = Scene::set();
    scene.store(&scene.connect().unwrap(), 0).unwrap();
    assert_eq!(scene.proxy.transactions(), [MESSAGES]);
    let points = cut_points(&scene.proxy.transactions()[0]);
    assert_eq!(points.len(), 10 * 3 + 5 * 3);
    let mut expected = vec![json!(0)];
    for (number, (at, cut)) in (1..).zip(points) {
        let client = scene.connect().unwrap();
        scene.proxy.cut(at, cut);
        let done = scene.store(&client, number);
        let commits = at == At::Message(9);
        // Only who has the last answer knows.
        assert_eq!(done.is_ok(), commits && cut == Cut::AfterAnswer, "{at:?} {cut:?}: {done:?}");
        wait_for("the connection to be cut", || (scene.proxy.trips() == number as usize).then_some(()));
        assert!(scene.execute(&client, "SELECT 1").is_err(), "{at:?} {cut:?}");
        match cut {
            Cut::BeforeMessage | Cut::InMessage => {}
            Cut::AfterMessage if commits => {
                scene.wait_until_nobody_is_connected();
                expected.extend(scene.stored().contains(&json!(number)).then(|| json!(number)))
            }
            _ => expected.extend(commits.then(|| json!(number))),
        }
        assert_eq!(scene.stored(), expected, "{at:?} {cut:?}");
    }
    assert!(scene.proxy.commits() >= 4, "{}", scene.proxy.commits());
}

#[test]
fn the_message_with_commit_is_found_however_long_the_transaction_is() {
    let scene = Scene::set();
    for (number, sql) in (1..).zip(["INSERT INTO numbers VALUES (1)", "SELECT 1", "INSERT INTO numbers VALUES (2)"]) {
        let client = scene.connect().unwrap();
        scene.execute(&client, "SELECT 'no transaction'").unwrap();
        scene.proxy.cut(At::Commit, Cut::BeforeAnswer);
        scene.execute(&client, "start transaction").unwrap();
        scene.execute(&client, sql).unwrap();
        scene.execute(&client, "SAVEPOINT one; ROLLBACK TO one").unwrap();
        assert!(scene.execute(&client, "commit").is_err());
        assert_eq!(scene.proxy.trips(), number);
    }
    assert_eq!(scene.stored(), [1, 2]);
    let expected = ["Q start transaction", "Q SELECT 1", "Q SAVEPOINT one; ROLLBACK TO one", "Q commit"];
    assert_eq!(scene.proxy.transactions()[1], expected);
}

#[test]
fn transactions_that_do_not_come_so_far_are_left_alone() {
    let scene = Scene::set();
    let (client, other) = (scene.connect().unwrap(), scene.connect().unwrap());
    scene.proxy.cut(At::Message(2), Cut::BeforeMessage);
    scene.proxy.cut(At::Message(0), Cut::AfterAnswer);
    scene.execute(&client, "BEGIN; INSERT INTO numbers VALUES (1); COMMIT").unwrap();
    scene.execute(&client, "BEGIN").unwrap();
    scene.execute(&client, "ROLLBACK").unwrap();
    scene.execute(&client, "INSERT INTO numbers VALUES (2)").unwrap();
    assert_eq!((scene.proxy.trips(), scene.stored()), (0, vec![json!(1), json!(2)]));
    scene.execute(&client, "BEGIN").unwrap();
    scene.execute(&client, "SELECT 1").unwrap();
    assert!(scene.execute(&client, "COMMIT").is_err());
    assert_eq!(scene.proxy.trips(), 1);
    scene.execute(&other, "BEGIN").unwrap();
    wait_for("the second plan", || (scene.proxy.trips() == 2).then_some(()));
}

#[test]
fn connections_are_cut_and_refused_all_at_once() {
    let scene = Scene::set();
    let client = scene.connect().unwrap();
    scene.proxy.refuse(true);
    assert!(scene.connect().is_err());
    scene.execute(&client, "INSERT INTO numbers VALUES (1)").expect("who was connected stays so");
    scene.proxy.cut_all_now();
    assert!(scene.execute(&client, "INSERT INTO numbers VALUES (2)").is_err());
    assert!(scene.connect().is_err());
    scene.proxy.refuse(false);
    scene.execute(&scene.connect().unwrap(), "INSERT INTO numbers VALUES (3)").unwrap();
    assert_eq!((scene.stored(), scene.proxy.trips()), (vec![json!(1), json!(3)], 0));
}

#[test]
fn a_silent_network_loses_nothing_when_it_speaks_again() {
    let scene = Scene::set();
    let (one, two) = (scene.connect().unwrap(), scene.connect().unwrap());
    scene.proxy.freeze(true);
    let inserting = |client: Client, number: i32| {
        scene
            .runtime
            .spawn(async move { client.batch_execute(&format!("INSERT INTO numbers VALUES ({number})")).await })
    };
    let waiting = [inserting(one, 1), inserting(two, 2)];
    // What is sent arrives nowhere.
    scene.runtime.block_on(tokio::task::yield_now());
    assert!(waiting.iter().all(|waiting| !waiting.is_finished()));
    assert_eq!(scene.stored(), [] as [Value; 0]);
    scene.proxy.freeze(false);
    waiting.into_iter().for_each(|waiting| scene.runtime.block_on(waiting).unwrap().unwrap());
    assert_eq!(scene.stored(), [1, 2]);
}

#[test]
fn a_silent_network_does_not_reveal_a_lost_peer() {
    let scene = Scene::set();
    let (client, leaving) = (scene.connect().unwrap(), scene.connect().unwrap());
    scene.execute(&leaving, "BEGIN; LOCK numbers").unwrap();
    scene.proxy.freeze(true);
    drop(leaving);
    scene.runtime.block_on(tokio::task::yield_now());
    assert!(scene.database.session().try_execute("BEGIN; LOCK numbers IN SHARE MODE NOWAIT").is_err());
    let waiting = scene.runtime.spawn(async move { client.batch_execute("SELECT 1").await });
    scene.proxy.cut_all_now();
    assert!(scene.runtime.block_on(waiting).unwrap().is_err());
    let locked = || scene.database.session().try_execute("BEGIN; LOCK numbers IN SHARE MODE NOWAIT").is_err();
    wait_for("the lock to be let go", || (!locked()).then_some(()));
}
