//! What bounds the runs that descend from one cause: how deep they go, and how many they are.

use hookflow::events::DESCENDANTS_MAX;
use serde_json::{Value, json};

use crate::support::turns::Observer;
use crate::support::{Server, ServerBuilder, always, wait_for, wait_longer, workflow};

fn server(workflows: Value) -> Server {
    let builder = ServerBuilder::bare().environment("HOOKFLOW_OUTBOUND_ALLOW", "127.0.0.0/8");
    let hooks = json!([{ "name": "orders", "type": "form" }]);
    builder.write_workflow("bundle.json", &json!({ "hooks": hooks, "workflows": workflows }).to_string());
    builder.start()
}

/// A callable workflow with these steps.
fn callable(name: &str, steps: Value) -> Value {
    let mut called = workflow(name, steps);
    called["trigger"] = json!({ "id": "1", "callable": true, "transitions": called["trigger"]["transitions"] });
    called
}

fn runs(server: &Server, query: &str) -> Vec<Value> {
    server.get(&format!("/v1/runs?{query}&pageSize=500")).expect(200)["data"].as_array().unwrap().clone()
}

/// A workflow that calls itself, and waits for what it called.
fn calling_itself() -> Value {
    callable("itself", json!([{ "id": "2", "action": "command.run-by-name", "params": { "name": "itself" } }]))
}

#[test]
fn a_workflow_that_calls_itself_is_stopped_and_those_that_wait_fail_at_once() {
    let call = json!([{ "id": "2", "action": "command.run-by-name", "params": { "name": "itself" } }]);
    let mut orders = workflow("orders", call);
    orders["concurrency"] = json!({ "limit": 1 });
    let server = server(json!([orders, calling_itself()]));
    // The second one has its turn when the first one has ended.
    for _ in 0..2 {
        server.post_hook("orders", &json!({})).expect(200);
    }
    let ended = wait_for("both to fail", || {
        let ended = runs(&server, "workflow=orders&status=failed");
        (ended.len() == 2).then_some(ended)
    });
    for run in ended {
        let error = &run["attributes"]["error"];
        assert_eq!((&error["code"], &error["step"]), (&json!("workflow_failed"), &json!("2")));
    }
    let mut codes: Vec<Value> =
        runs(&server, "workflow=itself").iter().map(|run| run["attributes"]["error"]["code"].clone()).collect();
    codes.sort_by_key(Value::to_string);
    assert_eq!(codes.len(), 22, "ten that wait, and one that is too deep, for each order");
    assert_eq!(codes[..3], ["event_loop", "event_loop", "workflow_failed"]);
}

#[test]
fn the_items_of_a_list_stop_at_the_budget_whatever_the_error_cases_say() {
    let observer = Observer::start(1);
    let goes_on = json!([{ "condition": { "op": "true", "values": [true] }, "errorAction": { "type": "continue" } }]);
    let each = json!([{ "id": "2", "action": "for-each", "params": { "list": [1, 2, 3, 4, 5], "workflow": "item", "inputs": { "key": "k", "number": "/#item" } },
                        "errorCases": goes_on }]);
    let server = server(json!([workflow("orders", each), callable("item", json!([observer.step("2", "/#steps.1")]))]));
    server.post_hook("orders", &json!({})).expect(200);
    wait_for("the first item", || (runs(&server, "workflow=item&status=running").len() == 1).then_some(()));
    // As if many more had been there.
    server.directory().execute(&format!("UPDATE descendants SET count = {}", DESCENDANTS_MAX - 2));
    observer.gate.open();
    server.wait_for_runs();
    assert_eq!(runs(&server, "workflow=item&status=completed").len(), 3);
    let [run] = <[Value; 1]>::try_from(runs(&server, "workflow=orders")).unwrap();
    let error = &run["attributes"]["error"];
    assert_eq!((&error["code"], &error["step"]), (&json!("run_budget_exceeded"), &json!("2")));
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("more than 10000 would descend from one cause"), "{message}");
    assert_eq!(server.steps(&run)[1]["error"]["code"], "run_budget_exceeded");
}

