//! What a call may consist of beside JSON: forms, texts, credentials, redirects; and what of it is shown.

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::support::peer::{Peer, Received, answer};
use crate::support::{Server, ServerBuilder};

/// A server whose workflow makes one call, as step `2`.
fn server_with(action: &str, params: Value) -> Server {
    ServerBuilder::with_steps(json!([{ "id": "2", "action": action, "params": params }])).start()
}

/// Makes one call with these params, which may hold nothing that is shown but `hush`; the run that made it.
fn call_with(action: &str, params: Value) -> Value {
    let run = server_with(action, params).run_order(&json!({ "key": "hush-2" }));
    assert!(!run["attributes"]["steps"][1].to_string().contains("hush"), "{run:#}");
    run
}

fn step(run: &Value) -> &Value {
    &run["attributes"]["steps"][1]
}

fn redirect(stream: &mut TcpStream, status: &str, location: &str) {
    let head = format!("HTTP/1.1 {status}\r\nlocation: {location}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let _ = stream.write_all(head.as_bytes());
}

fn request_line(received: &Received) -> &str {
    received.head.lines().next().unwrap_or_default()
}

#[test]
fn a_form_is_encoded_and_its_secrets_are_not_shown() {
    let peer = Peer::answering("200 OK", "{}");
    let form = json!({ "name": "Ann & Bob", "tag": ["a", "b"], "gone": null, "count": 2, "client_secret": "hush" });
    let run = call_with("rest-api.json", json!({ "uri": peer.url("/"), "method": "POST", "form": form }));
    let received = &peer.received()[0];
    assert_eq!(received.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(received.body, "name=Ann+%26+Bob&tag=a&tag=b&count=2&client_secret=hush");
    assert_eq!(step(&run)["input"]["form"]["client_secret"], "•••");
}

#[test]
fn a_generic_call_sends_and_gets_text() {
    let peer = Peer::answering("200 OK", r#"{"a": 1}"#);
    let params = json!({ "uri": peer.url("/"), "method": "patch", "body": "<order id=\"{{steps.1.attributes.data.key}}\"/>",
        "headers": { "content-type": "application/xml" } });
    let run = server_with("rest-api.generic", params).run_order(&json!({ "key": 7 }));
    let received = &peer.received()[0];
    assert!(request_line(received).starts_with("PATCH / "));
    assert_eq!(received.header("content-type"), Some("application/xml"));
    assert_eq!(received.header("accept"), Some("*/*"));
    assert_eq!(received.body, "<order id=\"7\"/>");
    assert_eq!(step(&run)["output"]["body"], r#"{"a": 1}"#);
}

#[test]
fn two_bodies_and_params_out_of_range_are_refused_together() {
    let params = json!({
        "uri": "https://example.com", "form": {}, "data": {}, "redirects": 6, "timeoutMs": 0, "retry": { "attempts": 9 },
        "auth": { "type": "bearer", "token": "hush" }, "headers": { "authorization": "hush" },
    });
    let run = call_with("rest-api.json", params);
    let problems = run["attributes"]["error"]["problems"].as_array().unwrap();
    let pointers: Vec<&str> = problems.iter().map(|problem| problem["pointer"].as_str().unwrap()).collect();
    assert_eq!(pointers, ["/form", "/auth", "/timeoutMs", "/redirects", "/retry/attempts"]);
}

#[test]
fn credentials_go_where_the_preset_says_and_are_shown_nowhere() {
    let peer = Peer::start(|_, stream| {
        let head = "HTTP/1.1 200 OK\r\nset-cookie: session=hush\r\nx-a: b\r\ncontent-length: 0\r\nconnection: close";
        let _ = stream.write_all(format!("{head}\r\n\r\n").as_bytes());
    });
    let key = "{{{steps.1.attributes.data.key}}}";
    for (auth, line, header) in [
        (json!({ "type": "bearer", "token": key }), "GET /?a=1 ", Some(("authorization", "Bearer hush-2"))),
        (
            json!({ "type": "basic", "username": "me", "password": "hush-é" }),
            "GET /?a=1 ",
            Some(("authorization", "Basic bWU6aHVzaC3DqQ==")),
        ),
        (json!({ "type": "api-key", "name": "X-Shop", "value": key }), "GET /?a=1 ", Some(("x-shop", "hush-2"))),
        (json!({ "type": "api-key", "in": "query", "name": "k", "value": "hush &" }), "GET /?a=1&k=hush+%26 ", None),
    ] {
        let run = call_with("rest-api.json", json!({ "uri": peer.url("/?a=1"), "auth": auth }));
        let received = peer.received().pop().expect("it was called");
        assert!(request_line(&received).starts_with(line), "{}", received.head);
        if let Some((name, value)) = header {
            assert_eq!(received.header(name), Some(value));
        }
        let headers = &step(&run)["output"]["response"]["headers"];
        assert_eq!((&headers["set-cookie"], &headers["x-a"]), (&json!("•••"), &json!("b")));
        assert_eq!(step(&run)["attempts"][0]["uri"], peer.url("/?a=1"));
        assert!(step(&run)["attempts"][0]["durationMs"].is_u64());
    }
}

#[test]
fn an_oauth2_token_is_asked_for_once_and_again_when_it_is_refused() {
    let issued = AtomicUsize::new(0);
    let issuer = Peer::start(move |_, stream| {
        let number = issued.fetch_add(1, Ordering::SeqCst);
        answer(stream, "200 OK", &format!(r#"{{"access_token": "hush-{number}", "expires_in": 3600}}"#));
    });
    // The second call finds its token withdrawn.
    let api = Peer::start_reading(|number, received, stream| {
        let accepted = if number == 0 { "Bearer hush-0" } else { "Bearer hush-1" };
        match received.header("authorization") == Some(accepted) {
            true => answer(stream, "200 OK", "{}"),
            false => answer(stream, "401 Unauthorized", "{}"),
        }
    });
    let auth = json!({
        "type": "oauth2", "tokenUrl": issuer.url("/token"), "clientId": "me", "clientSecret": "hush:é", "scope": "orders read",
    });
    let server = server_with("rest-api.json", json!({ "uri": api.url("/"), "auth": auth }));
    for _ in 0..3 {
        let run = server.run_order(&json!({}));
        assert_eq!(step(&run)["output"]["response"]["statusCode"], 200, "{run:#}");
        assert!(!run.to_string().contains("hush"), "{run:#}");
    }
    let used: Vec<_> = api.received().iter().map(|call| call.header("authorization").unwrap().to_owned()).collect();
    assert_eq!(used, ["Bearer hush-0", "Bearer hush-0", "Bearer hush-1", "Bearer hush-1"]);
    let asked = issuer.received();
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[0].body, "grant_type=client_credentials&scope=orders+read");
    // me:hush%3A%C3%A9
    assert_eq!(asked[0].header("authorization"), Some("Basic bWU6aHVzaCUzQSVDMyVBOQ=="));
}

#[test]
fn a_token_that_has_ended_is_not_used_again() {
    let issuer = Peer::answering("200 OK", r#"{"access_token": "hush", "expires_in": 0}"#);
    let api = Peer::answering("200 OK", "{}");
    let auth = json!({ "type": "oauth2", "tokenUrl": issuer.url("/"), "clientId": "me", "clientSecret": "hush" });
    let server = server_with("rest-api.json", json!({ "uri": api.url("/"), "auth": auth }));
    (0..2).for_each(|_| drop(server.run_order(&json!({}))));
    assert_eq!((issuer.received().len(), api.received().len()), (2, 2));
}

#[test]
fn credentials_that_a_peer_sends_back_are_not_shown() {
    let peer = Peer::start_reading(|number, received, stream| {
        let status = if number == 0 { "503 Service Unavailable" } else { "200 OK" };
        answer(stream, status, &json!({ "head": received.head, "body": received.body }).to_string());
    });
    let params = json!({
        "uri": peer.url("/?token=hush-1"), "method": "POST", "form": { "client_secret": "hush-2" },
        "headers": { "X-Auth-Token": "Token hush-3" }, "auth": { "type": "bearer", "token": "hush-4" },
    });
    let run = call_with("rest-api.json", params);
    let head = step(&run)["output"]["body"]["head"].as_str().unwrap();
    assert!(head.contains("authorization: Bearer •••auth") && head.contains("token=•••auth"), "{head}");
    assert!(step(&run)["attempts"][0]["answer"].as_str().unwrap().contains("•••auth"));
}

#[test]
fn runs_that_need_a_token_at_the_same_time_share_one() {
    let issuer = Peer::answering("200 OK", r#"{"access_token": "hush", "expires_in": "3600"}"#);
    let api = Peer::answering("200 OK", "{}");
    let auth = json!({
        "type": "oauth2", "tokenUrl": issuer.url("/"), "clientId": "me", "clientSecret": "hush", "clientAuth": "body",
        "audience": "https://api",
    });
    let server = server_with("rest-api.json", json!({ "uri": api.url("/"), "auth": auth }));
    (0..20).for_each(|order| drop(server.post_hook("orders", &json!({ "order": order })).expect(200)));
    let runs = server.wait_for_runs();
    assert!(runs.iter().all(|run| run["attributes"]["status"] == "completed"), "{runs:#?}");
    assert_eq!((issuer.received().len(), api.received().len()), (1, 20));
    let body = "grant_type=client_credentials&audience=https%3A%2F%2Fapi&client_id=me&client_secret=hush";
    assert_eq!(issuer.received()[0].body, body);
}

#[test]
fn without_a_token_the_call_is_not_made() {
    let api = Peer::answering("200 OK", "{}");
    let refusing = Peer::answering("401 Unauthorized", r#"{"error": "invalid_client", "error_description": "hush"}"#);
    let lying = Peer::answering("200 OK", r#"{"token": "hush"}"#);
    for (token_url, reason) in [
        (refusing.url("/?key=hush"), "it answered 401 with `invalid_client`"),
        (lying.url("/"), "the response has no `access_token`"),
        ("http://10.1.2.3/token".to_owned(), "10.1.2.3 may not be called (rule: private)"),
    ] {
        let auth = json!({ "type": "oauth2", "tokenUrl": token_url, "clientId": "me", "clientSecret": "hush" });
        let run = call_with("rest-api.json", json!({ "uri": api.url("/"), "auth": auth }));
        let error = &run["attributes"]["error"];
        assert_eq!(error["code"], "call_failed");
        assert!(error["message"].as_str().unwrap().contains(reason), "{error:#}");
        assert_eq!(step(&run)["attempts"].as_array().unwrap().len(), 1);
    }
    assert!(api.received().is_empty());
}

#[test]
fn redirects_are_followed_as_far_as_the_step_says() {
    let peer = Peer::start_reading(|number, received, stream| match request_line(received).split(' ').nth(1) {
        Some("/end") => answer(stream, "200 OK", "{}"),
        _ if number == 1 => redirect(stream, "303 See Other", "/end"),
        _ => redirect(stream, "307 Temporary Redirect", "/next?token=hush"),
    });
    let params = |redirects: u8| {
        json!({ "uri": peer.url("/"), "method": "POST", "data": { "a": 1 }, "redirects": redirects,
            "auth": { "type": "bearer", "token": "hush" } })
    };
    let run = call_with("rest-api.json", params(2));
    assert_eq!(step(&run)["output"]["response"]["statusCode"], 200, "{run:#}");
    assert_eq!(step(&run)["attempts"][0]["redirects"], json!([peer.url("/next?token=•••"), peer.url("/end")]));
    let sent: Vec<_> = peer.received();
    let lines: Vec<&str> = sent.iter().map(request_line).collect();
    assert_eq!(lines, ["POST / HTTP/1.1", "POST /next?token=hush HTTP/1.1", "GET /end HTTP/1.1"]);
    assert_eq!((sent[1].body.as_str(), sent[2].body.as_str()), (r#"{"a":1}"#, ""));
    assert_eq!(sent[2].header("content-type"), None);
    assert!(sent.iter().all(|sent| sent.header("authorization") == Some("Bearer hush")));
    assert!(sent.iter().all(|sent| sent.header("idempotency-key").is_some()));

    let server = server_with("rest-api.json", params(1));
    assert_eq!(step(&server.run_order(&json!({})))["output"]["response"]["statusCode"], 307);
}

#[test]
fn a_redirect_elsewhere_takes_no_credentials_along_and_goes_nowhere_forbidden() {
    let other = Peer::answering("200 OK", "{}");
    let elsewhere = other.url("/").replace("http://", "http://u:p@");
    let peer = Peer::start_reading(move |_, received, stream| match request_line(received).contains("private") {
        true => redirect(stream, "302 Found", "http://10.1.2.3/hush"),
        false => redirect(stream, "308 Permanent Redirect", &elsewhere),
    });
    let params = |path: &str| {
        json!({ "uri": peer.url(path), "redirects": 5, "auth": { "type": "basic", "username": "me", "password": "hush" },
            "headers": { "Cookie": "hush", "X-Auth-Token": "hush", "X-Shop": "north" } })
    };
    let run = call_with("rest-api.json", params("/"));
    assert_eq!(step(&run)["output"]["response"]["statusCode"], 200, "{run:#}");
    let received = &other.received()[0];
    assert_eq!(received.header("x-shop"), Some("north"));
    assert!(["authorization", "cookie", "x-auth-token"].iter().all(|name| received.header(name).is_none()));

    let run = call_with("rest-api.json", params("/private"));
    assert_eq!(run["attributes"]["error"]["message"], "10.1.2.3 may not be called (rule: private)");
}

#[test]
fn the_server_does_not_call_itself() {
    let params = json!({ "uri": "{{{steps.1.attributes.data.key}}}" });
    let server = server_with("rest-api.json", params);
    let own = server.address();
    let run = server.run_order(&json!({ "key": format!("http://{own}/healthz") }));
    assert_eq!(run["attributes"]["error"]["message"], "127.0.0.1 may not be called (rule: own-address)");
}
