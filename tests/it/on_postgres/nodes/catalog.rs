//! What admins change at one node is in force at the others within a second, with and without notifications.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{calling, database, node_beside};
use crate::support::peer::Peer;
use crate::support::postgres::TestDatabase;
use crate::support::raw::path_of;
use crate::support::server::send;
use crate::support::{Server, ServerBuilder, wait_for, workflow};

/// A change is said to be in force everywhere within a second. Half of those of a test have to be much faster than this,
/// whatever else keeps the machine busy; this is what tells being told, or asking often, from finding out by chance.
const MEDIAN_MAX: Duration = Duration::from_secs(5);

/// Two nodes, and how long it took for changes at the first to be seen at the second.
struct Pair {
    name: &'static str,
    changed: Server,
    other: Server,
    took: Vec<(&'static str, Duration)>,
}

impl Pair {
    fn start(name: &'static str, builder: ServerBuilder) -> Pair {
        let changed = builder.start();
        let other = node_beside(&changed);
        Pair { name, changed, other, took: Vec::new() }
    }

    /// Changes something at one node.
    fn change(&self, method: &str, path: &str, body: Value) -> Value {
        let answer = self.changed.call(method, path, body);
        assert!((200..300).contains(&answer.status), "{method} {path}: {}", answer.text);
        if answer.text.is_empty() { Value::Null } else { answer.json()["data"].take() }
    }

    /// Waits until the other node knows.
    fn wait(&mut self, what: &'static str, is_in_force: impl Fn(&Server) -> bool) {
        let changed_at = Instant::now();
        wait_for(what, || is_in_force(&self.other).then_some(()));
        let took = changed_at.elapsed();
        println!("{}: {what} is in force elsewhere after {took:?}", self.name);
        self.took.push((what, took));
    }

    fn hooks(&mut self) {
        let hook = self.change("POST", "/v1/hooks", json!({ "name": "returns" }));
        let (link, address) = (hook["links"]["self"].as_str().unwrap().to_owned(), address(&hook));
        self.wait("a new hook", |node| post(node, &address) == (200, String::new()));
        self.change("PATCH", &link, json!({ "enabled": false }));
        self.wait("a disabled hook", |node| post(node, &address) == (503, "hook_disabled".into()));
        self.change("PATCH", &link, json!({ "enabled": true }));
        self.wait("a hook enabled again", |node| post(node, &address).0 == 200);
        let rotated = self.change("POST", &format!("{link}/rotate"), Value::Null);
        let new_address = self::address(&rotated);
        self.wait("the new address of a hook", |node| post(node, &new_address).0 == 200);
        // One snapshot replaces the other: a node that knows the new address no longer knows the old one.
        assert_eq!(post(&self.other, &address), (404, "unknown_hook".into()));
        self.change("DELETE", &link, Value::Null);
        self.wait("a deleted hook", |node| post(node, &new_address) == (410, "hook_deleted".into()));
    }

    fn workflows(&mut self) {
        let document = |condition: bool| {
            let mut document = workflow("more", json!([{ "id": "2" }]));
            document["trigger"]["transitions"][0]["condition"]["values"] = json!([condition]);
            document
        };
        // Each round posts to the other node, and looks at what its snapshot starts.
        let versions = |node: &Server| {
            let transaction = node.post_hook("orders", &json!({})).expect(200);
            let transaction = node.get(transaction["data"]["links"]["self"].as_str().unwrap()).expect(200);
            let runs = transaction["data"]["relationships"]["runs"]["data"].as_array().unwrap().clone();
            let runs =
                runs.iter().map(|run| node.get(&format!("/v1/runs/{}", run["id"].as_str().unwrap())).expect(200));
            let runs = runs.filter(|run| run["data"]["attributes"]["workflow"] == "more");
            runs.map(|run| run["data"]["attributes"]["version"].as_i64().unwrap()).collect::<Vec<_>>()
        };
        let made = self.change("POST", "/v1/workflows", document(true));
        let link = made["links"]["self"].as_str().unwrap().to_owned();
        self.wait("a new workflow", |node| versions(node) == [1]);
        self.change("PUT", &link, document(false));
        self.wait("a new version of a workflow", |node| versions(node) == [2]);
        self.change("PATCH", &link, json!({ "enabled": false }));
        self.wait("a disabled workflow", |node| versions(node).is_empty());
        self.change("PATCH", &link, json!({ "enabled": true }));
        self.wait("a workflow enabled again", |node| versions(node) == [2]);
        self.change("DELETE", &link, Value::Null);
        self.wait("a deleted workflow", |node| versions(node).is_empty());
    }

