//! Klasses and kobjects over HTTP, and the timelines that kobjects stand on.

use serde_json::{Value, json};

use crate::support::{Server, detail, errors, ids, link};

/// A kobject of the shipped klass `order`.
fn create(server: &Server, kobject: Value) -> Value {
    server.call("POST", "/v1/klasses/order", kobject).expect(201)["data"].take()
}

fn customer(server: &Server, email: &str) -> Value {
    server.call("POST", "/v1/customers", json!({ "email": email })).expect(201)["data"].take()
}

#[test]
fn a_klass_is_made_and_changed_under_its_name() {
    let server = Server::start();
    let klass = json!({ "name": "gift-card", "properties": { "amountNum": {} } });
    let made = server.call("POST", "/v1/klasses", klass).expect(201);
    assert_eq!(made["data"]["attributes"]["displayName"], "Gift Card");
    let change =
        json!({ "displayName": "Voucher", "properties": { "amountNum": {}, "codeStr": { "displayName": "Code" } } });
    let changed = server.call("PUT", "/v1/klasses/gift-card", change).expect(200);
    assert_eq!(changed["data"]["attributes"]["displayName"], "Voucher");
    let kobject = json!({ "title": "Card", "custom": { "codeStr": "X1" } });
    server.call("POST", "/v1/klasses/gift-card", kobject).expect(201);
    assert_eq!(ids(&server.get("/v1/klasses").expect(200)), ["gift-card", "order"]);
    let answer = server.call("PUT", "/v1/klasses/gift-card", json!({ "name": "card" })).expect(422);
    assert_eq!(detail(&answer), "a klass can't be renamed");
}

#[test]
fn all_problems_of_a_klass_are_reported() {
    let server = Server::start();
    let klass =
        json!({ "name": "Gift Card", "colour": "red", "properties": { "amount": {}, "codeStr": { "tpye": 1 } } });
    let answer = server.call("POST", "/v1/klasses", klass).expect(422);
    let places: Vec<_> = errors(&answer).into_iter().map(|(_, pointer)| pointer).collect();
    assert_eq!(places, ["/name", "/properties/amount", "/properties/codeStr", "/colour"]);
}

#[test]
fn an_unknown_klass_is_not_found_and_the_nearest_is_suggested() {
    let server = Server::start();
    let answer = server.get("/v1/klasses/ordre").expect(404);
    assert_eq!(detail(&answer), "unknown klass `ordre`; did you mean `order`?");
}

#[test]
fn a_kobject_keeps_title_data_and_attributes_cast_to_their_types() {
    let server = Server::start();
    let custom = json!({ "orderIdStr": 1234, "quantityNum": "2" });
    let made = create(
        &server,
        json!({ "title": "Order", "externalId": "shop-1", "icon": "box", "data": { "any": [1] }, "custom": custom }),
    );
    assert_eq!(made["type"], "kobject.order");
    let attributes = &made["attributes"];
    assert_eq!(attributes["custom"], json!({ "orderIdStr": "1234", "quantityNum": 2 }));
    assert_eq!(attributes["data"], json!({ "any": [1] }));
    assert_eq!((&attributes["title"], &attributes["icon"]), (&json!("Order"), &json!("box")));
    assert_eq!(server.get(&link(&made)).expect(200)["data"], made);
    assert_eq!(server.get("/v1/klasses/order/externalId=shop-1").expect(200)["data"], made);
    server.get("/v1/klasses/order/externalId=shop-2").expect(404);
}

#[test]
fn an_attribute_that_the_klass_does_not_declare_is_refused() {
    let server = Server::start();
    let kobject = json!({ "title": "Order", "custom": { "orderIDStr": "1", "quantityNum": "two" } });
    let answer = server.call("POST", "/v1/klasses/order", kobject).expect(422);
    assert_eq!(errors(&answer), [("invalid", "/custom/orderIDStr"), ("invalid", "/custom/quantityNum")]);
    assert_eq!(
        answer["errors"][0]["detail"],
        "unknown attribute `orderIDStr`; did you mean `orderIdStr`? (klass `order` does not declare it)"
    );
    assert!(ids(&server.get("/v1/klasses/order").expect(200)).is_empty());
}

