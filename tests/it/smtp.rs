//! The SMTP listener of the real program: with a real client, and with what a client should not do.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use lettre::message::{Attachment, MultiPart, header::ContentType};
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{Message, SmtpTransport, Transport};
use serde_json::{Value, json};

use crate::support::audit::all_pages;
use crate::support::random::Random;
use crate::support::smtp::{Client, address};
use crate::support::{Server, ServerBuilder, always, ids};

/// A server with two e-mail hooks, one of which starts a workflow, and hooks that take no mail.
fn builder() -> ServerBuilder {
    let bundle = json!({
        "hooks": [
            { "name": "inbox", "type": "email" }, { "name": "archive", "type": "email" },
            { "name": "signed", "type": "email", "verification": { "scheme": "mailgun" } },
            { "name": "orders", "type": "form" },
        ],
        "workflows": [{
            "name": "mails",
            "trigger": { "id": "1", "eventName": "hooks.email.inbox.receive", "transitions": [always("2")] },
            "steps": [{ "id": "2", "action": "customer.create", "params": { "name": "/#steps.1.attributes.data.subject" } }]
        }],
    });
    let builder = ServerBuilder::bare();
    builder.write_workflow("bundle.json", &bundle.to_string());
    builder.arguments(&["--smtp-listen", "127.0.0.1:0"]).environment("HOOKFLOW_LOG", "debug")
}

fn hash(server: &Server, hook: &str) -> String {
    server.hook(hook)["attributes"]["hash"].as_str().unwrap().to_owned()
}

/// The address of a hook for mails.
fn mailbox(server: &Server, hook: &str) -> String {
    format!("{}@in.example.com", hash(server, hook))
}

/// What a hook accepted, newest first.
fn transactions(server: &Server, hook: &str) -> Vec<Value> {
    all_pages(server, &format!("{}/transactions?pageSize=500", server.hook(hook)["links"]["self"].as_str().unwrap()))
}

fn refusals(server: &Server, hook: &str, reason: &str) -> Value {
    let hook = server.get(server.hook(hook)["links"]["self"].as_str().unwrap()).expect(200);
    hook["data"]["attributes"]["refusals"][reason]["count"].clone()
}

fn transport(server: &Server, tls: Tls) -> SmtpTransport {
    SmtpTransport::builder_dangerous("127.0.0.1").port(address(server).port()).tls(tls).build()
}

/// A mail with a text, a page and a file.
fn message(to: &[&str], subject: &str) -> Message {
    let page = "<p>hello</p><script type=\"application/ld+json\">{\"orderNumber\":\"1234\"}</script>";
    let file = Attachment::new("order.csv".to_owned()).body("a,b".to_owned(), ContentType::TEXT_PLAIN);
    let parts = MultiPart::mixed()
        .multipart(MultiPart::alternative_plain_html("hello\r\n.\r\nworld".to_owned(), page.to_owned()))
        .singlepart(file);
    let mut builder = Message::builder().from("Ann <ann@example.com>".parse().unwrap()).subject(subject);
    for to in to {
        builder = builder.to(to.parse().unwrap());
    }
    builder.multipart(parts).unwrap()
}

