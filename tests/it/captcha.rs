//! Form hooks that ask a service whether a person posts.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::support::peer::{Gate, Peer, answer};
use crate::support::ports::free_port;
use crate::support::server::{Answer, send};
use crate::support::{Server, ServerBuilder, detail, errors, ids, link, wait_for};

const SECRET: &str = "hush-secret";
const TOKEN: &str = "hush-token";

/// A server whose hook `orders` asks this service; calls to this machine are allowed.
fn server(captcha: &Value) -> Server {
    let server = ServerBuilder::new().environment("HOOKFLOW_OUTBOUND_ALLOW", "127.0.0.0/8").start();
    server.create("/v1/variables", json!({ "name": "CAPTCHA", "value": SECRET }));
    set(&server, captcha);
    server
}

fn set(server: &Server, captcha: &Value) {
    let hook = link(&server.hook("orders"));
    server.call("PATCH", &hook, json!({ "captcha": captcha })).expect(200);
}

fn asking(peer: &Peer) -> Value {
    json!({ "provider": "recaptcha", "url": peer.url("/siteverify"), "secret": "CAPTCHA" })
}

fn post(server: &Server) -> Answer {
    server.post_hook("orders", &json!({ "orderId": "1", "g-recaptcha-response": TOKEN }))
}

fn accepted(server: &Server) -> usize {
    let hook = link(&server.hook("orders"));
    ids(&server.get(&format!("{hook}/transactions")).expect(200)).len()
}

/// The answer to a refused request, after checking that nothing was stored or raised.
fn refused(server: &Server, answer: Answer, status: u16) -> Value {
    let retry_after = answer.headers.get("retry-after").is_some();
    assert_eq!(retry_after, status == 503, "{}", answer.text);
    let refused = answer.expect(status);
    assert_eq!(accepted(server), 0);
    let log = server.errors();
    assert!(!log.contains("hush") && !refused.to_string().contains("hush"), "{refused} {log}");
    refused
}

