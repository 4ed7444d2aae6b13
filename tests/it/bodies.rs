//! Bodies of every kind at the door: what becomes of them, that they can be read again, and what hostile ones come to.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::support::server::send;
use crate::support::{Answer, Server, ServerBuilder, detail, errors, ids};

const FORM: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data; boundary=x";
const XML: &str = "application/xml";

fn post(server: &Server, headers: &[(&str, &str)], body: impl Into<reqwest::blocking::Body>) -> Answer {
    let mut request = server.request("POST", &server.hook_url("orders"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(request.body(body))
}

fn post_as(server: &Server, content_type: &str, body: impl Into<reqwest::blocking::Body>) -> Answer {
    post(server, &[("content-type", content_type)], body)
}

/// The stored transaction that an answer names.
fn stored(server: &Server, answer: Answer) -> Value {
    let answer = answer.expect(200);
    server.get(answer["data"]["links"]["self"].as_str().unwrap()).expect(200)["data"].take()
}

fn data(server: &Server, answer: Answer) -> Value {
    stored(server, answer)["attributes"]["data"].take()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn part(head: &str, bytes: &str) -> String {
    format!("--x\r\nContent-Disposition: form-data; {head}\r\n\r\n{bytes}\r\n")
}

#[test]
fn each_kind_of_body_becomes_a_payload_that_can_be_read_again() {
    let server = Server::start();
    let multipart = part("name=\"user[name]\"", "Ann") + "--x--";
    let digest = "a665a45920422f9d417e4867efdc4fb8a04a1f3fff1fa07e998e86f7f7a27ae3";
    let described =
        json!({ "contentType": "application/octet-stream", "sizeBytes": 3, "sha256": digest, "text": "123" });
    for (content_type, body, expected) in [
        (FORM, "user[name]=Ann&tags[]=a&tags[]=b", json!({ "user": { "name": "Ann" }, "tags": ["a", "b"] })),
        (MULTIPART, multipart.as_str(), json!({ "user": { "name": "Ann" } })),
        (XML, "<order id='7'><item>a</item><item/></order>", json!({ "order": { "@id": "7", "item": ["a", ""] } })),
        ("text/plain", "hello", json!("hello")),
        ("application/octet-stream", "123", described),
        ("text/plain", "", Value::Null),
    ] {
        let transaction = stored(&server, post_as(&server, content_type, body.to_owned()));
        assert_eq!(transaction["attributes"]["data"], expected, "{content_type}");
        assert_eq!(transaction["meta"]["raw"], body);
        assert_eq!(transaction["meta"]["contentType"], content_type);
    }
    assert_eq!(data(&server, post(&server, &[], "")), Value::Null);
}

#[test]
fn a_workflow_sees_what_a_form_says_and_so_does_its_replay() {
    let server = Server::start();
    post_as(&server, FORM, "orderId=1234&email=ann%40example.com&items[0][sku]=A").expect(200);
    let expected = json!({ "orderId": "1234", "email": "ann@example.com", "items": [{ "sku": "A" }] });
    let run = server.wait_for_runs().remove(0);
    assert_eq!(server.steps(&run)[0]["output"]["attributes"]["data"], expected);
    let replay =
        server.call("POST", &format!("/v1/runs/{}/replay", run["id"].as_str().unwrap()), json!({})).expect(201);
    server.wait_for_runs();
    let replayed = server.get(&format!("/v1/runs/{}", replay["data"]["id"].as_str().unwrap())).expect(200);
    assert_eq!(server.steps(&replayed["data"])[0]["output"]["attributes"]["data"], expected);
}

#[test]
fn files_are_described_and_served_as_downloads() {
    let server = Server::start();
    let page = "<script>alert(1)</script>";
    let file = part("name=page; filename=\"../a b\u{e9}.html\"\r\nContent-Type: text/html", page);
    let body = part("name=title", "A page") + &file + "--x--";
    let transaction = stored(&server, post_as(&server, MULTIPART, body));
    let described = &transaction["attributes"]["data"]["page"];
    assert_eq!(described["part"], 2);
    assert_eq!(described["sizeBytes"], page.len());
    let link = transaction["links"]["self"].as_str().unwrap();
    let answer = server.get(&format!("{link}/files/2"));
    assert_eq!((answer.status, answer.text.as_str()), (200, page));
    let header = |name: &str| answer.headers[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "application/octet-stream");
    assert_eq!(header("x-content-type-options"), "nosniff");
    let expected = "attachment; filename=\"a b_.html\"; filename*=UTF-8''a%20b%C3%A9%2Ehtml";
    assert_eq!(header("content-disposition"), expected);
    for absent in ["0", "1", "3", "99999999999999999999", "x"] {
        server.get(&format!("{link}/files/{absent}")).expect(if absent.len() == 1 && absent != "x" {
            404
        } else {
            400
        });
    }
    assert_eq!(server.get_without_key(&format!("{link}/files/2")).status, 401);
}

#[test]
fn a_body_of_unknown_type_is_a_file() {
    let server = Server::start();
    let transaction = stored(&server, post_as(&server, "image/png", "123"));
    let answer = server.get(&format!("{}/files/1", transaction["links"]["self"].as_str().unwrap()));
    assert_eq!((answer.status, answer.text.as_str()), (200, "123"));
}

#[test]
fn compressed_bodies_are_inflated_and_kept_as_they_came() {
    let server = Server::start();
    let headers = [("content-type", "application/json"), ("content-encoding", "gzip")];
    let body = gzip(br#"{"orderId":"1234","email":"ann@example.com"}"#);
    let transaction = stored(&server, post(&server, &headers, body.clone()));
    let expected = json!({ "orderId": "1234", "email": "ann@example.com" });
    assert_eq!(transaction["attributes"]["data"], expected);
    assert_eq!(transaction["meta"]["bytes"], body.len());
    let run = server.wait_for_runs().remove(0);
    assert_eq!(server.steps(&run)[0]["output"]["attributes"]["data"], expected);
    let form = post(&server, &[("content-type", FORM), ("content-encoding", "gzip")], gzip(b"a[b]=1"));
    assert_eq!(data(&server, form), json!({ "a": { "b": "1" } }));
    let answer = post(&server, &headers, body[..body.len() - 4].to_vec()).expect(400);
    assert_eq!(errors(&answer), [("malformed_body", "")]);
}

#[test]
fn an_accepted_body_can_be_read_after_the_limit_was_lowered() {
    let server = Server::start();
    let headers = [("content-type", "text/plain"), ("content-encoding", "gzip")];
    let text = "a".repeat(1_000);
    let link = stored(&server, post(&server, &headers, gzip(text.as_bytes())))["links"]["self"].take();
    let directory = server.directory();
    assert!(server.stop().success());
    let server = ServerBuilder::in_directory(directory).arguments(&["--inflated-limit-bytes", "999"]).start();
    let answer = post(&server, &headers, gzip(text.as_bytes())).expect(413);
    assert_eq!(detail(&answer), "the inflated body is larger than 999 bytes");
    assert_eq!(server.get(link.as_str().unwrap()).expect(200)["data"]["attributes"]["data"], text);
}

#[test]
fn hostile_bodies_are_refused_and_leave_nothing() {
    let server = Server::start();
    let bomb = gzip(&vec![b' '; 100_000_000]);
    assert!(bomb.len() < 400_000);
    let answer = post(&server, &[("content-type", "application/json"), ("content-encoding", "gzip")], bomb).expect(413);
    assert_eq!(errors(&answer), [("body_too_large", "")]);
    assert_eq!(detail(&answer), "the inflated body is larger than 4000000 bytes");
    let laughs = "<!DOCTYPE l [<!ENTITY a \"lol\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\">]><l>&b;</l>";
    let parts = part("name=a", "1").repeat(100_000) + "--x--";
    // The parts arrive compressed, since as they are they would be too many bytes.
    let answer = post(
        &server,
        &[("content-type", MULTIPART), ("content-encoding", "gzip")],
        gzip(&parts.as_bytes()[..3_900_000]),
    )
    .expect(413);
    assert_eq!(detail(&answer), "the body has more than 1000 parts");
    for (content_type, body, status, code) in [
        (XML, "<a>".repeat(100_000), 400, "nesting_too_deep"),
        (XML, format!("<a>{}</a>", "<b/>".repeat(90_000)), 413, "body_too_large"),
        (XML, laughs.to_owned(), 400, "malformed_body"),
        (XML, "<a></b>".to_owned(), 400, "malformed_body"),
        (FORM, "a&".repeat(100_000), 413, "body_too_large"),
        (FORM, format!("a{}=1", "[b]".repeat(100)), 400, "nesting_too_deep"),
        (FORM, "$serde_json::private::Number=1".to_owned(), 400, "malformed_body"),
        (MULTIPART, part("name=a", "1"), 400, "malformed_body"),
        (MULTIPART, "a".repeat(100_000), 400, "malformed_body"),
    ] {
        let shown: String = body.chars().take(40).collect();
        let answer = post_as(&server, content_type, body).expect(status);
        assert_eq!(errors(&answer), [(code, "")], "{content_type} {shown}");
    }
    let hook = server.hook("orders")["links"]["self"].as_str().unwrap().to_owned();
    assert!(ids(&server.get(&format!("{hook}/transactions")).expect(200)).is_empty());
    let refusals = server.get(&hook).expect(200)["data"]["attributes"]["refusals"].take();
    assert_eq!(refusals["malformed_body"]["count"], 5);
}

#[test]
fn errors_and_notes_on_bodies_say_where() {
    let server = Server::start();
    let refused = post_as(&server, XML, "<a>\n <b>&c;</b></a>").expect(400);
    assert_eq!(detail(&refused), "invalid XML: unknown entity `&c;` at line 2 column 5");
    for (content_type, body, note) in [
        (FORM, "a=1&b=%ff", "field 2: characters that are not valid UTF-8 are replaced by \u{fffd}"),
        (FORM, "a=1&a[b]=2", "field 2, \"a[b]\": the name is used for a value and for an object; both are in a list"),
        (FORM, "{\"a\":1}", "the body is JSON although its content type is a form's; it is read as JSON"),
    ] {
        assert_eq!(stored(&server, post_as(&server, content_type, body))["meta"]["notes"], json!([note]));
    }
}
