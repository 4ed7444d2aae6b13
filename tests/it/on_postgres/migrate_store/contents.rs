//! A database with some of everything in it, and everything that a server shows of it.

use std::collections::BTreeMap;

use reqwest::blocking::RequestBuilder;
use serde_json::{Value, json};

use super::hook_path;
use crate::support::audit::all_pages;
use crate::support::peer::Peer;
use crate::support::server::{is_open, send};
use crate::support::{Server, always, wait_for, workflow};

/// Letters of one to four bytes, some that people sort otherwise than by their bytes, and what SQL and JSON might trip on.
const ODD: &str = "Zoë Ångström ß ﬁ 東京 🧵 \u{1}\u{7f}\u{200b} 'quoted' \"twice\" \\x00 \\\\ {a,b} NULL \t\n";

fn link(resource: &Value) -> &str {
    resource["links"]["self"].as_str().expect("a resource has a link")
}

/// Puts some of everything into a server that has the shipped bundle. One run waits for `peer`, which has to refuse calls.
pub fn fill(server: &Server, peer: &Peer) {
    fill_catalog(server, peer);
    fill_objects(server);
    fill_runs(server);
    // The counts of refusals are written every second.
    let orders = server.hook("orders");
    wait_for("the refusals to be counted", || {
        let hook = server.get(link(&orders)).expect(200);
        (hook["data"]["attributes"]["refusals"]["malformed_json"]["count"] == 3).then_some(())
    });
}

fn fill_catalog(server: &Server, peer: &Peer) {
    for (name, role) in [("reader", "org.read"), (ODD, "org.admin"), ("gone", "org.read")] {
        let key = server.call("POST", "/v1/keys", json!({ "name": name, "role": role })).expect(201);
        if name == "gone" {
            server
                .call("DELETE", &format!("/v1/keys/{}", key["data"]["id"].as_str().unwrap()), Value::Null)
                .expect(204);
        }
    }
    let mut hooks = ["returns", "calls", "a_b", "a-b", "gone"].map(|name| {
        let hook = json!({ "name": name, "title": ODD, "description": ODD.repeat(50) });
        server.call("POST", "/v1/hooks", hook).expect(201)["data"].take()
    });
    server.call("PATCH", link(&hooks[2]), json!({ "enabled": false, "description": null })).expect(200);
    server.call("POST", &format!("{}/rotate", link(&hooks[3])), Value::Null).expect(200);
    server.call("DELETE", link(&hooks[4]), Value::Null).expect(204);
    hooks[4] = server.call("POST", "/v1/hooks", json!({ "name": "gone" })).expect(201)["data"].take();

    let versions = (0..4).map(|version| {
        let mut document =
            workflow("versions", json!([{ "id": "2", "meta": { "displayName": format!("{version} {ODD}") } }]));
        document["trigger"]["eventName"] = json!("hooks.form.returns.receive");
        document
    });
    let mut versions = versions.collect::<Vec<_>>().into_iter();
    let made = server.call("POST", "/v1/workflows", versions.next().unwrap()).expect(201)["data"].take();
    versions.for_each(|document| drop(server.call("PUT", link(&made), document).expect(200)));
    server
        .call(
            "PUT",
            &format!("{}/draft", link(&made)),
            workflow("draft", json!([{ "id": "2", "meta": { "text": ODD } }])),
        )
        .expect(200);
    let mut yearly = workflow("yearly", json!([{ "id": "2" }]));
    yearly["trigger"]["schedule"] = json!({ "cron": "0 3 1 1 *", "timeZone": "Europe/Paris" });
    server.call("POST", "/v1/workflows", yearly).expect(201);
    let others = ["disabled", "deleted"].map(|name| {
        let document = workflow(name, json!([{ "id": "2" }]));
        server.call("POST", "/v1/workflows", document).expect(201)["data"].take()
    });
    server.call("PATCH", link(&others[0]), json!({ "enabled": false })).expect(200);
    server.call("DELETE", link(&others[1]), Value::Null).expect(204);
    let call = json!({ "id": "2", "action": "rest-api.json", "params": { "uri": peer.url("/") }, "transitions": [always("3")] });
    let mut calling = workflow("calling", json!([call, { "id": "3" }]));
    calling["trigger"]["eventName"] = json!("hooks.form.calls.receive");
    server.call("POST", "/v1/workflows", calling).expect(201);

    for (display_name, status) in [("Parcel", 201), (ODD, 200)] {
        let properties = json!({ "noteTxt": { "displayName": ODD }, "weightNum": {} });
        let klass = json!({ "name": "parcel", "displayName": display_name, "icon": "box", "properties": properties });
        server.call("POST", "/v1/klasses", klass).expect(status);
    }
}

