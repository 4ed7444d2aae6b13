//! Runs for each item of a list that end at the same moment on several nodes: each is started once, and the loop ends.

use serde_json::json;

use super::{check_owners, database, node_beside};
use crate::support::audit::all_pages;
use crate::support::database::Kind;
use crate::support::{ServerBuilder, always, wait_for, workflow};

const LOOPS: usize = 4;
const ITEMS: usize = 30;

fn bundle() -> String {
    let params = json!({ "list": "/#steps.1.attributes.data.items", "workflow": "item", "concurrency": 10 });
    // The first stretch ends with the wait, so that the first node to look continues it.
    let mut item = workflow(
        "item",
        json!([
            { "id": "w", "action": "delay", "params": { "for": 0.05 }, "transitions": [always("s")] },
            { "id": "s", "action": "value.set", "params": { "value": "/#steps.1.index" } },
        ]),
    );
    item["trigger"] = json!({ "id": "1", "callable": true, "transitions": [always("w")] });
    let steps = workflow("steps", json!([{ "id": "2", "action": "for-each", "params": params }]));
    json!({ "hooks": [{ "name": "orders", "type": "form" }], "workflows": [steps, item] }).to_string()
}

#[test]
fn loops_end_whichever_nodes_their_runs_end_on() {
    let builder = ServerBuilder::bare().on(Kind::Postgres);
    builder.write_workflow("bundle.json", &bundle());
    let server = builder.start();
    let other = node_beside(&server);
    for _ in 0..LOOPS {
        let items: Vec<usize> = (0..ITEMS).collect();
        server.post_hook("orders", &json!({ "items": items })).expect(200);
    }
    wait_for("all loops to end", || {
        let ended = all_pages(&other, "/v1/runs?workflow=steps&status=completed");
        (ended.len() == LOOPS).then_some(())
    });
    for run in all_pages(&server, "/v1/runs?workflow=steps") {
        let output = server.steps(&run)[1]["output"].clone();
        assert_eq!((&output["completed"], &output["failed"]), (&json!(ITEMS), &json!(0)));
        let items = output["items"].as_array().unwrap();
        assert!(items.iter().enumerate().all(|(place, item)| item["response"]["value"] == json!(place)), "{output:#}");
    }
    assert_eq!(all_pages(&server, "/v1/runs?workflow=item&pageSize=500").len(), LOOPS * ITEMS);
    check_owners(&database(&server));
}