#[test]
fn a_solved_captcha_passes() {
    let peer = Peer::answering("200 OK", r#"{"success":true,"score":0.9,"hostname":"shop.example.com"}"#);
    let server = server(&asking(&peer));
    post(&server).expect(200);
    let url = server.hook_url("orders");
    let form = server.request("POST", &url).header("content-type", "application/x-www-form-urlencoded");
    send(form.body(format!("orderId=1&g-recaptcha-response={TOKEN}"))).expect(200);
    send(server.request("POST", &url).header("G-Recaptcha-Response", TOKEN).json(&json!({ "orderId": "1" })))
        .expect(200);
    assert_eq!(accepted(&server), 3);
    let received = peer.received();
    assert_eq!(received.len(), 3);
    for asked in received {
        assert!(asked.head.starts_with("POST /siteverify HTTP/1.1\r\n"), "{}", asked.head);
        assert_eq!(asked.header("content-type"), Some("application/x-www-form-urlencoded"));
        assert_eq!(asked.body, format!("secret={SECRET}&response={TOKEN}&remoteip=127.0.0.1"));
    }
    assert!(!server.errors().contains("hush"), "{}", server.errors());
}

#[test]
fn an_unsolved_captcha_is_refused() {
    let (unsolved, elsewhere) = (
        "the captcha was not solved, or its token has expired or been used",
        "the captcha was solved for another page or action",
    );
    let answers = [
        (r#"{"success":false,"error-codes":["timeout-or-duplicate"]}"#, unsolved),
        (r#"{"success":false,"score":0.9,"hostname":"shop.example.com","action":"order"}"#, unsolved),
        (
            r#"{"success":true,"score":0.49,"hostname":"shop.example.com","action":"order"}"#,
            "the captcha score is too low",
        ),
        (r#"{"success":true,"score":0.9,"hostname":"evil.test","action":"order"}"#, elsewhere),
        (r#"{"success":true,"score":0.9,"action":"order"}"#, elsewhere),
        (r#"{"success":true,"score":0.9,"hostname":"shop.example.com","action":"login"}"#, elsewhere),
    ];
    let peer = Peer::start(move |number, stream| answer(stream, "200 OK", answers[number].0));
    let mut captcha = asking(&peer);
    captcha["hostname"] = json!("shop.example.com");
    captcha["action"] = json!("order");
    let server = server(&captcha);
    for (said, why) in answers {
        let answer = refused(&server, post(&server), 403);
        assert_eq!((errors(&answer), detail(&answer)), (vec![("not_human", "")], why), "{said}");
    }
    let hook = server.get(&link(&server.hook("orders"))).expect(200);
    assert_eq!(hook["data"]["attributes"]["refusals"]["not_human"]["count"], answers.len());
}

#[test]
fn the_service_is_not_called_without_a_usable_token() {
    let peer = Peer::answering("200 OK", r#"{"success":true}"#);
    let server = server(&asking(&peer));
    for body in
        [json!({}), json!({ "g-recaptcha-response": "" }), json!({ "g-recaptcha-response": [TOKEN] }), json!([1])]
    {
        let answer = refused(&server, server.post_hook("orders", &body), 403);
        assert_eq!(detail(&answer), "the captcha token is missing; send it as `g-recaptcha-response`");
    }
    let long = json!({ "g-recaptcha-response": "a".repeat(8_193) });
    let answer = refused(&server, server.post_hook("orders", &long), 403);
    assert_eq!(detail(&answer), "the captcha token is longer than 8192 bytes");
    assert!(peer.received().is_empty());
}

#[test]
fn the_token_is_not_shown_with_what_is_refused() {
    let peer = Peer::answering("200 OK", r#"{"success":false}"#);
    let server = server(&asking(&peer));
    let (url, hook) = (server.hook_url("orders"), link(&server.hook("orders")));
    let part =
        |name: &str, value: &str| format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    let parts = |token: &str| format!("{}{}--x--", part("g-recaptcha-response", token), part("orderId", "77"));
    let (multipart, form) = ("multipart/form-data; boundary=x", "application/x-www-form-urlencoded");
    let json = format!(r#"{{"g-recaptcha-response":"{TOKEN}","orderId":"77"}}"#);
    let mistaken = format!(r#"{{"g-recaptcha-response":"{TOKEN}",}}"#);
    for (content_type, body, shown) in [
        ("application/json", json.clone(), Some(json.replace(TOKEN, "•••"))),
        (
            form,
            format!("orderId=77&g-recaptcha-response={TOKEN}"),
            Some("orderId=77&g-recaptcha-response=•••".to_owned()),
        ),
        (
            form,
            "g-recaptcha-response=hush%2Fa&orderId=77".to_owned(),
            Some("g-recaptcha-response=•••&orderId=77".to_owned()),
        ),
        (multipart, parts(TOKEN), Some(parts("•••"))),
        ("application/json", r#"{"orderId":"#.to_owned(), Some(r#"{"orderId":"#.to_owned())),
        // Nobody knows for sure where the token is.
        ("application/json", mistaken, None),
        ("text/plain", json, None),
        (form, format!("g-recaptcha-response={TOKEN}&g-recaptcha-response=hush"), None),
        (form, "g-recaptcha-response=hus%68".to_owned(), None),
    ] {
        let request = server.request("POST", &format!("{url}?g-recaptcha-response=hush"));
        let request = request.header("G-Recaptcha-Response", "hush").header("content-type", content_type);
        assert!([400, 403].contains(&send(request.body(body.clone())).status), "{body}");
        let list = server.get(&format!("{hook}/refusals?pageSize=1")).expect(200);
        let refusal = &list["data"][0]["attributes"];
        assert_eq!(refusal["body"]["text"].as_str(), shown.as_deref(), "{content_type} {body}");
        assert!(!list.to_string().contains("hush"), "{list}");
    }
}

#[test]
fn no_request_passes_if_the_service_gives_an_invalid_answer() {
    let yes = r#"{"success":true,"score":0.9}"#;
    let lies: [(&str, &str); 10] = [
        ("200 OK", r#"{"success":"true"}"#),
        ("200 OK", "true"),
        ("200 OK", "{"),
        ("200 OK", ""),
        ("201 Created", yes),
        ("500 Internal Server Error", yes),
        ("302 Found\r\nlocation: /elsewhere", yes),
        ("503 Service Unavailable", r#"{"success":false}"#),
        ("200 OK", r#"{"success":false,"error-codes":["invalid-input-secret"]}"#),
        ("200 OK", r#"{"success":true}"#),
    ];
    let peer = Peer::start(move |number, stream| match lies.get(number) {
        Some((status, body)) => answer(stream, status, body),
        None if number == lies.len() => drop(stream.write_all(b"nonsense\r\n\r\n")),
        // More than anybody reads.
        None => {
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"success\":true,\"a\":\"");
            while stream.write_all(&[b'a'; 65_536]).is_ok() {}
        }
    });
    let mut captcha = asking(&peer);
    captcha["minimumScore"] = json!(0.3);
    let server = server(&captcha);
    for number in 0..lies.len() + 2 {
        let answer = refused(&server, post(&server), 503);
        assert_eq!(errors(&answer), [("captcha_unavailable", "")], "{number}");
    }
    assert_eq!(peer.received().len(), lies.len() + 2);
    let log = server.errors();
    assert_eq!(log.matches("the captcha could not be verified").count(), lies.len() + 2, "{log}");
    assert!(log.contains("invalid-input-secret"), "{log}");
}

#[test]
fn no_request_passes_if_the_service_is_unreachable() {
    let unreachable = json!({ "url": format!("http://127.0.0.1:{}/", free_port()), "field": "g-recaptcha-response", "secret": "CAPTCHA" });
    let server = server(&unreachable);
    refused(&server, post(&server), 503);
    // The policy for outgoing calls holds here too.
    let mut metadata = unreachable.clone();
    metadata["url"] = json!("http://169.254.169.254/");
    set(&server, &metadata);
    refused(&server, post(&server), 503);
    server.wait_for_log("169.254.169.254 may not be called");
    // Nor is there a check without a secret.
    let peer = Peer::answering("200 OK", r#"{"success":true}"#);
    let mut nameless = asking(&peer);
    nameless["secret"] = json!("NOBODY");
    set(&server, &nameless);
    refused(&server, post(&server), 503);
    server.wait_for_log("the org has no variable `NOBODY`");
    assert!(peer.received().is_empty());
}

#[test]
fn a_stalled_service_holds_a_bounded_number_of_requests_briefly() {
    let gate = Gate::default();
    let held = gate.clone();
    let peer = Peer::start(move |_, stream| {
        held.pass();
        answer(stream, "200 OK", r#"{"success":true}"#);
    });
    let server = server(&asking(&peer));
    let url = server.hook_url("orders");
    let payload = json!({ "g-recaptcha-response": TOKEN });
    let seen = Mutex::new(BTreeSet::new());
    // Some wait until they time out, and those beyond the limit are refused at once.
    let keep_posting = || {
        wait_for("both answers", || {
            let answer = send(server.request("POST", &url).json(&payload)).expect(503);
            let mut seen = seen.lock().unwrap();
            seen.insert(errors(&answer)[0].0.to_owned());
            (seen.len() == 2).then_some(())
        });
    };
    std::thread::scope(|scope| (0..66).for_each(|_| drop(scope.spawn(keep_posting))));
    assert_eq!(seen.into_inner().unwrap().into_iter().collect::<Vec<_>>(), ["captcha_unavailable", "overloaded"]);
    assert_eq!(accepted(&server), 0);
    gate.open();
    post(&server).expect(200);
}

#[test]
fn a_captcha_is_for_forms_and_an_invalid_one_is_reported() {
    let server = ServerBuilder::bare().start();
    let captcha = json!({ "provider": "turnstile", "secret": "S", "minimumScore": 0.5 });
    let draft = json!({ "name": "a", "captcha": captcha });
    assert_eq!(errors(&server.call("POST", "/v1/hooks", draft).expect(422)), [("invalid", "/captcha/minimumScore")]);
    let captcha = json!({ "provider": "turnstile", "secret": "S" });
    let draft = json!({ "name": "a", "type": "web", "captcha": captcha });
    let answer = server.call("POST", "/v1/hooks", draft).expect(422);
    assert_eq!(errors(&answer), [("invalid", "/captcha")]);
    assert_eq!(detail(&answer), "only form hooks can have a captcha");
}