    fn keys(&mut self) {
        let key = self.change("POST", "/v1/keys", json!({ "name": "second", "role": "org.read" }));
        let (id, secret) = (key["id"].as_str().unwrap(), key["attributes"]["key"].as_str().unwrap());
        self.wait("a new key", |node| status_with_key(node, secret) == 200);
        self.change("DELETE", &format!("/v1/keys/{id}"), Value::Null);
        self.wait("a deleted key", |node| status_with_key(node, secret) == 401);
    }

    /// The checker of a node knows which klasses and variables there are.
    fn klasses_and_variables(&mut self) {
        let steps = json!([{ "id": "2", "action": "value.set", "params": { "value": "{{{variables.greeting}}}" } }]);
        let mut document = workflow("steps", steps);
        document["trigger"]["eventName"] = json!("kobject.parcel.create");
        let draft = format!("{}/draft", self.changed.workflow("steps")["links"]["self"].as_str().unwrap());
        let unknown = |node: &Server| {
            let saved = node.call("PUT", &draft, document.clone()).expect(200);
            let warnings = saved["data"]["attributes"]["warnings"].as_array().cloned().unwrap_or_default();
            let messages = warnings.iter().map(|warning| warning["message"].as_str().unwrap().to_owned());
            messages.collect::<Vec<_>>()
        };
        assert_eq!(unknown(&self.other), ["unknown klass `parcel`", "unknown variable `greeting`"]);
        self.change("POST", "/v1/klasses", json!({ "name": "parcel", "displayName": "Parcel" }));
        self.wait("a new klass", |node| unknown(node) == ["unknown variable `greeting`"]);
        let variable = self.change("POST", "/v1/variables", json!({ "name": "greeting", "value": "hello" }));
        self.wait("a new variable", |node| unknown(node).is_empty());
        self.change("DELETE", &format!("/v1/variables/{}", variable["id"].as_str().unwrap()), Value::Null);
        self.wait("a deleted variable", |node| unknown(node) == ["unknown variable `greeting`"]);
    }

    /// Changes everything that there is; half of the changes were in force after this time, or sooner.
    fn change_everything(mut self) -> Duration {
        self.hooks();
        self.workflows();
        self.keys();
        self.klasses_and_variables();
        self.median()
    }

