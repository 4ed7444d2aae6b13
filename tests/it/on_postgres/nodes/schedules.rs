//! Workflows that run by themselves, with several processes to see that they are due.

use std::collections::BTreeSet;

use serde_json::json;

use crate::support::audit::all_pages;
use crate::support::database::Kind;
use crate::support::{Server, ServerBuilder, wait_for};

/// The due times of all runs, once there are `count` or more.
fn due_times(server: &Server, count: usize) -> Vec<String> {
    wait_for("the runs", || {
        let runs = all_pages(server, "/v1/runs?status=completed&pageSize=500");
        let due = |run| server.steps(run)[0]["output"]["scheduledAt"].as_str().unwrap().to_owned();
        (runs.len() >= count).then(|| runs.iter().map(due).collect())
    })
}

#[test]
fn a_due_time_has_one_run_on_several_nodes_one_of_which_dies() {
    let builder = ServerBuilder::bare().on(Kind::Postgres);
    let trigger = json!({ "id": "1", "schedule": { "every": "1s" } });
    let workflow = json!({ "name": "each-second", "trigger": trigger, "steps": [] });
    builder.write_workflow("workflow.json", &workflow.to_string());
    let one = builder.start();
    let others = [ServerBuilder::node_beside(&one).start(), ServerBuilder::node_beside(&one).start()];
    let before = due_times(&one, 3).len();
    one.kill();
    let due = due_times(&others[0], before + 3);
    assert_eq!(due.iter().collect::<BTreeSet<_>>().len(), due.len(), "{due:?}");
}
