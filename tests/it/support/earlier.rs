//! A database of an earlier version, and what has to come of it: everything in it is shown, and its open runs go on.

use std::collections::BTreeMap;
use std::io::Read;

use flate2::read::GzDecoder;
use hmac::{Hmac, KeyInit, Mac};
use hookflow::base::time::Timestamp;
use serde_json::{Value, json};
use sha2::Sha256;

use super::audit::all_pages;
use super::database::Kind;
use super::peer::Peer;
use super::server::is_open;
use super::workspace::Workspace;
use super::{Server, ServerBuilder, always, link, wait_for, workflow};

/// A database of an earlier version.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fixture {
    Sqlite,
    /// The same with a draft, a hook's secret, telephone numbers and related kobjects.
    SqliteWithMore,
    /// A dump of PostgreSQL with the same as [`Fixture::SqliteWithMore`].
    Postgres,
}

impl Fixture {
    fn bytes(self) -> Vec<u8> {
        let compressed: &[u8] = match self {
            Fixture::Sqlite => include_bytes!("../fixtures/2026-11-30.db.gz"),
            Fixture::SqliteWithMore => include_bytes!("../fixtures/2026-11-30-more.db.gz"),
            Fixture::Postgres => include_bytes!("../fixtures/2026-11-30-more.sql.gz"),
        };
        let mut bytes = Vec::new();
        GzDecoder::new(compressed).read_to_end(&mut bytes).expect("the file is compressed");
        bytes
    }

    /// Whether it has what the first one lacks.
    fn has_more(self) -> bool {
        self != Fixture::Sqlite
    }
}

/// What its secrets are encrypted with.
const SECRET_KEY: &str = "82289ef4f445dfe25a7f02581356ef68fb24dfaf2fb51b5d974934c1902684e3";
/// Where a run was to make its call again.
const PEER: &str = "http://127.0.0.1:18099/";

/// Unpacks a database for a server to come: a SQLite file into its folder, a dump into its empty database. The times that its
/// runs wait for have come, except that of the longest delay; the call that is to be made again goes to `peer`; and the
/// workflow that some runs have called in vain is there.
pub fn unpack(fixture: Fixture, builder: &ServerBuilder, peer: &Peer) {
    let workspace = builder.shared_directory();
    let (table, tomorrow) = match fixture {
        Fixture::Postgres => {
            let dump = String::from_utf8(fixture.bytes()).expect("a dump is text");
            workspace.execute(&dump);
            ("open_runs", "extract(epoch FROM now() + interval '1 day')::bigint * 1000000")
        }
        Fixture::Sqlite | Fixture::SqliteWithMore => {
            std::fs::write(workspace.path().join("hookflow.db"), fixture.bytes()).expect("a file can be written");
            ("runs", "(unixepoch() + 86400) * 1000000")
        }
    };
    workspace.execute(&format!(
        "UPDATE {table} SET due_at = 1 WHERE due_at < 250000000000000000; \
         UPDATE {table} SET due_at = {tomorrow} WHERE position = 'long'; \
         UPDATE {table} SET pending = replace(pending, '{PEER}', '{}') WHERE workflow_name = 'calls'; \
         UPDATE schedules SET due_at = 1",
        peer.url("/")
    ));
    let mut called = workflow("not-there-yet", json!([{ "id": "2" }]));
    called["trigger"] = json!({ "id": "1", "callable": true, "transitions": [always("2")] });
    builder.write_workflow("later.json", &json!({ "workflows": [called] }).to_string());
}

/// The builder of a server on the database.
pub fn server(builder: ServerBuilder) -> ServerBuilder {
    builder.environment("HOOKFLOW_SECRET_KEY", SECRET_KEY).environment("HOOKFLOW_OUTBOUND_ALLOW", "127.0.0.0/8")
}

/// Checks a server on the database.
pub fn check(fixture: Fixture, server: &Server, peer: &Peer) {
    shows_everything(fixture, server);
    if fixture.has_more() {
        shows_more(server);
    }
    open_runs_go_on(server, peer);
    replays(server);
}

fn runs(server: &Server, query: &str) -> Vec<Value> {
    all_pages(server, &format!("/v1/runs?{query}&pageSize=500"))
}

/// What only the later databases have.
fn shows_more(server: &Server) {
    let draft = server.get(&format!("{}/draft", link(&server.workflow("double")))).expect(200);
    assert_eq!(draft["data"]["attributes"]["document"]["description"], "A draft");
    assert_eq!(draft["data"]["attributes"]["baseVersion"], 1);
    let secrets = server.get(&format!("{}/secrets", link(&server.hook("stripe")))).expect(200);
    assert_eq!(secrets["data"].as_array().unwrap().len(), 1);
    let customer = server.get("/v1/customers/phone=%2B15551234567").expect(200)["data"].take();
    let phones = customer["attributes"]["phones"].as_array().unwrap().iter().map(|phone| phone["phone"].clone());
    assert_eq!(phones.collect::<Vec<_>>(), ["+1 (555) 123-4567", "030 1234567"]);
    let related = |kobject: &Value| all_pages(server, &format!("{}/relationships", link(kobject)));
    let orders = all_pages(server, "/v1/klasses/order");
    let with_related: Vec<Value> = orders.iter().flat_map(related).collect();
    assert_eq!(with_related.len(), 2, "{with_related:#?}");
    let (body, now) = (json!({ "id": "evt_1" }).to_string(), Timestamp::now().0 / 1_000_000);
    let mut code = Hmac::<Sha256>::new_from_slice(b"second-secret-0123456789").expect("any key will do");
    code.update(format!("{now}.{body}").as_bytes());
    let signature = format!("t={now},v1={}", hex::encode(code.finalize().into_bytes()));
    let request = server.request("POST", &server.hook_url("stripe")).header("stripe-signature", signature).body(body);
    super::server::send(request.header("content-type", "application/json")).expect(200);
}

