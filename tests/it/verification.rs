//! Hooks that verify their senders: what passes the door and what does not, and the secrets.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::server::{Answer, send};
use crate::support::signing::{JSON, Signed, signed};
use crate::support::signing_vendors::verification;
use crate::support::{Server, ServerBuilder, detail, errors};

/// The names in the first column of the table of schemes.
fn documented() -> Vec<String> {
    let docs = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/hooks.md")).unwrap();
    let table = docs.split("### Schemes").nth(1).unwrap().split("\n### ").next().unwrap();
    table.lines().filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned())).collect()
}

fn now_s() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// A hook that verifies its senders: its address, and the one of itself.
fn hook(server: &Server, name: &str, verification: Value) -> (String, String) {
    let hook = server.create("/v1/hooks", json!({ "name": name, "verification": verification }));
    (hook["attributes"]["url"].as_str().unwrap().to_owned(), hook["links"]["self"].as_str().unwrap().to_owned())
}

fn add_secret(server: &Server, hook: &str, value: &str) -> Value {
    server.create(&format!("{hook}/secrets"), json!({ "value": value }))
}

fn post(server: &Server, url: &str, signed: &Signed) -> Answer {
    let request = server.request("POST", url).body(signed.body.clone());
    send(signed.headers.iter().fold(request, |request, (name, value)| request.header(*name, value)))
}

#[test]
fn every_documented_scheme_passes_what_is_signed_and_not_one_changed_byte() {
    let server = ServerBuilder::bare().start();
    let mut known: Vec<_> = hookflow::signature::names().chain(hookflow::signature::CUSTOM).collect();
    let mut names = documented();
    known.sort_unstable();
    names.sort_unstable();
    assert_eq!(names, known);
    for scheme in names {
        let (mut url, hook) = hook(&server, &scheme, verification(&scheme));
        let kind = match scheme.as_str() {
            "generic" => "slack",
            // Forms are tried with the published examples.
            "twilio" => {
                url.push_str(&format!("?bodySHA256={}", hex::encode(Sha256::digest(JSON))));
                "twilio json"
            }
            other => other,
        };
        let signed = signed(kind, &url, now_s());
        // Without a secret, the keys of these would be fetched.
        let fetches = ["aws_sns", "paypal", "google_pubsub", "github_public_key"].contains(&scheme.as_str());
        if !fetches {
            let without = post(&server, &url, &signed).expect(401);
            assert_eq!(errors(&without), [("not_verified", "")], "{scheme}");
            assert_eq!(detail(&without), "the hook has no secret to verify requests with");
        }

        add_secret(&server, &hook, &signed.other_secret);
        post(&server, &url, &signed).expect(401);
        add_secret(&server, &hook, &signed.secret);
        assert_eq!(post(&server, &url, &signed).status, 200, "{scheme}");
        let mut changed = signed.clone();
        match signed.signed_byte {
            Some(place) => changed.body[place] ^= 1,
            None => changed.headers[0].1.push('x'),
        }
        let refused = post(&server, &url, &changed).expect(401);
        let expected = match kind {
            "twilio json" | "vonage_jwt" | "netlify" | "plaid" | "fusionauth" | "jwt" => {
                "the signature does not cover the body"
            }
            "google_pubsub" => "the token is malformed",
            _ => "no signature matches",
        };
        assert_eq!(detail(&refused), expected, "{scheme}");
        let shown = server.get(&hook).expect(200);
        let count = if fetches { 2 } else { 3 };
        assert_eq!(shown["data"]["attributes"]["refusals"]["signature"]["count"], count, "{scheme}");
    }
}

#[test]
fn requests_are_verified_before_they_are_parsed() {
    let server = ServerBuilder::bare().start();
    let (url, hook) = hook(&server, "orders", json!({ "scheme": "github" }));
    add_secret(&server, &hook, "secret");
    let broken = Signed { body: b"{".to_vec(), ..signed("github", &url, now_s()) };
    assert_eq!(errors(&post(&server, &url, &broken).expect(401)), [("not_verified", "")]);
    let bare = post(&server, &url, &Signed { headers: vec![], ..broken }).expect(401);
    assert_eq!(detail(&bare), "the header `x-hub-signature-256` is missing or empty");
}

#[test]
fn a_signature_does_not_verify_another_query() {
    let server = ServerBuilder::bare().start();
    let draft = json!({ "name": "orders", "verification": { "scheme": "github" }, "acceptsGet": true });
    let hook = server.create("/v1/hooks", draft);
    let url = hook["attributes"]["url"].as_str().unwrap();
    let signed = signed("github", url, now_s());
    add_secret(&server, hook["links"]["self"].as_str().unwrap(), &signed.secret);
    let get = |query: &str| {
        let request = server.request("GET", &format!("{url}{query}")).body(signed.body.clone());
        send(signed.headers.iter().fold(request, |request, (name, value)| request.header(*name, value)))
    };
    let refused = get("?orderId=1").expect(401);
    assert_eq!(detail(&refused), "the signature does not cover the query, which is the payload of a GET request");
    get("").expect(200);
}

