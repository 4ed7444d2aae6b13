//! Queries of GraphQL APIs: what is sent, and what of the answer a workflow sees.

use serde_json::{Value, json};

use crate::support::ServerBuilder;
use crate::support::peer::{Peer, answer};

fn query(peer: &Peer, more: Value) -> Value {
    let mut params = json!({
        "uri": peer.url("/graphql"),
        "query": "query Order($id: ID!) { order(id: $id) { total } }",
        "variables": { "id": "/#steps.1.attributes.data.orderId" },
    });
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let steps = json!([{ "id": "2", "action": "graphql.query", "params": params }]);
    ServerBuilder::with_steps(steps).start().run_order(&json!({ "orderId": 7 }))
}

fn step(run: &Value) -> &Value {
    &run["attributes"]["steps"][1]
}

#[test]
fn a_query_is_posted_and_its_data_is_the_output() {
    let peer = Peer::answering("200 OK", r#"{"data": {"order": {"total": 5}}}"#);
    let run = query(&peer, json!({ "operationName": "Order", "auth": { "type": "bearer", "token": "hush" } }));
    let received = &peer.received()[0];
    assert!(received.head.starts_with("POST /graphql "));
    let sent: Value = serde_json::from_str(&received.body).unwrap();
    assert_eq!((&sent["variables"], &sent["operationName"]), (&json!({ "id": 7 }), &json!("Order")));
    assert!(sent["query"].as_str().unwrap().starts_with("query Order"));
    assert_eq!(received.header("content-type"), Some("application/json"));
    assert_eq!(received.header("accept"), Some("application/graphql-response+json, application/json"));
    assert_eq!(received.header("authorization"), Some("Bearer hush"));
    let output = &step(&run)["output"];
    assert_eq!((&output["data"]["order"]["total"], &output["errors"]), (&json!(5), &json!([])));
    assert_eq!(output["response"]["statusCode"], 200);
}

#[test]
fn errors_without_data_fail_the_step_unless_they_are_allowed() {
    let body = r#"{"data": null, "errors": [{"message": "no such order"}, {"message": "b"}]}"#;
    let peer = Peer::answering("200 OK", body);
    let error = query(&peer, json!({}))["attributes"]["error"].take();
    assert_eq!((&error["code"], &error["message"]), (&json!("graphql_failed"), &json!("no such order (and 1 more)")));
    let run = query(&peer, json!({ "allowErrors": true }));
    assert_eq!(step(&run)["output"]["errors"][0]["message"], "no such order");
    assert_eq!(step(&run)["output"]["data"], Value::Null);

    let peer = Peer::answering("200 OK", r#"{"data": {"order": null}, "errors": [{"message": "in part"}]}"#);
    let run = query(&peer, json!({}));
    assert_eq!(run["attributes"]["status"], "completed");
    assert_eq!(step(&run)["output"]["errors"][0]["message"], "in part");
}

#[test]
fn an_answer_that_is_not_graphql_fails_and_a_busy_server_is_called_again() {
    let peer = Peer::answering("404 Not Found", "<html>");
    let error = query(&peer, json!({ "allowErrors": true }))["attributes"]["error"].take();
    assert_eq!(error["message"], "the response, with status 404, is not a GraphQL response");
    let peer = Peer::start(|number, stream| match number {
        0 => answer(stream, "503 Service Unavailable", "{}"),
        _ => answer(stream, "200 OK", r#"{"data": 1}"#),
    });
    assert_eq!(step(&query(&peer, json!({})))["output"]["data"], 1);
    assert_eq!(peer.received().len(), 2);
}
