//! Deliveries that come again.

use serde_json::{Value, json};

use crate::support::server::{Answer, send};
use crate::support::signing::{Signed, signed};
use crate::support::{Server, ServerBuilder, errors, ids};

fn post(server: &Server, url: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let request = server.request("POST", url).json(body);
    send(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)))
}

fn link(hook: &Value) -> String {
    hook["links"]["self"].as_str().expect("a hook has a link").to_owned()
}

fn set(server: &Server, deduplicate: Value) -> String {
    let hook = server.hook("orders");
    server.call("PATCH", &link(&hook), json!({ "deduplicate": deduplicate })).expect(200);
    link(&hook)
}

#[test]
fn a_duplicate_gets_the_first_answer_and_starts_nothing() {
    let server = Server::start();
    let hook = set(&server, json!({ "key": "/#steps.1.request.headers.x-delivery" }));
    let url = server.hook_url("orders");
    let order = json!({ "orderId": "1", "email": "ann@example.com", "price": "$1", "quantity": 1 });
    let first = post(&server, &url, &[("X-Delivery", "a1")], &order);
    let again = post(&server, &url, &[("X-Delivery", "a1")], &json!({ "other": true }));
    assert_eq!((again.status, &again.text), (200, &first.text));
    let other = post(&server, &url, &[("X-Delivery", "a2")], &order);
    assert_ne!(other.text, first.text);
    // Without what tells them apart, nothing is taken for the same, however much alike it looks.
    let bare = [post(&server, &url, &[], &order), post(&server, &url, &[("X-Delivery", "")], &order)];
    assert!(bare.iter().all(|answer| answer.status == 200 && answer.text != first.text));

    assert_eq!(ids(&server.get(&format!("{hook}/transactions")).expect(200)).len(), 4);
    assert_eq!(ids(&server.get("/v1/runs").expect(200)).len(), 4);
    let first: Value = serde_json::from_str(&first.text).unwrap();
    let transaction = server.get(first["data"]["links"]["self"].as_str().unwrap()).expect(200);
    assert_eq!(transaction["data"]["meta"]["duplicates"]["count"], 1);
    assert_eq!(transaction["data"]["attributes"]["data"]["orderId"], "1");
    let shown = server.get(&hook).expect(200);
    assert_eq!(shown["data"]["attributes"]["duplicates"]["count"], 1);
    assert_eq!(shown["data"]["attributes"]["refusals"], json!({}));
    assert!(server.get("/metrics").text.contains("hookflow_requests_duplicate_total 1\n"));
}

#[test]
fn a_captured_request_that_is_repeated_later_starts_runs() {
    let server = Server::start();
    let hook = set(&server, json!({ "key": "/#steps.1.request.headers.x-delivery" }));
    let url = server.hook_url("orders");
    let deliver = || post(&server, &url, &[("x-delivery", "a1")], &json!({ "email": "ann@example.com" })).text;
    server.call("PATCH", &hook, json!({ "capture": true })).expect(200);
    let captured = [deliver(), deliver()];
    server.call("PATCH", &hook, json!({ "capture": false })).expect(200);
    assert_eq!(ids(&server.get("/v1/runs").expect(200)).len(), 0);
    let first = deliver();
    assert!(captured[0] != captured[1] && !captured.contains(&first));
    assert_eq!(deliver(), first);
    assert_eq!(ids(&server.get("/v1/runs").expect(200)).len(), 1);
    assert_eq!(server.get(&hook).expect(200)["data"]["attributes"]["duplicates"]["count"], 1);
}

#[test]
fn a_key_without_values_of_the_request_detects_no_duplicates() {
    let server = Server::start();
    set(&server, json!({ "key": "{{steps.1.attributes.data.shop}}/{{steps.1.attributes.data.id}}" }));
    let url = server.hook_url("orders");
    let deliver = |order: Value| post(&server, &url, &[], &order).text;
    assert_ne!(deliver(json!({ "orderId": 1 })), deliver(json!({ "orderId": 2 })));
    assert_eq!(deliver(json!({ "id": 1 })), deliver(json!({ "id": 1 })));
    assert_eq!(ids(&server.get("/v1/runs").expect(200)).len(), 3);
}

#[test]
fn simultaneous_duplicates_make_one_transaction() {
    let server = Server::start();
    set(&server, json!({ "key": "{{steps.1.attributes.data.orderId}}/{{steps.1.request.query.shop}}" }));
    let url = format!("{}?shop=b", server.hook_url("orders"));
    let order = json!({ "orderId": 77, "email": "ann@example.com" });
    let answers: Vec<String> = std::thread::scope(|scope| {
        let posts: Vec<_> = (0..16).map(|_| scope.spawn(|| post(&server, &url, &[], &order).text)).collect();
        posts.into_iter().map(|post| post.join().unwrap()).collect()
    });
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(ids(&server.get("/v1/runs").expect(200)).len(), 1);
}

