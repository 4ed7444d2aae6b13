//! What hooks answer to requests that they have accepted.

use serde_json::{Value, json};

use crate::support::peer::{Peer, answer};
use crate::support::server::{Answer, send};
use crate::support::{PATIENCE, Server, ServerBuilder, errors};

fn link(hook: &Value) -> String {
    hook["links"]["self"].as_str().expect("a hook has a link").to_owned()
}

fn set(server: &Server, answer: Value) {
    server.call("PATCH", &link(&server.hook("orders")), json!({ "answer": answer })).expect(200);
}

fn post(server: &Server, payload: &Value) -> Answer {
    send(server.request("POST", &server.hook_url("orders")).json(payload))
}

fn order() -> Value {
    json!({ "orderId": "1", "email": "ann@example.com", "price": "$1", "quantity": 1, "name": "Ann <b>" })
}

/// A server whose workflow makes a call to the peer as step `2`, and keeps its status as step `3`.
fn calling(peer: &Peer) -> Server {
    ServerBuilder::with_steps(json!([
        { "id": "2", "action": "rest-api.json", "params": { "uri": peer.url("/"), "retry": { "attempts": 1 } },
          "transitions": [{ "target": "3", "condition": { "op": "true", "values": [true] } }] },
        { "id": "3", "action": "value.set", "params": { "value": "/#steps.2.response.statusCode" } },
    ]))
    .start()
}

#[test]
fn an_answer_is_made_of_the_request_as_soon_as_it_is_stored() {
    let server = Server::start();
    set(
        &server,
        json!({
            "status": 201,
            "headers": { "X-Order": "{{steps.1.attributes.data.orderId}}", "content-type": "text/html" },
            "body": "<p>Thanks, {{steps.1.attributes.data.name}}! {{steps.1.request.headers.x-shop}}{{steps.1.request.method}}</p>",
        }),
    );
    let answer = send(server.request("POST", &server.hook_url("orders")).header("x-shop", "A").json(&order()));
    assert_eq!((answer.status, answer.text.as_str()), (201, "<p>Thanks, Ann &lt;b&gt;! APOST</p>"));
    assert_eq!(answer.headers["x-order"], "1");
    assert_eq!(answer.headers["content-type"], "text/html");
    set(&server, json!({ "redirect": "https://shop.example.com/thanks?t={{steps.1.id}}" }));
    let client = reqwest::blocking::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let answer = client.post(server.hook_url("orders")).json(&order()).send().unwrap();
    assert_eq!(answer.status(), 303);
    let transactions = server.get(&format!("{}/transactions", link(&server.hook("orders")))).expect(200);
    let newest = transactions["data"][0]["id"].as_str().unwrap();
    assert_eq!(answer.headers()["location"], format!("https://shop.example.com/thanks?t={newest}"));
    // A redirect has a valid target, whatever a sender writes, or there is no redirect.
    set(&server, json!({ "redirect": "{{{steps.1.attributes.data.next}}}" }));
    let go_on = |next: Value| client.post(server.hook_url("orders")).json(&json!({ "next": next })).send().unwrap();
    let answer = go_on(json!("/thanks?name=Zoë B\r\nset-cookie: a=b"));
    assert_eq!((answer.status().as_u16(), answer.headers().get("set-cookie")), (303, None));
    assert_eq!(answer.headers()["location"], "/thanks?name=Zo%C3%AB%20B%0D%0Aset-cookie:%20a=b");
    let answer = go_on(Value::Null);
    assert_eq!((answer.status().as_u16(), answer.headers().get("location")), (200, None));
    // A line break would begin a header of the sender's own.
    set(&server, json!({ "headers": { "x-order": "{{{steps.1.attributes.data.orderId}}}" } }));
    let answer = post(&server, &json!({ "orderId": "1\r\nset-cookie: a=b" }));
    assert_eq!((answer.status, answer.headers.get("x-order"), answer.headers.get("set-cookie")), (200, None, None));
    server.wait_for_log("the value of the response header `x-order` is not valid");
}

#[test]
fn an_answer_can_wait_for_the_run_and_say_what_its_steps_gave() {
    let server = Server::start();
    set(
        &server,
        json!({ "when": "completed", "status": 201, "body": { "order": "/#steps.5.id", "new": "/#steps.3.id" } }),
    );
    let answer = post(&server, &order()).expect(201);
    let (kobject, customer) = (answer["order"].as_str().unwrap(), answer["new"].as_str().unwrap());
    assert_eq!(server.get(&format!("/v1/klasses/order/{kobject}")).expect(200)["data"]["id"], kobject);
    assert_eq!(server.get(&format!("/v1/customers/{customer}")).expect(200)["data"]["id"], customer);
    // Unless it says something, it tells of the run.
    set(&server, json!({ "when": "completed" }));
    let answer = post(&server, &order()).expect(200);
    let run = server.get(answer["meta"]["run"]["links"]["self"].as_str().unwrap()).expect(200);
    assert_eq!(
        (&run["data"]["attributes"]["status"], &answer["meta"]["run"]["status"]),
        (&json!("completed"), &json!("completed"))
    );
    assert_eq!(answer["data"]["type"], "transaction");
}

