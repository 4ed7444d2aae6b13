//! `hookflow hooks …`: hooks are managed, listened to, tried out, and what arrived becomes a test.

use std::io::{BufRead, BufReader, Lines, Read};
use std::process::{Child, ChildStderr, Stdio};

use serde_json::{Value, json};

use crate::support::server::send;
use crate::support::{Server, ServerBuilder, detail, wait_for};

/// Runs a command that has to succeed; what it prints.
#[track_caller]
fn hooks(server: &Server, arguments: &[&str], input: &str) -> String {
    let said = server.command(&[&["hooks"], arguments].concat(), input);
    assert_eq!(said.code, Some(0), "{arguments:?}: {}{}", said.output, said.errors);
    said.output
}

/// Runs a command that has to fail; why it does.
#[track_caller]
fn failed(server: &Server, arguments: &[&str]) -> String {
    let said = server.command(&[&["hooks"], arguments].concat(), "");
    assert_eq!(said.code, Some(1), "{arguments:?}: {}{}", said.output, said.errors);
    said.errors.trim_end().trim_start_matches("error: ").to_owned()
}

fn write(server: &Server, name: &str, content: &str) {
    std::fs::write(server.path(name), content).unwrap();
}

fn read(server: &Server, name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(server.path(name)).unwrap()).unwrap()
}

#[test]
fn hooks_are_made_and_changed() {
    let server = ServerBuilder::bare().start();
    let made = hooks(&server, &["create", "payments", "--title", "Payments", "--verification", "stripe"], "");
    assert_eq!(made, format!("payments: {}\n", server.hook_url("payments")));
    hooks(&server, &["create", "orders", "--type", "web", "--capture", "--settings", "{\"acceptsGet\":true}"], "");
    hooks(&server, &["create", "orders"], "");
    let list =
        "payments  form  enabled  Payments\norders  web  enabled, captures  orders\norders  form  enabled  orders\n";
    assert_eq!(hooks(&server, &["list"], ""), list);
    assert_eq!(
        failed(&server, &["show", "orders"]),
        "several hooks are named `orders`; use `form/orders` or `web/orders`"
    );
    assert_eq!(hooks(&server, &["capture", "web/orders", "off"], ""), "orders: enabled\n");
    assert_eq!(hooks(&server, &["capture", "form/orders", "on"], ""), "orders: enabled, captures\n");
    assert_eq!(hooks(&server, &["disable", "payments"], ""), "payments: disabled\n");
    assert_eq!(hooks(&server, &["enable", "payments"], ""), "payments: enabled\n");

    let before = server.hook_url("payments");
    let rotated = hooks(&server, &["rotate", "payments"], "");
    assert_eq!(rotated, format!("payments: {}\n", server.hook_url("payments")));
    assert_ne!(before, server.hook_url("payments"));

    let added = hooks(&server, &["secret", "add", "payments"], "whsec_hush\n");
    let id = added.strip_prefix("payments: secret added (").unwrap().strip_suffix(")\n").unwrap();
    let list = hooks(&server, &["secret", "list", "payments"], "");
    assert!(list.starts_with(&format!("{id}  added 20")) && !list.contains("hush"), "{list}");
    let show = hooks(&server, &["show", "payments"], "");
    for line in ["payments (form), enabled\n", "  secrets      1\n", "  verification {\"scheme\":\"stripe\"}\n"] {
        assert!(show.contains(line), "{show}");
    }
    let shown: Value = serde_json::from_str(&hooks(&server, &["show", "payments", "--json"], "")).unwrap();
    assert_eq!(shown["attributes"]["name"], "payments");
    assert_eq!(hooks(&server, &["secret", "delete", "payments", id], ""), "payments: secret deleted\n");
    assert_eq!(hooks(&server, &["secret", "list", "payments"], ""), "");

    assert_eq!(failed(&server, &["show", "paiments"]), "unknown hook `paiments`; `hookflow hooks list` lists all");
    assert!(failed(&server, &["create", "payments"]).contains("a hook named `payments` already exists"));
    assert!(failed(&server, &["create", "x", "--settings", "[]"]).contains("not a JSON object"));
}

