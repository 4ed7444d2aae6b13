//! Runs and their steps: what is logged, how runs are found, and how they are cancelled and replayed.

use serde_json::{Value, json};

use crate::support::peer::Peer;
use crate::support::{Server, ServerBuilder, always, detail, errors, ids, workflow};

fn steps(run: &Value) -> &Vec<Value> {
    run["attributes"]["steps"].as_array().expect("a run shows its steps")
}

fn link(resource: &Value) -> String {
    resource["links"]["self"].as_str().expect("a resource has a link").to_owned()
}

/// A run of a workflow with one step that has these params.
fn run_with(action: &str, params: Value, payload: &Value) -> Value {
    let steps = json!([{ "id": "2", "action": action, "params": params }]);
    ServerBuilder::with_steps(steps).start().run_order(payload)
}

#[test]
fn every_step_is_logged_with_its_input_output_and_times() {
    let server = Server::start();
    let run = server.run_order(&json!({ "orderId": 1234, "email": "ann@example.com", "quantity": 2 }));
    let attributes = &run["attributes"];
    assert_eq!((&attributes["workflow"], &attributes["version"]), (&json!("order-to-kobject"), &json!(1)));
    assert_eq!((&attributes["status"], &attributes["error"]), (&json!("completed"), &Value::Null));
    let actions: Vec<_> = steps(&run).iter().map(|step| step["action"].as_str()).collect();
    let create = Some("kobject.create-with-customer");
    assert_eq!(actions, [None, Some("customer.find-by-email"), Some("customer.create"), create]);
    let step = &steps(&run)[3];
    assert_eq!(step["input"]["customer"], steps(&run)[2]["output"]["id"]);
    assert_eq!(step["input"]["custom"], json!({ "orderIdStr": 1234, "quantityNum": 2 }));
    assert_eq!(step["output"]["custom"], json!({ "orderIdStr": "1234", "quantityNum": 2 }));
    assert_eq!(step["name"], "Put the order on the new customer's timeline");
    let mut times: Vec<&Value> = vec![&attributes["createdAt"], &attributes["startedAt"]];
    times.extend(steps(&run).iter().flat_map(|step| [&step["startedAt"], &step["finishedAt"]]));
    times.push(&attributes["finishedAt"]);
    assert!(times.iter().map(|time| time.as_str().expect("a time")).is_sorted(), "{times:#?}");
}

#[test]
fn transitions_are_logged_as_judged_true_judged_false_or_not_judged() {
    let server = Server::start();
    let order = json!({ "orderId": "1", "email": "ann@example.com" });
    let (first, second) = (server.run_order(&order), server.run_order(&order));
    let found = &steps(&second)[1]["output"]["id"];
    let exists = |values: Value, result: bool| json!({ "target": "4", "name": "Customer found", "op": "exists", "values": values, "result": result });
    let dne = json!({ "target": "3", "name": "New customer", "op": "dne", "values": [null], "result": true });
    assert_eq!(steps(&first)[1]["transitions"], json!([exists(json!([null]), false), dne]));
    let not_judged = json!({ "target": "3", "name": "New customer", "result": null });
    assert_eq!(steps(&second)[1]["transitions"], json!([exists(json!([found]), true), not_judged]));
}

#[test]
fn the_steps_of_a_run_can_be_read_on_their_own() {
    let server = Server::start();
    let run = server.run_order(&json!({ "email": "ann@example.com" }));
    assert_eq!(&server.steps(&run), steps(&run));
    server.get("/v1/runs/5a3c95d6f1c0de0001a1b2c3/steps").expect(404);
    let answer = server.get("/v1/runs/nonsense").expect(404);
    assert_eq!(detail(&answer), "unknown run `nonsense`");
}

