//! What the tests on PostgreSQL stand on: clusters, databases, crashes and standbys.

use std::sync::Arc;

use serde_json::json;

use crate::support::postgres::{Cluster, ClusterOptions, TestDatabase};
use crate::support::proxy::Proxy;
use crate::support::workspace::Workspace;
use crate::support::{ServerBuilder, wait_for};

fn add_org(database: &TestDatabase, name: &str) {
    database.execute(&format!("INSERT INTO orgs (id, name, created_at) VALUES ('{name}', '{name}', 0)"));
}

fn orgs(database: &TestDatabase) -> Vec<serde_json::Value> {
    database.rows("SELECT name FROM orgs ORDER BY name").iter().map(|row| row["name"].clone()).collect()
}

#[test]
fn each_test_has_a_database_of_its_own_which_goes_with_it() {
    let cluster = Cluster::shared();
    let (one, two, empty) = (cluster.database(), cluster.database(), cluster.empty_database());
    add_org(&one, "one");
    assert_eq!((orgs(&one), orgs(&two)), (vec![json!("one")], vec![]));
    assert_eq!(empty.rows("SELECT FROM pg_tables WHERE schemaname = 'public'").len(), 0);
    let session = one.session();
    let name = one.name().to_owned();
    let exists = || cluster.session().rows(&format!("SELECT FROM pg_database WHERE datname = '{name}'")).len();
    assert_eq!(exists(), 1);
    drop(one);
    assert_eq!(exists(), 0, "dropped, although somebody was connected");
    assert!(session.try_execute("SELECT 1").is_err());
}

#[test]
fn text_is_not_compared_byte_by_byte_unless_that_is_asked_for() {
    let database = Cluster::shared().empty_database();
    let compared = database.rows("SELECT 'B' < 'a' AS as_people_do, 'B' < 'a' COLLATE \"C\" AS by_bytes");
    assert_eq!(compared, [json!({ "as_people_do": false, "by_bytes": true })]);
}

#[test]
fn a_cluster_is_set_up_as_asked() {
    let settings = "SELECT current_setting('fsync') AS fsync, current_setting('application_name') AS name";
    assert_eq!(Cluster::shared().session().rows(settings), [json!({ "fsync": "off", "name": "" })]);
    let cluster = Cluster::start(ClusterOptions { fsync: true, settings: &[("application_name", "it's")] });
    assert_eq!(cluster.session().rows(settings), [json!({ "fsync": "on", "name": "it's" })]);
}

#[test]
fn a_cluster_crashes_and_stops_and_is_there_again() {
    let cluster = Cluster::start(ClusterOptions::default());
    let database = cluster.database();
    add_org(&database, "stored");
    let open = database.session();
    open.execute("BEGIN; INSERT INTO orgs (id, name, created_at) VALUES ('open', 'open', 0)");
    let (port, url) = (cluster.port(), database.url());
    cluster.restart_immediately();
    assert!(open.try_execute("COMMIT").is_err(), "nobody stays connected");
    assert_eq!((cluster.port(), database.url()), (port, url));
    assert_eq!(orgs(&database), [json!("stored")]);
    assert!(cluster.log().contains("database system was not properly shut down"), "{}", cluster.log());
    cluster.stop_fast();
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
    cluster.start_again();
    assert_eq!(orgs(&database), [json!("stored")]);
}

#[test]
fn a_standby_follows_and_takes_over() {
    let primary = Cluster::start(ClusterOptions::default());
    let database = primary.database();
    let standby = primary.standby();
    let copy = database.in_cluster(&standby);
    add_org(&database, "one");
    wait_for("the standby to have it", || (orgs(&copy) == ["one"]).then_some(()));
    primary.make_synchronous(&standby);
    add_org(&database, "two");
    primary.stop_immediately();
    standby.promote();
    assert_eq!(orgs(&copy), [json!("one"), json!("two")]);
    add_org(&copy, "three");
    assert_ne!(standby.url("postgres"), primary.url("postgres"));
}

#[test]
fn an_audit_sees_runs_that_have_ended_and_those_that_have_not() {
    let database = Arc::new(Cluster::shared().database());
    let workspace = Workspace::new().on_database(database.clone());
    assert!(workspace.is_untouched());
    let run = |table: &str, id: &str, status: &str| {
        workspace.execute(&format!(
            "INSERT INTO {table} (org_id, id, workflow_id, workflow_name, version, event, status, steps, created_at, \
             due_at, rev) VALUES ('o', '{id}', 'w', 'w', 1, 'e', '{status}', 1, 0, 0, 1)"
        ));
    };
    run("runs", "1", "completed");
    run("open_runs", "2", "waiting");
    workspace.execute(
        "INSERT INTO transactions (org_id, id, hook_id, hook_kind, created_at, headers, raw, run_ids) \
         VALUES ('o', 't', 'h', 'form', 0, '[]', '{\"price\":\"€ 1\"}'::text::bytea, '[]')",
    );
    add_org(&database, "one");
    assert!(!workspace.is_untouched());
    let mut look = workspace.look();
    assert_eq!(look.rows("runs", &["id", "status"]), [json!(["1", "completed"]), json!(["2", "waiting"])]);
    assert_eq!(look.rows("transactions", &["id", "raw", "query"]), [json!(["t", r#"{"price":"€ 1"}"#, null])]);
    look.check_integrity();
    run("open_runs", "1", "waiting");
    let checked = std::thread::spawn(move || workspace.look().check_integrity()).join();
    checked.expect_err("a run has ended and is open");
}

#[test]
fn servers_share_a_database_and_reach_it_by_ways_of_their_own() {
    let cluster = Cluster::start(ClusterOptions::default());
    let database = Arc::new(cluster.database());
    let proxy = Proxy::start(cluster.port());
    let one = ServerBuilder::new().on_database(database.clone()).start();
    let other = ServerBuilder::node_beside(&one).database_url(&database.url_through(proxy.port())).start();
    assert_ne!(one.directory().path(), other.directory().path());
    let transaction = one.post_hook("orders", &json!({ "email": "ann@example.com" })).expect(200);
    other.get(transaction["data"]["links"]["self"].as_str().unwrap()).expect(200);
    other.post_hook("orders", &json!({ "email": "bob@example.com" })).expect(200);
    assert_eq!(one.wait_for_runs().len(), 2);
    assert!(proxy.commits() > 0);
    drop(other);
    let directory = one.directory();
    assert!(one.stop().success());
    assert_eq!(ServerBuilder::in_directory(directory).start().wait_for_runs().len(), 2);
}