#[test]
fn a_file_is_sent_as_the_hook_requires() {
    let server = ServerBuilder::bare().start();
    write(&server, "order.json", r#"{"orderId":"1"}"#);
    write(&server, "order.form", "orderId=1&note=a+b");
    let secret = |scheme: &str| match scheme {
        "standard_webhooks" | "svix" => "whsec_MDEyMzQ1Njc4OWFiY2RlZg==",
        "adyen_payload" => "44782DEF547AAA06",
        "basic" => "shop:open sesame",
        _ => "hush",
    };
    // Schemes whose secrets are the vendors' public keys can't be signed with; the signatures of some others are in bodies of
    // their own form.
    let has_body = |scheme: &&str| !["adyen", "braintree", "microsoft_graph"].contains(scheme);
    let can_sign =
        |scheme: &&str| hookflow::signature::preset(scheme).is_some_and(|preset| preset.key(secret(scheme)).is_ok());
    let schemes = hookflow::signature::names().filter(has_body).filter(can_sign);
    for scheme in schemes {
        hooks(&server, &["create", scheme, "--verification", scheme], "");
        assert_eq!(
            failed(&server, &["send", scheme, "order.json"]),
            "requests to this hook must be signed: set HOOKFLOW_HOOK_SECRET or use --secret-file"
        );
        hooks(&server, &["secret", "add", scheme], secret(scheme));
        write(&server, "secret", &format!("{}\n", secret(scheme)));
        for file in ["order.json", "order.form"] {
            let sent = hooks(&server, &["send", scheme, file, "--secret-file", "secret"], "");
            assert!(sent.starts_with("200 in "), "{scheme} {file}: {sent}");
            let link = format!("{}/transactions", server.hook(scheme)["links"]["self"].as_str().unwrap());
            let stored = server.get(&link).expect(200);
            assert_eq!(stored["data"][0]["attributes"]["data"]["orderId"], "1", "{scheme} {file}");
        }
    }
    let mut wrong = server.program(&["hooks", "send", "stripe", "order.json"]);
    let wrong = wrong.env("HOOKFLOW_HOOK_SECRET", "rush").output().unwrap();
    assert_eq!(wrong.status.code(), Some(1));
    assert_eq!(
        String::from_utf8_lossy(&wrong.stderr),
        "error: the hook responded with status 401: no signature matches\n"
    );
}

#[test]
fn sending_shows_the_run() {
    let server = Server::start();
    let order = r#"{"orderId":"1","email":"ann@example.com"}"#;
    let sent = hooks(&server, &["send", "orders", "-"], order);
    let run = sent.lines().find_map(|line| line.strip_prefix("run          ")).expect(&sent);
    assert_eq!(server.get(run).expect(200)["data"]["attributes"]["event"], "hooks.form.orders.receive");
    hooks(&server, &["create", "keyed", "--type", "web"], "");
    let key = json!({ "key": "/#steps.1.attributes.data.orderId" });
    server.create("/v1/hooks", json!({ "name": "once", "deduplicate": key }));
    let twice = [(); 2].map(|()| hooks(&server, &["send", "once", "-"], order));
    assert!(
        !twice[0].contains("duplicate") && twice[1].contains("\nduplicate    this request duplicates an earlier one"),
        "{twice:?}"
    );
    assert!(hooks(&server, &["send", "keyed", "-"], order).starts_with("200 in "));

    let answer = r#"{"answer":{"redirect":"https://shop.example.com/thanks"}}"#;
    hooks(&server, &["create", "page", "--settings", answer], "");
    assert!(hooks(&server, &["send", "page", "-"], order).starts_with("303 in "));

    // Refused requests are shown and listed.
    write(&server, "broken.json", "{\u{1b}[2J");
    assert!(
        failed(&server, &["send", "orders", "broken.json"])
            .starts_with("the hook responded with status 400: the body is not valid JSON")
    );
    assert!(failed(&server, &["send", "orders", "nothing.json"]).starts_with("`nothing.json` cannot be read"));
    let refusals = hooks(&server, &["refusals", "orders", "--body"], "");
    assert!(refusals.contains("Z  refused   malformed_json  5 bytes  the body is not valid JSON"), "{refusals}");
    assert!(refusals.ends_with("\n{\u{FFFD}[2J\n"), "{refusals}");
    assert_eq!(hooks(&server, &["refusals", "orders", "--reason", "signature"], ""), "");
    let json = hooks(&server, &["refusals", "orders", "--json"], "");
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap()["attributes"]["reason"], "malformed_json");
}

/// `hookflow hooks listen` once it listens.
struct Listening {
    child: Child,
    errors: Lines<BufReader<ChildStderr>>,
}

