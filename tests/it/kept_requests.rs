//! Requests that start no run on arrival: bodies that can't be read, captured, filtered and refused ones, and how they are
//! mended and run.

use serde_json::{Value, json};

use crate::support::server::send;
use crate::support::{Answer, Server, ServerBuilder, detail, errors, ids};

const ORDER: &str = r#"{"orderId":"1","email":"ann@example.com","price":"$1","quantity":1}"#;

fn link(server: &Server, hook: &str) -> String {
    server.hook(hook)["links"]["self"].as_str().unwrap().to_owned()
}

fn change(server: &Server, hook: &str, changes: Value) {
    server.call("PATCH", &link(server, hook), changes).expect(200);
}

fn post(server: &Server, content_type: &str, body: &str) -> Answer {
    let request = server.request("POST", &server.hook_url("orders")).header("content-type", content_type);
    send(request.body(body.to_owned()))
}

/// The stored transaction that an answer names.
fn stored(server: &Server, answer: Answer) -> Value {
    let answer = answer.expect(200);
    server.get(answer["data"]["links"]["self"].as_str().unwrap()).expect(200)["data"].take()
}

fn runs_of(transaction: &Value) -> usize {
    transaction["relationships"]["runs"]["data"].as_array().unwrap().len()
}

fn run(server: &Server, transaction: &Value, input: Value) -> Answer {
    server.call("POST", &format!("/v1/transactions/{}/run", transaction["id"].as_str().unwrap()), input)
}

/// What the trigger of the only run that was started got as its payload.
fn payload_of(server: &Server, started: &Value) -> Value {
    let id = started["data"][0]["id"].as_str().unwrap();
    server.wait_for_runs();
    let run = server.get(&format!("/v1/runs/{id}")).expect(200)["data"].take();
    server.steps(&run)[0]["output"]["attributes"]["data"].clone()
}

#[test]
fn a_body_that_cannot_be_read_is_kept_byte_for_byte_with_the_reason() {
    let server = Server::start();
    for changes in [json!({ "capture": true }), json!({ "capture": false, "unreadable": "keep" })] {
        change(&server, "orders", changes);
        let kept = stored(&server, post(&server, "application/json", "{\"orderId\": 1,}"));
        let problem = json!({
            "reason": "malformed_json",
            "detail": "the body is not valid JSON: trailing comma at line 1 column 15",
        });
        assert_eq!(kept["meta"]["problem"], problem);
        assert_eq!((&kept["meta"]["raw"], &kept["attributes"]["data"]), (&json!("{\"orderId\": 1,}"), &Value::Null));
    }
    let xz = server.request("POST", &server.hook_url("orders")).header("content-encoding", "xz").body("\u{1}");
    assert_eq!(stored(&server, send(xz))["meta"]["problem"]["reason"], "unsupported_media_type");
    post(&server, "application/json", ORDER).expect(200);
    let list = format!("{}/transactions", link(&server, "orders"));
    let count = |query: &str| ids(&server.get(&format!("{list}{query}")).expect(200)).len();
    assert_eq!(["", "?problem=any", "?problem=malformed_json", "?problem=malformed_body"].map(count), [4, 3, 2, 0]);
    let page = server.get(&format!("{list}?problem=any&pageSize=2")).expect(200);
    let next = server.get(page["links"]["next"].as_str().unwrap()).expect(200);
    assert_eq!((ids(&page).len(), ids(&next).len()), (2, 1));
    let unknown = server.get(&format!("{list}?problem=odd")).expect(400);
    assert!(detail(&unknown).starts_with("must be one of body_too_large, "), "{unknown}");
    assert_eq!(server.wait_for_runs().len(), 1, "only the order runs");
}

