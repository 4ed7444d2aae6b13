//! What is shown of refused requests, and that they stay few.

use serde_json::{Value, json};

use crate::support::server::{Answer, send};
use crate::support::signing::signed;
use crate::support::{Server, ServerBuilder, detail, errors, wait_for};

fn link(server: &Server, hook: &str) -> String {
    format!("{}/refusals", server.hook(hook)["links"]["self"].as_str().unwrap())
}

/// What the list at this address shows, newest first.
fn refusals(server: &Server, link: &str) -> Vec<Value> {
    let list = server.get(link).expect(200);
    list["data"].as_array().unwrap().iter().map(|refusal| refusal["attributes"].clone()).collect()
}

fn post(server: &Server, path: &str, content_type: &str, body: impl Into<reqwest::blocking::Body>) -> Answer {
    send(server.request("POST", path).header("content-type", content_type).body(body))
}

#[test]
fn a_refused_request_is_shown_without_secrets() {
    let server = Server::start();
    let (url, list) = (server.hook_url("orders"), link(&server, "orders"));
    assert_eq!(refusals(&server, &list), Vec::<Value>::new());
    let request = server.request("POST", &format!("{url}?page=2&token=hush")).header("authorization", "Bearer hush");
    let request = request.header("x-shop", "a").header("content-type", "application/json");
    let answer = send(request.body("{\"email\": \"zoë@example.com\",")).expect(400);
    post(&server, &url, "application/json", b"\x01\xFF\x00".to_vec()).expect(400);

    let shown = refusals(&server, &list);
    assert_eq!(shown.len(), 2);
    assert_eq!(shown[0]["body"], json!({ "base64": "Af8A" }));
    let mut first = shown[1].clone();
    let headers = first["headers"].take();
    let header = |name: &str| headers.as_array().unwrap().iter().find(|header| header[0] == name).cloned();
    assert_eq!(header("authorization"), Some(json!(["authorization", "•••"])));
    assert_eq!(header("x-shop"), Some(json!(["x-shop", "a"])));
    assert!(first["createdAt"].take().as_str().unwrap().ends_with('Z'));
    assert_eq!(
        first,
        json!({
            "createdAt": null, "reason": "malformed_json", "detail": detail(&answer), "method": "POST",
            "path": "/v1/hooks/form/•••", "query": "page=2&token=•••", "headers": null, "peer": "127.0.0.1",
            "contentLength": 29, "body": { "text": "{\"email\": \"zoë@example.com\"," }, "whole": true,
        })
    );
    let text = server.get(&list).text;
    assert!(!text.contains("hush") && !text.contains(url.rsplit('/').next().unwrap()), "{text}");
}

#[test]
fn refusals_are_listed_by_reason_and_by_page() {
    let server = Server::start();
    let (url, list) = (server.hook_url("orders"), link(&server, "orders"));
    for encoding in ["", "xz", ""] {
        send(server.request("POST", &url).header("content-encoding", encoding).body("{"));
    }
    send(server.request("GET", &format!("{url}?a=1"))).expect(405);
    let reasons = |list: &str| -> Vec<Value> {
        refusals(&server, list).iter().map(|refusal| refusal["reason"].clone()).collect()
    };
    assert_eq!(reasons(&list), ["method", "malformed_json", "unsupported_media_type", "malformed_json"]);
    assert_eq!(reasons(&format!("{list}?reason=method")), ["method"]);
    let page = server.get(&format!("{list}?reason=malformed_json&pageSize=1")).expect(200);
    assert_eq!(page["data"].as_array().unwrap().len(), 1);
    let next = page["links"]["next"].as_str().unwrap();
    assert_eq!(reasons(next), ["malformed_json"]);
    assert_eq!(server.get(next).expect(200)["links"]["next"], Value::Null);
    let answer = server.get(&format!("{list}?reason=mood")).expect(400);
    assert!(detail(&answer).starts_with("must be one of unknown_hook, hook_disabled,"), "{answer}");
    server.get("/v1/hooks/0123456789abcdef01234567/refusals").expect(404);
}

