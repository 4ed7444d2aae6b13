//! Background jobs of the leader run on one node, and on another one once that is dead.

use serde_json::json;

use super::{SECRET_KEY, database, node_beside};
use crate::support::database::Kind;
use crate::support::postgres::TestDatabase;
use crate::support::{Server, ServerBuilder, wait_for};

/// How often a job of this node succeeded.
fn successes(node: &Server, job: &str) -> u64 {
    let metrics = node.get_without_key("/metrics").text;
    let name = format!("hookflow_job_runs_total{{job=\"{job}\",outcome=\"succeeded\"}} ");
    let count = metrics.lines().find_map(|line| line.strip_prefix(&name));
    count.unwrap_or_else(|| panic!("{name} is missing: {metrics}")).parse().expect("a count")
}

fn keys(database: &TestDatabase) -> usize {
    database.rows("SELECT FROM seen_keys").len()
}

/// Stores the key of a request that came long ago.
fn store_expired_key(node: &Server, database: &TestDatabase) {
    let hook = node.hook("orders");
    let link = hook["links"]["self"].as_str().expect("a hook has a link");
    node.call("PATCH", link, json!({ "deduplicate": { "key": "/#steps.1.attributes.data.orderId" } })).expect(200);
    node.post_hook("orders", &json!({ "orderId": "1" })).expect(200);
    assert_eq!(keys(database), 1);
    database.execute("UPDATE seen_keys SET expires_at = 0");
}

#[test]
fn one_node_forgets_expired_keys_and_another_takes_over_when_it_dies() {
    let leader = ServerBuilder::new().on(Kind::Postgres).environment("HOOKFLOW_SECRET_KEY", SECRET_KEY).start();
    let database = database(&leader);
    wait_for("the only node to lead", || (successes(&leader, "forget-seen-keys") == 1).then_some(()));
    let other = node_beside(&leader);
    // Its scheduler works: another job has had many turns.
    wait_for("the other node's jobs", || (successes(&other, "write-refusals") >= 5).then_some(()));
    assert_eq!(successes(&other, "forget-seen-keys"), 0);

    store_expired_key(&leader, &database);
    leader.kill();
    wait_for("the other node to forget the key", || (keys(&database) == 0).then_some(()));
    // The count follows the commit.
    wait_for("the run to be counted", || (successes(&other, "forget-seen-keys") > 0).then_some(()));
    assert_eq!(successes(&other, "forget-seen-keys"), 1, "it had run before");
}
