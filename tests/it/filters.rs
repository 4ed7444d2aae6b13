//! Hooks that start workflows for some requests only.

use serde_json::{Value, json};

use crate::support::server::send;
use crate::support::{Server, errors, ids};

#[test]
fn a_filtered_request_is_stored_and_starts_nothing() {
    let server = Server::start();
    let hook = server.hook("orders");
    let link = hook["links"]["self"].as_str().unwrap();
    let topic = json!({ "op": "eq", "values": ["/#steps.1.request.headers.x-topic", "orders/create"] });
    let large = json!({ "op": "gt", "values": ["/#steps.1.attributes.data.quantity", 1] });
    let filter = json!({ "op": "or", "values": [topic, large] });
    server.call("PATCH", link, json!({ "filter": filter })).expect(200);
    let post = |topic: &str, quantity: i64| {
        let order = json!({ "orderId": "1", "email": "ann@example.com", "price": "$1", "quantity": quantity });
        let request = server.request("POST", &server.hook_url("orders")).header("x-topic", topic).json(&order);
        let transaction = send(request).expect(200)["data"]["links"]["self"].as_str().unwrap().to_owned();
        server.get(&transaction).expect(200)["data"].take()
    };
    let runs = |transaction: &Value| transaction["relationships"]["runs"]["data"].as_array().unwrap().len();
    let filtered = post("carts/update", 1);
    assert_eq!((&filtered["meta"]["filtered"], runs(&filtered)), (&json!(true), 0));
    assert_eq!(filtered["attributes"]["data"]["orderId"], "1");
    let passed = [post("orders/create", 1), post("carts/update", 2)];
    assert!(passed.iter().all(|passed| passed["meta"]["filtered"].is_null() && runs(passed) == 1));
    assert_eq!(ids(&server.get("/v1/runs").expect(200)).len(), 2);
    let wrong = json!({ "filter": { "op": "equalz", "values": ["/#headers.x"] } });
    let answer = server.call("PATCH", link, wrong).expect(422);
    assert!(
        errors(&answer).iter().all(|(code, pointer)| *code == "invalid" && pointer.starts_with("/filter/")),
        "{answer}"
    );
}