fn fill_objects(server: &Server) {
    let long = "東".repeat(256);
    let mut ids = Vec::new();
    for customer in [
        json!({ "name": ODD, "externalId": "Zoë", "emails": ["zoe@example.com", "Z.O.E@Example.com"], "phones": ["+49 30 1234", "030 1234"] }),
        json!({ "name": long, "externalId": long, "phones": ["+49 30 1234"], "custom": { "noteStr": ODD, "countNum": 0.1 } }),
        json!({ "externalId": "zebra", "custom": { "noteTxt": "💤".repeat(20_000) } }),
        json!({ "email": "ann@example.com" }),
    ] {
        let made = server.call("POST", "/v1/customers", customer).expect(201)["data"].take();
        ids.push(made["id"].as_str().unwrap().to_owned());
    }
    let change = json!({ "externalId": null, "name": "Zed", "phone": "110" });
    server.call("PATCH", &format!("/v1/customers/{}", ids[2]), change).expect(200);
    for number in 0..60 {
        let kobject = json!({
            "title": format!("{number} {ODD}"), "externalId": if number % 2 == 0 { json!(format!("p-{number}")) } else { Value::Null },
            "customer": ids[number % 2], "icon": "box", "data": { "deep": [[[{ "text": ODD }]]], "number": 1e-300 },
            "custom": { "noteTxt": "x".repeat(number * 1_000), "weightNum": -0.0 },
        });
        server.call("POST", "/v1/klasses/parcel", kobject).expect(201);
    }
    server.call("PATCH", "/v1/klasses/parcel/externalId=p-2", json!({ "title": "changed" })).expect(200);
    server.call("DELETE", "/v1/klasses/parcel/externalId=p-4", Value::Null).expect(204);
    fill_entities(server, &ids);
}

fn fill_entities(server: &Server, customers: &[String]) {
    let company =
        server.create("/v1/companies", json!({ "name": ODD, "externalId": "Zoë", "custom": { "noteStr": ODD } }));
    let user = server.create("/v1/users", json!({ "name": ODD, "email": "Zoe@Example.com" }));
    let about = json!({ "company": company["id"], "tags": [ODD.trim()], "locations": [{ "text": ODD }] });
    server.call("PATCH", &format!("/v1/customers/{}", customers[0]), about).expect(200);
    let conversation = json!({ "customer": customers[0], "externalId": "zebra", "assignedUsers": [user["id"]] });
    let conversation = server.create("/v1/conversations", conversation);
    for number in 0..5 {
        let message = json!({ "body": ODD.repeat(number * 100), "meta": { "number": number, "text": ODD } });
        server.create(&format!("{}/messages", link(&conversation)), message);
    }
    server.create("/v1/notes", json!({ "customer": customers[1], "body": ODD, "user": user["id"] }));
    let other = server.get("/v1/klasses/parcel/externalId=p-6").expect(200)["data"]["id"].take();
    let related = json!({ "klassName": "parcel", "kobject": other });
    assert_eq!(server.call("POST", "/v1/klasses/parcel/externalId=p-8/relationships", related).status, 204);
}

/// A request to a hook, wherever its address leads outside.
fn to_hook(server: &Server, name: &str, query: &str) -> RequestBuilder {
    server.request("POST", &format!("{}{query}", hook_path(&server.hook(name))))
}