#[test]
fn an_answer_waits_for_calls_that_the_run_makes() {
    let peer = Peer::answering("202 Accepted", "{}");
    let server = calling(&peer);
    set(&server, json!({ "when": "completed", "body": { "status": "/#steps.3.value" } }));
    assert_eq!(post(&server, &order()).expect(200), json!({ "status": 202 }));
}

#[test]
fn an_answer_can_wait_for_a_step_and_not_for_what_comes_after_it() {
    let server = ServerBuilder::with_steps(json!([
        { "id": "2", "action": "value.set", "params": { "value": "/#steps.1.attributes.data.orderId" },
          "transitions": [{ "target": "3", "condition": { "op": "true", "values": [true] } }] },
        { "id": "3", "action": "delay", "params": { "for": { "value": 30, "unit": "days" } } },
    ]))
    .start();
    set(&server, json!({ "when": { "step": "2" }, "timeoutMs": 30_000, "body": "/#steps.2.value" }));
    let answer = post(&server, &order());
    assert_eq!((answer.status, answer.text.as_str()), (200, "1"));
}

#[test]
fn when_the_time_is_up_the_answer_is_202_with_a_link() {
    // The peer holds the call back until the answer is there.
    let (release, held) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    let peer = Peer::start(move |_, stream| {
        let _ = held.lock().unwrap().recv_timeout(PATIENCE);
        answer(stream, "200 OK", "{}");
    });
    let server = calling(&peer);
    set(&server, json!({ "when": "completed", "timeoutMs": 100 }));
    let answer = post(&server, &order());
    let location = answer.headers["location"].to_str().unwrap().to_owned();
    let answer = answer.expect(202);
    assert_eq!(answer["meta"]["run"]["links"]["self"], location);
    assert_eq!(answer["meta"]["run"]["status"], "running");
    release.send(()).unwrap();
    let run = server.wait_for_run(answer["meta"]["run"]["id"].as_str().unwrap(), |status| status == "completed");
    assert_eq!(run["attributes"]["status"], "completed");
}

#[test]
fn a_run_that_fails_shapes_the_answer() {
    let peer = Peer::start(|_, _| {});
    let server = calling(&peer);
    set(&server, json!({ "when": "completed", "body": "fine" }));
    let failed = post(&server, &order()).expect(500);
    assert_eq!(errors(&failed), [("run_failed", "")]);
    assert!(!failed.to_string().contains(&peer.address.to_string()), "why is for admins: {failed}");
    set(
        &server,
        json!({ "when": "completed", "onError": { "status": 422, "body": { "step": "/#error.step", "why": "{{error.code}}" } } }),
    );
    let told = post(&server, &order()).expect(422);
    assert_eq!(told, json!({ "step": "2", "why": "call_failed" }));
}

#[test]
fn a_duplicate_gets_the_answer_of_the_first_request() {
    let server = Server::start();
    let hook = link(&server.hook("orders"));
    server.call("PATCH", &hook, json!({ "deduplicate": { "key": "/#steps.1.attributes.data.orderId" } })).expect(200);
    set(&server, json!({ "when": "completed", "body": { "order": "/#steps.5.id" } }));
    let first = post(&server, &order());
    assert_eq!(first.status, 200);
    assert_eq!(post(&server, &order()).text, first.text);
}

#[test]
fn of_several_workflows_the_answer_waits_for_the_one_that_it_names() {
    let builder = ServerBuilder::bare();
    let workflow = |name: &str, value: &str| {
        json!({ "name": name, "trigger": { "id": "1", "eventName": "hooks.form.orders.receive",
            "transitions": [{ "target": "2", "condition": { "op": "true", "values": [true] } }] },
            "steps": [{ "id": "2", "action": "value.set", "params": { "value": value } }] })
    };
    let answer = json!({ "when": "completed", "workflow": "second", "body": "/#steps.2.value" });
    let bundle = json!({
        "hooks": [{ "name": "orders", "type": "form", "answer": answer }],
        "workflows": [workflow("first", "a"), workflow("second", "b")],
    });
    builder.write_workflow("orders.json", &bundle.to_string());
    let server = builder.start();
    assert_eq!(post(&server, &order()).text, "b");
    set(&server, json!({ "when": "completed", "workflow": "third", "body": "/#steps.2.value" }));
    assert_eq!(post(&server, &order()).expect(200)["data"]["type"], "transaction", "nothing to wait for");
}

#[test]
fn an_invalid_answer_is_reported() {
    let server = Server::start();
    let hook = link(&server.hook("orders"));
    let wrong =
        json!({ "answer": { "when": "sometime", "status": 700, "headers": { "upgrade": "x" }, "body": "{{#if}}" } });
    let answer = server.call("PATCH", &hook, wrong).expect(422);
    let pointers: Vec<&str> = errors(&answer).into_iter().map(|(_, pointer)| pointer).collect();
    assert_eq!(pointers, ["/answer/when", "/answer/status", "/answer/headers/upgrade", "/answer/body"]);
}
