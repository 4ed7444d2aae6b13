//! `conversation.*`, `message.*` and `note.*`.

use serde_json::{Value, json};

use super::{NOBODY, Stage};

fn customer(stage: &Stage) -> Value {
    stage.output("customer.create", json!({ "name": "Ann" }))["id"].take()
}

#[test]
fn a_conversation_is_made_found_changed_and_assigned() {
    let stage = Stage::new();
    let customer = customer(&stage);
    let content = json!({ "customer": customer, "externalId": "c-1", "priority": "4", "custom": { "langStr": "de" } });
    let made = stage.output("conversation.create", content.clone());
    assert_eq!((&made["customer"], &made["status"], &made["priority"]), (&customer, &json!("open"), &json!(4)));
    let id = &made["id"];
    assert_eq!(stage.output("conversation.find-by-id", json!({ "id": id })), made);
    assert_eq!(stage.output("conversation.find-by-external-id", json!({ "externalId": "c-1" })), made);
    stage.expect_nothing("conversation.find-by-id", json!({ "id": customer }));
    stage.expect_nothing("conversation.find-by-id", json!({ "id": "c-1" }));
    stage.expect_nothing("conversation.find-by-external-id", json!({ "externalId": "c-2" }));
    assert_eq!(stage.failure("conversation.create", content).0, "taken");

    let update = json!({ "id": id, "status": "done", "queue": "returns", "custom": { "langStr": null } });
    let changed = stage.output("conversation.update", update);
    assert_eq!(
        (&changed["status"], &changed["queue"], &changed["custom"]),
        (&json!("done"), &json!("returns"), &json!({}))
    );
    let wrong = json!({ "id": id, "status": "closed", "priority": 9, "custom": { "lang": "de" } });
    stage.expect_invalid("conversation.update", wrong, ["/status", "/priority", "/custom/lang"]);
    stage.expect_invalid("conversation.update", json!({ "id": NOBODY, "status": "open" }), ["/id"]);
    stage.expect_invalid("conversation.create", json!({ "customer": NOBODY }), ["/customer"]);

    let assigned = stage.output("conversation.assign-user", json!({ "id": id, "user": NOBODY }));
    assert_eq!(assigned["assignedUsers"], json!([NOBODY]));
    let assigned = stage.output("conversation.assign-user", json!({ "id": id, "user": [] }));
    assert_eq!(assigned["assignedUsers"], json!([]));
    let assigned = stage.output("conversation.assign-team", json!({ "id": id, "team": [NOBODY, NOBODY] }));
    assert_eq!(assigned["assignedTeams"], json!([NOBODY]));
    stage.expect_invalid("conversation.assign-user", json!({ "id": id, "user": [NOBODY, "zoe"] }), ["/user/1"]);
    stage.expect_invalid("conversation.assign-team", json!({ "id": id, "team": "it" }), ["/team/0"]);
}

#[test]
fn tags_are_added_and_taken_off() {
    let stage = Stage::new();
    let made = stage.output("conversation.create", json!({ "customer": customer(&stage), "tags": ["a"] }));
    let id = &made["id"];
    let tagged = stage.output("conversation.append-tags", json!({ "id": id, "tags": ["b", " a ", "c"] }));
    assert_eq!(tagged["tags"], json!(["a", "b", "c"]));
    assert_eq!(stage.output("conversation.append-tags", json!({ "id": id, "tags": "c" })), tagged);
    let tagged = stage.output("conversation.remove-tags", json!({ "id": id, "tags": [" b ", "z"] }));
    assert_eq!(tagged["tags"], json!(["a", "c"]));
    assert_eq!(stage.output("conversation.remove-tags", json!({ "id": id, "tags": "b" })), tagged);
    let tags: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    stage.expect_invalid("conversation.append-tags", json!({ "id": id, "tags": tags }), ["/tags"]);
    stage.expect_invalid("conversation.remove-tags", json!({ "id": NOBODY, "tags": "a" }), ["/id"]);
}

#[test]
fn messages_are_found_by_id_and_by_position() {
    let stage = Stage::new();
    let customer = customer(&stage);
    let conversation = stage.output("conversation.create", json!({ "customer": customer }))["id"].take();
    stage.expect_nothing("message.find-last", json!({ "conversation": conversation }));
    let empty = stage.output("conversation.find-body", json!({ "id": conversation }));
    assert_eq!(empty, json!({ "id": conversation, "body": "", "messages": 0 }));
    let say = |body: &str| stage.output("message.create", json!({ "conversation": conversation, "body": body }));
    let first = say("Where is it?");
    assert_eq!((&first["customer"], &first["conversation"]), (&customer, &conversation));
    stage.output("message.create", json!({ "conversation": conversation, "subject": "No body" }));
    let last = say("On its way");
    assert_eq!(stage.output("message.find-last", json!({ "conversation": conversation })), last);
    let body = stage.output("conversation.find-body", json!({ "id": conversation }));
    assert_eq!(body, json!({ "id": conversation, "body": "Where is it?\n\nOn its way", "messages": 2 }));
    stage.expect_nothing("conversation.find-body", json!({ "id": NOBODY }));

    let update = json!({ "id": last["id"], "externalId": "m-1", "direction": "out", "sentAt": "2026-11-23" });
    let changed = stage.output("message.update", update);
    assert_eq!(changed["sentAt"], "2026-11-23T00:00:00.000Z");
    assert_eq!(stage.output("message.find-by-id", json!({ "id": last["id"] })), changed);
    assert_eq!(stage.output("message.find-by-external", json!({ "externalId": "m-1" })), changed);
    stage.expect_nothing("message.find-by-id", json!({ "id": conversation }));
    stage.expect_nothing("message.find-by-external", json!({ "externalId": "m-2" }));
    stage.expect_invalid("message.update", json!({ "id": last["id"], "direction": "up" }), ["/direction"]);
    stage.expect_invalid("message.create", json!({ "conversation": NOBODY }), ["/conversation"]);
    // The newest are what there is room for.
    let long = say(&"x".repeat(99_995));
    let body = stage.output("conversation.find-body", json!({ "id": conversation }));
    assert_eq!((&body["body"], &body["messages"]), (&long["body"], &json!(1)));
}

#[test]
fn notes_are_about_a_conversation_or_a_customer() {
    let stage = Stage::new();
    let customer = customer(&stage);
    let conversation = stage.output("conversation.create", json!({ "customer": customer }))["id"].take();
    let about = json!({ "conversation": conversation, "body": "Called", "userMentions": [{ "user": NOBODY }] });
    let note = stage.output("note.create", about);
    assert_eq!((&note["customer"], &note["userMentions"]), (&customer, &json!([{ "user": NOBODY }])));
    let other = stage.output("note.create", json!({ "customer": customer, "body": "VIP", "externalId": "n-1" }));
    assert_eq!(other["conversation"], Value::Null);
    let changed = stage.output("note.update", json!({ "id": note["id"], "body": "Called twice" }));
    assert_eq!(stage.output("note.find-by-id", json!({ "id": note["id"] })), changed);
    assert_eq!(stage.output("note.find-by-external", json!({ "externalId": "n-1" })), other);
    stage.expect_nothing("note.find-by-id", json!({ "id": NOBODY }));
    stage.expect_nothing("note.find-by-external", json!({ "externalId": "n-2" }));
    stage.expect_invalid("note.create", json!({ "body": "x" }), ["/conversation"]);
    stage.expect_invalid("note.update", json!({ "id": note["id"], "user": NOBODY }), ["/user"]);
    stage.expect_invalid("note.update", json!({ "id": note["id"], "body": null }), ["/body"]);
}
