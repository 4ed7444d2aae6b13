//! Variables: set and never read, used by workflows, and shown nowhere.

use serde_json::{Value, json};

use crate::support::peer::{Peer, answer};
use crate::support::program::refusal;
use crate::support::server::ADMIN_KEY;
use crate::support::{Server, ServerBuilder, detail, errors, wait_for};

const SECRET: &str = "tök3n \"of\" <the> shop";

fn set(server: &Server, name: &str, value: &str, workflow: Option<&str>) -> Value {
    let body = json!({ "name": name, "value": value, "workflow": workflow });
    let answer = server.call("POST", "/v1/variables", body);
    assert!([200, 201].contains(&answer.status), "{}", answer.text);
    answer.json()["data"].clone()
}

/// Steps that use the variable in all ways in which it could come to light.
fn telling_steps(peer: &Peer) -> Value {
    json!([
        { "id": "keep", "action": "value.set", "params": { "value": "key: {{{variables.apiKey}}}" },
          "transitions": [{ "target": "call", "condition": { "op": "contains", "values": ["/#variables.apiKey", "tök"] } }] },
        { "id": "call", "action": "rest-api.json", "params": {
            "uri": peer.url("/"), "method": "POST",
            "headers": { "x-key": "/#fn:base64Encode,variables.apiKey" },
            "data": { "key": "/#variables.apiKey", "kept": "/#steps.keep" } },
          "transitions": [{ "target": "tell", "condition": { "op": "true", "values": [true] } }] },
        { "id": "tell", "action": "event.publish", "params": {
            "name": "app.told", "data": { "key": "/#variables.apiKey" } } }
    ])
}

/// A server with a peer that gives back what it was sent, after it was unavailable `failures` times.
fn telling_server(failures: usize) -> (Server, Peer) {
    let peer = Peer::start_reading(move |number, received, stream| match number {
        // The wait is long enough to be seen.
        number if number < failures => answer(stream, "503 Service Unavailable\r\nretry-after: 2", &received.body),
        _ => answer(stream, "200 OK", &received.body),
    });
    let server = ServerBuilder::with_steps(telling_steps(&peer)).start();
    let listener = json!({
        "name": "listener",
        "trigger": { "id": "1", "eventName": "app.told",
                     "transitions": [{ "target": "2", "condition": { "op": "true", "values": [true] } }] },
        "steps": [{ "id": "2", "action": "value.set", "params": { "value": "/#steps.1" } }]
    });
    server.create("/v1/workflows", listener);
    (server, peer)
}

#[track_caller]
fn assert_untold(what: &str, text: &str) {
    for piece in ["3n \"of\"", "3n \\\"of", "n &quot;of", "dMO2azNu"] {
        assert!(!text.contains(piece), "{what} tells the secret: {text}");
    }
}

#[test]
fn a_variable_is_used_by_workflows_and_shown_nowhere() {
    let (server, peer) = telling_server(0);
    let shown = set(&server, "apiKey", SECRET, None);
    assert_eq!(shown["attributes"]["maskedValue"], "•••");
    let run = server.run_order(&json!({}));
    assert_eq!(run["attributes"]["status"], "completed", "{run:#}");
    let received = &peer.received()[0];
    let sent: Value = serde_json::from_str(&received.body).unwrap();
    assert_eq!(sent["key"], SECRET);
    assert!(received.header("x-key").is_some_and(|key| key.contains("dMO2azNu")), "{}", received.head);
    // What a step has given is masked for the steps that come after it, too.
    assert_eq!(sent["kept"]["value"], "key: •••apiKey");
    let steps = &run["attributes"]["steps"];
    assert_eq!(steps[1]["output"]["value"], "key: •••apiKey");
    assert_eq!(steps[2]["input"]["data"]["key"], "•••apiKey");
    assert_eq!(steps[2]["output"]["body"]["key"], "•••apiKey");
    assert_eq!(steps[1]["transitions"][0]["values"][0], "•••apiKey", "{:#}", steps[1]);
    let told = wait_for("the listener's run", || {
        let runs = server.get("/v1/runs?status=completed").expect(200);
        let runs = runs["data"].as_array().unwrap().clone();
        runs.into_iter()
            .find(|run| run["attributes"]["workflow"] == "listener" || run["attributes"]["event"] == "app.told")
    });
    let told = server.get(told["links"]["self"].as_str().unwrap());
    assert!(told.text.contains("•••apiKey"), "{}", told.text);
    for (what, text) in [
        ("the run", run.to_string()),
        ("the listener's run", told.text),
        ("the list", server.get("/v1/variables").text),
        ("the log", server.errors()),
    ] {
        assert_untold(what, &text);
    }
}