#[test]
fn secrets_are_rolled_without_a_gap_and_never_shown() {
    let server = ServerBuilder::bare().start();
    let (url, hook) = hook(&server, "orders", json!({ "scheme": "stripe" }));
    let signed = signed("stripe", &url, now_s());
    let old = add_secret(&server, &hook, &signed.secret);
    let new = add_secret(&server, &hook, &signed.other_secret);
    post(&server, &url, &signed).expect(200);
    let list = server.get(&format!("{hook}/secrets")).text;
    assert!(!list.contains(&signed.secret) && list.contains("•••"), "{list}");
    let list: Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list["data"], json!([new, old]));
    assert!(old["attributes"]["createdAt"].is_string());

    let link = |secret: &Value| secret["links"]["self"].as_str().unwrap().to_owned();
    server.call("DELETE", &link(&old), Value::Null).expect(204);
    post(&server, &url, &signed).expect(401);
    server.call("DELETE", &link(&old), Value::Null).expect(404);
    // Not under another hook's address either.
    let (_, other) = self::hook(&server, "others", json!({ "scheme": "stripe" }));
    let id = new["id"].as_str().unwrap();
    server.call("DELETE", &format!("{other}/secrets/{id}"), Value::Null).expect(404);
}

#[test]
fn an_invalid_verification_or_secret_is_reported() {
    let server = ServerBuilder::bare().start();
    let body = json!({ "name": "orders", "verification": { "scheme": "strip", "tolerance_s": "long" } });
    let answer = server.call("POST", "/v1/hooks", body).expect(422);
    assert_eq!(errors(&answer), [("invalid", "/verification/scheme"), ("invalid", "/verification/tolerance_s")]);
    let (_, signed) = hook(&server, "orders", json!({ "scheme": "sendgrid" }));
    let answer = server.call("POST", &format!("{signed}/secrets"), json!({ "value": "hush" })).expect(422);
    assert_eq!(errors(&answer), [("invalid", "/value")]);
    assert!(!answer.to_string().contains("hush"), "{answer}");
    let open = server.create("/v1/hooks", json!({ "name": "open" }));
    let secrets = format!("{}/secrets", open["links"]["self"].as_str().unwrap());
    let answer = server.call("POST", &secrets, json!({ "value": "hush" })).expect(409);
    assert_eq!(
        detail(&answer),
        "the hook's requests are not verified by a secret; give it a `verification` that is, such as `basic` or `stripe`"
    );
}

#[test]
fn a_web_hook_takes_requests_with_an_api_key_that_may_post() {
    let server = ServerBuilder::bare().start();
    let hook = server.create("/v1/hooks", json!({ "name": "orders", "type": "web" }));
    assert_eq!(hook["type"], "web_hook");
    assert_eq!(hook["attributes"]["eventName"], "hooks.web.orders.receive");
    let url = hook["attributes"]["url"].as_str().unwrap();
    let key = |role: &str| {
        let key = server.create("/v1/keys", json!({ "name": role, "role": role }));
        key["attributes"]["key"].as_str().unwrap().to_owned()
    };
    let post = |authorization: &str| {
        send(server.request("POST", url).header("authorization", authorization).json(&json!({ "orderId": "1" })))
    };
    let bare = send(server.request("POST", url).json(&json!({}))).expect(401);
    assert_eq!(detail(&bare), "the request has no API key; send `Authorization: Bearer <key>`");
    for wrong in ["Bearer nonsense", "Basic eDp5", "Bearer", &format!("Bearer {}", key("org.read"))] {
        assert_eq!(errors(&post(wrong).expect(401)), [("not_verified", "")], "{wrong}");
    }
    post(&format!("Bearer {}", key("org.hooks"))).expect(200);
    post(&format!("bearer {}", key("org.admin"))).expect(200);
    // The same secret in an address of another kind is no address.
    send(server.request("POST", &url.replace("/web/", "/form/")).json(&json!({}))).expect(404);
    // A form may ask for a key as well, and a web hook for a password instead.
    let link = hook["links"]["self"].as_str().unwrap();
    server.call("PATCH", link, json!({ "verification": { "scheme": "basic" } })).expect(200);
    add_secret(&server, link, "shop:open sesame");
    post("Basic c2hvcDpvcGVuIHNlc2FtZQ==").expect(200);
    post("Basic c2hvcDpvcGVuIHNlc2FtZR==").expect(401);
}

#[test]
fn a_file_declares_a_verification_and_keeps_one_that_it_omits() {
    let builder = ServerBuilder::bare();
    let declared = |hook: Value| json!({ "hooks": [hook] }).to_string();
    let verified = json!({ "name": "orders", "type": "form", "verification": { "scheme": "github" } });
    builder.write_workflow("orders.json", &declared(verified));
    let server = builder.start();
    let url = server.hook_url("orders");
    send(server.request("POST", &url).json(&json!({}))).expect(401);
    let hook = server.hook("orders");
    let link = hook["links"]["self"].as_str().unwrap();
    server.call("PATCH", link, json!({ "title": "Orders" })).expect(200);
    send(server.request("POST", &url).json(&json!({}))).expect(401);
    let directory = server.directory();
    std::fs::write(
        directory.path().join("workflows/orders.json"),
        declared(json!({ "name": "orders", "type": "form", "title": "All orders" })),
    )
    .unwrap();
    crate::support::wait_for("the file", || {
        (server.hook("orders")["attributes"]["title"] == "All orders").then_some(())
    });
    send(server.request("POST", &url).json(&json!({}))).expect(401);
    server.call("PATCH", link, json!({ "verification": null })).expect(200);
    send(server.request("POST", &url).json(&json!({}))).expect(200);
}