#[test]
fn open_form_hooks_refuse_by_default_and_others_keep() {
    let server = ServerBuilder::bare().start();
    let verification = json!({ "scheme": "header", "header": "x-pass" });
    for (name, kind, verification, status) in
        [("open", "form", Value::Null, 400), ("shut", "form", verification, 200), ("inbox", "email", Value::Null, 200)]
    {
        let hook = json!({ "name": name, "type": kind, "verification": verification });
        let hook = server.create("/v1/hooks", hook);
        if name == "shut" {
            let secrets = format!("{}/secrets", hook["links"]["self"].as_str().unwrap());
            server.create(&secrets, json!({ "value": "open sesame" }));
        }
        let url = hook["attributes"]["url"].as_str().unwrap().to_owned();
        let path = &url[url.find("/v1/").unwrap()..];
        let request = server.request("POST", path).header("x-pass", "open sesame");
        send(request.header("content-type", "application/json").body("{")).expect(status);
    }
    let both = json!({ "name": "x", "unreadable": "keep", "captcha": { "provider": "turnstile", "secret": "s" } });
    let refused = server.call("POST", "/v1/hooks", both).expect(422);
    assert_eq!(errors(&refused), [("invalid", "/unreadable")]);
    let unknown = server.call("POST", "/v1/hooks", json!({ "name": "x", "unreadable": "drop" })).expect(422);
    assert_eq!(errors(&unknown), [("invalid", "/unreadable")]);
}

#[test]
fn an_unreadable_transaction_is_read_under_another_type_or_with_another_payload() {
    let server = Server::start();
    change(&server, "orders", json!({ "unreadable": "keep" }));
    let form = "orderId=7&email=ann%40example.com&price=%241&quantity=1";
    let kept = stored(&server, post(&server, "application/json", form));
    let unread = run(&server, &kept, Value::Null).expect(422);
    assert!(detail(&unread).contains("give a `contentType` or `data`"), "{unread}");
    let wrong = run(&server, &kept, json!({ "contentType": "application/xml" })).expect(422);
    assert_eq!(errors(&wrong), [("invalid", "/contentType")]);

    let started = run(&server, &kept, json!({ "contentType": "application/x-www-form-urlencoded" })).expect(200);
    let data = json!({ "orderId": "7", "email": "ann@example.com", "price": "$1", "quantity": "1" });
    assert_eq!(payload_of(&server, &started), data);
    let edited: Value = serde_json::from_str(ORDER).unwrap();
    let started = run(&server, &kept, json!({ "data": edited, "workflow": "order-to-kobject" })).expect(200);
    assert_eq!(payload_of(&server, &started), edited);

    let shown = server.get(kept["links"]["self"].as_str().unwrap()).expect(200)["data"].take();
    assert_eq!((runs_of(&shown), &shown["meta"]["raw"]), (2, &json!(form)));
    assert_eq!(started["data"][0]["relationships"]["transaction"]["data"]["id"], kept["id"]);
    let id = started["data"][0]["id"].as_str().unwrap();
    let replay = server.call("POST", &format!("/v1/runs/{id}/replay"), Value::Null).expect(201);
    assert_eq!(payload_of(&server, &json!({ "data": [replay["data"]] })), edited);
}

#[test]
fn all_with_one_reason_are_run_at_once() {
    let server = Server::start();
    change(&server, "orders", json!({ "unreadable": "keep" }));
    for body in ["orderId=1&email=ann%40example.com", "orderId=2&email=ann%40example.com", "<a>"] {
        let content_type = if body == "<a>" { "application/xml" } else { "application/json" };
        post(&server, content_type, body).expect(200);
    }
    let path = format!("{}/transactions/run", link(&server, "orders"));
    let input = json!({ "problem": "malformed_json", "contentType": "application/x-www-form-urlencoded" });
    let done = server.call("POST", &path, input.clone()).expect(200);
    let runs = |entry: &Value| entry["attributes"]["runs"].as_array().unwrap().len();
    assert_eq!(done["data"].as_array().unwrap().iter().map(runs).collect::<Vec<_>>(), [1, 1]);
    assert_eq!(server.call("POST", &path, input).expect(200)["data"], json!([]), "each is run once");
    let failed = server.call("POST", &path, json!({ "problem": "malformed_body" })).expect(200);
    assert!(failed["data"][0]["attributes"]["error"].as_str().unwrap().contains("has no end tag"), "{failed}");
    let after = json!({ "problem": "malformed_body", "after": failed["data"][0]["id"] });
    assert_eq!(server.call("POST", &path, after).expect(200)["data"], json!([]));
    let unknown = server.call("POST", &path, json!({ "problem": "signature" })).expect(422);
    assert_eq!(errors(&unknown), [("invalid", "/problem")]);
}