#[test]
fn a_missing_reference_leaves_the_param_out_and_a_note() {
    let params = json!({ "email": "ann@example.com", "name": "/#steps.1.attributes.data.nmae" });
    let run = run_with("customer.create", params, &json!({ "name": "Ann" }));
    assert_eq!(run["attributes"]["status"], "completed");
    assert_eq!(steps(&run)[1]["input"], json!({ "email": "ann@example.com" }));
    let note = json!({
        "pointer": "/name", "expression": "/#steps.1.attributes.data.nmae",
        "message": "no value at `steps.1.attributes.data.nmae`: `data` has no `nmae`; it has `name`; did you mean `name`?"
    });
    assert_eq!(steps(&run)[1]["notes"], json!([note]));
}

#[test]
fn templates_and_paths_are_resolved_in_params() {
    let params = json!({
        "name": "{{{steps.1.attributes.data.first}}} & {{steps.1.attributes.data.last}}",
        "emails": "/#$.steps.1.attributes.data.people[*].email",
        "custom": { "countNum": "/#steps.1.attributes.data.count", "flagBool": "/#steps.1.attributes.data.flag" }
    });
    let payload = json!({
        "first": "Ann", "last": "<Lee>", "count": 2.5, "flag": false,
        "people": [{ "email": "ann@example.com" }, { "name": "nobody" }, { "email": "lee@example.com" }]
    });
    let run = run_with("customer.create", params, &payload);
    assert_eq!(
        steps(&run)[1]["input"],
        json!({
            "name": "Ann & &lt;Lee&gt;",
            "emails": ["ann@example.com", "lee@example.com"],
            "custom": { "countNum": 2.5, "flagBool": false }
        })
    );
}

#[test]
fn a_required_param_without_a_value_fails_the_step_and_says_why() {
    let run = run_with("customer.find-by-email", json!({ "email": "/#steps.1.attributes.data.email" }), &json!({}));
    let error = &run["attributes"]["error"];
    assert_eq!((&run["attributes"]["status"], &error["code"]), (&json!("failed"), &json!("invalid_params")));
    assert_eq!((&error["step"], &error["action"]), (&json!("2"), &json!("customer.find-by-email")));
    assert_eq!(
        error["message"],
        "/email: a value is required: no value at `steps.1.attributes.data.email`: `data` is an empty object"
    );
    assert_eq!(error["problems"][0]["pointer"], "/email");
    assert_eq!(steps(&run)[1]["error"], *error);
    assert_eq!(steps(&run)[1]["status"], "failed");
}