#[test]
fn a_kobject_needs_a_title() {
    let server = Server::start();
    let answer = server.call("POST", "/v1/klasses/order", json!({ "title": " " })).expect(422);
    assert_eq!(errors(&answer), [("invalid", "/title")]);
}

#[test]
fn an_external_id_belongs_to_one_kobject_of_a_klass() {
    let server = Server::start();
    create(&server, json!({ "title": "Order", "externalId": "shop-1" }));
    let second = json!({ "title": "Order", "externalId": "shop-1" });
    assert_eq!(errors(&server.call("POST", "/v1/klasses/order", second).expect(409)), [("taken", "/externalId")]);
    let other = create(&server, json!({ "title": "Order" }));
    let change = json!({ "externalId": "shop-1" });
    assert_eq!(errors(&server.call("PUT", &link(&other), change).expect(409)), [("taken", "/externalId")]);
    server.call("POST", "/v1/klasses", json!({ "name": "return" })).expect(201);
    server.call("POST", "/v1/klasses/return", json!({ "title": "Return", "externalId": "shop-1" })).expect(201);
}

#[test]
fn a_change_merges_custom_attributes_and_null_clears() {
    let server = Server::start();
    let made = create(
        &server,
        json!({
            "title": "Order", "externalId": "shop-1", "data": { "a": 1 },
            "custom": { "orderIdStr": "1", "quantityNum": 2 }
        }),
    );
    let change = json!({ "externalId": null, "custom": { "orderIdStr": null, "priceStr": "$1" } });
    let changed = server.call("PUT", &link(&made), change).expect(200);
    let attributes = &changed["data"]["attributes"];
    assert_eq!(attributes["custom"], json!({ "quantityNum": 2, "priceStr": "$1" }));
    assert_eq!((&attributes["title"], &attributes["externalId"]), (&json!("Order"), &Value::Null));
    assert_eq!((&attributes["data"], &attributes["rev"]), (&json!({ "a": 1 }), &json!(2)));
    let cleared = server.call("PUT", &link(&made), json!({ "data": null, "custom": null })).expect(200);
    assert_eq!(cleared["data"]["attributes"]["data"], json!({}));
    assert_eq!(cleared["data"]["attributes"]["custom"], json!({}));
    let answer = server.call("PUT", &link(&made), json!({ "title": null })).expect(422);
    assert_eq!(errors(&answer), [("invalid", "/title")]);
}

#[test]
fn a_deleted_kobject_is_gone_from_everywhere() {
    let server = Server::start();
    let ann = customer(&server, "ann@example.com");
    let made = create(&server, json!({ "title": "Order", "customer": ann["id"] }));
    assert_eq!(server.call("DELETE", &link(&made), Value::Null).status, 204);
    server.get(&link(&made)).expect(404);
    assert!(ids(&server.get(&format!("{}/timeline", link(&ann))).expect(200)).is_empty());
    server.call("DELETE", &link(&made), Value::Null).expect(404);
}

#[test]
fn a_kobject_is_on_the_timeline_of_its_customer_only() {
    let server = Server::start();
    let (ann, bob) = (customer(&server, "ann@example.com"), customer(&server, "bob@example.com"));
    let path = format!("{}/klasses/order", link(&ann));
    let first = server.call("POST", &path, json!({ "title": "First" })).expect(201)["data"].take();
    let second = create(&server, json!({ "title": "Second", "customer": ann["id"] }));
    create(&server, json!({ "title": "Nobody's" }));
    assert_eq!(first["relationships"]["customer"]["data"]["id"], ann["id"]);
    let timeline = server.get("/v1/customers/email=ANN@example.com/timeline").expect(200);
    assert_eq!(ids(&timeline), [second["id"].as_str().unwrap(), first["id"].as_str().unwrap()]);
    assert_eq!(ids(&server.get(&path).expect(200)), ids(&timeline));
    assert!(ids(&server.get(&format!("{}/timeline", link(&bob))).expect(200)).is_empty());
    assert_eq!(ids(&server.get("/v1/klasses/orders").expect(200)).len(), 3);
}