#[test]
fn a_mail_becomes_a_transaction_and_starts_its_runs() {
    let server = builder().start();
    let to = mailbox(&server, "inbox");
    transport(&server, Tls::None).send(&message(&[&to], "Order 1234")).unwrap();
    let transaction = transactions(&server, "inbox").remove(0);
    let data = &transaction["attributes"]["data"];
    assert_eq!((&data["subject"], &data["text"]), (&json!("Order 1234"), &json!("hello\n.\nworld")));
    assert_eq!(data["jsonLd"], json!([{ "orderNumber": "1234" }]));
    assert_eq!(data["envelope"]["from"], "ann@example.com");
    assert_eq!(data["envelope"]["to"], json!(["•••@in.example.com"]));
    assert!(data["envelope"]["helo"].is_string());
    assert_eq!(
        (&transaction["meta"]["peer"], &transaction["meta"]["contentType"]),
        (&json!("127.0.0.1"), &json!("message/rfc822"))
    );
    let part = data["attachments"][0]["part"].as_u64().unwrap();
    let file = server.get(&format!("{}/files/{part}", transaction["links"]["self"].as_str().unwrap()));
    assert_eq!((file.status, file.text.as_str()), (200, "a,b"));
    let run = server.wait_for_runs().remove(0);
    assert_eq!(server.steps(&run)[0]["output"]["attributes"]["data"], *data);
    // The address is a secret, and the content of a mail is private.
    assert!(!transaction["meta"]["headers"].to_string().contains(&hash(&server, "inbox")));
    let log = server.errors();
    for secret in [hash(&server, "inbox").as_str(), "Order 1234", "ann@example.com"] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[test]
fn a_mail_for_several_hooks_is_a_transaction_of_each() {
    let server = builder().start();
    let (inbox, archive) = (mailbox(&server, "inbox"), mailbox(&server, "archive"));
    let again = format!("{}@other.example.com", hash(&server, "archive").to_uppercase());
    assert_eq!(Client::greeted(address(&server)).mail(&[&inbox, &archive, &again], "Subject: both\r\n\r\ntext"), 250);
    let envelope = |hook: &str| {
        let transactions = transactions(&server, hook);
        assert_eq!(transactions.len(), 1);
        transactions[0]["attributes"]["data"]["envelope"]["to"].clone()
    };
    assert_eq!(envelope("inbox"), json!(["•••@in.example.com"]));
    assert_eq!(envelope("archive"), json!(["•••@in.example.com", "•••@other.example.com"]));
    let run = server.wait_for_runs().remove(0);
    assert_eq!(server.steps(&run)[1]["input"]["name"], "both");
}

#[test]
fn mail_to_the_postmaster_is_accepted_and_stored_by_the_hook_of_that_name() {
    let server = builder().start();
    let send = |to: &str| {
        let mut client = Client::greeted(address(&server));
        assert_eq!(client.say("MAIL FROM:<a@example.com>"), 250);
        assert_eq!(client.say(&format!("RCPT TO:<{to}>")), 250);
        assert_eq!(client.say("DATA"), 354);
        assert_eq!(client.say("Subject: one\r\n\r\ntext\r\n."), 250);
    };
    send("postmaster");
    server.wait_for_log("a mail to the postmaster was dropped");
    server.create("/v1/hooks", json!({ "name": "postmaster", "type": "email" }));
    send("Postmaster@in.example.com");
    assert_eq!(transactions(&server, "postmaster").len(), 1);
}

#[test]
fn an_email_hook_shows_its_mail_address() {
    let server = builder().start();
    let hook = server.hook("inbox");
    let expected = format!("{}@127.0.0.1", hash(&server, "inbox"));
    assert_eq!(hook["attributes"]["mailAddress"], expected.as_str());
    assert!(server.hook("orders")["attributes"]["mailAddress"].is_null());
}

#[test]
fn recipients_that_take_no_mail_are_refused_one_by_one() {
    let server = builder().start();
    let archive = server.hook("archive");
    server.call("PATCH", archive["links"]["self"].as_str().unwrap(), json!({ "enabled": false })).expect(200);
    let mut client = Client::greeted(address(&server));
    assert_eq!(client.say("MAIL FROM:<>"), 250);
    let mut say = |to: &str| {
        client.send(format!("RCPT TO:<{to}>\r\n"));
        client.answer()
    };
    let unknown = format!("{}@in.example.com", "0".repeat(64));
    let samples = [
        (unknown, "550 5.1.1 no hook has this address\r\n"),
        (mailbox(&server, "orders"), "550 5.1.1 no hook has this address\r\n"),
        (mailbox(&server, "archive"), "550 5.2.1 this hook is disabled\r\n"),
        (mailbox(&server, "signed"), "550 5.7.1 this hook requires verification, which a mail cannot provide\r\n"),
        (mailbox(&server, "inbox"), "250 2.1.5 ok\r\n"),
    ];
    for (to, expected) in samples {
        assert_eq!(say(&to), expected, "{to}");
    }
    assert_eq!(client.say("DATA"), 354);
    assert_eq!(client.say("Subject: one\r\n\r\ntext\r\n."), 250);
    assert_eq!(transactions(&server, "inbox").len(), 1);
    let shown = || {
        let path = format!("{}/refusals", server.hook("archive")["links"]["self"].as_str().unwrap());
        server.get(&path).expect(200)["data"].get(0).map(|refusal| refusal["attributes"].clone())
    };
    let shown = crate::support::wait_for("the refusal to be shown", shown);
    assert_eq!((&shown["method"], &shown["path"]), (&json!("SMTP"), &json!("•••@in.example.com")));
    assert_eq!((&shown["reason"], &shown["peer"]), (&json!("hook_disabled"), &json!("127.0.0.1")));
    assert!(!shown.to_string().contains(&hash(&server, "archive")));
    let counted = || (refusals(&server, "archive", "hook_disabled"), refusals(&server, "signed", "signature"));
    crate::support::wait_for("the refusals to be counted", || (counted() == (json!(1), json!(1))).then_some(()));
}

#[test]
fn an_invalid_or_too_large_mail_is_refused_after_it_was_sent() {
    let server = builder().arguments(&["--body-limit-bytes", "1000"]).start();
    let (address, to) = (address(&server), mailbox(&server, "inbox"));
    let inbox = server.hook("inbox")["links"]["self"].as_str().unwrap().to_owned();
    server.call("PATCH", &inbox, json!({ "unreadable": "refuse" })).expect(200);
    let mut client = Client::greeted(address);
    assert_eq!(client.say("MAIL FROM:<a@b> SIZE=1001"), 552);
    assert_eq!(client.mail(&[&to], &format!("Subject: large\r\n\r\n{}", "x".repeat(1_000))), 552);
    assert_eq!(client.mail(&[&to], "no header"), 554);
    assert_eq!(client.mail(&[&to], "Subject: small\r\n\r\ntext"), 250);
    client = Client::greeted(address);
    assert_eq!(client.mail(&[&to], "Subject: smuggled\r\n\r\ntext\n.\r\nMAIL FROM:<a@b>"), 554);
    assert_eq!(client.answer(), "");
    assert_eq!(transactions(&server, "inbox").len(), 1);
}

#[test]
fn tls_is_begun_where_there_is_a_certificate() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let builder = builder().arguments(&["--tls-cert", "server.crt", "--tls-key", "server.key"]);
    std::fs::write(builder.directory().join("server.crt"), made.cert.pem()).unwrap();
    std::fs::write(builder.directory().join("server.key"), made.signing_key.serialize_pem()).unwrap();
    let server = builder.start();
    let to = mailbox(&server, "inbox");
    let parameters =
        TlsParameters::builder("localhost".to_owned()).dangerous_accept_invalid_certs(true).build().unwrap();
    transport(&server, Tls::Required(parameters)).send(&message(&[&to], "over TLS")).unwrap();
    assert_eq!(transactions(&server, "inbox")[0]["attributes"]["data"]["subject"], "over TLS");
    // What was said before TLS, anybody could have put there.
    let mut client = Client::connect(address(&server));
    client.code();
    client.send("EHLO a\r\n");
    assert!(client.answer().contains("250 STARTTLS"));
    client.send(format!("STARTTLS\r\nMAIL FROM:<a@b>\r\nRCPT TO:<{to}>\r\n"));
    assert_eq!((client.code(), client.answer().as_str()), (220, ""));
}

