//! Companies, conversations, messages, notes and users over HTTP: what each may say, what it belongs to, and what is
//! unique about it.

use serde_json::{Value, json};

use crate::support::{Server, ServerBuilder, detail, errors, ids, link};

fn conversation(server: &Server, customer: &Value) -> Value {
    server.create("/v1/conversations", json!({ "customer": customer["id"] }))
}

/// One of each kind, with as little as has to be said.
fn one_of_each(server: &Server) -> Vec<(&'static str, Value)> {
    let customer = server.create("/v1/customers", json!({}));
    let conversation = conversation(server, &customer);
    let about = json!({ "conversation": conversation["id"], "body": "Hello" });
    vec![
        ("companies", server.create("/v1/companies", json!({ "name": "Acme" }))),
        ("messages", server.create("/v1/messages", about.clone())),
        ("notes", server.create("/v1/notes", about)),
        ("users", server.create("/v1/users", json!({ "name": "Ann" }))),
        ("conversations", conversation),
    ]
}

#[test]
fn each_kind_is_created_read_listed_changed_and_deleted() {
    let server = ServerBuilder::bare().start();
    for (plural, made) in one_of_each(&server) {
        let path = link(&made);
        assert_eq!(path, format!("/v1/{plural}/{}", made["id"].as_str().unwrap()));
        assert_eq!(server.get(&path).expect(200)["data"], made);
        assert_eq!(ids(&server.get(&format!("/v1/{plural}")).expect(200)), [&made["id"]]);
        let field = if ["messages", "notes"].contains(&plural) { "body" } else { "name" };
        let changed = server.call("PATCH", &path, json!({ field: "Changed" })).expect(200)["data"].take();
        assert_eq!((&changed["attributes"][field], &changed["attributes"]["rev"]), (&json!("Changed"), &json!(2)));
        assert_eq!(server.get(&path).expect(200)["data"], changed);
        let same = server.call("PUT", &path, json!({ field: "Changed" })).expect(200);
        assert_eq!(same["data"], changed, "nothing changed, so nothing was written");
        assert_eq!(server.call("DELETE", &path, Value::Null).status, 204);
        for method in ["GET", "PATCH", "DELETE"] {
            let answer = server.call(method, &path, if method == "PATCH" { json!({}) } else { Value::Null });
            let expected = format!("unknown {} `{}`", made["type"].as_str().unwrap(), made["id"].as_str().unwrap());
            assert_eq!(detail(&answer.expect(404)), expected);
        }
        assert!(ids(&server.get(&format!("/v1/{plural}")).expect(200)).is_empty());
    }
}

#[test]
fn a_conversation_shows_all_of_its_attributes() {
    let server = ServerBuilder::bare().start();
    let ann = server.create("/v1/customers", json!({ "email": "ann@example.com" }));
    let made = conversation(&server, &ann);
    let (attributes, id) = (&made["attributes"], made["id"].as_str().unwrap());
    let bare = json!({
        "externalId": null, "name": null, "status": "open", "subStatus": null, "priority": null, "channel": null,
        "queue": null, "assignedUsers": [], "assignedTeams": [], "tags": [], "custom": {},
        "createdAt": attributes["createdAt"], "updatedAt": attributes["updatedAt"], "rev": 1
    });
    assert_eq!(attributes, &bare);
    assert_eq!(made["relationships"]["customer"]["data"], json!({ "type": "customer", "id": ann["id"] }));
    assert_eq!(made["relationships"]["customer"]["links"]["self"], link(&ann));
    assert_eq!(made["relationships"]["messages"]["links"]["self"], format!("/v1/conversations/{id}/messages"));

    let user = "5a3c95d6f1c0de0001a1b2c3";
    let change = json!({
        "customer": ann["id"], "externalId": "zd-1", "name": "Late", "status": "snoozed", "subStatus": "waiting",
        "priority": 4, "queue": "returns", "assignedUsers": [user, user], "tags": [" late ", "vip", "late"],
        "custom": { "orderIdStr": 7 }
    });
    let changed = server.call("PATCH", &link(&made), change).expect(200);
    let attributes = &changed["data"]["attributes"];
    assert_eq!((&attributes["tags"], &attributes["assignedUsers"]), (&json!(["late", "vip"]), &json!([user])));
    assert_eq!((&attributes["status"], &attributes["priority"]), (&json!("snoozed"), &json!(4)));
    assert_eq!(attributes["custom"], json!({ "orderIdStr": "7" }));
    assert_eq!(server.get("/v1/conversations/externalId=zd-1").expect(200), changed);

    let nulls = json!({
        "externalId": null, "name": null, "status": null, "subStatus": null, "priority": null, "queue": null,
        "assignedUsers": null, "tags": null, "custom": null
    });
    let mut cleared = server.call("PATCH", &link(&made), nulls).expect(200)["data"]["attributes"].take();
    (cleared["updatedAt"], cleared["rev"]) = (bare["updatedAt"].clone(), json!(1));
    assert_eq!(cleared, bare);
}

