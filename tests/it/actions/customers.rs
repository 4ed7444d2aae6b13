//! `customer.*` and `company.*`.

use serde_json::{Value, json};

use super::{NOBODY, Stage};
use crate::support::link;

#[test]
fn a_customer_is_found_by_each_identifier() {
    let stage = Stage::new();
    let content = json!({
        "name": "Ann", "externalId": "A-1", "emails": ["Ann@Example.com"], "phones": ["+49 (30) 1234"], "tags": ["vip"],
    });
    let company = stage.output("company.create", json!({ "name": "Acme", "externalId": "acme" }));
    let ann = stage.output("customer.create", content);
    let ann = stage.output("customer.update", json!({ "id": ann["id"], "company": company["id"] }));
    assert_eq!((&ann["company"], &ann["rev"], &ann["tags"]), (&company["id"], &json!(2), &json!(["vip"])));
    for identifier in [ann["id"].as_str().unwrap(), " ann@example.com ", "A-1", "+49301234"] {
        assert_eq!(stage.output("customer.find", json!({ "identifier": identifier })), ann, "{identifier}");
    }
    assert_eq!(stage.output("customer.find-by-email", json!({ "email": "ANN@example.com" })), ann);
    assert_eq!(stage.output("customer.find-by-phone", json!({ "phone": "+49 30 1234" })), ann);
    assert_eq!(stage.output("customer.find-by-external-id", json!({ "externalId": "A-1" })), ann);
    for identifier in [NOBODY, "bob@example.com", "A-2", "110", "", "-"] {
        stage.expect_nothing("customer.find", json!({ "identifier": identifier }));
    }
    stage.expect_nothing("customer.find-by-email", json!({ "email": "bob@example.com" }));
    stage.expect_nothing("customer.find-by-phone", json!({ "phone": "110" }));
    stage.expect_nothing("customer.find-by-external-id", json!({ "externalId": "a-1" }));

    for identifier in [company["id"].as_str().unwrap(), "acme"] {
        assert_eq!(stage.output("company.find", json!({ "identifier": identifier })), company, "{identifier}");
    }
    assert_eq!(stage.output("company.find-by-external-id", json!({ "externalId": "acme" })), company);
    stage.expect_nothing("company.find", json!({ "identifier": ann["id"] }));
    stage.expect_nothing("company.find-by-external-id", json!({ "externalId": "emca" }));
}

#[test]
fn named_attributes_change_and_invalid_ones_are_refused_at_their_place() {
    let stage = Stage::new();
    let ann = stage.output("customer.create", json!({ "name": "Ann", "custom": { "aNum": 1, "bStr": "b" } }));
    let update = json!({ "id": ann["id"], "name": null, "locale": "de", "custom": { "aNum": "2", "bStr": null } });
    let changed = stage.output("customer.update", update.clone());
    assert_eq!((&changed["name"], &changed["locale"], &changed["rev"]), (&Value::Null, &json!("de"), &json!(2)));
    assert_eq!(changed["custom"], json!({ "aNum": 2 }));
    assert_eq!(stage.output("customer.update", update)["rev"], 2, "the second time it changes nothing");

    let wrong = json!({ "id": ann["id"], "email": "nobody", "tags": [""], "custom": { "tier": 1, "aNum": "x" } });
    stage.expect_invalid("customer.update", wrong, ["/email", "/tags/0", "/custom/tier", "/custom/aNum"]);
    stage.expect_invalid("customer.update", json!({ "id": ann["id"], "company": NOBODY }), ["/company"]);
    stage.expect_invalid("customer.update", json!({ "id": NOBODY, "name": "x" }), ["/id"]);
    stage.expect_invalid("customer.update", json!({ "id": "ann", "name": "x" }), ["/id"]);
    stage.expect_invalid("customer.update", json!({ "id": null, "name": "x" }), ["/id"]);
    stage.output("customer.create", json!({ "externalId": "B-1" }));
    let taken = stage.failure("customer.update", json!({ "id": ann["id"], "externalId": "B-1" }));
    assert_eq!(taken, ("taken".to_owned(), Vec::new()));

    let acme = stage.output("company.create", json!({ "name": "Acme", "domains": ["Example.com"] }));
    let changed = stage.output("company.update", json!({ "id": acme["id"], "tags": ["b2b"], "domains": null }));
    assert_eq!(
        (&changed["tags"], &changed["domains"], &changed["name"]),
        (&json!(["b2b"]), &json!([]), &json!("Acme"))
    );
    stage.expect_invalid("company.update", json!({ "id": acme["id"], "name": "" }), ["/name"]);
    stage.expect_invalid("company.create", json!({ "name": "A", "custom": { "x": 1 } }), ["/custom/x"]);
}

