//! Runs that other runs start: by events, by calls, now and later.

use serde_json::{Value, json};

use crate::support::server::is_open;
use crate::support::{Server, ServerBuilder, always, detail, errors, wait_for, workflow};

/// A server with these workflows, a hook `orders`, and the klass `order`.
fn server(workflows: Value) -> Server {
    let bundle = json!({
        "hooks": [{ "name": "orders", "type": "form" }],
        "klasses": [{ "name": "order", "properties": {} }],
        "workflows": workflows,
    });
    let builder = ServerBuilder::bare();
    builder.write_workflow("bundle.json", &bundle.to_string());
    builder.start()
}

fn listens(name: &str, event: &str, steps: Value) -> Value {
    let mut listener = workflow(name, steps);
    listener["trigger"]["eventName"] = json!(event);
    listener
}

fn callable(name: &str, schema: Value, response: Value, steps: Value) -> Value {
    let mut called = workflow(name, steps);
    called["trigger"] = json!({
        "id": "1", "callable": true, "schema": schema, "transitions": called["trigger"]["transitions"],
    });
    called["response"] = response;
    called
}

/// The double of what it is given, as text.
fn doubler() -> Value {
    let schema = json!({ "properties": { "text": { "type": "string" } }, "required": ["text"] });
    let steps =
        json!([{ "id": "d", "action": "value.set", "params": { "value": "{{{steps.1.text}}}{{{steps.1.text}}}" } }]);
    callable("double", schema, json!({ "value": { "doubled": "/#steps.d.value" } }), steps)
}

/// All runs of a workflow, once none is open.
fn runs(server: &Server, name: &str, count: usize) -> Vec<Value> {
    wait_for("the runs to end", || {
        let list = server.get(&format!("/v1/runs?workflow={name}")).expect(200)["data"].take();
        let runs = list.as_array().unwrap().clone();
        let ended = runs.iter().all(|run| !is_open(run["attributes"]["status"].as_str().unwrap()));
        (runs.len() == count && ended).then_some(runs)
    })
}

#[test]
fn a_new_customer_and_a_new_kobject_raise_events() {
    let order = json!([
        { "id": "2", "action": "customer.create", "params": { "email": "/#steps.1.attributes.data.email" },
          "transitions": [always("3")] },
        { "id": "3", "action": "kobject.create-with-customer",
          "params": { "klassName": "order", "customer": "/#steps.2.id", "title": "Order", "data": {} } },
    ]);
    let note = json!([{ "id": "2", "action": "value.set", "params": { "value": "/#steps.1.id" } }]);
    let server = server(json!([
        workflow("orders", order),
        listens("greet", "kustomer.customer.create", note.clone()),
        listens("pack", "kobject.order.create", note),
    ]));
    for _ in 0..2 {
        server.post_hook("orders", &json!({ "email": "ann@example.com" })).expect(200);
    }
    let orders = runs(&server, "orders", 2);
    let [greeting] = <[Value; 1]>::try_from(runs(&server, "greet", 1)).unwrap();
    let customers = server.get("/v1/customers").expect(200);
    assert_eq!(server.steps(&greeting)[1]["output"]["value"], customers["data"][0]["id"]);
    assert_eq!(server.steps(&greeting)[0]["output"]["emails"][0]["email"], "ann@example.com");
    let parents: Vec<&Value> = orders.iter().map(|run| &run["id"]).collect();
    for packed in runs(&server, "pack", 2) {
        assert!(parents.contains(&&packed["relationships"]["parent"]["data"]["id"]), "{packed:#}");
    }
}

#[test]
fn a_called_workflow_answers_the_one_that_waits() {
    let steps = json!([
        { "id": "2", "action": "kustomer.command.run-by-name",
          "params": { "name": "double", "inputs": { "text": "/#steps.1.attributes.data.text" } },
          "transitions": [always("3")] },
        { "id": "3", "action": "value.set", "params": { "value": "/#steps.2.response.doubled" } },
    ]);
    let server = server(json!([workflow("orders", steps), doubler()]));
    server.post_hook("orders", &json!({ "text": "ab" })).expect(200);
    let [run] = <[Value; 1]>::try_from(runs(&server, "orders", 1)).unwrap();
    assert_eq!(run["attributes"]["status"], "completed", "{run:#}");
    assert_eq!(server.steps(&run)[2]["output"]["value"], "abab");
    let [called] = <[Value; 1]>::try_from(runs(&server, "double", 1)).unwrap();
    assert_eq!(called["attributes"]["output"], json!({ "doubled": "abab" }));
    assert_eq!(server.steps(&run)[1]["output"]["run"], called["id"]);
    assert_eq!(called["relationships"]["parent"]["data"]["id"], run["id"]);
}

