//! Mails: what the mail server is given, and when it is given it again.

use serde_json::{Value, json};

use crate::support::mail::{Delivered, MailServer, Manner};
use crate::support::program::refusal;
use crate::support::{Server, ServerBuilder};

fn server_sending(mails: &MailServer, params: &Value) -> Server {
    let steps = json!([{ "id": "2", "action": "mail.send", "params": params }]);
    let builder = ServerBuilder::with_steps(steps).environment("HOOKFLOW_SMTP_URL", &mails.url());
    builder.environment("HOOKFLOW_MAIL_FROM", "Shop <shop@example.com>").environment("HOOKFLOW_LOG", "debug").start()
}

/// Sends one mail; the run that did, which shows no secret.
fn send(mails: &MailServer, params: &Value) -> Value {
    let server = server_sending(mails, params);
    let run = server.run_order(&json!({ "mail": "ann@example.com", "name": "Änn\r\nBcc: eve@example.com" }));
    assert!(!run.to_string().contains("hush") && !server.errors().contains("hush"), "{run:#}");
    run
}

fn step(run: &Value) -> &Value {
    &run["attributes"]["steps"][1]
}

fn statuses(run: &Value) -> Vec<&str> {
    step(run)["attempts"].as_array().unwrap().iter().map(|attempt| attempt["status"].as_str().unwrap()).collect()
}

fn plain() -> Value {
    json!({ "to": "ann@example.com", "subject": "Hello", "text": "Hi" })
}

#[test]
fn a_mail_is_handed_over_as_the_step_says() {
    let mails = MailServer::start(&[Manner::Takes]);
    let run = send(
        &mails,
        &json!({
            "to": ["{{{steps.1.attributes.data.mail}}}", "Bob <bob@example.com>, eva@example.com"],
            "cc": "cc@example.com", "bcc": "hidden@example.com", "replyTo": "help@example.com",
            "subject": "Für {{{steps.1.attributes.data.name}}}",
            "text": "Hi\n.\nBye", "html": "<p>Hi</p>",
            "headers": { "X-Order": 7, "List-Unsubscribe": "<https://example.com/u>", "X-Token": "hush" },
            "attachments": [{ "name": "bill.txt", "contentType": "text/plain", "content": "AAEC/w==" }],
        }),
    );
    assert_eq!(run["attributes"]["status"], "completed", "{run:#}");
    let delivered = mails.delivered();
    let [mail] = delivered.as_slice() else { panic!("{delivered:?}") };
    assert_eq!(mail.hello, "example.com");
    assert_eq!(mail.auth.as_deref(), Some("PLAIN AG1lAGh1c2g="));
    assert!(mail.from.starts_with("FROM:<shop@example.com>"), "{}", mail.from);
    let to: Vec<&str> = mail.recipients.iter().map(|line| line.trim_start_matches("TO:")).collect();
    let recipients = ["ann", "bob", "eva", "cc", "hidden"].map(|name| format!("<{name}@example.com>"));
    assert_eq!(to, recipients);
    let header = |name: &str| mail.header(name);
    assert_eq!(header("From").as_deref(), Some("Shop <shop@example.com>"));
    assert_eq!(header("Reply-To").as_deref(), Some("help@example.com"));
    assert_eq!((header("X-Order").as_deref(), header("Bcc")), (Some("7"), None));
    assert!(header("List-Unsubscribe").is_some() && header("Date").is_some());
    assert!(mail.data.contains("multipart/mixed") && mail.data.contains("multipart/alternative"), "{}", mail.data);
    assert!(mail.data.contains("AAEC/w==") && mail.data.contains("filename=\"bill.txt\""), "{}", mail.data);
    assert!(mail.data.contains("\r\n.\r\n") && mail.data.contains("<p>Hi</p>"), "{}", mail.data);

    let output = &step(&run)["output"];
    assert_eq!(header("Message-ID").as_deref(), output["messageId"].as_str());
    assert_eq!((&output["code"], output["recipients"].as_array().unwrap().len()), (&json!(250), 5));
    assert_eq!(step(&run)["attempts"][0]["statusCode"], 250);
    assert_eq!(step(&run)["input"]["attachments"][0]["content"], "(6 bytes)");
}

#[test]
fn a_busy_or_broken_mail_server_gets_the_same_mail_again() {
    let mails = MailServer::start(&[
        Manner::Greets("421 4.3.2 too busy"),
        Manner::Refuses("450 4.2.1 mailbox busy"),
        Manner::Cuts,
        Manner::Takes,
    ]);
    let run = send(&mails, &plain());
    assert_eq!(run["attributes"]["status"], "completed", "{run:#}");
    assert_eq!(statuses(&run), ["failed", "failed", "failed", "answered"]);
    let codes = step(&run)["attempts"].as_array().unwrap().iter().map(|attempt| attempt["statusCode"].clone());
    assert_eq!(codes.collect::<Vec<_>>(), [json!(421), json!(450), Value::Null, json!(250)]);
    let ids: Vec<_> = mails.delivered().iter().map(|mail: &Delivered| mail.header("Message-ID").unwrap()).collect();
    assert_eq!(ids.len(), 2, "one was cut off and one was taken");
    assert_eq!(ids[0], ids[1]);
}

