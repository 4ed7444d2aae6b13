//! Customers over HTTP: who they are, how they are found, and what may not be said of two of them.

use serde_json::{Value, json};

use crate::support::{Server, ServerBuilder, detail, errors, ids, link};

fn server() -> Server {
    ServerBuilder::bare().start()
}

fn create(server: &Server, customer: Value) -> Value {
    server.call("POST", "/v1/customers", customer).expect(201)["data"].take()
}

/// The id of the customer at this address.
fn found(server: &Server, address: &str) -> Value {
    server.get(&format!("/v1/customers/{address}")).expect(200)["data"]["id"].take()
}

#[test]
fn a_customer_has_several_addresses_and_numbers() {
    let server = server();
    let answer = server.call(
        "POST",
        "/v1/customers",
        json!({
            "name": "Ann",
            "externalId": "crm-7",
            "emails": ["Ann@Example.com", { "email": "ann@work.example", "type": "work", "verified": true }],
            "phones": [{ "phone": "+1 (555) 010-99", "type": "mobile" }],
            "custom": { "tierStr": "gold", "sinceAt": "2017-12-22T05:23:02+01:00", "pointsNum": "42", "vipBool": "true" }
        }),
    );
    let location = answer.headers["location"].to_str().unwrap().to_owned();
    let customer = answer.expect(201)["data"].take();
    assert_eq!(link(&customer), location);
    let attributes = &customer["attributes"];
    assert_eq!(
        attributes["emails"],
        json!([
            { "email": "Ann@Example.com", "type": "other", "verified": false },
            { "email": "ann@work.example", "type": "work", "verified": true }
        ])
    );
    assert_eq!(attributes["phones"], json!([{ "phone": "+1 (555) 010-99", "type": "mobile", "verified": false }]));
    assert_eq!(
        attributes["custom"],
        json!({ "tierStr": "gold", "sinceAt": "2017-12-22T04:23:02.000Z", "pointsNum": 42, "vipBool": true })
    );
    assert_eq!((&attributes["name"], &attributes["externalId"]), (&json!("Ann"), &json!("crm-7")));
    assert_eq!(server.get(&location).expect(200)["data"], customer);
}

#[test]
fn a_customer_is_found_by_the_exact_address_ignoring_case() {
    let server = server();
    let ann = create(&server, json!({ "emails": ["Ann@Example.com", "ann@work.example"] }));
    create(&server, json!({ "email": "joann@example.com" }));
    assert_eq!(found(&server, "email=ANN@example.COM"), ann["id"]);
    assert_eq!(found(&server, "email=ann%40work.example"), ann["id"]);
    for near in ["ann@example.co", "nn@example.com", "ann_example.com", "%25@example.com", "ann"] {
        server.get(&format!("/v1/customers/email={near}")).expect(404);
    }
}

#[test]
fn a_customer_is_found_by_number_however_it_is_written_and_by_external_id() {
    let server = server();
    let ann = create(&server, json!({ "phone": "+1 (555) 010-99", "externalId": "crm/7" }));
    assert_eq!(found(&server, "phone=+1555.01099"), ann["id"]);
    assert_eq!(found(&server, "externalId=crm%2F7"), ann["id"]);
    server.get("/v1/customers/phone=155501099").expect(404);
    server.get("/v1/customers/externalId=CRM%2F7").expect(404);
    let answer = server.get("/v1/customers/colour=red").expect(404);
    assert_eq!(detail(&answer), "unknown customer `colour=red`");
}

#[test]
fn an_address_belongs_to_one_customer() {
    let server = server();
    let ann = create(&server, json!({ "email": "ann@example.com" }));
    let answer = server.call("POST", "/v1/customers", json!({ "emails": ["bob@example.com", "ANN@example.com"] }));
    let answer = answer.expect(409);
    assert_eq!(errors(&answer), [("taken", "/emails/1")]);
    assert!(detail(&answer).contains(ann["id"].as_str().unwrap()), "{answer}");
    // The address that was free stays free.
    let bob = create(&server, json!({ "email": "bob@example.com" }));
    let answer = server.call("PUT", &link(&bob), json!({ "emails": ["ann@example.com"] })).expect(409);
    assert_eq!(errors(&answer), [("taken", "/emails/0")]);
    assert_eq!(found(&server, "email=bob@example.com"), bob["id"]);
}

#[test]
fn an_external_id_belongs_to_one_customer() {
    let server = server();
    create(&server, json!({ "externalId": "crm-7" }));
    let answer = server.call("POST", "/v1/customers", json!({ "externalId": "crm-7", "email": "bob@example.com" }));
    assert_eq!(errors(&answer.expect(409)), [("taken", "/externalId")]);
    let bob = create(&server, json!({ "externalId": "crm-8", "email": "bob@example.com" }));
    let answer = server.call("PUT", &link(&bob), json!({ "externalId": "crm-7", "emails": [] })).expect(409);
    assert_eq!(errors(&answer), [("taken", "/externalId")]);
    assert_eq!(found(&server, "email=bob@example.com"), bob["id"]);
}