fn fill_runs(server: &Server) {
    for order in [
        json!({ "orderId": "1", "email": "ann@example.com", "price": "$1", "quantity": 1 }),
        json!({ "orderId": ODD, "email": "new@example.com", "text": "🧵".repeat(50_000), "quantity": 2.50 }),
        json!({ "orderId": "failing", "email": "no address" }),
    ] {
        send(to_hook(server, "orders", "").json(&order)).expect(200);
    }
    // Kept as it came: spaces, an escaped U+0000, a number that no computer has, no content type.
    let raw = " {\r\n \"orderId\" : \"\\u0000\\ud83e\\uddf5\", \"n\":1.00000000000000000000000001E+2 }\n";
    send(to_hook(server, "orders", "?from=shop&x=%00%ff").header("x-shop", "Z").body(raw)).expect(200);
    for _ in 0..3 {
        send(to_hook(server, "orders", "").body("{")).expect(400);
    }
    send(to_hook(server, "orders", "").header("content-encoding", "xz").body("{}")).expect(415);
    for name in ["returns", "calls", "calls"] {
        send(to_hook(server, name, "").json(&json!({ "name": ODD }))).expect(200);
    }
    wait_for_quiet(server, 2);
    let waiting = server.get("/v1/runs?status=waiting").expect(200)["data"].take();
    server.call("POST", &format!("{}/cancel", link(&waiting[0])), Value::Null).expect(200);
    let failed = server.get("/v1/runs?status=failed").expect(200)["data"].take();
    server.call("POST", &format!("{}/replay", link(&failed[0])), Value::Null).expect(201);
    wait_for_quiet(server, 1);
}

/// Waits until all runs have ended but for so many, which wait to call again.
fn wait_for_quiet(server: &Server, waiting: usize) {
    wait_for("the runs to end or wait", || {
        let runs = server.get("/v1/runs?pageSize=500").expect(200)["data"].take();
        let open = runs.as_array().unwrap().iter().filter(|run| is_open(run["attributes"]["status"].as_str().unwrap()));
        let open: Vec<&Value> = open.collect();
        let retries = |run: &&Value| server.steps(run)[1]["attempts"][0]["retryAt"].is_string();
        (open.len() == waiting && open.iter().all(retries)).then_some(())
    });
}

/// Everything that a server shows, by where it shows it.
pub fn everything(server: &Server) -> BTreeMap<String, Value> {
    let mut shown = BTreeMap::new();
    let mut list = |path: &str| -> Vec<Value> {
        let entries = all_pages(server, path);
        shown.insert(path.to_owned(), json!(entries));
        entries
    };
    let mut single = Vec::new();
    list("/v1/keys");
    for hook in list("/v1/hooks") {
        single.push(link(&hook).to_owned());
        let transactions = list(&format!("/v1/hooks/{}/transactions?pageSize=3", hook["id"].as_str().unwrap()));
        single.extend(transactions.iter().map(|transaction| link(transaction).to_owned()));
        list(&format!("{}/refusals?pageSize=2", link(&hook)));
    }
    for workflow in list("/v1/workflows") {
        single.push(link(&workflow).to_owned());
        let id = workflow["id"].as_str().unwrap();
        list(&format!("/v1/workflows/{id}/versions"));
        list(&format!("/v1/runs?workflow={id}"));
    }
    for klass in list("/v1/klasses") {
        list(&format!("/v1/klasses/{}?pageSize=7", klass["attributes"]["name"].as_str().unwrap()));
    }
    for customer in list("/v1/customers?pageSize=2") {
        single.push(link(&customer).to_owned());
        for below in ["timeline", "conversations", "notes"] {
            list(&format!("{}/{below}", link(&customer)));
        }
    }
    for kind in ["companies", "conversations", "messages", "notes", "users"] {
        single.extend(list(&format!("/v1/{kind}?pageSize=3")).iter().map(|entity| link(entity).to_owned()));
    }
    for conversation in list("/v1/conversations") {
        list(&format!("{}/messages", link(&conversation)));
    }
    list("/v1/klasses/parcel/externalId=p-6/relationships");
    for status in ["queued", "running", "waiting", "completed", "failed", "cancelled"] {
        list(&format!("/v1/runs?status={status}"));
    }
    for run in list("/v1/runs?pageSize=2") {
        single.push(link(&run).to_owned());
    }
    single.push("/v1/org".into());
    single.push("/v1/customers/phone=%2B49301234".into());
    single.push("/v1/klasses/parcel/externalId=p-2".into());
    single.push("/v1/customers/externalId=Zo%C3%AB".into());
    single.push("/v1/companies/externalId=Zo%C3%AB".into());
    single.push("/v1/users/email=zoe@example.com".into());
    for path in single {
        let answer = server.get(&path).expect(200);
        shown.insert(path, answer);
    }
    shown
}
