//! Set-up challenges: each vendor's request and its answer, and what is not answered.

use reqwest::blocking::RequestBuilder;
use serde_json::{Value, json};

use crate::support::server::{Answer, send};
use crate::support::signing::{Signed, signed, signed_body};
use crate::support::signing_vendors::verification;
use crate::support::{Server, ServerBuilder, detail, errors, ids, link};

const SECRET: &str = "the-shared-secret";

fn page() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/hooks.md")).unwrap()
}

/// The rows of the documented table: the challenge's name, and the code in the two other cells.
fn documented() -> Vec<[Vec<String>; 3]> {
    let page = page();
    let section = page.split("\n## Set-up challenges\n").nth(1).unwrap().split("\n## ").next().unwrap().to_owned();
    let code = |cell: &str| cell.split('`').skip(1).step_by(2).map(|code| code.replace(r"\|", "|")).collect::<Vec<_>>();
    let rows = section.lines().filter(|line| line.starts_with("| `")).skip(1);
    rows.map(|row| {
        let cells: Vec<Vec<String>> = row.trim_matches('|').split(" | ").map(code).collect();
        cells.try_into().unwrap_or_else(|_| panic!("three cells in {row}"))
    })
    .collect()
}

/// The hook of a vendor that is asked to set itself up, with its address and its secret.
fn hook(server: &Server, challenge: &str) -> Value {
    let is_scheme = hookflow::signature::preset(challenge).is_some();
    let setting =
        if is_scheme { json!({ "verification": verification(challenge) }) } else { json!({ "challenge": challenge }) };
    let mut draft = json!({ "name": challenge });
    draft.as_object_mut().unwrap().extend(setting.as_object().unwrap().clone());
    let hook = server.create("/v1/hooks", draft);
    if is_scheme {
        add_secret(server, &hook, SECRET);
    }
    hook
}

fn add_secret(server: &Server, hook: &Value, value: &str) {
    server.create(&format!("{}/secrets", link(hook)), json!({ "value": value }));
}

fn url(hook: &Value) -> &str {
    hook["attributes"]["url"].as_str().unwrap()
}

/// The hook's address with a query.
fn asking(hook: &Value, query: &[(&str, &str)]) -> String {
    url::Url::parse_with_params(url(hook), query).unwrap().into()
}

fn signed_by(request: RequestBuilder, signed: &Signed) -> RequestBuilder {
    signed.headers.iter().fold(request, |request, (name, value)| request.header(*name, value))
}

/// The request that a row says, signed if its vendor signs.
fn asked(server: &Server, hook: &Value, challenge: &str, request: &[String]) -> RequestBuilder {
    let query = request.iter().find(|part| part.starts_with('?')).map_or("", String::as_str);
    let body = request.iter().find(|part| part.starts_with(['{', '['])).map_or("", String::as_str);
    let mut asked = server.request(&request[0], &format!("{}{query}", url(hook)));
    for (name, value) in
        request[1..].iter().filter_map(|part| part.split_once(": ").filter(|_| !part.starts_with(['?', '{', '['])))
    {
        asked = asked.header(name, value);
    }
    if body.is_empty() {
        return asked;
    }
    let asked = asked.header("content-type", "application/json").body(body.to_owned());
    match hookflow::signature::preset(challenge) {
        Some(_) => signed_by(asked, &signed_body(challenge, "", jiff::Timestamp::now().as_second(), body.as_bytes())),
        None => asked,
    }
}

fn assert_answered(row: &[Vec<String>; 3], answer: &Answer) {
    let [name, _, expected] = row;
    assert_eq!(answer.status, 200, "{name:?} {}", answer.text);
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    let content_type = answer.headers.get("content-type").map_or("", |value| value.to_str().unwrap());
    match expected.as_slice() {
        [media_type, body] if media_type.contains('/') => {
            assert!(content_type.starts_with(media_type), "{name:?} {content_type}");
            assert_eq!(answer.text, *body, "{name:?}");
        }
        headers => {
            assert_eq!(answer.text, "", "{name:?}");
            for header in headers {
                let (header, value) = header.split_once(": ").unwrap();
                assert_eq!(answer.headers[header], value, "{name:?}");
            }
        }
    }
}

