//! Limited workflows that something else than a hook starts: calls, events, schedules, replays, and themselves.

use serde_json::{Value, json};

use crate::support::turns::Observer;
use crate::support::{Server, ServerBuilder, always, wait_for, workflow};

/// A callable workflow that calls the observer, one run with a key at a time.
fn limited(observer: &Observer) -> Value {
    let mut limited = workflow("limited", json!([observer.step("2", "/#steps.1")]));
    limited["trigger"] =
        json!({ "id": "1", "callable": true, "eventName": "app.shop.paid", "transitions": [always("2")] });
    limited["concurrency"] = json!({ "limit": 1, "key": "key {{{steps.1.key}}}" });
    limited
}

fn server(workflows: Value) -> Server {
    let builder = ServerBuilder::bare().environment("HOOKFLOW_OUTBOUND_ALLOW", "127.0.0.0/8");
    let hooks = json!([{ "name": "orders", "type": "form" }]);
    builder.write_workflow("bundle.json", &json!({ "hooks": hooks, "workflows": workflows }).to_string());
    builder.start()
}

/// A step that runs another workflow with these inputs, and waits for it.
fn calling(name: &str, inputs: Value, next: Value) -> Value {
    json!({ "id": "2", "action": "command.run-by-name", "params": { "name": name, "inputs": inputs }, "transitions": next })
}

fn data(name: &str) -> String {
    format!("/#steps.1.attributes.data.{name}")
}

/// How many runs of the workflow wait in a lane.
fn waiting(server: &Server, name: &str) -> usize {
    let runs = server.get(&format!("/v1/runs?workflow={name}&status=queued&pageSize=500")).expect(200);
    let waits = |run: &&Value| run["attributes"]["concurrency"]["waits"] == true;
    runs["data"].as_array().unwrap().iter().filter(waits).count()
}

#[test]
fn runs_that_are_called_raised_scheduled_or_replayed_wait_for_their_turn_too() {
    let observer = Observer::start(1);
    let payload = json!({ "key": data("key"), "number": data("number") });
    let later = json!({ "workflowId": "limited", "runAt": { "type": "relative", "value": 0.2, "unit": "seconds" }, "inputs": payload });
    let steps = json!([
        { "id": "2", "action": "event.publish", "params": { "name": "app.shop.paid", "data": payload }, "transitions": [always("3")] },
        { "id": "3", "action": "app.scheduler.schedule-workflow", "params": later, "transitions": [always("4")] },
        { "id": "4", "action": "command.run-by-name", "params": { "name": "limited", "inputs": payload } },
    ]);
    let server = server(json!([limited(&observer), workflow("orders", steps)]));
    let link = server.workflow("limited")["links"]["self"].as_str().unwrap().to_owned();
    let call = |number: usize| {
        let inputs = json!({ "inputs": { "key": "k", "number": number } });
        server.call("POST", &format!("{link}/call"), inputs).expect(201)["data"].take()
    };
    call(0);
    let second = call(1);
    assert_eq!(second["attributes"]["concurrency"]["waits"], true, "{second:#}");
    server.post_hook("orders", &json!({ "key": "k", "number": 2 })).expect(200);
    wait_for("five to be there", || (waiting(&server, "limited") == 4).then_some(()));
    let replayed = server.call("POST", &format!("{}/replay", second["links"]["self"].as_str().unwrap()), Value::Null);
    assert_eq!(replayed.expect(201)["data"]["attributes"]["concurrency"]["waits"], true);
    assert_eq!((waiting(&server, "limited"), observer.order(&json!("k"))), (5, vec![0]));
    observer.gate.open();
    server.wait_for_runs();
    assert_eq!((observer.order(&json!("k")), observer.most(&json!("k"))), (vec![0, 1, 2, 2, 2, 1], 1));
}

#[test]
fn a_workflow_that_runs_by_itself_waits_for_its_turn_too() {
    let steps = json!([{ "id": "2", "action": "delay", "params": { "for": 2.5 } }]);
    let mut scheduled = workflow("scheduled", steps);
    scheduled["trigger"] = json!({ "id": "1", "schedule": { "every": "1s" }, "transitions": [always("2")] });
    scheduled["concurrency"] = json!({ "limit": 1 });
    let server = server(json!([scheduled]));
    wait_for("runs to wait", || (waiting(&server, "scheduled") >= 2).then_some(()));
    let open = server.get("/v1/runs?status=waiting").expect(200);
    assert_eq!(open["data"].as_array().unwrap().len(), 1);
    wait_for("two to have gone on", || {
        let completed = server.get("/v1/runs?status=completed").expect(200)["data"].take();
        let runs = completed.as_array().unwrap();
        let times = |run: &Value| (run["attributes"]["startedAt"].clone(), run["attributes"]["finishedAt"].clone());
        (runs.len() >= 2).then(|| assert!(times(&runs[1]).1.as_str() <= times(&runs[0]).0.as_str(), "{runs:#?}"))
    });
}