impl Listening {
    fn start(server: &Server, arguments: &[&str]) -> Listening {
        let mut command = server.program(&[&["hooks", "listen"], arguments].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let errors = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut listening = Listening { child, errors };
        listening.wait_for("Listening to ");
        listening
    }

    fn wait_for(&mut self, text: &str) {
        let found = self.errors.by_ref().map(Result::unwrap).find(|line| line.contains(text));
        assert!(found.is_some(), "it ends without saying {text:?}");
    }

    /// What it printed, once it has ended by itself.
    fn end(mut self) -> String {
        let status = wait_for("the command to end", || self.child.try_wait().unwrap());
        assert_eq!(status.code(), Some(0));
        let mut said = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        said
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        // It has ended, unless its test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn who_listens_sees_what_arrives_and_what_is_refused() {
    let server = Server::start();
    let listening = Listening::start(&server, &["orders", "--count", "2"]);
    let with_bodies = Listening::start(&server, &["orders", "--count", "1", "--body"]);
    let machine = Listening::start(&server, &["orders", "--count", "1", "--json"]);
    let accepted = server.post_hook("orders", &json!({ "note": "\u{9b}2J", "orderId": "1" })).expect(200);
    let id = accepted["data"]["id"].as_str().unwrap();
    assert!(with_bodies.end().ends_with("{\n  \"note\": \"\u{FFFD}2J\",\n  \"orderId\": \"1\"\n}\n"));
    let event: Value = serde_json::from_str(&machine.end()).unwrap();
    assert_eq!((&event["event"], &event["data"]["id"]), (&json!("transaction"), &json!(id)));
    let refused = send(server.request("POST", &server.hook_url("orders")).header("content-encoding", "xz")).expect(415);
    let said = listening.end();
    let lines: Vec<&str> = said.lines().collect();
    let arrived = format!("Z  accepted  {id}  29 bytes  {{\"note\":\"\u{FFFD}2J\",\"orderId\":\"1\"}}");
    assert!(lines[0].ends_with(&arrived), "{said}");
    assert!(
        lines[1].ends_with(&detail(&refused)) && lines[1].contains("Z  refused   unsupported_media_type  "),
        "{said}"
    );
}

#[test]
fn listening_resumes_when_the_server_is_back_and_ends_on_request() {
    let server = Server::start();
    let mut listening = Listening::start(&server, &["orders"]);
    let mut counting = Listening::start(&server, &["orders", "--count", "2"]);
    server.post_hook("orders", &json!({ "orderId": "1" })).expect(200);
    let (address, directory) = (server.address().to_owned(), server.directory());
    assert!(server.stop().success());
    listening.wait_for("Connection lost");
    counting.wait_for("Connection lost");
    let server = ServerBuilder::in_directory(directory).listen(&address).start();
    server.post_hook("orders", &json!({ "orderId": "2" })).expect(200);
    let said = counting.end();
    // Within a second, ids of two processes are in no order.
    assert!(["1", "2"].iter().all(|order| said.contains(&format!("{{\"orderId\":\"{order}\"}}\n"))), "{said}");

    listening.wait_for("Reconnected");
    let pid = listening.child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    // Ended so, it has not failed.
    listening.end();
    assert_eq!(failed(&server, &["listen", "others"]), "unknown hook `others`; `hookflow hooks list` lists all");
}

#[test]
fn a_captured_request_becomes_a_payload_and_a_test() {
    let server = Server::start();
    assert_eq!(
        failed(&server, &["save", "orders", "--payload", "order.json"]),
        "the hook `orders` has no transactions"
    );
    hooks(&server, &["capture", "orders", "on"], "");
    let order = json!({ "orderId": "1", "email": "ann@example.com", "price": "$1.50", "quantity": 1 });
    server.post_hook("orders", &order).expect(200);
    let said =
        hooks(&server, &["save", "orders", "--payload", "order.json", "--test", "workflows/captured.test.json"], "");
    assert_eq!(said, "wrote order.json\nwrote workflows/captured.test.json\n");
    assert_eq!(read(&server, "order.json"), order);
    let tried = server.command(&["try", "workflows/orders.json", "--payload", "order.json"], "");
    assert_eq!(tried.code, Some(0), "{}", tried.errors);
    let tested = server.command(&["test"], "");
    assert!(tested.code == Some(0) && tested.output.contains("1 passed"), "{}{}", tested.output, tested.errors);
    let test = read(&server, "workflows/captured.test.json");
    assert_eq!(test["workflow"], "order-to-kobject");
    assert_eq!(test["cases"][0]["expect"], json!({ "status": "completed" }));

    // What ran is expected to run the same way.
    hooks(&server, &["capture", "orders", "off"], "");
    let run = server.run_order(&json!({ "orderId": "2", "email": "ben@example.com", "price": "$2", "quantity": 1 }));
    let transaction = run["relationships"]["transaction"]["data"]["id"].as_str().unwrap();
    hooks(&server, &["save", transaction, "--test", "workflows/ran.test.json"], "");
    assert_eq!(read(&server, "workflows/ran.test.json")["cases"][0]["expect"]["path"], json!(["1", "2", "3", "5"]));
    let tested = server.command(&["test"], "");
    assert!(tested.code == Some(0) && tested.output.contains("2 passed"), "{}{}", tested.output, tested.errors);

    assert_eq!(
        failed(&server, &["save", "orders", "--payload", "order.json"]),
        "`order.json` already exists; use --force to overwrite it"
    );
    hooks(&server, &["save", "orders", "--payload", "order.json", "--force"], "");
    assert!(failed(&server, &["save", "orders", "--test", "order.json"]).contains("does not end in .test.json"));
    assert_eq!(server.command(&["hooks", "save", "orders"], "").code, Some(2));
}