#[test]
fn the_vendors_ids_of_deliveries_are_known_and_count_only_once_verified() {
    let server = ServerBuilder::bare().start();
    let at = jiff::Timestamp::now().as_second();
    let hook = |name: &str, deduplicate: Value| {
        let hook = json!({ "name": name, "verification": { "scheme": "github" }, "deduplicate": deduplicate });
        let hook = server.create("/v1/hooks", hook);
        let secret = signed("github", "", at).secret;
        server.create(&format!("{}/secrets", link(&hook)), json!({ "value": secret }));
        hook["attributes"]["url"].as_str().unwrap().to_owned()
    };
    let deliver = |url: &str, signed: &Signed| {
        let request = server.request("POST", url).body(signed.body.clone()).header("x-github-delivery", "d1");
        send(signed.headers.iter().fold(request, |request, (name, value)| request.header(*name, value)))
    };
    let known = hook("known", Value::Null);
    let signed = signed("github", &known, at);
    let forged = Signed { headers: vec![("x-hub-signature-256", "sha256=00".to_owned())], ..signed.clone() };
    // A forger can't use an id up.
    assert_eq!(deliver(&known, &forged).status, 401);
    let first = deliver(&known, &signed);
    assert_eq!((deliver(&known, &signed).text, first.status), (first.text, 200));
    assert_eq!(deliver(&known, &forged).status, 401);
    // Another hook is another matter, and one may do without.
    let other = hook("other", json!(false));
    let answers = [deliver(&other, &signed).text, deliver(&other, &signed).text];
    assert_ne!(answers[0], answers[1]);
}

#[test]
fn a_mailgun_token_counts_once_though_the_rest_of_the_body_is_not_signed() {
    let server = ServerBuilder::bare().start();
    let hook = server.create("/v1/hooks", json!({ "name": "mail", "verification": { "scheme": "mailgun" } }));
    let url = hook["attributes"]["url"].as_str().unwrap();
    let signed = signed("mailgun", url, jiff::Timestamp::now().as_second());
    server.create(&format!("{}/secrets", link(&hook)), json!({ "value": signed.secret }));
    let mut body: Value = serde_json::from_slice(&signed.body).unwrap();
    let first = post(&server, url, &[], &body);
    body["event-data"] = json!({ "event": "forged" });
    let replayed = post(&server, url, &[], &body);
    assert_eq!((first.status, &replayed.text), (200, &first.text));
}

#[test]
fn an_invalid_deduplication_is_reported() {
    let server = Server::start();
    let hook = link(&server.hook("orders"));
    let refused = |deduplicate: Value| {
        let answer = server.call("PATCH", &hook, json!({ "deduplicate": deduplicate })).expect(422);
        (answer["errors"][0]["source"]["pointer"].as_str().unwrap().to_owned(), answer)
    };
    let (pointer, answer) = refused(json!(true));
    assert_eq!(pointer, "/deduplicate/key", "{answer}");
    let (pointer, answer) = refused(json!({ "key": "/#headers.x", "windowDays": 0, "widow": 3 }));
    let all =
        [("invalid", "/deduplicate/key"), ("invalid", "/deduplicate/windowDays"), ("invalid", "/deduplicate/widow")];
    assert_eq!((pointer.as_str(), errors(&answer)), ("/deduplicate/key", all.to_vec()));
    // With the verification goes what it knew.
    server.call("PATCH", &hook, json!({ "verification": { "scheme": "github" }, "deduplicate": true })).expect(200);
    let answer = server.call("PATCH", &hook, json!({ "verification": null })).expect(422);
    assert_eq!(errors(&answer), [("invalid", "/deduplicate/key")]);
}

#[test]
fn a_signed_id_can_not_be_reused_for_another_request() {
    let server = ServerBuilder::bare().start();
    let at = jiff::Timestamp::now().as_second();
    for scheme in ["mailgun", "svix"] {
        let hook = server.create("/v1/hooks", json!({ "name": scheme, "verification": { "scheme": scheme } }));
        let signed = signed(scheme, "", at);
        server.create(&format!("{}/secrets", link(&hook)), json!({ "value": signed.secret }));
        let url = hook["attributes"]["url"].as_str().unwrap();
        let deliver = |more: &[(&str, &str)], body: Vec<u8>| {
            let request = server.request("POST", url).body(body);
            let own = signed.headers.iter().map(|(name, value)| (*name, value.as_str()));
            send(own.chain(more.iter().copied()).fold(request, |request, (name, value)| request.header(name, value)))
        };
        let first = deliver(&[], signed.body.clone());
        assert_eq!(first.status, 200, "{scheme} {}", first.text);
        let again = match scheme {
            "svix" => deliver(&[("webhook-id", "another")], signed.body.clone()),
            _ => {
                let mut forged: Value = serde_json::from_slice(&signed.body).unwrap();
                forged["token"] = json!("another");
                forged["event-data"] = json!({ "event": "forged" });
                let parts = &forged["signature"];
                let [timestamp, token, signature] =
                    ["timestamp", "token", "signature"].map(|name| parts[name].as_str().unwrap());
                let form = format!("timestamp={timestamp}&token={token}&signature={signature}&token=another");
                let form_type = [("content-type", "application/x-www-form-urlencoded")];
                assert_eq!(deliver(&form_type, form.into_bytes()).text, first.text);
                deliver(&[], forged.to_string().into_bytes())
            }
        };
        assert_eq!(again.text, first.text, "{scheme}");
        assert_eq!(ids(&server.get(&format!("{}/transactions", link(&hook))).expect(200)).len(), 1, "{scheme}");
    }
}