#[test]
fn every_documented_challenge_is_answered_and_starts_nothing() {
    let server = ServerBuilder::bare().arguments(&["--log", "hookflow=debug"]).start();
    let rows = documented();
    let names: Vec<&str> = rows.iter().map(|row| row[0][0].as_str()).collect();
    assert_eq!(names, hookflow::hook::Challenge::NAMES.map(|(word, _)| word));
    for row in &rows {
        let name = row[0][0].as_str();
        let hook = hook(&server, name);
        assert_answered(row, &send(asked(&server, &hook, name, &row[1])));
        let allowed = send(server.request("PUT", url(&hook))).headers["allow"].to_str().unwrap().to_owned();
        assert!(allowed.split(", ").any(|method| method == row[1][0]), "{name} {allowed}");
        let shown = server.get(&link(&hook)).expect(200)["data"]["attributes"].take();
        assert_eq!(shown["challenges"]["count"], 1, "{name}");
        assert!(shown["challenges"]["lastAt"].is_string(), "{name}");
        assert_eq!(shown["refusals"].as_object().unwrap().keys().collect::<Vec<_>>(), ["method"], "{name}");
        assert!(ids(&server.get(&format!("{}/transactions", link(&hook))).expect(200)).is_empty(), "{name}");
        // A hook that answers no challenges treats the same request like any other, and echoes nothing.
        server.call("PATCH", &link(&hook), json!({ "challenge": false })).expect(200);
        let other = send(asked(&server, &hook, name, &row[1]));
        let is_accepted = other.status == 200 && other.text.contains("\"type\":\"transaction\"");
        assert!(is_accepted || other.status == 405 || other.status == 400, "{name} {} {}", other.status, other.text);
        // Its deliveries are forms that contain the signature.
        if name == "braintree" {
            continue;
        }
        // What is not the challenge is a delivery like any other.
        server.call("PATCH", &link(&hook), json!({ "challenge": name })).expect(200);
        let body = br#"{"event":"x","challenge":"y","payload":{"plainToken":"z"}}"#;
        let delivery =
            server.request("POST", url(&hook)).header("content-type", "application/json").body(body.to_vec());
        let delivery = match hookflow::signature::preset(name) {
            Some(_) => signed_by(delivery, &signed_body(name, "", jiff::Timestamp::now().as_second(), body)),
            None => delivery,
        };
        assert!(send(delivery).expect(200)["data"]["id"].is_string(), "{name}");
    }
    assert!(server.get("/metrics").text.contains(&format!("hookflow_challenges_answered_total {}\n", rows.len())));
    let log = server.errors();
    assert!(log.contains("answered the setup challenge of slack"), "{log}");
    assert!(!log.contains("3eZbrw1aBm2r") && !log.contains("b537207f20cb") && !log.contains(SECRET), "{log}");
}

#[test]
fn a_challenge_in_a_body_has_to_be_signed() {
    let server = ServerBuilder::bare().start();
    for row in documented().iter().filter(|row| ["github", "slack", "zoom"].contains(&row[0][0].as_str())) {
        let hook = hook(&server, &row[0][0]);
        let body = row[1].last().unwrap().clone();
        let unsigned = server.request("POST", url(&hook)).header("x-github-event", "ping").body(body);
        let refused = send(unsigned).expect(401);
        assert_eq!(errors(&refused), [("not_verified", "")], "{row:?}");
        let shown = server.get(&link(&hook)).expect(200);
        assert_eq!(shown["data"]["attributes"]["challenges"], json!({ "count": 0, "lastAt": null }));
    }
}

#[test]
fn a_subscription_needs_the_verify_token() {
    let server = ServerBuilder::bare().start();
    let subscribe = |hook: &Value, token: &str| {
        let query = [("hub.mode", "subscribe"), ("hub.challenge", "<b>7</b>"), ("hub.verify_token", token)];
        send(server.request("GET", &asking(hook, &query)))
    };
    let hook = hook(&server, "meta");
    let hash = hook["attributes"]["hash"].as_str().unwrap();
    for token in [hash, SECRET] {
        let answer = subscribe(&hook, token);
        assert_eq!((answer.status, answer.text.as_str()), (200, "<b>7</b>"));
        assert_eq!(answer.headers["content-type"], "text/plain; charset=utf-8");
    }
    for token in ["", "the-shared-secre", "the-shared-secret2", &hash[1..]] {
        let refused = subscribe(&hook, token).expect(403);
        assert_eq!(errors(&refused), [("challenge_failed", "")]);
        assert!(!refused.to_string().contains("<b>"), "{refused}");
    }
    // Without a challenge, or for something else than a subscription, it is no challenge.
    for query in ["?hub.mode=subscribe&hub.verify_token=the-shared-secret", "?hub.mode=other&hub.challenge=7", ""] {
        send(server.request("GET", &format!("{}{query}", url(&hook)))).expect(405);
    }
    let refusals = server.get(&format!("{}/refusals?reason=challenge_failed", link(&hook))).expect(200);
    assert_eq!(refusals["data"][0]["attributes"]["query"].as_str().unwrap().matches("•••").count(), 1, "{refusals}");
    // A hook that asks for nothing asks for no token either.
    let open = server.create("/v1/hooks", json!({ "name": "open", "challenge": "strava" }));
    assert_eq!(subscribe(&open, "whatever").expect(200), json!({ "hub.challenge": "<b>7</b>" }));
    // An API key is nothing that a vendor knows.
    let keyed = server.create("/v1/hooks", json!({ "name": "keyed", "type": "web", "challenge": "meta" }));
    subscribe(&keyed, "whatever").expect(403);
}