#[test]
fn a_called_workflow_that_fails_fails_the_step_that_waits() {
    let failing =
        json!([{ "id": "d", "action": "customer.find-by-email", "params": { "email": "/#steps.1.nothing" } }]);
    let steps = json!([{ "id": "2", "action": "command.run-by-name", "params": { "name": "failing" } }]);
    let server = server(json!([workflow("orders", steps), callable("failing", json!({}), json!({}), failing)]));
    server.post_hook("orders", &json!({})).expect(200);
    let [run] = <[Value; 1]>::try_from(runs(&server, "orders", 1)).unwrap();
    let error = &run["attributes"]["error"];
    assert_eq!((&error["code"], &error["step"]), (&json!("workflow_failed"), &json!("2")));
    assert!(
        error["message"].as_str().unwrap().contains("of `failing` has failed: /email: a value is required"),
        "{error}"
    );
}

#[test]
fn a_workflow_is_called_over_http_with_checked_inputs() {
    let server = server(json!([workflow("orders", json!([{ "id": "2" }])), doubler()]));
    let workflows = server.get("/v1/workflows").expect(200);
    let id = |name: &str| {
        let mut all = workflows["data"].as_array().unwrap().iter();
        let found = all.find(|workflow| workflow["attributes"]["name"] == name).unwrap();
        found["id"].as_str().unwrap().to_owned()
    };
    let link = format!("/v1/workflows/{}/call", id("double"));
    let refused = server.call("POST", &link, json!({ "inputs": { "txet": 1 } })).expect(422);
    assert_eq!(errors(&refused), [("invalid", "/inputs/text"), ("invalid", "/inputs/txet")]);
    let elsewhere = server.call("POST", &link, json!({ "inputs": { "text": 12 }, "responseMeta": {} })).expect(422);
    assert_eq!(errors(&elsewhere), [("invalid", "/responseMeta")]);
    let run = server.call("POST", &link, json!({ "inputs": { "text": 12 } })).expect(201)["data"].take();
    let run = server.wait_for_run(run["id"].as_str().unwrap(), |status| !is_open(status));
    assert_eq!(run["attributes"]["output"], json!({ "doubled": "1212" }));
    let refused = server.call("POST", &format!("/v1/workflows/{}/call", id("orders")), json!({})).expect(409);
    assert_eq!(detail(&refused), "the workflow is disabled or not callable");
    server.call("POST", "/v1/workflows/5a3c95d6f1c0de0001a1b2c3/call", json!({})).expect(404);
}

#[test]
fn a_scheduled_call_begins_at_its_time() {
    let schedule = |value: f64| {
        json!([{ "id": "2", "action": "kustomer.app.scheduler.schedule-workflow", "params": {
        "workflowId": "double", "inputs": { "text": "x" }, "runAt": { "type": "relative", "value": value, "unit": "seconds" } } }])
    };
    let server = server(json!([workflow("orders", schedule(0.3)), doubler()]));
    server.post_hook("orders", &json!({})).expect(200);
    let [run] = <[Value; 1]>::try_from(runs(&server, "orders", 1)).unwrap();
    let [called] = <[Value; 1]>::try_from(runs(&server, "double", 1)).unwrap();
    let (at, begun) = (&server.steps(&run)[1]["output"]["runAt"], &called["attributes"]["startedAt"]);
    assert!(begun.as_str().unwrap() >= at.as_str().unwrap(), "{begun} is before {at}");
}