    fn median(mut self) -> Duration {
        self.took.sort_by_key(|(_, took)| *took);
        let (what, median) = self.took[self.took.len() / 2];
        assert!(median < MEDIAN_MAX, "{what} took {median:?}");
        median
    }
}

fn address(hook: &Value) -> String {
    path_of(hook["attributes"]["url"].as_str().unwrap())
}

/// Status and error code of an empty order at an address.
fn post(node: &Server, address: &str) -> (u16, String) {
    let answer = send(node.request("POST", address).json(&json!({})));
    (answer.status, answer.json()["errors"][0]["code"].as_str().unwrap_or_default().to_owned())
}

fn status_with_key(node: &Server, key: &str) -> u16 {
    send(node.request("GET", "/v1/org").bearer_auth(key)).status
}

/// Swallows what is sent by NOTIFY, and keeps it: a function of the same name that is found first.
fn lose_hints(database: &TestDatabase) {
    database.execute(
        "CREATE TABLE lost_hints (hint text); \
         CREATE FUNCTION public.pg_notify(channel text, hint text) RETURNS void LANGUAGE sql \
         AS 'INSERT INTO lost_hints VALUES (hint)'",
    );
    database.execute(&format!("ALTER DATABASE {} SET search_path = public, pg_catalog", database.name()));
}

#[test]
fn changes_at_one_node_reach_the_other_with_and_without_hints() {
    let builder = || calling(&Peer::answering("200 OK", "{}"));
    let not_told = builder();
    let database = not_told.shared_directory().postgres().clone();
    lose_hints(&database);
    // Side by side, so that both have the same to suffer from whatever else the machine does.
    let told = std::thread::spawn(move || Pair::start("told", builder()).change_everything());
    let finding_out = Pair::start("not told", not_told).change_everything();
    let told = told.join().expect("the changes are in force everywhere");
    println!("half of the changes are in force after {told:?}, without hints after {finding_out:?}");
    assert!(told < finding_out, "nobody listens to hints");
    let lost = database.rows("SELECT FROM lost_hints WHERE hint LIKE 'catalog %'");
    assert!(lost.len() >= 10, "hints were sent another way: {}", lost.len());
}

#[test]
fn changes_are_in_force_at_the_other_node_after_its_connections_were_lost() {
    let mut pair = Pair::start("connections lost", calling(&Peer::answering("200 OK", "{}")));
    let database = database(&pair.changed);
    let link = pair.changed.hook("orders")["links"]["self"].as_str().unwrap().to_owned();
    for _ in 0..3 {
        let others = "datname = current_database() AND pid <> pg_backend_pid()";
        database.execute(&format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}"));
        // The first requests after that may still meet connections that are gone.
        wait_for("both nodes to be there again", || {
            let is_ready = |node: &Server| node.call("PATCH", &link, json!({ "enabled": true })).status == 200;
            (is_ready(&pair.changed) && is_ready(&pair.other)).then_some(())
        });
        pair.keys();
    }
    pair.median();
}

#[test]
fn a_change_is_in_force_as_soon_as_the_catalog_can_be_read_again() {
    let pair = Pair::start("locked", calling(&Peer::answering("200 OK", "{}")));
    let hook = pair.change("POST", "/v1/hooks", json!({ "name": "returns" }));
    let (link, former) = (hook["links"]["self"].as_str().unwrap(), address(&hook));
    let nodes = [&pair.changed, &pair.other];
    let wait =
        |what, status| nodes.iter().for_each(|node| wait_for(what, || (post(node, &former).0 == status).then_some(())));
    wait("the address to be known", 200);
    let session = database(&pair.changed).session();
    // A new address writes nothing here, but it can't be read again for longer than a reader waits for a lock.
    session.execute("BEGIN; LOCK hook_secrets");
    let answer = pair.changed.call("POST", &format!("{link}/rotate"), Value::Null);
    println!("the node that made the change answered {}", answer.status);
    pair.other.wait_for_log("a change of the catalog is not in effect yet");
    session.execute("ROLLBACK");
    wait("the former address to be refused", 404);
}

#[test]
fn what_the_log_of_changes_does_not_tell_is_found_by_reading_everything() {
    let mut pair = Pair::start("gap", calling(&Peer::answering("200 OK", "{}")));
    let address = path_of(&pair.changed.hook_url("orders"));
    let statuses = |pair: &Pair| [&pair.changed, &pair.other].map(|node| post(node, &address).0);
    assert_eq!(statuses(&pair), [200, 200]);
    // As an older version of hookflow on the same database would do it.
    database(&pair.changed).execute("UPDATE hooks SET status = 'disabled'; UPDATE catalog SET revision = revision + 1");
    wait_for("both nodes to have read everything", || (statuses(&pair) == [503, 503]).then_some(()));
    pair.keys();
}