#[test]
fn all_problems_are_reported_with_their_places() {
    let server = ServerBuilder::bare().start();
    let refused = |path: &str, document: Value| {
        let answer = server.call("POST", path, document).expect(422);
        let errors = answer["errors"].as_array().unwrap().iter();
        let text = |error: &Value| {
            format!("{}: {}", error["source"]["pointer"].as_str().unwrap(), error["detail"].as_str().unwrap())
        };
        errors.map(text).collect::<Vec<_>>()
    };
    let company = json!({
        "name": " ", "emails": ["a@x.example", "b"], "phones": [1], "urls": ["nowhere"], "domains": ["a b"],
        "tags": "vip", "custom": { "tier": 1 }
    });
    assert_eq!(
        refused("/v1/companies", company),
        [
            "/name: a name is required",
            "/emails/1: not an e-mail address, such as ann@example.com",
            "/phones/0: expected a string, not a number",
            "/urls/0: expected an absolute URL of at most 2,048 characters, not \"nowhere\"",
            "/domains/0: not a domain, such as example.com",
            "/tags: expected a list, not a string",
            "/custom/tier: `tier` must end in a type suffix: one of Str, Txt, Num, At, Bool, Url, Id",
        ]
    );
    let conversation =
        json!({ "customer": "ann", "status": "opened", "priority": 6, "assignedUsers": ["ann"], "sub_status": "x" });
    assert_eq!(
        refused("/v1/conversations", conversation),
        [
            "/customer: expected the id of a customer, which is 24 hexadecimal characters",
            "/status: expected one of open, snoozed, done",
            "/priority: expected a whole number from 1 to 5",
            "/assignedUsers/0: expected an id, which is 24 hexadecimal characters",
            "/sub_status: unknown attribute `sub_status`; did you mean `subStatus`?",
        ]
    );
    let message = json!({ "direction": "inbound", "sentAt": "now", "body": "x".repeat(100_001), "meta": [] });
    assert_eq!(
        refused("/v1/messages", message),
        [
            "/conversation: a conversation is required",
            "/direction: expected one of in, out",
            "/body: longer than 100000 characters",
            "/sentAt: expected a date such as 2017-12-22T05:23:02Z, or seconds or milliseconds since 1970, not \"now\"",
            "/meta: expected an object, not a list",
        ]
    );
    let note = json!({ "userMentions": [{ "name": "Ann" }] });
    assert_eq!(
        refused("/v1/notes", note),
        [
            "/body: a body is required",
            "/userMentions/0: unknown attribute `name`",
            "/conversation: a conversation or a customer is required",
        ]
    );
    let user = json!({ "email": "ann", "teams": vec!["5a3c95d6f1c0de0001a1b2c3"; 101] });
    assert_eq!(
        refused("/v1/users", user),
        ["/email: not an e-mail address, such as ann@example.com", "/teams: more than 100 entries"]
    );
    assert_eq!(refused("/v1/users", json!([])), [": expected an object"]);
}