#[test]
fn a_delay_is_waited_for_and_outlives_a_restart() {
    let steps = json!([
        { "id": "2", "action": "delay", "params": { "for": "/#steps.1.attributes.data.for" }, "transitions": [always("3")] },
        { "id": "3", "action": "value.set", "params": { "value": "/#steps.2.until" } },
    ]);
    let server = server(json!([workflow("orders", steps)]));
    server.post_hook("orders", &json!({ "for": 0.5 })).expect(200);
    server.post_hook("orders", &json!({ "for": { "value": 2, "unit": "weeks" } })).expect(200);
    let completed =
        wait_for("the short one", || server.get("/v1/runs?status=completed").expect(200)["data"].get(0).cloned());
    let steps = server.steps(&completed);
    let (until, began) = (&steps[1]["output"]["until"], &steps[2]["startedAt"]);
    assert!(began.as_str().unwrap() >= until.as_str().unwrap(), "{began} is before {until}");
    let waiting = server.get("/v1/runs?status=waiting").expect(200)["data"][0].take();
    let directory = server.directory();
    assert!(server.stop().success());
    let server = ServerBuilder::in_directory(directory).start();
    let after = server.get("/v1/runs?status=waiting").expect(200)["data"][0].take();
    assert_eq!(after["attributes"]["dueAt"], waiting["attributes"]["dueAt"]);
}

#[test]
fn events_of_ones_own_have_listeners_too() {
    let publish = json!([{ "id": "2", "action": "event.publish",
        "params": { "name": "app.shop.paid", "data": { "order": "/#steps.1.attributes.data.orderId" } } }]);
    let keep = json!([{ "id": "2", "action": "value.set", "params": { "value": "/#steps.1.order" } }]);
    let server = server(json!([workflow("orders", publish), listens("keep", "app.shop.paid", keep)]));
    server.post_hook("orders", &json!({ "orderId": 7 })).expect(200);
    let [kept] = <[Value; 1]>::try_from(runs(&server, "keep", 1)).unwrap();
    assert_eq!(server.steps(&kept)[1]["output"]["value"], 7);
}

#[test]
fn an_event_is_stored_once_for_all_that_listen_and_replays_share_it() {
    let publish = |id: &str, event: &str, next: Value| {
        let params = json!({ "name": event, "data": { "order": "/#steps.1.attributes.data.orderId" } });
        json!({ "id": id, "action": "event.publish", "params": params, "transitions": next })
    };
    let keep = json!([{ "id": "2", "action": "value.set", "params": { "value": "/#steps.1.order" } }]);
    let server = server(json!([
        workflow(
            "orders",
            json!([publish("2", "app.unheard", json!([always("3")])), publish("3", "app.paid", json!([]))])
        ),
        listens("one", "app.paid", keep.clone()),
        listens("two", "app.paid", keep),
    ]));
    server.post_hook("orders", &json!({ "orderId": 7 })).expect(200);
    let [one] = <[Value; 1]>::try_from(runs(&server, "one", 1)).unwrap();
    let link = one["links"]["self"].as_str().unwrap();
    server.call("POST", &format!("{link}/replay"), Value::Null).expect(201);
    for run in runs(&server, "one", 2).iter().chain(&runs(&server, "two", 1)) {
        assert_eq!(server.steps(run)[0]["output"], json!({ "order": 7 }));
        assert_eq!(server.steps(run)[1]["output"]["value"], 7);
    }
    let directory = server.directory();
    assert!(server.stop().success());
    let mut look = directory.look();
    assert_eq!(look.rows("events", &["name", "payload"]), [json!(["app.paid", r#"{"order":7}"#])]);
    let of_events = look.rows("runs", &["event_id", "input"]);
    let [id] = <[Value; 1]>::try_from(look.rows("events", &["id"])).unwrap();
    assert_eq!(of_events.iter().filter(|run| run[0] == id[0]).count(), 3);
    assert!(of_events.iter().all(|run| run[1].is_null()), "a payload is stored with its event");
}

#[test]
fn workflows_that_start_each_other_in_a_circle_are_stopped() {
    let publish = |event: &str| json!([{ "id": "2", "action": "event.publish", "params": { "name": event } }]);
    let server = server(json!([
        listens("ping", "app.pong", publish("app.ping")),
        listens("pong", "app.ping", publish("app.pong")),
        workflow("orders", publish("app.ping")),
    ]));
    server.post_hook("orders", &json!({})).expect(200);
    let failed = wait_for("the circle to be broken", || {
        server.get("/v1/runs?status=failed").expect(200)["data"].get(0).cloned()
    });
    assert_eq!(failed["attributes"]["error"]["code"], "event_loop");
    server.wait_for_runs();
    let all = server.get("/v1/runs?pageSize=100").expect(200)["data"].as_array().unwrap().len();
    assert_eq!(all, 12, "one from outside, ten that started each other, and the one that was stopped");
}