#[test]
fn all_problems_of_a_customer_are_reported() {
    let server = server();
    let customer = json!({
        "emial": "x", "name": 7, "emails": ["ann@example.com", "no address"], "phones": ["1"],
        "custom": { "tier": "gold", "sinceAt": "yesterday", "pointsNum": "many", "siteUrl": "nowhere" }
    });
    let answer = server.call("POST", "/v1/customers", customer).expect(422);
    let told: Vec<_> = answer["errors"].as_array().unwrap().iter().map(shown).collect();
    assert_eq!(
        told,
        [
            "/name: expected a string, not a number",
            "/emails/1: not an e-mail address, such as ann@example.com",
            "/phones/0: not a phone number, such as +1 212 555 0123",
            "/custom/tier: `tier` must end in a type suffix: one of Str, Txt, Num, At, Bool, Url, Id",
            "/custom/sinceAt: expected a date such as 2017-12-22T05:23:02Z, or seconds or milliseconds since 1970, not \"yesterday\"",
            "/custom/pointsNum: expected a number, not \"many\"",
            "/custom/siteUrl: expected an absolute URL of at most 2,048 characters, not \"nowhere\"",
            "/emial: unknown attribute `emial`; did you mean `email`?",
        ]
    );
    assert!(ids(&server.get("/v1/customers").expect(200)).is_empty());
}

fn shown(error: &Value) -> String {
    format!("{}: {}", error["source"]["pointer"].as_str().unwrap(), error["detail"].as_str().unwrap())
}

#[test]
fn a_change_replaces_what_it_names_and_merges_custom_attributes() {
    let server = server();
    let ann = create(
        &server,
        json!({ "name": "Ann", "email": "ann@example.com", "custom": { "tierStr": "gold", "pointsNum": 1 } }),
    );
    let change =
        json!({ "emails": ["ann@new.example"], "custom": { "pointsNum": 2, "tierStr": null, "vipBool": true } });
    let changed = server.call("PUT", &link(&ann), change).expect(200);
    let attributes = &changed["data"]["attributes"];
    assert_eq!(attributes["name"], "Ann");
    assert_eq!(attributes["custom"], json!({ "pointsNum": 2, "vipBool": true }));
    assert_eq!(attributes["rev"], 2);
    assert_eq!(found(&server, "email=ann@new.example"), ann["id"]);
    server.get("/v1/customers/email=ann@example.com").expect(404);
}

#[test]
fn null_clears() {
    let server = server();
    let full = json!({
        "name": "Ann", "externalId": "crm-7", "email": "ann@example.com", "phone": "555 0100",
        "custom": { "tierStr": "gold" }
    });
    let ann = create(&server, full);
    let nulls = json!({ "name": null, "externalId": null, "emails": null, "phones": null, "custom": null });
    let cleared = server.call("PUT", &link(&ann), nulls).expect(200);
    let attributes = &cleared["data"]["attributes"];
    assert_eq!((&attributes["name"], &attributes["externalId"]), (&Value::Null, &Value::Null));
    assert_eq!((&attributes["emails"], &attributes["phones"]), (&json!([]), &json!([])));
    assert_eq!(attributes["custom"], json!({}));
    for address in ["email=ann@example.com", "phone=5550100", "externalId=crm-7"] {
        server.get(&format!("/v1/customers/{address}")).expect(404);
    }
}

#[test]
fn an_unknown_customer_is_not_found() {
    let server = server();
    for id in ["5a3c95d6f1c0de0001a1b2c3", "nonsense"] {
        let answer = server.get(&format!("/v1/customers/{id}")).expect(404);
        assert_eq!(detail(&answer), format!("unknown customer `{id}`"));
        server.call("PUT", &format!("/v1/customers/{id}"), json!({ "name": "x" })).expect(404);
        server.get(&format!("/v1/customers/{id}/timeline")).expect(404);
    }
}

#[test]
fn customers_are_listed_newest_first_page_by_page() {
    let server = server();
    let made: Vec<Value> = (0..5).map(|number| create(&server, json!({ "name": number.to_string() }))).collect();
    let mut listed = Vec::new();
    let mut next = Some("/v1/customers?pageSize=2".to_owned());
    let mut sizes = Vec::new();
    while let Some(link) = next {
        let page = server.get(&link).expect(200);
        sizes.push(ids(&page).len());
        listed.extend(ids(&page).into_iter().cloned());
        next = page["links"]["next"].as_str().map(str::to_owned);
    }
    assert_eq!(sizes, [2, 2, 1]);
    let newest_first: Vec<_> = made.iter().rev().map(|customer| customer["id"].as_str().unwrap()).collect();
    assert_eq!(listed, newest_first);
}

#[test]
fn an_invalid_page_is_refused_by_its_parameter() {
    let server = server();
    for (query, parameter) in [
        ("pageSize=0", "pageSize"),
        ("pageSize=501", "pageSize"),
        ("pageSize=many", "pageSize"),
        ("after=last", "after"),
    ] {
        let answer = server.get(&format!("/v1/customers?{query}")).expect(400);
        assert_eq!(errors(&answer), [("bad_parameter", parameter)], "{query}");
    }
    let answer = server.get("/v1/customers?pageSize=0").expect(400);
    assert_eq!(detail(&answer), "must be a whole number from 1 to 500");
}