#[test]
fn the_connections_of_a_client_are_limited() {
    let server = builder().start();
    let address = address(&server);
    let mut clients: Vec<Client> = (0..20).map(|_| Client::greeted(address)).collect();
    let mut one_more = Client::connect(address);
    assert_eq!((one_more.code(), one_more.answer().as_str()), (421, ""));
    assert_eq!(clients[0].say("QUIT"), 221);
    clients.remove(0);
    crate::support::wait_for("a place", || (Client::connect(address).code() == 220).then_some(()));
}

#[test]
fn a_server_that_stops_takes_leave_of_its_clients() {
    let server = builder().start();
    let mut client = Client::greeted(address(&server));
    let stopping = std::thread::spawn(move || server.stop());
    assert_eq!((client.code(), client.answer().as_str()), (421, ""));
    assert!(stopping.join().unwrap().success());
}

/// Sends mails until the connection breaks, each with a subject of its own; adds those that were acknowledged.
fn send_until_it_breaks(
    address: std::net::SocketAddr,
    to: &str,
    connection: usize,
    acknowledged: &Mutex<BTreeSet<String>>,
) -> Option<()> {
    let mut client = Client::connect(address);
    client.answer();
    client.send("EHLO client.example\r\n");
    client.answer();
    for number in 0.. {
        let subject = format!("{connection}-{number}");
        let envelope = format!("MAIL FROM:<a@b>\r\nRCPT TO:<{to}>\r\nDATA\r\n");
        client.try_send(&envelope)?;
        (0..3).for_each(|_| drop(client.answer()));
        client.try_send(&format!("Subject: {subject}\r\n\r\ntext\r\n.\r\n"))?;
        if !client.answer().starts_with("250 ") {
            return None;
        }
        acknowledged.lock().unwrap().insert(subject);
    }
    Some(())
}

#[test]
fn no_mail_that_was_acknowledged_is_lost_when_the_process_is_killed() {
    let mut random = Random::for_test("smtp crash");
    let mut server = builder().start();
    let acknowledged = Arc::new(Mutex::new(BTreeSet::new()));
    let rounds = crate::crash::rounds(3);
    for round in 0..rounds {
        let (address, to) = (address(&server), mailbox(&server, "inbox"));
        let wanted = acknowledged.lock().unwrap().len() + random.within(1..60);
        let clients: Vec<_> = (0..5)
            .map(|client| {
                let (to, acknowledged) = (to.clone(), acknowledged.clone());
                std::thread::spawn(move || send_until_it_breaks(address, &to, round * 5 + client, &acknowledged))
            })
            .collect();
        crate::support::wait_for("mails to be acknowledged", || {
            (acknowledged.lock().unwrap().len() >= wanted).then_some(())
        });
        let directory = server.directory();
        server.kill();
        clients.into_iter().for_each(|client| {
            client.join().unwrap();
        });
        server = ServerBuilder::in_directory(directory).arguments(&["--smtp-listen", "127.0.0.1:0"]).start();
    }
    let runs = server.wait_for_runs();
    let transactions = transactions(&server, "inbox");
    let subject = |transaction: &Value| transaction["attributes"]["data"]["subject"].as_str().unwrap().to_owned();
    let stored: BTreeSet<String> = transactions.iter().map(subject).collect();
    let acknowledged = acknowledged.lock().unwrap();
    assert!(acknowledged.is_subset(&stored), "lost: {:?}", acknowledged.difference(&stored));
    assert_eq!(stored.len(), transactions.len(), "stored twice");
    // One on each connection may have been stored without the client having heard of it.
    assert!(stored.len() <= acknowledged.len() + rounds * 5);
    assert_eq!(runs.len(), transactions.len().min(500));
    assert!(ids(&server.get("/v1/runs?status=failed").expect(200)).is_empty());
}