#[test]
fn of_a_body_the_beginning_is_shown_and_nothing_where_the_signature_is_in_it() {
    let server = ServerBuilder::bare().start();
    server.create("/v1/hooks", json!({ "name": "open" }));
    // The 1,024th byte is the first one of a letter of two.
    post(&server, &server.hook_url("open"), "application/json", format!("{{{}", "ß".repeat(3_000))).expect(400);
    let shown = refusals(&server, &link(&server, "open"));
    assert_eq!(shown[0]["body"]["text"], format!("{{{}", "ß".repeat(511)));
    assert_eq!(shown[0]["contentLength"], 6_001);

    let now_s = jiff::Timestamp::now().as_second();
    for scheme in ["mailgun", "adyen"] {
        let hook = server.create("/v1/hooks", json!({ "name": scheme, "verification": { "scheme": scheme } }));
        let url = server.hook_url(scheme);
        let signed = signed(scheme, &url, now_s);
        let secrets = format!("{}/secrets", hook["links"]["self"].as_str().unwrap());
        server.create(&secrets, json!({ "value": signed.other_secret }));
        let request = server.request("POST", &url).body(signed.body.clone());
        send(signed.headers.iter().fold(request, |request, (name, value)| request.header(*name, value))).expect(401);
        assert_eq!(refusals(&server, &link(&server, scheme))[0]["body"], Value::Null, "{scheme}");
    }
}

#[test]
fn a_secret_that_is_sent_as_it_is_is_shown_nowhere() {
    let server = ServerBuilder::bare().start();
    let verification = json!({ "scheme": "header", "header": "X-Pass-Phrase" });
    let hook = server.create("/v1/hooks", json!({ "name": "orders", "verification": verification }));
    let hook = hook["links"]["self"].as_str().unwrap();
    server.create(&format!("{hook}/secrets"), json!({ "value": "open sesame" }));
    let post = |body: &'static str, phrase: &str| {
        let request = server.request("POST", &server.hook_url("orders")).header("x-pass-phrase", phrase);
        send(request.header("content-type", "application/json").body(body))
    };
    post("{}", "open sesame").expect(200);
    post("{", "open sesame").expect(200);
    post("{}", "open sesami").expect(401);
    for list in ["refusals", "transactions"] {
        let list = server.get(&format!("{hook}/{list}")).text;
        assert!(!list.contains("open sesam") && list.contains("[\"x-pass-phrase\",\"•••\"]"), "{list}");
    }
}

#[test]
fn refusals_go_with_their_hook() {
    let server = Server::start();
    let (url, hook) = (server.hook_url("orders"), server.hook("orders"));
    post(&server, &url, "application/json", "{").expect(400);
    assert_eq!(refusals(&server, &link(&server, "orders")).len(), 1);
    server.call("DELETE", hook["links"]["self"].as_str().unwrap(), Value::Null).expect(204);
    post(&server, &url, "application/json", "{}").expect(410);
    let workspace = server.directory();
    assert!(server.stop().success());
    assert_eq!(workspace.look().rows("refused_requests", &["id"]), Vec::<Value>::new());
}

#[test]
fn a_flood_of_refusals_is_counted_and_hardly_stored() {
    let server = Server::start();
    let (url, list) = (server.hook_url("orders"), link(&server, "orders"));
    let began = std::time::Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..250).for_each(|_| drop(post(&server, &url, "application/json", "{").expect(400))));
        }
        // An honest sender is served meanwhile.
        (0..20).for_each(|_| drop(post(&server, &url, "application/json", "{}").expect(200)));
    });
    let seconds = began.elapsed().as_secs() + 2;
    wait_for("the refusals to be counted", || {
        let hook = server.hook("orders");
        let hook = server.get(hook["links"]["self"].as_str().unwrap()).expect(200);
        (hook["data"]["attributes"]["refusals"]["malformed_json"]["count"] == 1_000).then_some(())
    });
    let kept = refusals(&server, &format!("{list}?pageSize=500")).len() as u64;
    assert!((1..=10 * seconds).contains(&kept) && kept <= 100, "{kept} in {seconds} s");
    let text = server.get_without_key("/metrics").text;
    assert!(text.contains("hookflow_requests_refused_total{reason=\"malformed_json\"} 1000"), "{text}");
    // A request to an unknown address is only counted.
    assert_eq!(errors(&post(&server, "/v1/hooks/form/nothing", "application/json", "{").expect(404)).len(), 1);
}
