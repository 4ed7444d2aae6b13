//! What else is known of customers, and how they end: deleted, or merged into another one.

use serde_json::{Value, json};

use crate::support::{Server, detail, errors, ids, link};

/// A customer with an order, a conversation with a message, and a note; the links of what belongs to it.
fn customer_with_belongings(server: &Server, customer: Value) -> (Value, Vec<String>) {
    let customer = server.create("/v1/customers", customer);
    let path = link(&customer);
    let order = server.create(&format!("{path}/klasses/order"), json!({ "title": "Order" }));
    let conversation = server.create(&format!("{path}/conversations"), json!({}));
    let message = server.create(&format!("{}/messages", link(&conversation)), json!({ "body": "m" }));
    let note = server.create(&format!("{path}/notes"), json!({ "body": "n" }));
    (customer, [order, conversation, message, note].iter().map(link).collect())
}

#[test]
fn a_customer_has_further_attributes() {
    let server = Server::start();
    let acme = server.create("/v1/companies", json!({ "name": "Acme" }));
    let customer = json!({
        "company": acme["id"], "username": "ann",
        "urls": ["https://ann.example", { "url": "https://a.example", "type": "blog" }],
        "locations": [{ "city": "Bonn", "zip": 53111 }], "locale": "de_DE", "timeZone": "Europe/Berlin",
        "birthdayAt": "1980-02-03", "gender": "f", "tags": ["vip", "vip"]
    });
    let ann = server.create("/v1/customers", customer);
    assert_eq!(ann["relationships"]["company"]["links"]["self"], link(&acme));
    let attributes = &ann["attributes"];
    assert!(attributes.get("company").is_none());
    assert_eq!(
        attributes["urls"],
        json!([{ "url": "https://ann.example", "type": "other" }, { "url": "https://a.example", "type": "blog" }])
    );
    assert_eq!(attributes["locations"], json!([{ "city": "Bonn", "zip": 53111 }]));
    assert_eq!((&attributes["tags"], &attributes["birthdayAt"]), (&json!(["vip"]), &json!("1980-02-03T00:00:00.000Z")));
    assert_eq!(server.get(&link(&ann)).expect(200)["data"], ann);
    let nulls = json!({ "company": null, "urls": null, "locations": null, "locale": null, "tags": null });
    let cleared = server.call("PATCH", &link(&ann), nulls).expect(200)["data"].take();
    assert_eq!(cleared["relationships"].get("company"), None);
    let attributes = &cleared["attributes"];
    assert_eq!((&attributes["urls"], &attributes["locations"]), (&json!([]), &json!([])));
    assert_eq!((&attributes["locale"], &attributes["gender"]), (&Value::Null, &json!("f")));
}

#[test]
fn a_change_that_changes_nothing_is_not_counted() {
    let server = Server::start();
    let ann = server.create("/v1/customers", json!({ "name": "Ann", "tags": ["a"] }));
    let same = server.call("PATCH", &link(&ann), json!({ "name": "Ann", "tags": ["a"] })).expect(200);
    assert_eq!(same["data"], ann);
}

#[test]
fn everything_that_belongs_to_a_customer_is_deleted_with_it() {
    let server = Server::start();
    let ann = json!({ "email": "ann@example.com", "phone": "030 1234", "externalId": "crm-7" });
    let (ann, belongings) = customer_with_belongings(&server, ann);
    let (_, others) = customer_with_belongings(&server, json!({ "email": "bob@example.com" }));
    assert_eq!(server.call("DELETE", "/v1/customers/email=ann@example.com", Value::Null).status, 204);
    for path in belongings.iter().chain([&link(&ann)]) {
        server.get(path).expect(404);
    }
    for path in &others {
        server.get(path).expect(200);
    }
    for address in ["email=ann@example.com", "phone=0301234", "externalId=crm-7"] {
        server.get(&format!("/v1/customers/{address}")).expect(404);
    }
    server.call("DELETE", &link(&ann), Value::Null).expect(404);
    server.create("/v1/customers", json!({ "email": "ann@example.com", "externalId": "crm-7" }));
}

#[test]
fn a_merged_customer_has_what_both_had() {
    let server = Server::start();
    let (ann, own) = customer_with_belongings(
        &server,
        json!({ "name": "Ann", "email": "ann@example.com", "tags": ["a"], "custom": { "tierStr": "gold" } }),
    );
    let (other, theirs) = customer_with_belongings(
        &server,
        json!({
            "name": "A.", "externalId": "crm-7", "emails": ["a@example.com"], "phone": "030 1234", "tags": ["b"],
            "custom": { "tierStr": "none", "vipBool": true }
        }),
    );
    let merged = server.call("POST", &format!("{}/merge", link(&ann)), json!({ "source": other["id"] })).expect(200);
    let merged = &merged["data"];
    assert_eq!(merged["id"], ann["id"]);
    let attributes = &merged["attributes"];
    assert_eq!((&attributes["name"], &attributes["externalId"]), (&json!("Ann"), &json!("crm-7")));
    assert_eq!((&attributes["tags"], &attributes["rev"]), (&json!(["a", "b"]), &json!(2)));
    assert_eq!(attributes["custom"], json!({ "tierStr": "gold", "vipBool": true }));
    for address in ["email=ann@example.com", "email=A@example.com", "phone=0301234", "externalId=crm-7"] {
        assert_eq!(&server.get(&format!("/v1/customers/{address}")).expect(200)["data"], merged, "{address}");
    }
    server.get(&link(&other)).expect(404);
    for path in own.iter().chain(&theirs) {
        let belonging = server.get(path).expect(200);
        assert_eq!(belonging["data"]["relationships"]["customer"]["data"]["id"], ann["id"], "{path}");
    }
    assert_eq!(ids(&server.get(&format!("{}/timeline", link(&ann))).expect(200)).len(), 4);
    assert_eq!(ids(&server.get(&format!("{}/notes", link(&ann))).expect(200)).len(), 2);
    let moved = server.get(&theirs[1]).expect(200);
    assert_eq!(moved["data"]["attributes"]["rev"], 2);
}

#[test]
fn customers_that_can_not_be_merged_stay_as_they_are() {
    let server = Server::start();
    let emails = |from: usize| (from..from + 60).map(|number| format!("{number}@example.com")).collect::<Vec<_>>();
    let (ann, bob) = (
        server.create("/v1/customers", json!({ "emails": emails(0) })),
        server.create("/v1/customers", json!({ "emails": emails(60) })),
    );
    let path = format!("{}/merge", link(&ann));
    let refused = |body: Value, pointer: &str, expected: &str| {
        let answer = server.call("POST", &path, body).expect(422);
        assert_eq!((errors(&answer), detail(&answer)), (vec![("invalid", pointer)], expected));
    };
    refused(json!({ "source": bob["id"] }), "/emails", "more than 100 entries");
    refused(json!({ "source": ann["id"] }), "/source", "a customer cannot be merged with itself");
    let nobody = "5a3c95d6f1c0de0001a1b2c3";
    refused(json!({ "source": nobody }), "/source", &format!("customer {nobody} does not exist"));
    refused(json!({}), "/source", "expected an id, which is 24 hexadecimal characters");
    refused(
        json!({ "source": bob["id"], "soruce": 1 }),
        "/soruce",
        "unknown attribute `soruce`; did you mean `source`?",
    );
    for customer in [&ann, &bob] {
        assert_eq!(&server.get(&link(customer)).expect(200)["data"], customer);
    }
    server.call("POST", &format!("/v1/customers/{nobody}/merge"), json!({ "source": bob["id"] })).expect(404);
}