/// Whoever waits for a run lets it have its own turn: waiting behind itself, it would wait for ever.
#[test]
fn a_run_that_calls_its_own_workflow_does_not_wait_for_itself() {
    let observer = Observer::start(1);
    let down = json!([
        { "target": "2", "condition": { "op": "gt", "values": ["/#steps.1.depth", 0] } },
        always("3"),
    ]);
    let inputs = json!({ "depth": "/#fn:math,steps.1.depth,-,1", "key": "/#steps.1.key", "number": "/#steps.1.depth" });
    let mut nested =
        workflow("nested", json!([calling("nested", inputs, json!([always("3")])), observer.step("3", "/#steps.1")]));
    nested["trigger"] = json!({ "id": "1", "callable": true, "transitions": down });
    nested["concurrency"] = json!({ "limit": 1, "key": "/#steps.1.key" });
    let server = server(json!([nested]));
    let link = server.workflow("nested")["links"]["self"].as_str().unwrap().to_owned();
    let call = |number: usize| {
        let inputs = json!({ "inputs": { "key": "k", "number": number, "depth": 2 } });
        server.call("POST", &format!("{link}/call"), inputs).expect(201);
    };
    call(10);
    call(20);
    wait_for("the innermost to be at work", || (observer.order(&json!("k")) == [1]).then_some(()));
    assert_eq!(waiting(&server, "nested"), 1, "the second call waits for all of the first");
    observer.gate.open();
    let runs = server.wait_for_runs();
    assert!(runs.iter().all(|run| run["attributes"]["status"] == "completed"), "{runs:#?}");
    assert_eq!(observer.order(&json!("k")), [1, 2, 10, 1, 2, 20]);
}

#[test]
fn a_run_within_the_turn_of_another_keeps_the_lane_when_that_one_is_cancelled() {
    let observer = Observer::start(1);
    let payload = json!({ "key": data("key"), "number": data("number") });
    let between = json!({ "key": "/#steps.1.key", "number": "/#steps.1.number", "nested": true });
    let mut outer = workflow(
        "limited",
        json!([
            calling("between", json!({ "key": "/#steps.1.key", "number": "/#steps.1.number" }), json!([])),
            observer.step("3", "/#steps.1")
        ]),
    );
    outer["trigger"] = json!({ "id": "1", "callable": true, "transitions": [
        { "target": "3", "condition": { "op": "exists", "values": ["/#steps.1.nested"] } }, always("2"),
    ] });
    outer["concurrency"] = json!({ "limit": 1, "key": "/#steps.1.key" });
    let mut middle = workflow("between", json!([calling("limited", between, json!([]))]));
    middle["trigger"] = json!({ "id": "1", "callable": true, "transitions": [always("2")] });
    let start = json!([{ "id": "2", "action": "command.run-by-name", "params": { "name": "limited", "inputs": payload, "wait": false } }]);
    let server = server(json!([outer, middle, workflow("orders", start)]));
    for number in 0..2 {
        server.post_hook("orders", &json!({ "key": "k", "number": number })).expect(200);
    }
    wait_for("the innermost to be at work", || (observer.order(&json!("k")) == [0]).then_some(()));
    let runs = server.get("/v1/runs?workflow=limited&status=waiting").expect(200);
    let [first] = runs["data"].as_array().unwrap().as_slice() else { panic!("{runs:#}") };
    server.call("POST", &format!("{}/cancel", first["links"]["self"].as_str().unwrap()), Value::Null).expect(200);
    assert_eq!(waiting(&server, "limited"), 1, "what the cancelled run started is still at work");
    observer.gate.open();
    server.wait_for_runs();
    assert_eq!((observer.order(&json!("k")), observer.most(&json!("k"))), (vec![0, 1], 1));
}

#[test]
fn a_loop_over_the_own_workflow_ends() {
    let item =
        json!({ "id": "2", "action": "for-each", "params": { "list": "/#steps.1.items", "workflow": "nested" } });
    let mut nested = workflow("nested", json!([item]));
    nested["trigger"] = json!({ "id": "1", "callable": true, "transitions": [
        { "target": "2", "condition": { "op": "exists", "values": ["/#steps.1.items"] } },
    ] });
    nested["concurrency"] = json!({ "limit": 1 });
    let server = server(json!([nested]));
    let link = server.workflow("nested")["links"]["self"].as_str().unwrap().to_owned();
    for _ in 0..2 {
        let inputs = json!({ "inputs": { "items": [1, 2, 3] } });
        server.call("POST", &format!("{link}/call"), inputs).expect(201);
    }
    let runs = server.wait_for_runs();
    assert_eq!(runs.len(), 8);
    assert!(runs.iter().all(|run| run["attributes"]["status"] == "completed"), "{runs:#?}");
}

/// Each has its turn, and waits for a run that can't have its own before the other has ended.
#[test]
fn workflows_that_call_each_other_do_not_wait_for_ever() {
    let limited = |name: &str, other: &str| {
        let nested = json!({ "target": "4", "condition": { "op": "exists", "values": ["/#steps.1.nested"] } });
        let delay = json!({ "id": "3", "action": "delay", "params": { "for": 0.5 }, "transitions": [always("2")] });
        let call = calling(other, json!({ "nested": true }), json!([]));
        let mut limited = workflow(name, json!([delay, call, { "id": "4" }]));
        limited["trigger"]["callable"] = json!(true);
        limited["trigger"]["transitions"] = json!([nested, always("3")]);
        limited["concurrency"] = json!({ "limit": 1 });
        limited
    };
    let server = server(json!([limited("here", "there"), limited("there", "here")]));
    server.post_hook("orders", &json!({})).expect(200);
    wait_for("each to wait for the other", || {
        (waiting(&server, "here") == 1 && waiting(&server, "there") == 1).then_some(())
    });
    // One more, which blocks no other run and must wait for all of them.
    server.post_hook("orders", &json!({})).expect(200);
    let runs = server.wait_for_runs();
    assert_eq!(runs.len(), 8);
    assert!(runs.iter().all(|run| run["attributes"]["status"] == "completed"), "{runs:#?}");
}