#[test]
fn a_call_that_waits_is_made_with_the_secret_after_a_restart() {
    let (server, peer) = telling_server(1);
    set(&server, "apiKey", SECRET, None);
    server.post_hook("orders", &json!({})).expect(200);
    wait_for("the first attempt", || (peer.received().len() == 1).then_some(()));
    let waiting = wait_for("the call to wait", || {
        let runs = server.get("/v1/runs?status=waiting").expect(200);
        runs["data"].get(0).cloned()
    });
    let link = waiting["links"]["self"].as_str().unwrap().to_owned();
    let read = server.get(&link);
    assert!(read.text.contains("•••apiKey"), "{}", read.text);
    assert_untold("the waiting run", &read.text);
    let directory = server.directory();
    assert!(server.stop().success());
    let server = ServerBuilder::in_directory(directory).environment("HOOKFLOW_OUTBOUND_ALLOW", "127.0.0.0/8").start();
    let run = wait_for("the run to end", || {
        let run = server.get(&link).expect(200)["data"].clone();
        (run["attributes"]["status"] == "completed").then_some(run)
    });
    assert_untold("the run", &run.to_string());
    let received = peer.received();
    assert_eq!(received.len(), 2);
    assert_eq!(received[0].body, received[1].body);
}

#[test]
fn a_workflows_own_variable_hides_the_orgs_and_ids_find_them_too() {
    let server = ServerBuilder::with_steps(json!([
        { "id": "2", "action": "value.set", "params": { "value": "{{{variables.region.length}}}" } }
    ]));
    let server = server.start();
    let org = set(&server, "region", "north", None);
    let own = set(&server, "region", "northwest", Some("steps"));
    assert_eq!(own["relationships"]["workflow"]["data"]["type"], "workflow");
    assert_ne!(org["id"], own["id"]);
    let workflow = server.workflow("steps");
    let mut document = workflow["attributes"]["document"].clone();
    let by_id =
        format!("{{{{{{variables.region.length}}}}}} {{{{{{variables.{}.length}}}}}}", org["id"].as_str().unwrap());
    document["steps"][0]["params"]["value"] = json!(by_id);
    let saved = server.call("PUT", workflow["links"]["self"].as_str().unwrap(), document).expect(200);
    assert_eq!(saved["data"]["attributes"]["warnings"], Value::Null);
    let run = server.run_order(&json!({}));
    assert_eq!(run["attributes"]["steps"][1]["output"]["value"], "9 5");
}

#[test]
fn an_unset_variable_is_warned_about_and_has_no_value() {
    let server = ServerBuilder::with_steps(json!([
        { "id": "2", "action": "value.set", "params": { "value": "[{{{variables.apiKey}}}]" } }
    ]));
    let server = server.start();
    set(&server, "apikey", "something", None);
    let workflow = server.workflow("steps");
    let mut document = workflow["attributes"]["document"].clone();
    document["description"] = json!("saved again");
    let saved = server.call("PUT", workflow["links"]["self"].as_str().unwrap(), document).expect(200);
    let warning = &saved["data"]["attributes"]["warnings"][0];
    assert_eq!(warning["pointer"], "/steps/0/params/value");
    assert_eq!(warning["message"], "unknown variable `apiKey`; did you mean `apikey`?");
    let run = server.run_order(&json!({}));
    assert_eq!(run["attributes"]["steps"][1]["output"]["value"], "[]");
    assert_eq!(
        run["attributes"]["steps"][1]["notes"][0]["message"],
        "no value at `variables.apiKey`: there is no variable `apiKey`"
    );
}

