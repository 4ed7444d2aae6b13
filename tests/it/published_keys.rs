//! Keys that vendors publish: fetched once, kept, and refused with an answer that makes senders repeat.

use serde_json::{Value, json};

use crate::support::peer::{Gate, Peer, answer};
use crate::support::server::{Answer, send};
use crate::support::signing_vendors::{CERTIFICATE, TOPIC, jwks, rsa_token, sns_confirmation, sns_notification};
use crate::support::{Server, ServerBuilder, detail, errors, ids, link, wait_for};

fn server() -> Server {
    ServerBuilder::bare().environment("HOOKFLOW_OUTBOUND_ALLOW", "127.0.0.0/8").start()
}

fn now() -> String {
    jiff::Timestamp::now().to_string()
}

fn sns_hook(server: &Server, peer: &Peer, kind: &str) -> Value {
    let verification = json!({ "scheme": "aws_sns", "topic": [TOPIC], "keys_url": peer.url("/") });
    server.create("/v1/hooks", json!({ "name": format!("sns-{kind}"), "type": kind, "verification": verification }))
}

fn post(server: &Server, hook: &Value, body: String) -> Answer {
    let url = hook["attributes"]["url"].as_str().unwrap();
    send(server.request("POST", url).header("content-type", "text/plain; charset=UTF-8").body(body))
}