#[test]
fn x_does_not_get_a_request_signed_by_asking() {
    let server = ServerBuilder::bare().start();
    let hook = hook(&server, "twitter");
    let ask = |token: &str| send(server.request("GET", &asking(&hook, &[("crc_token", token)])));
    let forged = std::str::from_utf8(crate::support::signing::JSON).unwrap();
    for token in [forged, "", "a b", &"a".repeat(257)] {
        let refused = ask(token);
        assert!(!refused.text.contains("sha256="), "{}", refused.text);
        assert_eq!(errors(&refused.expect(403)), [("challenge_failed", "")]);
    }
    // With a newer secret, X is answered by that one.
    let before = ask("abc").expect(200);
    add_secret(&server, &hook, "another-secret");
    let after = ask("abc").expect(200);
    assert_ne!(before, after);
    let bare = server.create("/v1/hooks", json!({ "name": "bare", "verification": { "scheme": "twitter" } }));
    let refused = send(server.request("GET", &asking(&bare, &[("crc_token", "abc")]))).expect(401);
    assert_eq!(detail(&refused), "the hook has no secret to verify requests with");
}

#[test]
fn zoom_is_answered_by_the_secret_that_it_signed_with() {
    let server = ServerBuilder::bare().start();
    let hook = hook(&server, "zoom");
    add_secret(&server, &hook, "a-newer-secret");
    let row = documented().into_iter().find(|row| row[0][0] == "zoom").unwrap();
    assert_answered(&row, &send(asked(&server, &hook, "zoom", &row[1])));
}

#[test]
fn a_challenge_that_is_too_long_is_refused() {
    let server = ServerBuilder::bare().start();
    let long = "a".repeat(4_097);
    for (challenge, method) in [("dropbox", "GET"), ("microsoft", "POST"), ("asana", "POST"), ("okta", "GET")] {
        let hook = hook(&server, challenge);
        let address = asking(&hook, &[("challenge", &long), ("validationToken", &long)]);
        let request = server.request(method, &address);
        let request = request.header("x-hook-secret", &long).header("x-okta-verification-challenge", &long);
        let refused = send(request);
        assert!(!refused.text.contains(&long) && !refused.headers.contains_key("x-hook-secret"));
        assert_eq!(errors(&refused.expect(403)), [("challenge_failed", "")], "{challenge}");
    }
}

#[test]
fn a_disabled_hook_answers_no_challenge_and_a_disabled_workflow_does_not_matter() {
    let server = Server::start();
    let hook = server.hook("orders");
    server.call("PATCH", &link(&hook), json!({ "challenge": "microsoft" })).expect(200);
    let workflow = server.get("/v1/workflows").expect(200)["data"][0].take();
    server.call("PATCH", &link(&workflow), json!({ "enabled": false })).expect(200);
    let ask = || send(server.request("GET", &format!("{}?validationToken=a%20b", url(&hook))));
    assert_eq!(ask().text, "a b");
    server.call("PATCH", &link(&hook), json!({ "enabled": false })).expect(200);
    ask().expect(503);
}

#[test]
fn an_invalid_challenge_is_reported() {
    let server = ServerBuilder::bare().start();
    let refused = |challenge: Value| {
        let answer = server.call("POST", "/v1/hooks", json!({ "name": "a", "challenge": challenge })).expect(422);
        assert_eq!(errors(&answer), [("invalid", "/challenge")]);
        detail(&answer).to_owned()
    };
    assert_eq!(refused(json!("slak")), "unknown challenge `slak`; did you mean `slack`?");
    assert!(refused(json!("zoom")).ends_with("set `verification` to {\"scheme\": \"zoom\"}"));
    assert!(refused(json!(true)).starts_with("expected a vendor whose challenges"));
}

#[test]
fn some_vendors_get_the_answer_that_they_expect() {
    let server = ServerBuilder::bare().start();
    for (scheme, content_type, expected) in [
        ("twilio", "text/xml", "<Response/>"),
        ("adyen", "text/plain", "[accepted]"),
        ("adyen_payload", "text/plain", "[accepted]"),
    ] {
        let hook = server.create("/v1/hooks", json!({ "name": scheme, "verification": { "scheme": scheme } }));
        let signed = signed(scheme, url(&hook), jiff::Timestamp::now().as_second());
        add_secret(&server, &hook, &signed.secret);
        let request = server.request("POST", url(&hook)).body(signed.body.clone());
        let answer = send(signed_by(request, &signed));
        assert_eq!((answer.status, answer.text.as_str()), (200, expected), "{scheme}");
        assert_eq!(answer.headers["content-type"], content_type);
        assert_eq!(ids(&server.get(&format!("{}/transactions", link(&hook))).expect(200)).len(), 1);
        send(server.request("POST", url(&hook)).body("{}")).expect(401);
    }
}