#[test]
fn an_invalid_variable_is_reported_with_its_place() {
    let server = ServerBuilder::bare().start();
    let refused =
        server.call("POST", "/v1/variables", json!({ "name": "a b", "value": 1, "workflow": "none", "x": 1 }));
    let expected = [("invalid", "/name"), ("invalid", "/value"), ("invalid", "/workflow"), ("invalid", "/x")];
    let answer = refused.expect(422);
    let mut found = errors(&answer);
    found.sort();
    found.dedup();
    assert_eq!(found, expected);
    server.get("/v1/variables/000000000000000000000000").expect(404);
    server.call("DELETE", "/v1/variables/000000000000000000000000", Value::Null).expect(404);
}

#[test]
fn variables_are_set_listed_and_deleted_from_the_command_line() {
    let server = ServerBuilder::bare().start();
    let hookflow = |arguments: &[&str], input: &str| server.command(arguments, input);
    let made = hookflow(&["variables", "set", "apiKey"], "s3cret value\n");
    assert_eq!((made.code, made.errors.as_str()), (Some(0), ""));
    assert!(made.output.starts_with("apiKey is set ("), "{}", made.output);
    let listed = hookflow(&["variables", "list"], "");
    assert!(listed.output.contains("  apiKey  all workflows, set 20"), "{}", listed.output);
    assert!(!listed.output.contains("s3cret"), "{}", listed.output);
    let unknown = hookflow(&["variables", "delete", "nothing"], "");
    assert_eq!(unknown.code, Some(1));
    assert_eq!(unknown.errors.trim(), "error: unknown variable `nothing`; `hookflow variables list` lists all");
    assert_eq!(hookflow(&["variables", "delete", "apiKey"], "").output, "apiKey is deleted\n");
    assert_eq!(server.get("/v1/variables").expect(200)["data"], json!([]));
    let refused = hookflow(&["variables", "set", "a b"], "x");
    assert_eq!(refused.errors.trim(), "error: /name: expected 1 to 128 letters, digits, `_`, `-` or `.`");
}

#[test]
fn another_secret_key_is_refused_until_the_variables_are_given_up() {
    let (server, peer) = telling_server(0);
    set(&server, "apiKey", SECRET, None);
    let directory = server.directory();
    assert!(server.stop().success());
    let next = || {
        let builder = ServerBuilder::in_directory(directory.clone());
        builder
            .environment("HOOKFLOW_OUTBOUND_ALLOW", "127.0.0.0/8")
            .environment("HOOKFLOW_SECRET_KEY", &"ab".repeat(32))
    };
    let told = refusal(next());
    assert!(told.contains("(`apiKey`) are encrypted with another secret key; put that key back"), "{told}");
    let server = next().arguments(&["--forget-variables"]).start();
    assert_eq!(server.get("/v1/variables").expect(200)["data"], json!([]));
    set(&server, "apiKey", SECRET, None);
    server.run_order(&json!({}));
    assert_eq!(serde_json::from_str::<Value>(&peer.received()[0].body).unwrap()["key"], SECRET);
    assert!(server.stop().success());
    let told = refusal(ServerBuilder::in_directory(directory).environment("HOOKFLOW_SECRET_KEY", "guess"));
    assert!(told.starts_with("error: HOOKFLOW_SECRET_KEY must be 32 bytes as 64 hex characters"), "{told}");
}

#[test]
fn only_admins_write_variables() {
    let server = ServerBuilder::bare().start();
    let key = server.create("/v1/keys", json!({ "name": "reader", "role": "org.read" }));
    let key = key["attributes"]["key"].as_str().unwrap().to_owned();
    assert_ne!(key, ADMIN_KEY);
    let body = json!({ "name": "a", "value": "value" });
    let refused = crate::support::server::send(server.request("POST", "/v1/variables").bearer_auth(key).json(&body));
    assert!(detail(&refused.expect(403)).contains("org.read"));
}