/// A notification whose certificate is at the peer.
fn notification(peer: &Peer) -> String {
    sns_notification(r#"{"orderId":"4711"}"#, &now(), &peer.url("/certificate.pem"))
}

#[test]
fn concurrent_requests_fetch_a_certificate_once() {
    let gate = Gate::default();
    let opened = gate.clone();
    let peer = Peer::start(move |_, stream| {
        opened.pass();
        answer(stream, "200 OK", CERTIFICATE);
    });
    let server = server();
    let hook = sns_hook(&server, &peer, "form");
    std::thread::scope(|scope| {
        let posts: Vec<_> = (0..4).map(|_| scope.spawn(|| post(&server, &hook, notification(&peer)))).collect();
        wait_for("the fetch", || (!peer.received().is_empty()).then_some(()));
        gate.open();
        posts.into_iter().for_each(|post| drop(post.join().unwrap().expect(200)));
    });
    post(&server, &hook, notification(&peer)).expect(200);
    let received = peer.received();
    assert_eq!(received.len(), 1);
    assert!(received[0].head.starts_with("GET /certificate.pem HTTP/1.1\r\n"), "{}", received[0].head);
    let forged = post(&server, &hook, notification(&peer).replace("4711", "4712")).expect(401);
    assert_eq!(detail(&forged), "no signature matches");
}

#[test]
fn a_message_declared_as_text_is_read_as_json() {
    let peer = Peer::answering("200 OK", CERTIFICATE);
    let server = server();
    let hook = sns_hook(&server, &peer, "form");
    let stored = post(&server, &hook, notification(&peer)).expect(200);
    let transaction = server.get(stored["data"]["links"]["self"].as_str().unwrap()).expect(200);
    assert_eq!(transaction["data"]["attributes"]["data"]["TopicArn"], TOPIC);
    // The id is signed, so a repeated message is a duplicate.
    post(&server, &hook, notification(&peer)).expect(200);
    assert_eq!(ids(&server.get(&format!("{}/transactions", link(&hook))).expect(200)).len(), 1);
}

#[test]
fn keys_that_cannot_be_had_make_the_sender_repeat() {
    let peer = Peer::start(|number, stream| match number {
        0 => answer(stream, "500 Internal Server Error", ""),
        1 => answer(stream, "200 OK", "no key"),
        _ => answer(stream, "200 OK", CERTIFICATE),
    });
    let server = server();
    let hook = sns_hook(&server, &peer, "form");
    for _ in 0..2 {
        let refused = post(&server, &hook, notification(&peer));
        assert!(refused.headers.get("retry-after").is_some());
        let refused = refused.expect(503);
        assert_eq!(errors(&refused), [("keys_unavailable", "")]);
        assert_eq!(detail(&refused), "the sender's public keys cannot be fetched at the moment; try again");
    }
    assert!(server.errors().contains("the sender's public keys can't be fetched"));
    wait_for("another fetch", || (post(&server, &hook, notification(&peer)).status == 200).then_some(()));
}

#[test]
fn keys_are_not_fetched_from_this_network_unless_it_is_allowed() {
    let peer = Peer::answering("200 OK", CERTIFICATE);
    let server = ServerBuilder::bare().start();
    let hook = sns_hook(&server, &peer, "form");
    post(&server, &hook, notification(&peer)).expect(503);
    assert!(peer.received().is_empty());
    let elsewhere =
        sns_notification("hi", &now(), "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0.pem");
    let refused = post(&server, &hook, elsewhere).expect(401);
    assert_eq!(detail(&refused), "the address of the certificate is not the vendor's");
}

#[test]
fn a_subscription_to_a_topic_is_confirmed() {
    let peer = Peer::start_reading(|number, received, stream| match received.head.contains("/certificate.pem") {
        true => answer(stream, "200 OK", CERTIFICATE),
        false if number == 1 => answer(stream, "500 Internal Server Error", ""),
        false => answer(stream, "200 OK", "<ConfirmSubscriptionResponse/>"),
    });
    let server = server();
    let hook = sns_hook(&server, &peer, "form");
    let confirmation = |subscribe: &str| sns_confirmation(&now(), &peer.url("/certificate.pem"), subscribe);
    let subscribe = peer.url("/?Action=ConfirmSubscription&Token=token");
    let failed = post(&server, &hook, confirmation(&subscribe)).expect(503);
    assert_eq!(detail(&failed), "the subscription cannot be confirmed at the moment; try again");
    let confirmed = post(&server, &hook, confirmation(&subscribe)).expect(200);
    assert_eq!(confirmed, json!({ "confirmed": true }));
    let received = peer.received();
    assert_eq!(received.len(), 3);
    let called = &received[2].head;
    assert!(called.starts_with("GET /?Action=ConfirmSubscription&Token=token HTTP/1.1\r\n"), "{called}");
    assert!(ids(&server.get(&format!("{}/transactions", link(&hook))).expect(200)).is_empty());
    let shown = server.get(&link(&hook)).expect(200);
    assert_eq!(shown["data"]["attributes"]["challenges"]["count"], 1);
    // Another address is not called: the message is an event like any other.
    post(&server, &hook, confirmation("https://evil.example/?Action=ConfirmSubscription")).expect(200);
    assert_eq!(peer.received().len(), 3);
}

#[test]
fn tokens_are_verified_with_a_published_set_of_keys() {
    let peer = Peer::start_reading(|_, _, stream| {
        let keys: &'static str = jwks("k1").leak();
        answer(stream, "200 OK", keys);
    });
    let server = server();
    let verification = json!({
        "scheme": "jwt", "algorithms": ["RS256"], "claims": { "aud": "orders" }, "keys_url": peer.url("/jwks.json"),
    });
    let hook = server.create("/v1/hooks", json!({ "name": "tokens", "verification": verification }));
    let post = |id: &str, audience: &str| {
        let claims = json!({ "aud": audience, "exp": jiff::Timestamp::now().as_second() + 60 });
        let request = server.request("POST", hook["attributes"]["url"].as_str().unwrap());
        send(request.header("authorization", format!("Bearer {}", rsa_token(id, &claims))).json(&json!({ "a": 1 })))
    };
    post("k1", "orders").expect(200);
    let refused = post("k1", "others").expect(401);
    assert_eq!(detail(&refused), "the token's claim `aud` does not match");
    // An unknown id does not have the document fetched again at once.
    for _ in 0..3 {
        assert_eq!(detail(&post("k2", "orders").expect(401)), "no signature matches");
    }
    assert_eq!(peer.received().len(), 1);
}