#[test]
fn captured_filtered_and_repeated_requests_can_be_run() {
    let server = Server::start();
    let refused = json!({ "op": "eq", "values": ["/#steps.1.request.headers.x-topic", "orders"] });
    for changes in [json!({ "capture": true }), json!({ "capture": false, "filter": refused })] {
        change(&server, "orders", changes);
        let transaction = stored(&server, post(&server, "application/json", ORDER));
        assert_eq!(runs_of(&transaction), 0);
        let started = run(&server, &transaction, Value::Null).expect(200);
        assert_eq!(payload_of(&server, &started)["orderId"], "1");
    }
    change(&server, "orders", json!({ "filter": null, "deduplicate": { "key": "/#steps.1.attributes.data.orderId" } }));
    let first = stored(&server, post(&server, "application/json", ORDER));
    let again = stored(&server, post(&server, "application/json", ORDER));
    assert_eq!(first["id"], again["id"]);
    let started = run(&server, &again, Value::Null).expect(200);
    assert_eq!(payload_of(&server, &started)["orderId"], "1");
    let shown = server.get(first["links"]["self"].as_str().unwrap()).expect(200)["data"].take();
    assert_eq!(runs_of(&shown), 2);

    let unknown = run(&server, &first, json!({ "workflow": "none" })).expect(422);
    assert_eq!(errors(&unknown), [("invalid", "/workflow")]);
    let workflow = server.get("/v1/workflows").expect(200)["data"][0]["links"]["self"].as_str().unwrap().to_owned();
    server.call("PATCH", &workflow, json!({ "enabled": false })).expect(200);
    assert_eq!(errors(&run(&server, &first, Value::Null).expect(409)), [("conflict", "")]);
}

#[test]
fn a_filtered_transaction_says_why() {
    let server = Server::start();
    let filter = json!({ "op": "eq", "values": ["/#steps.1.request.headers.x-token", "/#steps.1.request.header.x"] });
    change(&server, "orders", json!({ "filter": filter }));
    let request = server.request("POST", &server.hook_url("orders")).header("x-token", "hush");
    let transaction = stored(&server, send(request.json(&json!({}))));
    let judgement = &transaction["meta"]["filter"];
    assert_eq!((&judgement["op"], &judgement["values"]), (&json!("eq"), &json!(["•••", null])));
    assert_eq!((&judgement["result"], &judgement["notes"][0]["pointer"]), (&json!(false), &json!("/values/1")));
}

#[test]
fn a_refused_request_that_was_kept_whole_is_accepted_once() {
    let server = Server::start();
    let path = format!("{}/refusals", link(&server, "orders"));
    let accept = |refusal: &Value| {
        server.call("POST", &format!("{path}/{}/accept", refusal["id"].as_str().unwrap()), Value::Null)
    };
    let newest = || server.get(&path).expect(200)["data"][0].take();
    // A vendor that puts what others post.
    let put = server.request("PUT", &server.hook_url("orders")).header("content-type", "application/json");
    send(put.body(ORDER)).expect(405);
    let refusal = newest();
    assert_eq!(
        (&refusal["attributes"]["whole"], &refusal["attributes"]["body"]["text"]),
        (&json!(true), &json!(ORDER))
    );
    let accepted = accept(&refusal).expect(201)["data"].take();
    assert_eq!((&accepted["meta"]["refused"], &accepted["meta"]["method"]), (&json!("method"), &json!("PUT")));
    assert_eq!((runs_of(&accepted), &accepted["attributes"]["data"]["orderId"]), (1, &json!("1")));
    assert_eq!(server.wait_for_runs().len(), 1);
    let conflict = accept(&refusal).expect(409);
    assert!(detail(&conflict).contains(accepted["id"].as_str().unwrap()), "{conflict}");
    assert_eq!(newest()["relationships"]["transaction"]["data"]["id"], accepted["id"]);

    // What can't be read is kept when it is accepted.
    post(&server, "application/json", "{").expect(400);
    let accepted = accept(&newest()).expect(201)["data"].take();
    assert_eq!((&accepted["meta"]["problem"]["reason"], runs_of(&accepted)), (&json!("malformed_json"), 0));
    // Only the beginning of a long body is kept.
    post(&server, "application/json", &"[".repeat(20_000)).expect(400);
    let long = newest();
    assert_eq!((&long["attributes"]["whole"], accept(&long).status), (&json!(false), 409));
    server.call("POST", &format!("{path}/0123456789abcdef01234567/accept"), Value::Null).expect(404);
}

