//! Bodies that a hook refuses: the answer to the sender, the counts, and that nothing is stored.

use serde_json::{Value, json};

use crate::support::raw::{Connection, path_of};
use crate::support::server::send;
use crate::support::{Answer, Server, ServerBuilder, detail, errors, ids, wait_for};

/// The body limit that is in force unless another is given.
const BODY_LIMIT: usize = 400_000;

fn post(server: &Server, content_type: &str, body: impl Into<reqwest::blocking::Body>) -> Answer {
    let request = server.request("POST", &server.hook_url("orders"));
    send(request.header("content-type", content_type).body(body))
}

fn post_json(server: &Server, body: impl Into<reqwest::blocking::Body>) -> Answer {
    post(server, "application/json", body)
}

/// The counts of refusals of the hook `orders`, by reason.
fn counts(server: &Server) -> Value {
    let hook = server.get(server.hook("orders")["links"]["self"].as_str().unwrap()).expect(200);
    let refusals = hook["data"]["attributes"]["refusals"].as_object().unwrap();
    refusals.iter().map(|(reason, refusal)| (reason.clone(), refusal["count"].clone())).collect()
}

/// A request's head for the hook `orders`, up to and without the empty line.
fn head(server: &Server, header: &str) -> String {
    let path = path_of(&server.hook_url("orders"));
    format!("POST {path} HTTP/1.1\r\nhost: hookflow\r\ncontent-type: application/json\r\n{header}\r\n")
}

/// A JSON text of this many bytes.
fn text_of(bytes: usize) -> String {
    format!("\"{}\"", "a".repeat(bytes - 2))
}

#[test]
fn malformed_json_is_refused_with_its_line_and_column() {
    let server = Server::start();
    assert_eq!(
        post_json(&server, "{\"orderId\": \"1\",\n \"price\": }").expect(400),
        json!({ "errors": [{
            "status": "400", "code": "malformed_json", "title": "Malformed JSON",
            "detail": "the body is not valid JSON: expected value at line 2 column 11"
        }] })
    );
}

#[test]
fn an_empty_body_is_null() {
    let server = Server::start();
    let accepted = post_json(&server, "").expect(200);
    let shown = server.get(accepted["data"]["links"]["self"].as_str().unwrap()).expect(200);
    assert_eq!(shown["data"]["attributes"]["data"], Value::Null);
}

#[test]
fn ten_thousand_levels_of_nesting_are_refused() {
    let server = Server::start();
    for deep in ["[".repeat(10_000) + &"]".repeat(10_000), "{\"a\":".repeat(10_000)] {
        let answer = post_json(&server, deep).expect(400);
        assert_eq!(errors(&answer), [("nesting_too_deep", "")]);
        assert!(detail(&answer).starts_with("the JSON nests deeper than 100 levels at line 1 column "), "{answer}");
    }
    let deepest = "[".repeat(100) + &"]".repeat(100);
    post_json(&server, deepest).expect(200);
}

#[test]
fn compressions_that_cannot_be_undone_are_refused() {
    let server = Server::start();
    let compressed = server.request("POST", &server.hook_url("orders")).header("content-encoding", "xz");
    let answer = send(compressed.json(&json!({}))).expect(415);
    assert_eq!(errors(&answer), [("unsupported_media_type", "")]);
    let expected = "content encoding `xz` is not supported; use `gzip`, `deflate`, `br`, `zstd` or none";
    assert_eq!(detail(&answer), expected);
    post(&server, "application/vnd.shop+json; charset=UTF-8", "{}").expect(200);
}

#[test]
fn a_body_that_is_announced_too_large_is_refused_before_it_is_sent() {
    let server = Server::start();
    let mut connection = Connection::open(&server);
    connection.send(head(&server, &format!("content-length: {}\r\n", BODY_LIMIT + 1)));
    let answer = connection.read_answer();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("the body is larger than 400000 bytes"), "{answer}");
    assert_eq!(counts(&server), json!({ "body_too_large": 1 }));
}