/// Lists within lists share the budget of their root: it can run out at either level.
#[test]
fn lists_within_lists_share_one_budget() {
    // The first box and its first item have started when the budget is cut; so many more runs may start.
    let cases: [(i64, &[&str], usize); 2] = [(1, &["failed"], 2), (3, &["completed"], 4)];
    for (remaining, boxes, items) in cases {
        let observer = Observer::start(1);
        let each = |list: Value, workflow: &str, inputs: Value| {
            let params = json!({ "list": list, "workflow": workflow, "inputs": inputs });
            json!([{ "id": "2", "action": "for-each", "params": params }])
        };
        let server = server(json!([
            workflow("orders", each(json!([1, 2, 3]), "box", json!({ "box": "/#item" }))),
            callable("box", each(json!([1, 2, 3, 4]), "item", json!({ "key": "k", "number": "/#item" }))),
            callable("item", json!([observer.step("2", "/#steps.1")])),
        ]));
        server.post_hook("orders", &json!({})).expect(200);
        wait_for("the first item", || (runs(&server, "workflow=item&status=running").len() == 1).then_some(()));
        server.directory().execute(&format!("UPDATE descendants SET count = {}", DESCENDANTS_MAX - remaining));
        observer.gate.open();
        server.wait_for_runs();
        assert_eq!(runs(&server, "workflow=item&status=completed").len(), items);
        let statuses: Vec<Value> =
            runs(&server, "workflow=box").iter().map(|run| run["attributes"]["status"].clone()).collect();
        assert_eq!(statuses, boxes);
        let error_of = |workflow: &str| {
            let run = runs(&server, &format!("workflow={workflow}")).remove(0);
            run["attributes"]["error"]["code"].clone()
        };
        match remaining {
            1 => {
                assert_eq!(error_of("box"), "run_budget_exceeded");
                assert_eq!(error_of("orders"), "workflow_failed");
            }
            _ => assert_eq!(error_of("orders"), "run_budget_exceeded"),
        }
        let directory = server.directory();
        assert!(server.stop().success());
        assert_eq!(directory.look().rows("descendants", &["count"]), [json!([DESCENDANTS_MAX.to_string()])]);
    }
}

#[test]
fn a_step_that_is_refused_keeps_what_it_wrote_but_starts_nothing() {
    let observer = Observer::start(1);
    let publish =
        json!({ "id": "2", "action": "event.publish", "params": { "name": "app.a" }, "transitions": [always("3")] });
    let mut call = observer.step("3", "/#steps.1.attributes.data");
    call["transitions"] = json!([always("4")]);
    let create = json!({ "id": "4", "action": "customer.create", "params": { "email": "ann@example.com" }, "transitions": [always("5")] });
    let listens = |name: &str, event: &str| {
        let mut listener = workflow(name, json!([{ "id": "2" }]));
        listener["trigger"]["eventName"] = json!(event);
        listener
    };
    let server = server(json!([
        workflow("orders", json!([publish, call, create, { "id": "5" }])),
        listens("published", "app.a"),
        listens("created", "customer.create"),
    ]));
    server.post_hook("orders", &json!({ "key": "k", "number": 1 })).expect(200);
    wait_for("the call", || (runs(&server, "workflow=orders&status=running").len() == 1).then_some(()));
    server.directory().execute(&format!("UPDATE descendants SET count = {DESCENDANTS_MAX}"));
    observer.gate.open();
    server.wait_for_runs();
    let [run] = <[Value; 1]>::try_from(runs(&server, "workflow=orders")).unwrap();
    let error = &run["attributes"]["error"];
    assert_eq!((&error["code"], &error["step"]), (&json!("run_budget_exceeded"), &json!("4")));
    // As after any failed step: nothing is undone.
    assert_eq!(server.get("/v1/customers").expect(200)["data"].as_array().unwrap().len(), 1);
    assert_eq!((runs(&server, "workflow=published").len(), runs(&server, "workflow=created").len()), (1, 0));
}

#[test]
fn a_workflow_that_starts_itself_over_and_over_stays_within_the_budget() {
    let publish = |id: &str, next: Value| json!({ "id": id, "action": "event.publish", "params": { "name": "app.a" }, "transitions": next });
    let mut many = workflow(
        "many",
        json!([publish("p", json!([always("q")])), publish("q", json!([always("r")])), publish("r", json!([]))]),
    );
    many["trigger"]["eventName"] = json!("app.a");
    let server = server(json!([workflow("orders", json!([publish("2", json!([]))])), many]));
    server.post_hook("orders", &json!({})).expect(200);
    let failed = wait_longer(5, "the budget to be used up", || {
        let failed = runs(&server, "status=failed");
        (!failed.is_empty()).then_some(failed)
    });
    assert_eq!(failed[0]["attributes"]["error"]["code"], "run_budget_exceeded");
    wait_longer(5, "all to end", || {
        let open = ["queued", "running", "waiting"]
            .iter()
            .any(|status| !runs(&server, &format!("status={status}")).is_empty());
        (!open).then_some(())
    });
    let directory = server.directory();
    assert!(server.stop().success());
    let mut look = directory.look();
    let limit = usize::try_from(DESCENDANTS_MAX).unwrap();
    assert_eq!(look.rows("runs", &["id"]).len(), limit + 1, "the run of the hook, and its descendants");
    assert_eq!(look.rows("descendants", &["count"]), [json!([DESCENDANTS_MAX.to_string()])]);
    assert_eq!(look.rows("events", &["id"]).len(), limit, "one that starts nothing is not stored");
}