#[test]
fn what_is_refused_before_its_body_is_read_keeps_the_beginning() {
    let server = Server::start();
    let path = format!("{}/refusals", link(&server, "orders"));
    let refused = |method: &str, encoding: &str| {
        let request = server.request(method, &server.hook_url("orders")).header("content-encoding", encoding);
        send(request.body("{\"a\":1}"));
        server.get(&path).expect(200)["data"][0]["attributes"].take()
    };
    for (method, encoding, reason) in [("PATCH", "", "method"), ("POST", "xz", "unsupported_media_type")] {
        let shown = refused(method, encoding);
        assert_eq!((&shown["reason"], &shown["body"]["text"]), (&json!(reason), &json!("{\"a\":1}")));
    }
    change(&server, "orders", json!({ "enabled": false }));
    assert_eq!(refused("POST", "")["body"]["text"], "{\"a\":1}");
}

#[test]
fn a_run_is_replayed_with_another_version() {
    let server = Server::start();
    server.post_hook("orders", &json!({ "orderId": "1", "email": "ann@example.com" })).expect(200);
    let run = server.wait_for_runs().remove(0);
    let workflow = server.get("/v1/workflows").expect(200)["data"][0].take();
    let mut document = workflow["attributes"]["document"].clone();
    document["description"] = json!("mended");
    server.call("PUT", workflow["links"]["self"].as_str().unwrap(), document).expect(200);
    let replay = |input: Value| server.call("POST", &format!("/v1/runs/{}/replay", run["id"].as_str().unwrap()), input);
    let version = |input: Value| replay(input).expect(201)["data"]["attributes"]["version"].clone();
    assert_eq!([Value::Null, json!({}), json!({ "version": null })].map(version), [1, 1, 1]);
    assert_eq!(
        [json!({ "version": "current" }), json!({ "version": 2 }), json!({ "version": 1 })].map(version),
        [2, 2, 1]
    );
    for (input, pointer) in [
        (json!({ "version": 3 }), "/version"),
        (json!({ "version": "2" }), "/version"),
        (json!({ "version": 0 }), "/version"),
        (json!({ "from": "2" }), "/from"),
    ] {
        assert_eq!(errors(&replay(input.clone()).expect(422)), [("invalid", pointer)], "{input}");
    }
}

#[test]
fn what_a_call_does_not_take_is_refused() {
    let server = Server::start();
    server.post_hook("orders", &json!({ "orderId": "1", "email": "ann@example.com" })).expect(200);
    let run = server.wait_for_runs().remove(0);
    let run = format!("/v1/runs/{}", run["id"].as_str().unwrap());
    for (method, path, parameter) in [
        ("POST", format!("{run}/replay?version=2"), "version"),
        ("POST", format!("{run}/cancel?why=x"), "why"),
        ("PATCH", format!("{}?enabled=false", link(&server, "orders")), "enabled"),
        ("DELETE", format!("{}?force", link(&server, "orders")), "force"),
        ("GET", "/v1/runs?workflwo=x".to_owned(), "workflwo"),
        ("GET", "/v1/hooks?pageSize=1".to_owned(), "pageSize"),
    ] {
        let refused = server.call(method, &path, Value::Null).expect(400);
        assert_eq!(errors(&refused), [("bad_parameter", parameter)], "{path}");
    }
    let rotate = format!("{}/rotate", link(&server, "orders"));
    for (method, path) in [("POST", format!("{run}/cancel")), ("POST", rotate), ("DELETE", link(&server, "orders"))] {
        let refused = server.call(method, &path, json!({ "version": 2 })).expect(422);
        assert_eq!(detail(&refused), "this call takes no body", "{path}");
    }
    let malformed = server.request("POST", &format!("{run}/replay")).bearer_auth(crate::support::server::ADMIN_KEY);
    send(malformed.body("{bad")).expect(400);
}