#[test]
fn a_required_attribute_can_not_be_cleared() {
    let server = ServerBuilder::bare().start();
    let company = server.create("/v1/companies", json!({ "name": "Acme" }));
    let answer = server.call("PATCH", &link(&company), json!({ "name": null })).expect(422);
    assert_eq!(errors(&answer), [("invalid", "/name")]);
}

#[test]
fn an_external_id_belongs_to_one_entity_of_its_kind() {
    let server = ServerBuilder::bare().start();
    let ann = server.create("/v1/customers", json!({}));
    let acme = server.create("/v1/companies", json!({ "name": "Acme", "externalId": "x/1" }));
    let answer = server.call("POST", "/v1/companies", json!({ "name": "Other", "externalId": "x/1" })).expect(409);
    assert_eq!(errors(&answer), [("taken", "/externalId")]);
    assert!(detail(&answer).contains(acme["id"].as_str().unwrap()), "{answer}");
    let other = server.create("/v1/companies", json!({ "name": "Other", "externalId": "" }));
    let answer = server.call("PATCH", &link(&other), json!({ "externalId": "x/1" })).expect(409);
    assert_eq!(errors(&answer), [("taken", "/externalId")]);
    server.create("/v1/conversations", json!({ "customer": ann["id"], "externalId": "x/1" }));
    assert_eq!(server.get("/v1/companies/externalId=x%2F1").expect(200)["data"], acme);
    server.get("/v1/companies/externalId=X%2F1").expect(404);
    server.get("/v1/companies/email=acme@example.com").expect(404);
}

#[test]
fn an_address_belongs_to_one_user_ignoring_case() {
    let server = ServerBuilder::bare().start();
    let ann = server.create("/v1/users", json!({ "email": "Ann@Example.com", "displayName": "Ann" }));
    assert_eq!(ann["attributes"]["email"], "Ann@Example.com");
    assert_eq!(server.get("/v1/users/email=ANN@example.com").expect(200)["data"], ann);
    let answer = server.call("POST", "/v1/users", json!({ "email": "ann@example.COM" })).expect(409);
    assert_eq!(errors(&answer), [("taken", "/email")]);
    // A customer may have the address of a user.
    server.create("/v1/customers", json!({ "email": "ann@example.com" }));
}

#[test]
fn a_page_of_entities_leads_to_the_next() {
    let server = ServerBuilder::bare().start();
    let made: Vec<Value> = (0..3)
        .map(|number| server.create("/v1/companies", json!({ "name": number.to_string() }))["id"].take())
        .collect();
    let first = server.get("/v1/companies?pageSize=2").expect(200);
    assert_eq!(ids(&first), [&made[2], &made[1]]);
    let second = server.get(first["links"]["next"].as_str().unwrap()).expect(200);
    assert_eq!((ids(&second), &second["links"]["next"]), (vec![&made[0]], &Value::Null));
    let answer = server.get("/v1/companies?pageSize=0").expect(400);
    assert_eq!(errors(&answer), [("bad_parameter", "pageSize")]);
}

#[test]
fn a_key_that_reads_does_not_write() {
    let server = ServerBuilder::bare().start();
    let made = one_of_each(&server);
    let key = server.call("POST", "/v1/keys", json!({ "name": "reader", "role": "org.read" })).expect(201);
    let key = key["data"]["attributes"]["key"].as_str().unwrap();
    let status = |method: &str, path: &str| {
        crate::support::server::send(server.request(method, path).bearer_auth(key).json(&json!({}))).status
    };
    for (plural, made) in made {
        assert_eq!((status("GET", &format!("/v1/{plural}")), status("GET", &link(&made))), (200, 200));
        assert_eq!(status("POST", &format!("/v1/{plural}")), 403);
        assert_eq!((status("PATCH", &link(&made)), status("DELETE", &link(&made))), (403, 403));
        assert_eq!(server.get_without_key(&link(&made)).status, 401);
        assert_eq!(server.call("POST", &link(&made), json!({})).status, 405);
    }
}