#[test]
fn addresses_and_numbers_are_added_once() {
    let stage = Stage::new();
    let ann = stage.output("customer.create", json!({ "email": "ann@example.com", "phone": "030 1234" }));
    let id = &ann["id"];
    let same = stage.output("customer.append-email", json!({ "id": id, "email": "ANN@example.com" }));
    assert_eq!(same, ann);
    let more = json!({ "id": id, "email": "a@example.com", "type": "work", "verified": "true" });
    let added = stage.output("customer.append-email", more);
    assert_eq!(added["emails"][1], json!({ "email": "a@example.com", "type": "work", "verified": true }));
    let same = stage.output("customer.append-phone", json!({ "id": id, "phone": "(030) 12-34" }));
    assert_eq!(same, added);
    let added = stage.output("customer.append-phone", json!({ "id": id, "phone": "110", "type": "mobile" }));
    assert_eq!(added["phones"][1], json!({ "phone": "110", "type": "mobile", "verified": false }));
    assert_eq!(added["rev"], 3);
    stage.expect_invalid("customer.append-email", json!({ "id": id, "email": "nobody" }), ["/email"]);
    stage.expect_invalid("customer.append-phone", json!({ "id": id, "phone": "1", "type": "home" }), ["/phone"]);
    stage.expect_invalid("customer.append-phone", json!({ "id": id, "phone": "112", "type": "office" }), ["/phone"]);
    stage.output("customer.create", json!({ "email": "bob@example.com" }));
    let taken = stage.failure("customer.append-email", json!({ "id": id, "email": "bob@example.com" }));
    assert_eq!(taken.0, "taken");
}

#[test]
fn two_customers_become_one() {
    let stage = Stage::new();
    let ann = stage.output("customer.create", json!({ "email": "ann@example.com", "name": "Ann" }));
    let other = stage.output("customer.create", json!({ "email": "a@example.com", "name": "A.", "tags": ["vip"] }));
    let conversation = stage.output("conversation.create", json!({ "customer": other["id"] }));
    let merged = stage.output("customer.merge", json!({ "id": ann["id"], "source": other["id"] }));
    let addresses: Vec<&Value> = merged["emails"].as_array().unwrap().iter().map(|email| &email["email"]).collect();
    assert_eq!(addresses, ["ann@example.com", "a@example.com"]);
    assert_eq!((&merged["id"], &merged["name"], &merged["tags"]), (&ann["id"], &json!("Ann"), &json!(["vip"])));
    stage.expect_nothing("customer.find", json!({ "identifier": other["id"] }));
    let moved = stage.output("conversation.find-by-id", json!({ "id": conversation["id"] }));
    assert_eq!(moved["customer"], ann["id"]);
    stage.expect_invalid("customer.merge", json!({ "id": ann["id"], "source": other["id"] }), ["/source"]);
    stage.expect_invalid("customer.merge", json!({ "id": ann["id"], "source": ann["id"] }), ["/source"]);
    let shown = stage.server.get("/v1/customers/email=a@example.com").expect(200)["data"].take();
    assert_eq!(link(&shown), format!("/v1/customers/{}", ann["id"].as_str().unwrap()));
}

#[test]
fn a_customer_is_found_by_number_however_it_is_written() {
    let stage = Stage::new();
    let make = |phone: &str| stage.output("customer.create", json!({ "name": phone, "phones": [phone] }));
    let (london, berlin, boston) = (make("+44 (0)20 7946 0958"), make("0049 30 1234"), make("(617) 555-0123"));
    let extension = make("+1 212 555 0123 ext. 4");
    make("1-800-FLOWERS");
    for (phone, customer) in [
        ("+442079460958", &london),
        ("+49301234", &berlin),
        ("+1 617 555 0123", &boston),
        ("tel:+1-617-555-0123", &boston),
        ("(212) 555-0123 x4", &extension),
    ] {
        assert_eq!(&stage.output("customer.find-by-phone", json!({ "phone": phone })), customer, "{phone}");
    }
    for phone in ["18 00", "+121255501234", "+12125550123"] {
        stage.expect_nothing("customer.find-by-phone", json!({ "phone": phone }));
    }
}

#[test]
fn a_customer_whose_identity_has_no_value_is_not_created() {
    let stage = Stage::new();
    let step = json!({ "action": "customer.create", "params": { "name": "x", "email": "/#steps.1.email" } });
    let workflow = stage.workflow(vec![step]);
    for inputs in [json!({}), json!({ "email": null })] {
        let entry = stage.call(&workflow, &inputs).remove(0);
        assert_eq!(
            (&entry["status"], &entry["error"]["code"]),
            (&json!("failed"), &json!("invalid_params")),
            "{entry:#}"
        );
    }
    assert_eq!(stage.call(&workflow, &json!({ "email": "ann@example.com" }))[0]["status"], "completed");
    stage.output("customer.create", json!({ "name": "a name alone is meant" }));
}

#[test]
fn dates_of_vendors_are_attributes() {
    let stage = Stage::new();
    let dates = json!({
        "gitlabAt": "2016-08-12 15:23:28 UTC", "slackAt": "1355517523.000005", "xeroAt": "/Date(1704164645000)/",
        "mailAt": "Fri, 22 Dec 2017 05:23:02 +0000", "epochAt": 1_513_920_182, "foreverAt": "9999-12-31",
    });
    let customer = stage.output("customer.create", json!({ "name": "Ann", "custom": dates }));
    let expected = json!({
        "gitlabAt": "2016-08-12T15:23:28.000Z", "slackAt": "2012-12-14T20:38:43.000Z", "xeroAt": "2024-01-02T03:04:05.000Z",
        "mailAt": "2017-12-22T05:23:02.000Z", "epochAt": "2017-12-22T05:23:02.000Z", "foreverAt": "9999-12-31T00:00:00.000Z",
    });
    assert_eq!(customer["custom"], expected);
}