#[test]
fn a_chunked_body_is_refused_at_the_byte_that_is_too_many() {
    let server = ServerBuilder::new().arguments(&["--body-limit-bytes", "100"]).start();
    let chunked = |body: &str| format!("{:x}\r\n{body}\r\n", body.len());
    let mut connection = Connection::open(&server);
    connection.send(head(&server, "transfer-encoding: chunked\r\n"));
    connection.send(chunked(&text_of(100)));
    connection.send(chunked(" "));
    let answer = connection.read_answer();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    let mut connection = Connection::open(&server);
    connection.send(head(&server, "transfer-encoding: chunked\r\n"));
    connection.send(chunked(&text_of(100)) + "0\r\n\r\n");
    let answer = connection.read_answer();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[test]
fn the_body_limit_is_400_kb_unless_another_is_given() {
    let server = Server::start();
    post_json(&server, text_of(BODY_LIMIT)).expect(200);
    post_json(&server, text_of(BODY_LIMIT + 1)).expect(413);
    let server = ServerBuilder::new().arguments(&["--body-limit-bytes", "100"]).start();
    post_json(&server, text_of(100)).expect(200);
    let answer = post_json(&server, text_of(101)).expect(413);
    assert_eq!(detail(&answer), "the body is larger than 100 bytes");
}

#[test]
fn the_sender_of_ten_megabytes_gets_to_read_the_answer() {
    let server = Server::start();
    let answer = post_json(&server, text_of(10_000_000)).expect(413);
    assert_eq!(errors(&answer), [("body_too_large", "")]);
    post_json(&server, "{}").expect(200);
}

#[test]
fn a_sender_that_goes_away_within_the_body_leaves_only_a_count() {
    let server = Server::start();
    let mut connection = Connection::open(&server);
    connection.send(head(&server, "content-length: 100\r\n"));
    connection.send("{\"orderId\":");
    connection.stop_sending();
    drop(connection);
    wait_for("the refusal to be counted", || (counts(&server) == json!({ "body_incomplete": 1 })).then_some(()));
    assert!(ids(&server.get("/v1/runs").expect(200)).is_empty());
}

#[test]
fn a_refused_body_leaves_only_a_count_of_the_reason() {
    let server = Server::start();
    let link = server.hook("orders")["links"]["self"].as_str().unwrap().to_owned();
    post_json(&server, "{").expect(400);
    post_json(&server, "}").expect(400);
    post_json(&server, "[".repeat(10_000)).expect(400);
    send(server.request("POST", &server.hook_url("orders")).header("content-encoding", "xz").body("{}")).expect(415);
    post(&server, "application/xml", "<a>").expect(400);
    post_json(&server, text_of(BODY_LIMIT + 1)).expect(413);
    server.call("PATCH", &link, json!({ "enabled": false })).expect(200);
    post_json(&server, "{}").expect(503);
    let expected = json!({
        "body_too_large": 1, "hook_disabled": 1, "malformed_body": 1, "malformed_json": 2, "nesting_too_deep": 1, "unsupported_media_type": 1
    });
    assert_eq!(counts(&server), expected);
    assert!(ids(&server.get(&format!("{link}/transactions")).expect(200)).is_empty());
    assert!(ids(&server.get("/v1/runs").expect(200)).is_empty());
}

#[test]
fn counts_of_refusals_outlive_the_process() {
    let server = Server::start();
    post_json(&server, "{").expect(400);
    let directory = server.directory();
    assert!(server.stop().success());
    let server = ServerBuilder::in_directory(directory).start();
    assert_eq!(counts(&server), json!({ "malformed_json": 1 }));
}

#[test]
fn metrics_count_what_was_accepted_and_what_was_refused() {
    let server = Server::start();
    post_json(&server, "{").expect(400);
    send(server.request("POST", "/v1/hooks/form/nothing").json(&json!({}))).expect(404);
    post_json(&server, "{}").expect(200);
    for line in [
        "hookflow_transactions_accepted_total 1",
        "hookflow_requests_refused_total{reason=\"malformed_json\"} 1",
        "hookflow_requests_refused_total{reason=\"unknown_hook\"} 1",
        "hookflow_requests_refused_total{reason=\"body_too_large\"} 0",
        "hookflow_runs_finished_total{status=\"failed\"} 1",
    ] {
        // What has been stored is counted a moment later.
        wait_for(line, || {
            let metrics = server.get_without_key("/metrics");
            assert_eq!(metrics.status, 200);
            metrics.text.lines().any(|found| found == line).then_some(())
        });
    }
}
