//! Who a conversation, its messages and its notes belong to, and where they are listed.

use serde_json::{Value, json};

use crate::support::{Server, detail, errors, ids, link};

const NOBODY: &str = "5a3c95d6f1c0de0001a1b2c3";

fn customer_of(resource: &Value) -> &Value {
    &resource["relationships"]["customer"]["data"]["id"]
}

#[test]
fn what_is_part_of_a_conversation_belongs_to_its_customer() {
    let server = Server::start();
    let ann = server.create("/v1/customers", json!({ "email": "ann@example.com" }));
    let conversations = format!("{}/conversations", link(&ann));
    let conversation = server.create(&conversations, json!({ "name": "Late", "externalId": "zd-1" }));
    assert_eq!(customer_of(&conversation), &ann["id"]);
    let messages = format!("{}/messages", link(&conversation));
    let message =
        json!({ "body": "Where is it?", "direction": "in", "channel": "email", "meta": { "to": ["a", "b"] } });
    let first = server.create(&messages, message);
    let second = server.create("/v1/messages", json!({ "conversation": conversation["id"], "sentAt": "2026-11-23" }));
    assert_eq!((customer_of(&first), customer_of(&second)), (&ann["id"], &ann["id"]));
    assert_eq!(first["relationships"]["conversation"]["links"]["self"], link(&conversation));
    assert_eq!(first["attributes"]["meta"], json!({ "to": ["a", "b"] }));
    assert_eq!(second["attributes"]["sentAt"], "2026-11-23T00:00:00.000Z");
    assert_eq!(
        ids(&server.get("/v1/conversations/externalId=zd-1/messages").expect(200)),
        [&second["id"], &first["id"]]
    );

    let user = server.create("/v1/users", json!({ "name": "Bob" }));
    let note = json!({ "body": "Call her", "user": user["id"], "userMentions": [user["id"], { "user": user["id"] }] });
    let inside = server.create(&format!("{}/notes", link(&conversation)), note);
    assert_eq!(inside["attributes"]["userMentions"], json!([{ "user": user["id"] }]));
    assert_eq!(inside["relationships"]["user"]["links"]["self"], link(&user));
    let beside = server.create(&format!("{}/notes", link(&ann)), json!({ "body": "A friend" }));
    assert_eq!(ids(&server.get(&format!("{}/notes", link(&conversation))).expect(200)), [&inside["id"]]);
    let notes = server.get("/v1/customers/email=ann@example.com/notes").expect(200);
    assert_eq!(ids(&notes), [&beside["id"], &inside["id"]], "all notes about her");
    assert_eq!(ids(&server.get(&conversations).expect(200)), [&conversation["id"]]);
}

#[test]
fn references_to_missing_objects_are_refused() {
    let server = Server::start();
    let (ann, bob) = (server.create("/v1/customers", json!({})), server.create("/v1/customers", json!({})));
    let conversation = server.create("/v1/conversations", json!({ "customer": ann["id"] }));
    let refused = |path: &str, document: Value, pointer: &str, expected: String| {
        let answer = server.call("POST", path, document).expect(422);
        assert_eq!((errors(&answer), detail(&answer)), (vec![("invalid", pointer)], expected.as_str()));
    };
    let nobody = |what: &str| format!("{what} {NOBODY} does not exist");
    refused("/v1/conversations", json!({ "customer": NOBODY }), "/customer", nobody("customer"));
    refused("/v1/messages", json!({ "conversation": NOBODY }), "/conversation", nobody("conversation"));
    refused("/v1/notes", json!({ "customer": NOBODY, "body": "n" }), "/customer", nobody("customer"));
    let note = json!({ "customer": ann["id"], "body": "n", "user": NOBODY });
    refused("/v1/notes", note, "/user", nobody("user"));
    refused("/v1/customers", json!({ "company": NOBODY }), "/company", nobody("company"));
    let id = conversation["id"].as_str().unwrap();
    let message = json!({ "conversation": id, "customer": bob["id"] });
    refused("/v1/messages", message, "/customer", format!("conversation {id} belongs to another customer"));
    let elsewhere = json!({ "conversation": NOBODY });
    refused(
        &format!("{}/messages", link(&conversation)),
        elsewhere,
        "/conversation",
        format!("differs from the id in the path, {id}"),
    );
    for path in [format!("/v1/customers/{NOBODY}/conversations"), format!("/v1/conversations/{NOBODY}/notes")] {
        server.get(&path).expect(404);
        server.call("POST", &path, json!({})).expect(404);
    }

    let note = server.create("/v1/notes", json!({ "customer": ann["id"], "body": "n" }));
    let answer = server.call("PATCH", &link(&note), json!({ "user": NOBODY, "customer": ann["id"] })).expect(422);
    assert_eq!(errors(&answer), [("invalid", "/user")]);
    for change in [json!({ "customer": bob["id"] }), json!({ "customer": null })] {
        let answer = server.call("PATCH", &link(&note), change).expect(422);
        assert_eq!(
            (errors(&answer), detail(&answer)),
            (vec![("invalid", "/customer")], "can't be changed after creation")
        );
    }
    let answer = server.call("PATCH", &link(&note), json!({ "conversation": id })).expect(422);
    assert_eq!(errors(&answer), [("invalid", "/conversation")]);
}

#[test]
fn messages_and_notes_end_with_their_conversation() {
    let server = Server::start();
    let ann = server.create("/v1/customers", json!({}));
    let [first, second] = [1, 2].map(|_| server.create("/v1/conversations", json!({ "customer": ann["id"] })));
    let message = |of: &Value| server.create(&format!("{}/messages", link(of)), json!({ "body": "m" }));
    let (gone, stays) = (message(&first), message(&second));
    let note = server.create(&format!("{}/notes", link(&first)), json!({ "body": "n" }));
    assert_eq!(server.call("DELETE", &link(&first), Value::Null).status, 204);
    server.get(&link(&gone)).expect(404);
    server.get(&link(&note)).expect(404);
    assert_eq!(server.get(&link(&stays)).expect(200)["data"], stays);
    server.get(&format!("{}/messages", link(&first))).expect(404);
}

#[test]
fn a_timeline_has_kobjects_and_conversations_together() {
    let server = Server::start();
    let ann = server.create("/v1/customers", json!({}));
    let order = || server.create(&format!("{}/klasses/order", link(&ann)), json!({ "title": "Order" }))["id"].take();
    let conversation = || server.create(&format!("{}/conversations", link(&ann)), json!({}))["id"].take();
    let made = [order(), conversation(), conversation(), order(), conversation()];
    server.create(&format!("{}/notes", link(&ann)), json!({ "body": "n" }));
    let newest_first: Vec<&Value> = made.iter().rev().collect();
    let whole = server.get(&format!("{}/timeline", link(&ann))).expect(200);
    assert_eq!(ids(&whole), newest_first);
    let types: Vec<_> = whole["data"].as_array().unwrap().iter().map(|entry| entry["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["conversation", "kobject.order", "conversation", "conversation", "kobject.order"]);
    let (mut next, mut found) = (Some(format!("{}/timeline?pageSize=2", link(&ann))), Vec::new());
    while let Some(path) = next {
        let page = server.get(&path).expect(200);
        found.extend(ids(&page).into_iter().cloned());
        next = page["links"]["next"].as_str().map(str::to_owned);
    }
    assert_eq!(found.iter().collect::<Vec<_>>(), newest_first);
}
