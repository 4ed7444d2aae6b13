//! Calls to other servers: what they are sent, what comes back to the workflow, and when a call is repeated.

use std::io::Write;

use serde_json::{Value, json};

use crate::support::peer::{Peer, answer};
use crate::support::{Server, ServerBuilder, always};

/// A server whose workflow makes one call with these params, as step `2`.
fn server_calling(params: Value) -> Server {
    ServerBuilder::with_steps(json!([{ "id": "2", "action": "rest-api.json", "params": params }])).start()
}

/// The entry of the call in a run that has ended.
fn call(run: &Value) -> &Value {
    &run["attributes"]["steps"][1]
}

fn statuses(run: &Value) -> Vec<&str> {
    let attempts = call(run)["attempts"].as_array().expect("the call has attempts");
    attempts.iter().map(|attempt| attempt["status"].as_str().unwrap()).collect()
}

#[test]
fn a_call_is_sent_as_the_step_says() {
    let peer = Peer::answering("200 OK", "{}");
    let server = server_calling(json!({
        "method": "put",
        "uri": peer.url("/orders?shop=7"),
        "qs": { "id": "/#steps.1.attributes.data.orderId", "page": 2 },
        "headers": { "X-Shop": "north", "Authorization": "Bearer {{{steps.1.attributes.data.key}}}" },
        "data": { "id": "/#steps.1.attributes.data.orderId", "fixed": [true, null] }
    }));
    let run = server.run_order(&json!({ "orderId": 1234, "key": "k" }));
    assert_eq!(run["attributes"]["status"], "completed", "{run:#}");
    let received = &peer.received()[0];
    assert_eq!(received.head.lines().next(), Some("PUT /orders?shop=7&id=1234&page=2 HTTP/1.1"));
    assert_eq!(received.header("x-shop"), Some("north"));
    assert_eq!(received.header("authorization"), Some("Bearer k"));
    assert_eq!(received.header("content-type"), Some("application/json"));
    assert_eq!(received.header("accept"), Some("application/json"));
    assert!(received.header("user-agent").unwrap().starts_with("hookflow/"));
    assert_eq!(received.body, r#"{"id":1234,"fixed":[true,null]}"#);
}

#[test]
fn the_answer_is_the_output_of_the_step() {
    let peer = Peer::start(|_, stream| {
        let head = "HTTP/1.1 201 Created\r\ncontent-type: application/json\r\nx-id: a\r\nx-id: b\r\ncontent-length: 13";
        stream.write_all(format!("{head}\r\n\r\n{{\"id\": \"new\"}}").as_bytes()).unwrap();
    });
    let server = server_calling(json!({ "uri": peer.url("/") }));
    let run = server.run_order(&json!({}));
    let headers = json!({ "content-type": "application/json", "x-id": "a, b", "content-length": "13" });
    let response = json!({ "statusCode": 201, "headers": headers });
    assert_eq!(call(&run)["output"], json!({ "response": response, "body": { "id": "new" } }));
    assert_eq!(statuses(&run), ["answered"]);
}

#[test]
fn an_answer_that_is_not_json_is_kept_as_text() {
    let peer = Peer::answering("200 OK", "{oops");
    let run = server_calling(json!({ "uri": peer.url("/") })).run_order(&json!({}));
    assert_eq!(run["attributes"]["status"], "completed");
    assert_eq!(call(&run)["output"]["body"], "{oops");
}

#[test]
fn a_call_that_finds_the_peer_unavailable_is_repeated_with_the_same_key() {
    let peer = Peer::start(|number, stream| match number {
        0 => answer(stream, "503 Service Unavailable", "{}"),
        _ => answer(stream, "200 OK", r#"{"number": 2}"#),
    });
    let run =
        server_calling(json!({ "uri": peer.url("/"), "method": "POST", "data": { "a": 1 } })).run_order(&json!({}));
    assert_eq!(run["attributes"]["status"], "completed", "{run:#}");
    let received = peer.received();
    assert_eq!(received.len(), 2);
    let key = received[0].header("idempotency-key").expect("a call has a key");
    assert_eq!(received[1].header("idempotency-key"), Some(key));
    assert_eq!(received[1].body, received[0].body);
    let attempts = &call(&run)["attempts"];
    assert_eq!((&attempts[0]["statusCode"], &attempts[1]["statusCode"]), (&json!(503), &json!(200)));
    assert!(attempts[0]["retryAt"].as_str() <= attempts[1]["startedAt"].as_str(), "{attempts:#}");
    assert_eq!(call(&run)["output"]["body"]["number"], 2);
}

#[test]
fn each_run_and_each_step_has_a_key_of_its_own() {
    let peer = Peer::answering("200 OK", "{}");
    let params = json!({ "uri": peer.url("/") });
    let server = ServerBuilder::with_steps(json!([
        { "id": "2", "action": "rest-api.json", "params": params, "transitions": [always("3")] },
        { "id": "3", "action": "rest-api.json", "params": params }
    ]));
    let server = server.start();
    server.run_order(&json!({}));
    server.run_order(&json!({}));
    let received = peer.received();
    let keys: std::collections::HashSet<_> =
        received.iter().map(|received| received.header("idempotency-key").unwrap()).collect();
    assert_eq!(keys.len(), 4);
}

#[test]
fn a_404_is_an_output_to_branch_on() {
    let peer = Peer::answering("404 Not Found", r#"{"error": "none"}"#);
    let is_missing = json!({ "op": "eq", "values": ["/#steps.2.response.statusCode", 404] });
    let server = ServerBuilder::with_steps(json!([
        { "id": "2", "action": "rest-api.json", "params": { "uri": peer.url("/") },
          "transitions": [{ "target": "3", "condition": is_missing }, always("4")] },
        { "id": "3", "action": "customer.create", "params": { "name": "/#steps.2.body.error" } },
        { "id": "4" }
    ]));
    let run = server.start().run_order(&json!({}));
    assert_eq!(run["attributes"]["status"], "completed");
    assert_eq!(run["attributes"]["steps"][2]["output"]["name"], "none");
    assert_eq!(peer.received().len(), 1);
}

#[test]
fn a_redirect_is_an_answer_and_is_not_followed() {
    let target = Peer::answering("200 OK", "{}");
    let location = target.url("/");
    let peer = Peer::start(move |_, stream| {
        let head = format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
    });
    let run = server_calling(json!({ "uri": peer.url("/") })).run_order(&json!({}));
    assert_eq!(call(&run)["output"]["response"]["statusCode"], 302);
    assert!(target.received().is_empty());
}

#[test]
fn addresses_inside_the_own_network_are_refused_unless_they_are_allowed() {
    let peer = Peer::answering("200 OK", "{}");
    let steps = json!([{ "id": "2", "action": "rest-api.json", "params": { "uri": peer.url("/") } }]);
    let server = ServerBuilder::with_steps(steps).environment("HOOKFLOW_OUTBOUND_ALLOW", "10.0.0.0/8").start();
    let run = server.run_order(&json!({}));
    assert_eq!(run["attributes"]["status"], "failed");
    assert_eq!(run["attributes"]["error"]["code"], "call_failed");
    assert_eq!(run["attributes"]["error"]["message"], "127.0.0.1 may not be called (rule: loopback)");
    assert_eq!(run["attributes"]["error"]["step"], "2");
    assert_eq!(statuses(&run), ["failed"]);
    assert!(peer.received().is_empty());
}

#[test]
fn an_answer_that_is_cut_short_is_asked_for_again() {
    let peer = Peer::start(|number, stream| match number {
        0 => drop(stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"half\":")),
        _ => answer(stream, "200 OK", r#"{"whole": true}"#),
    });
    let run = server_calling(json!({ "uri": peer.url("/x") })).run_order(&json!({}));
    assert_eq!(statuses(&run), ["failed", "answered"]);
    let error = call(&run)["attempts"][0]["error"].as_str().unwrap();
    assert!(error.starts_with(&format!("the exchange with {} was cut short: ", peer.url(""))), "{error}");
    assert_eq!(call(&run)["output"]["body"], json!({ "whole": true }));
}

#[test]
fn secrets_in_an_address_are_kept_out_of_the_attempts_and_the_log() {
    let peer = Peer::start(|number, stream| {
        if number > 0 {
            answer(stream, "200 OK", "{}")
        }
    });
    let uri = peer.url("/orders?token=hush").replace("http://", "http://user:hush@");
    let steps = json!([{ "id": "2", "action": "rest-api.json", "params": { "uri": uri } }]);
    let server = ServerBuilder::with_steps(steps).environment("HOOKFLOW_LOG", "debug").start();
    let run = server.run_order(&json!({}));
    assert_eq!(statuses(&run), ["failed", "answered"]);
    let attempts = &call(&run)["attempts"];
    assert_eq!(attempts[1]["uri"], peer.url("/orders?token=•••"));
    assert!(!run.to_string().contains("hush"), "{run:#}");
    let log = server.wait_for_log("run completed");
    assert!(!log.contains("hush"), "{log}");
}

#[test]
fn an_address_that_is_no_url_fails_the_step() {
    let run = server_calling(json!({ "uri": "/#steps.1.attributes.data.uri" })).run_order(&json!({ "uri": "orders" }));
    assert_eq!(run["attributes"]["status"], "failed");
    assert_eq!(run["attributes"]["error"]["message"], "the URL is not valid: relative URL without a base");
}

#[test]
fn a_peer_that_takes_too_long_is_given_up_on_and_called_again() {
    let peer = Peer::start(|number, stream| match number {
        // Reading waits for the caller to close the connection.
        0 => drop(std::io::Read::read(stream, &mut [0])),
        _ => answer(stream, "200 OK", "{}"),
    });
    let run = server_calling(json!({ "uri": peer.url("/"), "timeoutMs": 50 })).run_order(&json!({}));
    let error = call(&run)["attempts"][0]["error"].as_str().unwrap();
    assert_eq!(error, format!("no complete response from {} within 50 ms", peer.url("")));
    assert!(peer.received().len() >= 2);
}