#[test]
fn a_kobject_of_an_unknown_customer_is_refused() {
    let server = Server::start();
    for customer in ["5a3c95d6f1c0de0001a1b2c3", "nobody"] {
        let answer = server.call("POST", "/v1/klasses/order", json!({ "title": "Order", "customer": customer }));
        assert_eq!(errors(&answer.expect(422)), [("invalid", "/customer")]);
    }
}

#[test]
fn a_timeline_is_paged_to_its_end_while_it_grows() {
    let server = Server::start();
    let ann = customer(&server, "ann@example.com");
    let order = |title: &str| create(&server, json!({ "title": title, "customer": ann["id"] }))["id"].take();
    let made: Vec<Value> = (0..5).map(|number| order(&number.to_string())).collect();
    let timeline = format!("{}/timeline", link(&ann));
    let first = server.get(&format!("{timeline}?pageSize=3")).expect(200);
    assert_eq!(ids(&first), [&made[4], &made[3], &made[2]]);
    order("a late one");
    let second = server.get(first["links"]["next"].as_str().unwrap()).expect(200);
    assert_eq!(ids(&second), [&made[1], &made[0]]);
    assert_eq!(second["links"]["next"], Value::Null);
    let exactly = server.get(&format!("{timeline}?pageSize=6")).expect(200);
    assert_eq!((ids(&exactly).len(), &exactly["links"]["next"]), (6, &Value::Null));
    let answer = server.get(&format!("{timeline}?pageSize=-1")).expect(400);
    assert_eq!(errors(&answer), [("bad_parameter", "pageSize")]);
}

#[test]
fn related_kobjects_find_each_other() {
    let server = Server::start();
    server.call("POST", "/v1/klasses", json!({ "name": "return" })).expect(201);
    let order = create(&server, json!({ "title": "Order", "externalId": "shop-1" }));
    let [first, second] = [1, 2].map(|_| server.create("/v1/klasses/return", json!({ "title": "Return" })));
    let related = |kobject: &Value| {
        let path = kobject["relationships"]["related"]["links"]["self"].as_str().unwrap();
        server.get(path).expect(200)["data"].take()
    };
    for other in [&first, &second, &first] {
        let body = json!({ "klassName": "return", "kobject": other["id"] });
        assert_eq!(server.call("POST", "/v1/klasses/orders/externalId=shop-1/relationships", body).status, 204);
    }
    assert_eq!((related(&order), related(&first)), (json!([second, first]), json!([order])));
    let path = |kobject: &Value| format!("{}/relationships", link(kobject));
    let page = server.get(&format!("{}?pageSize=1", path(&order))).expect(200);
    assert_eq!(ids(&server.get(page["links"]["next"].as_str().unwrap()).expect(200)), [&first["id"]]);

    let end = format!("{}/{}", path(&first), order["id"].as_str().unwrap());
    assert_eq!(server.call("DELETE", &end, Value::Null).status, 204);
    server.call("DELETE", &end, Value::Null).expect(404);
    assert_eq!((related(&order), related(&first)), (json!([second]), json!([])));
    assert_eq!(server.call("DELETE", &link(&second), Value::Null).status, 204);
    assert_eq!(related(&order), json!([]));

    let refused = |body: Value, pointer: &str| {
        assert_eq!(errors(&server.call("POST", &path(&order), body).expect(422)), [("invalid", pointer)]);
    };
    refused(json!({ "klassName": "return", "kobject": second["id"] }), "/kobject");
    refused(json!({ "klassName": "order", "kobject": order["id"] }), "/kobject");
    refused(json!({ "klassName": "return", "kobject": "x" }), "/kobject");
    refused(json!({ "kobject": first["id"] }), "/klassName");
}
