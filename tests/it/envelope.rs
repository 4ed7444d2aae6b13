//! What is kept of an accepted request: the envelope, and beside it the bytes, headers, query and peer.

use insta::{assert_json_snapshot, dynamic_redaction};
use serde_json::{Value, json};

use crate::support::server::send;
use crate::support::{Server, ids};

/// The stored transaction of a request to the hook `orders`.
fn stored(server: &Server, query: &str, headers: &[(&str, &str)], body: &str) -> Value {
    let url = format!("{}{query}", server.hook_url("orders"));
    let mut request = server.request("POST", &url).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = send(request.body(body.to_owned())).expect(200);
    server.get(answer["data"]["links"]["self"].as_str().unwrap()).expect(200)["data"].take()
}

fn header<'a>(transaction: &'a Value, name: &str) -> Option<&'a str> {
    let mut headers = transaction["meta"]["headers"].as_array().unwrap().iter();
    headers.find(|header| header[0] == name).and_then(|header| header[1].as_str())
}

/// Replaces ids by a word, and keeps that the ids were ids.
fn redact_id(value: insta::internals::Content, _: insta::internals::ContentPath<'_>) -> &'static str {
    let id = value.as_str().expect("an id is text");
    assert!(id.len() == 24 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    "[id]"
}

fn redact_link(value: insta::internals::Content, _: insta::internals::ContentPath<'_>) -> String {
    let link = value.as_str().expect("a link is text");
    let (path, id) = link.rsplit_once('/').expect("a link has parts");
    assert_eq!(id.len(), 24, "{link}");
    format!("{path}/[id]")
}

fn redact_time(value: insta::internals::Content, _: insta::internals::ContentPath<'_>) -> &'static str {
    let time = value.as_str().expect("a time is text");
    assert!(time.len() == "2017-12-22T05:23:02.138Z".len() && time.ends_with('Z'), "{time}");
    "[time]"
}

#[test]
fn the_envelope_has_the_documented_shape() {
    let server = Server::start();
    let payload = json!({ "orderId": "1234", "email": "test@example.com" });
    let run = server.run_order(&payload);
    let envelope = &run["attributes"]["steps"][0]["output"];
    assert_json_snapshot!(envelope, {
        ".id" => dynamic_redaction(redact_id),
        ".attributes.createdAt" => dynamic_redaction(redact_time),
        ".relationships.*.data.id" => dynamic_redaction(redact_id),
        ".relationships.*.links.self" => dynamic_redaction(redact_link),
        ".request.headers" => "[headers]",
    });
    assert_eq!(envelope["request"]["headers"]["content-type"], "application/json");
}

#[test]
fn a_transaction_is_the_envelope_with_what_is_kept_beside_it() {
    let server = Server::start();
    let transaction = stored(&server, "?shop=7&token=hush", &[("x-shop", "north")], r#"{"orderId":"1234"}"#);
    assert_json_snapshot!(transaction, {
        ".id" => dynamic_redaction(redact_id),
        ".attributes.createdAt" => dynamic_redaction(redact_time),
        ".relationships.*.data.id" => dynamic_redaction(redact_id),
        ".relationships.runs.data[].id" => dynamic_redaction(redact_id),
        ".relationships.*.links.self" => dynamic_redaction(redact_link),
        ".links.self" => dynamic_redaction(redact_link),
        ".meta.headers" => insta::sorted_redaction(),
        ".meta.headers[][1]" => dynamic_redaction(redact_host),
    });
}

/// The port differs from test to test.
fn redact_host(value: insta::internals::Content, _: insta::internals::ContentPath<'_>) -> String {
    let text = value.as_str().expect("a header is text");
    if text.starts_with("127.0.0.1:") { "[host]".into() } else { text.to_owned() }
}

#[test]
fn the_bytes_are_kept_as_they_came() {
    let server = Server::start();
    let body = "{ \"b\" : 1.50,\r\n\t\"a\":\"\\u00e9 é\", \"b\": 2e0 }\n";
    let transaction = stored(&server, "", &[], body);
    assert_eq!(transaction["meta"]["raw"], body);
    assert_eq!(transaction["meta"]["bytes"], body.len());
    assert_eq!(transaction["attributes"]["data"], json!({ "b": 2.0, "a": "é é" }));
}

#[test]
fn any_json_value_can_be_a_payload() {
    let server = Server::start();
    for body in ["null", "[1,2]", "\"text\"", "false", "-0.5"] {
        let transaction = stored(&server, "", &[], body);
        assert_eq!(transaction["attributes"]["data"], serde_json::from_str::<Value>(body).unwrap());
    }
}

#[test]
fn secrets_in_headers_are_masked_and_other_headers_are_kept() {
    let server = Server::start();
    let secrets = ["authorization", "cookie", "x-api-key", "x-auth-token", "x-shop-secret"];
    let headers: Vec<(&str, &str)> = secrets.iter().map(|name| (*name, "hush")).chain([("x-shop", "north")]).collect();
    let transaction = stored(&server, "", &headers, "{}");
    for name in secrets {
        assert_eq!(header(&transaction, name), Some("•••"), "{name}");
    }
    assert_eq!(header(&transaction, "x-shop"), Some("north"));
    assert!(!transaction.to_string().contains("hush"));
}

#[test]
fn secrets_in_the_query_are_masked() {
    let server = Server::start();
    let transaction = stored(&server, "?shop=7&access_token=hush&API_KEY=hush&flag", &[], "{}");
    assert_eq!(transaction["meta"]["query"], "shop=7&access_token=•••&API_KEY=•••&flag");
}

#[test]
fn secrets_of_requests_are_not_logged() {
    let server = crate::support::ServerBuilder::new().environment("HOOKFLOW_LOG", "trace").start();
    stored(&server, "?token=hush", &[("authorization", "Bearer hush")], r#"{"note":"hush"}"#);
    server.wait_for_runs();
    let log = server.wait_for_log("run failed");
    assert!(!log.contains("hush"), "{log}");
}

#[test]
fn a_transaction_lists_its_runs_and_a_run_its_transaction() {
    let server = Server::start();
    let transaction = stored(&server, "", &[], r#"{"email":"ann@example.com"}"#);
    let runs = server.wait_for_runs();
    let listed = transaction["relationships"]["runs"]["data"].as_array().unwrap();
    assert_eq!(listed, &[json!({ "type": "run", "id": runs[0]["id"] })]);
    assert_eq!(runs[0]["relationships"]["transaction"]["data"]["id"], transaction["id"]);
}

#[test]
fn the_transactions_of_a_hook_are_listed_newest_first_page_by_page() {
    let server = Server::start();
    let stored: Vec<Value> = (0..3).map(|_| stored(&server, "", &[], "{}")["id"].take()).collect();
    let hook = server.hook("orders")["links"]["self"].as_str().unwrap().to_owned();
    let first = server.get(&format!("{hook}/transactions?pageSize=2")).expect(200);
    let second = server.get(first["links"]["next"].as_str().unwrap()).expect(200);
    assert_eq!(ids(&first), [&stored[2], &stored[1]]);
    assert_eq!(ids(&second), [&stored[0]]);
    assert_eq!(second["links"]["next"], Value::Null);
}

#[test]
fn an_unknown_transaction_is_not_found() {
    let server = Server::start();
    for id in ["5a3c95d6f1c0de0001a1b2c3", "nonsense"] {
        let answer = server.get(&format!("/v1/transactions/{id}")).expect(404);
        assert_eq!(crate::support::detail(&answer), format!("unknown transaction `{id}`"));
    }
}

#[test]
fn every_link_of_an_envelope_leads_to_what_it_names() {
    let server = Server::start();
    let run = server.run_order(&json!({ "email": "ann@example.com" }));
    let envelope = &run["attributes"]["steps"][0]["output"];
    for relationship in ["org", "hook"].map(|name| &envelope["relationships"][name]) {
        let found = server.get(relationship["links"]["self"].as_str().unwrap()).expect(200)["data"].take();
        assert_eq!([&found["type"], &found["id"]], ["type", "id"].map(|name| &relationship["data"][name]));
    }
    let org = server.get("/v1/org").expect(200)["data"].take();
    assert_eq!(org["attributes"]["name"], "default");
    assert_eq!(org["links"]["self"], envelope["relationships"]["org"]["links"]["self"]);
    for id in ["5a3c95d6f1c0de0001a1b2c3", "nonsense"] {
        let answer = server.get(&format!("/v1/org/{id}")).expect(404);
        assert_eq!(crate::support::detail(&answer), format!("unknown org `{id}`"));
    }
    assert_eq!(server.get_without_key("/v1/org").status, 401);
}
