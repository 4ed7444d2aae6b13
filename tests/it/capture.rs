//! Hooks that capture, and listening to what arrives at a hook.

use std::io::{BufRead, BufReader, Read};

use serde_json::{Value, json};

use crate::support::server::{ADMIN_KEY, send};
use crate::support::{Server, ServerBuilder, ids};

/// The events of a hook as they come.
pub struct Events(BufReader<reqwest::blocking::Response>);

impl Events {
    /// From the moment on that this returns.
    pub fn of(server: &Server, hook: &str, last: Option<&str>) -> Events {
        let link = format!("{}/live", server.hook(hook)["links"]["self"].as_str().unwrap());
        let request = server.request("GET", &link).bearer_auth(ADMIN_KEY);
        let request = last.map_or(request.try_clone().unwrap(), |last| request.header("last-event-id", last));
        let answer = request.send().unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        let mut events = Events(BufReader::new(answer));
        let first = events.block();
        assert!(first[0] == "retry: 1000" && first[1].starts_with("id: ") && first[2] == ": listening", "{first:?}");
        events
    }

    /// The lines up to an empty one; none at the end.
    fn block(&mut self) -> Vec<String> {
        let lines = self.0.by_ref().lines().map(|line| line.expect("the server goes on"));
        lines.take_while(|line| !line.is_empty()).collect()
    }

    /// The next event's name, id and data.
    pub fn next(&mut self) -> (String, String, Value) {
        let lines = self.block();
        let field = |name: &str| {
            let found = lines.iter().find_map(|line| line.strip_prefix(name));
            found.unwrap_or_else(|| panic!("no {name} in {lines:?}")).to_owned()
        };
        (field("event: "), field("id: "), serde_json::from_str(&field("data: ")).unwrap())
    }
}

fn capture(server: &Server, hook: &str, captures: Value) {
    let link = server.hook(hook)["links"]["self"].as_str().unwrap().to_owned();
    let hook = server.call("PATCH", &link, json!({ "capture": captures })).expect(200);
    assert_eq!(hook["data"]["attributes"]["capture"], captures);
}

#[test]
fn a_capturing_hook_stores_requests_and_starts_nothing() {
    let server = Server::start();
    capture(&server, "orders", json!(true));
    let accepted = server.post_hook("orders", &json!({ "orderId": "1" })).expect(200);
    let shown = server.get(accepted["data"]["links"]["self"].as_str().unwrap()).expect(200)["data"].take();
    assert_eq!(shown["meta"]["captured"], true);
    assert_eq!(shown["attributes"]["data"], json!({ "orderId": "1" }));
    assert_eq!(shown["relationships"]["runs"]["data"], json!([]));
    let link = server.hook("orders")["links"]["self"].as_str().unwrap().to_owned();
    let list = server.get(&format!("{link}/transactions")).expect(200);
    assert_eq!(list["data"], json!([shown]));
    // It takes any bytes.
    let odd = server.request("POST", &server.hook_url("orders")).header("content-type", "application/json");
    send(odd.body("{")).expect(200);
    assert!(ids(&server.get("/v1/runs").expect(200)).is_empty());

    capture(&server, "orders", Value::Null);
    let run = server.run_order(&json!({ "orderId": "2", "email": "ann@example.com" }));
    assert_eq!(run["attributes"]["status"], "completed");
    let transaction = run["relationships"]["transaction"]["links"]["self"].as_str().unwrap();
    assert_eq!(server.get(transaction).expect(200)["data"]["meta"]["captured"], Value::Null);
    assert_eq!(ids(&server.get("/v1/runs").expect(200)).len(), 1);
}

#[test]
fn a_file_can_say_that_a_hook_captures() {
    let builder = ServerBuilder::bare();
    let bundle = json!({
        "hooks": [{ "name": "orders", "type": "form", "capture": true }],
        "workflows": [crate::support::workflow("steps", json!([{ "id": "2", "action": "value.set", "params": { "value": 1 } }]))],
    });
    builder.write_workflow("orders.json", &bundle.to_string());
    let server = builder.start();
    server.post_hook("orders", &json!({})).expect(200);
    assert!(ids(&server.get("/v1/runs").expect(200)).is_empty());
}

#[test]
fn a_listener_sees_what_arrives_from_then_on() {
    let server = Server::start();
    server.create("/v1/hooks", json!({ "name": "others" }));
    server.post_hook("orders", &json!({ "orderId": "before" })).expect(200);
    let mut events = Events::of(&server, "orders", None);
    server.post_hook("others", &json!({ "orderId": "elsewhere" })).expect(200);
    let accepted = server.post_hook("orders", &json!({ "orderId": "1" })).expect(200);
    let (name, id, data) = events.next();
    assert_eq!((name.as_str(), &json!(id)), ("transaction", &accepted["data"]["id"]));
    assert_eq!(data, server.get(&format!("/v1/transactions/{id}")).expect(200)["data"]);

    let post = |body: &'static str| {
        let request = server.request("POST", &server.hook_url("orders")).header("content-type", "application/json");
        send(request.body(body))
    };
    post("{").expect(400);
    let (name, refused, data) = events.next();
    assert_eq!((name.as_str(), &data["attributes"]["reason"]), ("refusal", &json!("malformed_json")));
    let accepted = post("{\"orderId\": \"2\"}").expect(200);
    assert_eq!(json!(events.next().1), accepted["data"]["id"]);

    // Who comes back gets what came meanwhile.
    let mut again = Events::of(&server, "orders", Some(&id));
    assert_eq!(again.next().1, refused);
    assert_eq!(json!(again.next().1), accepted["data"]["id"]);
}

#[test]
fn a_listener_does_not_delay_a_stop() {
    let server = Server::start();
    let mut events = Events::of(&server, "orders", None);
    let began = std::time::Instant::now();
    assert_eq!(server.stop().code(), Some(0));
    assert!(began.elapsed().as_secs() < 8, "{:?}", began.elapsed());
    assert_eq!(events.block(), Vec::<String>::new());
}

#[test]
fn the_number_of_listeners_is_limited_and_they_need_a_reading_key() {
    let server = Server::start();
    let hook = server.hook("orders");
    let link = format!("{}/live", hook["links"]["self"].as_str().unwrap());
    assert_eq!(server.get_without_key(&link).status, 401);
    assert_eq!(server.get("/v1/hooks/0123456789abcdef01234567/live").status, 404);
    let mut listening: Vec<Events> = (0..20).map(|_| Events::of(&server, "orders", None)).collect();
    server.get(&link).expect(503);
    // Those who listen to a hook that is deleted have heard all.
    server.call("DELETE", hook["links"]["self"].as_str().unwrap(), Value::Null).expect(204);
    listening.iter_mut().for_each(|events| assert_eq!(events.block(), Vec::<String>::new()));
}
