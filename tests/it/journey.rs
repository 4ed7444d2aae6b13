//! The main job from end to end: an order arrives, and stands on the customer's timeline.

use serde_json::json;

use crate::support::Server;

#[test]
fn an_order_appears_on_the_timeline_and_the_next_one_takes_the_other_branch() {
    let server = Server::start();
    let order = json!({"orderId": "1234", "price": "$10.25", "quantity": 2, "email": "test@example.com"});
    let transaction = server.post_hook("orders", &order).expect(200);
    assert_eq!(transaction["data"]["type"], "transaction");
    server.wait_for_runs();
    server.post_hook("orders", &json!({"orderId": "1235", "email": "TEST@Example.com"})).expect(200);
    let runs = server.wait_for_runs();
    assert_eq!(runs.len(), 2);
    assert!(runs.iter().all(|run| run["attributes"]["status"] == "completed"), "{runs:#?}");

    let path = |run| server.steps(run).iter().map(|step| step["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(path(&runs[1]), ["1", "2", "3", "5"]);
    assert_eq!(path(&runs[0]), ["1", "2", "4"]);

    let timeline = server.get("/v1/customers/email=test@example.com/timeline").expect(200);
    let orders: Vec<_> = timeline["data"].as_array().unwrap().iter().map(|o| &o["attributes"]["custom"]).collect();
    assert_eq!(
        orders,
        [&json!({"orderIdStr": "1235"}), &json!({"orderIdStr": "1234", "priceStr": "$10.25", "quantityNum": 2}),]
    );
    assert_eq!(server.get("/v1/customers").expect(200)["data"].as_array().unwrap().len(), 1);
}