fn shows_everything(fixture: Fixture, server: &Server) {
    let more = usize::from(fixture.has_more());
    for (path, count) in [
        ("/v1/hooks", 4 + more),
        ("/v1/workflows", 12),
        ("/v1/klasses", 1),
        ("/v1/customers", 3 + more),
        ("/v1/companies", 1),
        ("/v1/klasses/order", 5),
        ("/v1/variables", 1),
    ] {
        assert_eq!(all_pages(server, path).len(), count, "{path}");
    }
    let transactions = |hook: &str| all_pages(server, &format!("{}/transactions", link(&server.hook(hook)))).len();
    assert_eq!(["orders", "signed", "calls", "waits"].map(transactions), [4, 2, 1, 9]);
    for (workflow, output) in [("on-made", json!({ "orderId": "1000" })), ("double", json!({ "text": "ab" }))] {
        let first = runs(server, &format!("workflow={workflow}&status=completed")).pop().expect("it has run");
        assert_eq!(server.steps(&first)[0]["output"], output, "the payload of {workflow}");
    }
    let called = runs(server, "workflow=double&status=completed").pop().unwrap();
    assert_eq!(called["attributes"]["output"], json!({ "doubled": "abab" }));
    let failed = runs(server, "workflow=ping&status=failed").pop().unwrap();
    assert_eq!(failed["attributes"]["error"]["code"], "event_loop");
    let cancelled = runs(server, "status=cancelled").pop().unwrap();
    assert_eq!(server.steps(&cancelled)[1]["status"], "cancelled");
}

fn open_runs_go_on(server: &Server, peer: &Peer) {
    // By the step that each was at.
    let ended: BTreeMap<String, Value> = wait_for("all but one to end", || {
        // What goes on now waits for an hour, too.
        let table = match server.directory().kind() {
            Kind::Sqlite => "runs",
            Kind::Postgres => "open_runs",
        };
        server.directory().execute(&format!(
            "UPDATE {table} SET due_at = 1 WHERE status = 'waiting' AND workflow_name IN ('slow-double', 'one-by-one')"
        ));
        let all = runs(server, "");
        let open = all.iter().filter(|run| is_open(run["attributes"]["status"].as_str().unwrap())).count();
        let shown = |run: &Value| {
            let steps = server.steps(run);
            Some((steps.get(1)?["id"].as_str()?.to_owned(), run.clone()))
        };
        let of_waits = |run: &&Value| ["waits", "calls"].iter().any(|name| run["attributes"]["workflow"] == *name);
        (open == 1).then(|| all.iter().filter(of_waits).filter_map(shown).collect())
    });
    let status = |step: &str| ended[step]["attributes"]["status"].as_str().unwrap().to_owned();
    for step in ["short", "child", "each", "again", "anew", "later", "retry"] {
        assert_eq!(status(step), "completed", "{step}: {:#}", ended[step]);
    }
    let step = |name: &str| server.steps(&ended[name])[1].clone();
    assert_eq!(step("child")["output"]["response"], json!({ "doubled": "abab" }));
    let items: Vec<Value> = step("each")["output"]["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["response"]["doubled"].clone())
        .collect();
    assert_eq!(items, ["aa", "bb", "cc"]);
    let attempts = |name: &str| {
        let attempts = step(name)["attempts"].as_array().expect("it was tried").clone();
        attempts.iter().map(|attempt| attempt["status"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((attempts("retry"), peer.received().len()), (vec!["answered".into(), "answered".into()], 1));
    assert!(attempts("again").len() >= 3, "those made before count");
    // The process that made this call is gone, and the step allows no other one.
    assert_eq!((status("hang"), attempts("hang")), ("failed".into(), vec!["unknown".into()]));
    assert_eq!(step("hang")["attempts"][0]["uri"], format!("{PEER}hang"), "the call could be decrypted");
    assert_eq!(runs(server, "workflow=one-by-one&status=completed").len(), 2, "one after the other");
    let [long] = <[Value; 1]>::try_from(runs(server, "status=waiting")).expect("the longest delay");
    assert_eq!(server.steps(&long)[1]["status"], "waiting");
    assert_eq!(runs(server, "workflow=daily").len(), 2, "the schedule goes on");
}

/// Runs that kept their payload themselves can be replayed, and so can those of a transaction.
fn replays(server: &Server) {
    for workflow in ["on-made", "order-to-kobject"] {
        let original = runs(server, &format!("workflow={workflow}")).pop().expect("it has run");
        let link = format!("{}/replay", original["links"]["self"].as_str().unwrap());
        let replay = server.call("POST", &link, Value::Null).expect(201)["data"].take();
        let replay = server.wait_for_run(replay["id"].as_str().unwrap(), |status| !is_open(status));
        assert_eq!(replay["attributes"]["status"], "completed", "{replay:#}");
        assert_eq!(server.steps(&replay)[0]["output"], server.steps(&original)[0]["output"]);
        assert_eq!(replay["relationships"]["replayOf"]["data"]["id"], original["id"]);
    }
}

/// Checks what is stored once no server is running: of what an earlier version raised, only the payload of the run that was
/// replayed has become an event. The replay of the order has raised another one that says the same.
pub fn check_stored(workspace: &Workspace) {
    let mut look = workspace.look();
    look.check_integrity();
    let replayed = json!(["app.order.made", r#"{"orderId":"1000"}"#]);
    let events = look.rows("events", &["name", "payload"]);
    assert_eq!(events.iter().filter(|event| **event == replayed).count(), 2, "{events:#?}");
}
