//! Hooks that take mails over HTTP: what becomes of a mail, that it can be read again, and what is no mail.

use serde_json::{Value, json};

use crate::support::server::send;
use crate::support::{Answer, Server, ServerBuilder, detail, errors};

/// A text, and a file in the second part.
const MAIL: &str = "From: Ann <ann@example.com>\r\nTo: in@example.com\r\nSubject: Order 1234\r\n\
    Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n--b\r\nContent-Type: text/csv; name=\"order.csv\"\r\n\
    Content-Transfer-Encoding: base64\r\n\r\nYSxiCg==\r\n--b--\r\n";

/// A server with an e-mail hook, and a workflow that copies a mail's subject.
fn start() -> Server {
    let bundle = json!({
        "hooks": [{ "name": "inbox", "type": "email" }, { "name": "orders", "type": "form" }],
        "workflows": [{
            "name": "mails",
            "trigger": {
                "id": "1", "eventName": "hooks.email.inbox.receive", "transitions": [crate::support::always("2")]
            },
            "steps": [{ "id": "2", "action": "customer.create", "params": { "name": "/#steps.1.attributes.data.subject" } }]
        }],
    });
    let builder = ServerBuilder::bare();
    builder.write_workflow("bundle.json", &bundle.to_string());
    builder.start()
}

fn post(server: &Server, content_type: &str, body: impl Into<reqwest::blocking::Body>) -> Answer {
    let request = server.request("POST", &server.hook_url("inbox"));
    send(request.header("content-type", content_type).body(body))
}

fn stored(server: &Server, answer: Answer) -> Value {
    let answer = answer.expect(200);
    server.get(answer["data"]["links"]["self"].as_str().unwrap()).expect(200)["data"].take()
}

#[test]
fn a_workflow_sees_a_mail_and_so_does_its_replay() {
    let server = start();
    let transaction = stored(&server, post(&server, "message/rfc822", MAIL));
    let data = &transaction["attributes"]["data"];
    assert_eq!((&data["text"], &data["from"]["address"]), (&json!("hello"), &json!("ann@example.com")));
    assert_eq!(transaction["meta"]["raw"], MAIL);
    let run = server.wait_for_runs().remove(0);
    assert_eq!(server.steps(&run)[0]["output"]["attributes"]["data"], *data);
    assert_eq!(server.steps(&run)[1]["input"]["name"], "Order 1234");
    let path = format!("/v1/runs/{}/replay", run["id"].as_str().unwrap());
    let replay = server.call("POST", &path, json!({})).expect(201)["data"]["id"].take();
    let replayed = server.wait_for_runs().into_iter().find(|run| run["id"] == replay).unwrap();
    assert_eq!(server.steps(&replayed)[1]["input"]["name"], "Order 1234");
}

#[test]
fn attachments_are_served_by_the_number_of_their_part() {
    let server = start();
    let form = |field: &str| {
        let fields = [("recipient", "in@example.com"), ("sender", "ann@example.com"), (field, MAIL)];
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
    };
    let bodies = [("message/rfc822", MAIL.to_owned()), ("application/x-www-form-urlencoded", form("body-mime"))];
    for (content_type, body) in bodies {
        let transaction = stored(&server, post(&server, content_type, body));
        let attachment = &transaction["attributes"]["data"]["attachments"][0];
        assert_eq!((&attachment["name"], &attachment["part"]), (&json!("order.csv"), &json!(2)), "{transaction:#}");
        let files = format!("{}/files", transaction["links"]["self"].as_str().unwrap());
        let file = server.get(&format!("{files}/2"));
        assert_eq!((file.status, file.text.as_str()), (200, "a,b\n"));
        assert!(file.headers["content-disposition"].to_str().unwrap().contains("filename=\"order.csv\""));
        assert_eq!(errors(&server.get(&format!("{files}/1")).expect(404)), [("not_found", "")]);
    }
}

#[test]
fn the_envelope_may_come_in_headers_and_is_read_again_from_them() {
    let server = start();
    let request = server.request("POST", &server.hook_url("inbox")).header("content-type", "message/rfc822");
    let request = request.header("smtp-mail-from", "bounce@example.com").header("smtp-rcpt-to", "a@b, c@d");
    let transaction = stored(&server, send(request.body(MAIL)));
    let expected = json!({ "from": "bounce@example.com", "to": ["a@b", "c@d"], "helo": null });
    assert_eq!(transaction["attributes"]["data"]["envelope"], expected);
    let run = server.wait_for_runs().remove(0);
    assert_eq!(server.steps(&run)[0]["output"]["attributes"]["data"]["envelope"], expected);
}

#[test]
fn an_unknown_mail_format_is_kept_or_refused_with_the_known_ones() {
    let server = start();
    let samples = [
        ("text/plain", "hello", 415, "unsupported_media_type"),
        ("application/json", r#"{"subject":"hello"}"#, 400, "malformed_body"),
        ("application/x-www-form-urlencoded", "subject=hello", 400, "malformed_body"),
        ("message/rfc822", "hello", 400, "malformed_body"),
    ];
    for (content_type, body, _, reason) in samples {
        let transaction = stored(&server, post(&server, content_type, body));
        assert_eq!(transaction["meta"]["problem"]["reason"], reason, "{content_type}");
        assert_eq!((&transaction["meta"]["raw"], &transaction["attributes"]["data"]), (&json!(body), &Value::Null));
    }
    let hook = server.hook("inbox")["links"]["self"].as_str().unwrap().to_owned();
    server.call("PATCH", &hook, json!({ "unreadable": "refuse" })).expect(200);
    for (content_type, body, status, code) in samples {
        let answer = post(&server, content_type, body).expect(status);
        assert_eq!(errors(&answer), [(code, "")], "{content_type}");
    }
    assert!(detail(&post(&server, "text/plain", "hello").expect(415)).contains("`message/rfc822`"));
    assert!(server.wait_for_runs().is_empty());
}

#[test]
fn other_hooks_read_raw_mails_too() {
    let server = start();
    let request = server.request("POST", &server.hook_url("orders")).header("content-type", "message/rfc822");
    let transaction = stored(&server, send(request.body(MAIL)));
    assert_eq!(transaction["attributes"]["data"]["subject"], "Order 1234");
}

#[test]
fn the_command_that_is_shown_at_start_posts_a_mail() {
    let server = start();
    let output = crate::support::wait_for("the hooks to be shown", || {
        Some(server.output()).filter(|shown| shown.ends_with("\n\n"))
    });
    let command =
        output.split("\n\n").find(|paragraph| paragraph.contains("message/rfc822")).expect("a command is shown");
    let said = std::process::Command::new("sh").args(["-c", &format!("{command} --silent")]).output().unwrap();
    let answer: Value = serde_json::from_slice(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said:?}"));
    assert_eq!(answer["data"]["type"], "transaction");
    let run = server.wait_for_runs().remove(0);
    assert_eq!(server.steps(&run)[1]["input"]["name"], "Order 1234");
}