#[test]
fn a_mail_that_the_server_refuses_permanently_is_not_repeated() {
    for (manner, answer, kept) in [
        (&[Manner::Refuses("550 5.1.1 not here")], "550: 5.1.1 not here", 0),
        (&[Manner::Ends("554 5.7.1 spam")], "554: 5.7.1 spam", 1),
    ] {
        let mails = MailServer::start(manner);
        let run = send(&mails, &plain());
        let error = &run["attributes"]["error"];
        assert_eq!(error["code"], "mail_failed");
        assert_eq!(error["message"], format!("{} replied {answer}", mails.address));
        assert_eq!((statuses(&run), mails.delivered().len()), (vec!["failed"], kept));
    }
}

#[test]
fn with_tls_the_certificate_of_the_server_is_checked() {
    let mails = MailServer::start_with_tls(&[Manner::Takes]);
    let steps = json!([{ "id": "2", "action": "mail.send", "params": plain() }]);
    for trusted in [false, true] {
        let mut builder =
            ServerBuilder::with_steps(steps.clone()).environment("HOOKFLOW_MAIL_FROM", "shop@example.com");
        let authority = builder.directory().join("authority.pem");
        std::fs::write(&authority, mails.authority()).expect("a file can be written");
        builder = builder.environment("HOOKFLOW_SMTP_URL", &mails.tls_url());
        if trusted {
            builder = builder.environment("SSL_CERT_FILE", authority.to_str().expect("a path of ASCII"));
        }
        let server = builder.start();
        match trusted {
            true => assert_eq!(server.run_order(&json!({}))["attributes"]["status"], "completed"),
            false => {
                let transaction = server.post_hook("orders", &json!({})).expect(200);
                assert!(transaction["data"].is_object());
                let waiting = server.wait_for_retry();
                let error = waiting["attributes"]["steps"][1]["attempts"][0]["error"].as_str().expect("it failed");
                assert!(error.contains("UnknownIssuer") || error.contains("certificate"), "{error}");
            }
        }
        assert_eq!(mails.delivered().len(), usize::from(trusted));
    }
}

#[test]
fn a_step_can_forbid_another_attempt() {
    let mails = MailServer::start(&[Manner::Ends("451 4.3.0 later")]);
    let mut params = plain();
    params["retry"] = json!({ "on": "never" });
    let run = send(&mails, &params);
    assert_eq!(run["attributes"]["error"]["code"], "mail_failed");
    assert_eq!(mails.connections(), 1);
}

#[test]
fn an_invalid_mail_is_reported_with_its_place() {
    let mails = MailServer::start(&[Manner::Takes]);
    let run = send(
        &mails,
        &json!({
            "to": ["ann@example.com", "nobody"], "from": "a@example.com, b@example.com",
            "headers": { "Subject": "x", "X Y": "z", "Content-Type": "text/html" },
            "attachments": [{ "name": "a", "content": "no Base64!" }, { "content": "" }],
        }),
    );
    let problems = run["attributes"]["error"]["problems"].as_array().expect("there are problems");
    let pointers: Vec<&str> = problems.iter().map(|problem| problem["pointer"].as_str().unwrap()).collect();
    let headers = ["/headers"; 3];
    let expected = [&["/to/1", "/from", "/text"][..], &headers, &["/attachments/0", "/attachments/1"]].concat();
    assert_eq!(pointers, expected);
    assert_eq!(mails.connections(), 0);
}

#[test]
fn without_a_mail_server_or_a_sender_the_step_says_what_to_do() {
    let steps = json!([{ "id": "2", "action": "mail.send", "params": plain() }]);
    let run = ServerBuilder::with_steps(steps.clone()).start().run_order(&json!({}));
    let message = "no mail server is configured: start hookflow with --smtp-url";
    assert_eq!(run["attributes"]["error"]["message"], message);
    let mails = MailServer::start(&[Manner::Takes]);
    let server = ServerBuilder::with_steps(steps).environment("HOOKFLOW_SMTP_URL", &mails.url()).start();
    let message = "no sender: set `from`, or start hookflow with --mail-from";
    assert_eq!(server.run_order(&json!({}))["attributes"]["error"]["message"], message);
}

#[test]
fn invalid_settings_are_refused_without_showing_them() {
    let with = |url: &str, from: &str| {
        let builder = ServerBuilder::bare().environment("HOOKFLOW_SMTP_URL", url);
        refusal(builder.environment("HOOKFLOW_MAIL_FROM", from))
    };
    for url in ["hush", "http://me:hush@example.com", "smtp://me:hush@example.com?tls=hush", "smtp:///hush"] {
        let said = with(url, "shop@example.com");
        assert!(said.starts_with("error: --smtp-url is not valid") && !said.contains("hush"), "{said}");
    }
    let said = with("smtp://localhost", "nobody");
    assert!(said.starts_with("error: --mail-from is not valid"), "{said}");
}