#[test]
fn a_step_that_fails_ends_the_run_and_keeps_what_was_done_before() {
    let second = json!({ "email": "/#steps.1.attributes.data.email" });
    let server = ServerBuilder::with_steps(json!([
        { "id": "2", "action": "customer.create", "params": { "email": "ann@example.com" }, "transitions": [always("3")] },
        { "id": "3", "action": "customer.create", "params": second, "transitions": [always("4")] },
        { "id": "4" }
    ]));
    let server = server.start();
    let run = server.run_order(&json!({ "email": "no address" }));
    assert_eq!(run["attributes"]["error"]["step"], "3");
    assert_eq!(run["attributes"]["error"]["message"], "/email: not an e-mail address, such as ann@example.com");
    let statuses: Vec<_> = steps(&run).iter().map(|step| step["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["completed", "completed", "failed"]);
    server.get("/v1/customers/email=ann@example.com").expect(200);
}

#[test]
fn runs_are_found_by_workflow_and_by_status() {
    let server = Server::start();
    let others = workflow("others", json!([{ "id": "2" }]));
    let others = server.call("POST", "/v1/workflows", others).expect(201)["data"].take();
    server.post_hook("orders", &json!({ "email": "no address" })).expect(200);
    server.wait_for_runs();
    server.post_hook("orders", &json!({ "email": "ann@example.com" })).expect(200);
    server.wait_for_runs();
    let statuses = |query: &str| -> Vec<String> {
        let list = server.get(&format!("/v1/runs?{query}")).expect(200);
        let status = |run: &Value| run["attributes"]["status"].as_str().unwrap().to_owned();
        list["data"].as_array().unwrap().iter().map(status).collect()
    };
    assert_eq!(statuses("workflow=order-to-kobject"), ["completed", "failed"]);
    assert_eq!(statuses("workflow=order-to-kobject&status=failed"), ["failed"]);
    assert_eq!(statuses(&format!("workflow={}", others["id"].as_str().unwrap())), ["completed", "completed"]);
    assert_eq!(statuses("status=completed").len(), 3);
    assert_eq!(statuses("status=failed"), ["failed"]);
    assert!(statuses("status=waiting").is_empty());
    let answer = server.get("/v1/runs?workflow=order-to-kobjet").expect(400);
    assert_eq!(errors(&answer), [("bad_parameter", "workflow")]);
    assert_eq!(detail(&answer), "unknown workflow `order-to-kobjet`; did you mean `order-to-kobject`?");
    let answer = server.get("/v1/runs?status=done").expect(400);
    assert_eq!(errors(&answer), [("bad_parameter", "status")]);
    assert!(detail(&answer).contains("queued, running, waiting, completed, failed, cancelled"), "{answer}");
}

#[test]
fn runs_are_listed_newest_first_and_pages_keep_the_filter() {
    let server = Server::start();
    let others = workflow("other ones", json!([{ "id": "2" }]));
    server.call("POST", "/v1/workflows", others).expect(201);
    for _ in 0..3 {
        server.post_hook("orders", &json!({ "email": "ann@example.com" })).expect(200);
        server.wait_for_runs();
    }
    let all = server.get("/v1/runs?workflow=other+ones&status=completed").expect(200);
    let first = server.get("/v1/runs?workflow=other%20ones&status=completed&pageSize=2").expect(200);
    let second = server.get(first["links"]["next"].as_str().unwrap()).expect(200);
    assert_eq!(ids(&all).len(), 3);
    assert_eq!([ids(&first), ids(&second)].concat(), ids(&all));
    assert!(ids(&all).is_sorted_by(|newer, older| newer.as_str() > older.as_str()));
    assert_eq!(second["links"]["next"], Value::Null);
}

/// A run that waits before it calls this peer again.
fn waiting_run() -> (Server, Value) {
    let peer = Peer::start(|_, stream| {
        let head = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 3600\r\ncontent-length: 0\r\n\r\n";
        std::io::Write::write_all(stream, head).unwrap();
    });
    let steps = json!([{ "id": "2", "action": "rest-api.json", "params": { "uri": peer.url("/") } }]);
    let server = ServerBuilder::with_steps(steps).start();
    server.post_hook("orders", &json!({})).expect(200);
    let run = server.wait_for_retry();
    (server, run)
}

#[test]
fn a_waiting_run_shows_what_it_waits_for() {
    let (server, run) = waiting_run();
    let run = server.get(&link(&run)).expect(200)["data"].take();
    assert_eq!(run["attributes"]["position"], "2");
    assert_eq!(run["attributes"]["finishedAt"], Value::Null);
    let step = &steps(&run)[1];
    assert_eq!((&step["status"], &step["attempts"][0]["statusCode"]), (&json!("waiting"), &json!(503)));
    assert_eq!(step["attempts"][0]["retryAt"], run["attributes"]["dueAt"]);
    assert_eq!((&step["output"], &step["finishedAt"]), (&Value::Null, &Value::Null));
}

#[test]
fn a_waiting_run_can_be_cancelled_once() {
    let (server, run) = waiting_run();
    let cancelled = server.call("POST", &format!("{}/cancel", link(&run)), Value::Null).expect(200)["data"].take();
    assert_eq!(cancelled["attributes"]["status"], "cancelled");
    assert_eq!(cancelled["attributes"]["dueAt"], Value::Null);
    assert!(cancelled["attributes"]["finishedAt"].is_string());
    let read = server.get(&link(&run)).expect(200)["data"].take();
    assert_eq!(steps(&read)[1]["status"], "cancelled");
    assert_eq!(steps(&read)[1]["attempts"].as_array().unwrap().len(), 1);
    assert_eq!(ids(&server.get("/v1/runs?status=cancelled").expect(200)), [run["id"].as_str().unwrap()]);
    let answer = server.call("POST", &format!("{}/cancel", link(&run)), Value::Null).expect(409);
    assert_eq!(detail(&answer), "the run has already ended: cancelled");
}

#[test]
fn a_run_that_has_ended_can_not_be_cancelled() {
    let server = Server::start();
    let run = server.run_order(&json!({ "email": "ann@example.com" }));
    let answer = server.call("POST", &format!("{}/cancel", link(&run)), Value::Null).expect(409);
    assert_eq!((errors(&answer), detail(&answer)), (vec![("conflict", "")], "the run has already ended: completed"));
    server.call("POST", "/v1/runs/5a3c95d6f1c0de0001a1b2c3/cancel", Value::Null).expect(404);
}

#[test]
fn a_waiting_run_still_waits_after_a_restart() {
    let (server, run) = waiting_run();
    let directory = server.directory();
    assert!(server.stop().success());
    let server = ServerBuilder::in_directory(directory).start();
    let after = server.get(&link(&run)).expect(200)["data"].take();
    assert_eq!(
        (&after["attributes"]["status"], &after["attributes"]["dueAt"]),
        (&json!("waiting"), &run["attributes"]["dueAt"])
    );
}

#[test]
fn a_replay_is_a_new_run_of_the_same_payload_linked_to_the_old_one() {
    let server = Server::start();
    let run = server.run_order(&json!({ "orderId": "1", "email": "ann@example.com" }));
    let answer = server.call("POST", &format!("{}/replay", link(&run)), Value::Null);
    let location = answer.headers["location"].to_str().unwrap().to_owned();
    let made = answer.expect(201)["data"].take();
    assert_eq!(link(&made), location);
    assert_eq!(made["relationships"]["replayOf"]["data"]["id"], run["id"]);
    let id = made["id"].as_str().unwrap();
    let replayed = server.wait_for_run(id, |status| status == "completed");
    assert_eq!(steps(&replayed)[0]["output"], steps(&run)[0]["output"]);
    // The customer exists by now, so the other branch is taken.
    assert_eq!(steps(&replayed)[2]["id"], "4");
    assert_eq!(ids(&server.get("/v1/customers/email=ann@example.com/timeline").expect(200)).len(), 2);
    server.call("POST", "/v1/runs/5a3c95d6f1c0de0001a1b2c3/replay", Value::Null).expect(404);
}

#[test]
fn a_query_parameter_that_does_not_exist_is_refused_wherever_there_are_lists() {
    let server = Server::start();
    let run = server.run_order(&json!({ "email": "ann@example.com" }));
    let hook = link(&server.hook("orders"));
    for path in [
        "/v1/runs?stauts=failed".to_owned(),
        "/v1/runs?status=failed&pagesize=1".to_owned(),
        "/v1/customers?pageSzie=1".to_owned(),
        "/v1/klasses/order?stauts=x".to_owned(),
        format!("{hook}/transactions?befroe=x"),
        format!("{}/versions?after=x", link(&server.workflow("order-to-kobject"))),
    ] {
        let answer = server.get(&path).expect(400);
        let parameter = path.rsplit(['?', '&']).next().unwrap().split('=').next().unwrap();
        assert_eq!(errors(&answer), [("bad_parameter", parameter)], "{path}");
        assert!(detail(&answer).contains(parameter), "{path}: {}", detail(&answer));
    }
    assert_eq!(ids(&server.get("/v1/runs?status=completed&pageSize=1").expect(200)), [&run["id"]]);
}
