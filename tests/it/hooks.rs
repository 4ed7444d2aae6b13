//! Hooks: making, changing and taking them away, and what their addresses answer.

use serde_json::{Value, json};

use crate::support::server::send;
use crate::support::{Server, ServerBuilder, detail, errors, ids};

fn link(hook: &Value) -> String {
    hook["links"]["self"].as_str().expect("a hook has a link").to_owned()
}

fn url(hook: &Value) -> String {
    hook["attributes"]["url"].as_str().expect("a hook has an address").to_owned()
}

/// The status that a small order gets at this address.
fn post(server: &Server, url: &str) -> u16 {
    send(server.request("POST", url).json(&json!({ "orderId": "1" }))).status
}

#[test]
fn a_new_hook_has_an_address_that_takes_posts() {
    let server = ServerBuilder::bare().start();
    let answer = server.call("POST", "/v1/hooks", json!({ "name": "returns", "title": "Returns" }));
    let location = answer.headers["location"].to_str().unwrap().to_owned();
    let hook = answer.expect(201)["data"].take();
    assert_eq!(hook["type"], "form_hook");
    assert_eq!(link(&hook), location);
    assert_eq!(hook["attributes"]["title"], "Returns");
    assert_eq!(hook["attributes"]["enabled"], true);
    assert_eq!(hook["attributes"]["eventName"], "hooks.form.returns.receive");
    let hash = hook["attributes"]["hash"].as_str().unwrap();
    assert!(hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()), "{hash}");
    assert_eq!(url(&hook), format!("{}/v1/hooks/form/{hash}", server.base_url));
    assert_eq!(post(&server, &url(&hook)), 200);
}

#[test]
fn the_list_of_hooks_is_newest_first_with_addresses() {
    let server = Server::start();
    let made = server.call("POST", "/v1/hooks", json!({ "name": "returns" })).expect(201);
    let list = server.get("/v1/hooks").expect(200);
    let names: Vec<_> = list["data"].as_array().unwrap().iter().map(|hook| &hook["attributes"]["name"]).collect();
    assert_eq!(names, ["returns", "orders"]);
    assert_eq!(url(&list["data"][0]), url(&made["data"]));
    assert_eq!(list["links"]["next"], Value::Null);
}

#[test]
fn a_second_hook_of_the_same_name_is_refused() {
    let server = Server::start();
    let before = server.hook("orders");
    let answer = server.call("POST", "/v1/hooks", json!({ "name": "orders", "title": "Another" })).expect(409);
    assert_eq!(errors(&answer), [("taken", "/name")]);
    assert_eq!(detail(&answer), "a hook named `orders` already exists");
    assert_eq!(server.hook("orders"), before, "a refused creation changes nothing");
}

#[test]
fn all_problems_of_a_new_hook_are_reported() {
    let server = ServerBuilder::bare().start();
    let answer = server.call("POST", "/v1/hooks", json!({ "name": "Big Orders", "type": "fax", "titel": "x" }));
    let answer = answer.expect(422);
    assert_eq!(errors(&answer), [("invalid", "/name"), ("invalid", "/type"), ("invalid", "/titel")]);
    assert_eq!(answer["errors"][2]["detail"], "unknown attribute `titel`; did you mean `title`?");
    assert!(ids(&server.get("/v1/hooks").expect(200)).is_empty());
}

#[test]
fn a_hooks_title_can_be_changed_and_its_address_stays() {
    let server = Server::start();
    let before = server.hook("orders");
    let changed = server.call("PATCH", &link(&before), json!({ "title": "Shop" })).expect(200);
    let read = server.get(&link(&before)).expect(200);
    assert_eq!(changed["data"]["attributes"]["title"], "Shop");
    assert_eq!(read["data"]["attributes"]["title"], "Shop");
    assert_eq!(url(&read["data"]), url(&before));
}

#[test]
fn a_hook_takes_a_query_for_a_form_only_if_it_is_set_up_to() {
    let server = Server::start();
    let hook = server.create("/v1/hooks", json!({ "name": "clicks" }));
    let address = format!("{}?order[id]=7&tag[]=a&tag[]=b&token=x%20y", url(&hook));
    let refused = send(server.request("GET", &address));
    assert_eq!(refused.headers["allow"], "OPTIONS, POST");
    assert_eq!(errors(&refused.expect(405)), [("method_not_allowed", "")]);
    server.call("PATCH", &link(&hook), json!({ "acceptsGet": true })).expect(200);
    let request = server.request("GET", &address).header("content-encoding", "gzip");
    let accepted = send(request).expect(200);
    let transaction = server.get(accepted["data"]["links"]["self"].as_str().unwrap()).expect(200);
    let data = &transaction["data"]["attributes"]["data"];
    assert_eq!(*data, json!({ "order": { "id": "7" }, "tag": ["a", "b"], "token": "x y" }));
    assert_eq!(transaction["data"]["meta"]["query"], "order[id]=7&tag[]=a&tag[]=b&token=•••");
    assert_eq!(send(server.request("HEAD", &address)).status, 200);
    for method in ["OPTIONS", "PUT"] {
        let refused = send(server.request(method, &address));
        assert_eq!(refused.headers["allow"], "GET, HEAD, OPTIONS, POST", "{method}");
        assert_eq!(refused.status, 405, "{method}");
    }
    // With its id instead of its secret, the same address shows the hook to who may read it.
    let shown = server.get(&format!("/v1/hooks/form/{}", hook["id"].as_str().unwrap())).expect(200);
    assert_eq!((&shown["data"]["id"], &shown["data"]["attributes"]["acceptsGet"]), (&hook["id"], &json!(true)));
    assert_eq!(shown["data"]["attributes"]["refusals"]["method"]["count"], 3);
}

#[test]
fn a_disabled_hook_answers_410_until_it_is_enabled_again() {
    let server = Server::start();
    let hook = server.hook("orders");
    let disabled = server.call("PATCH", &link(&hook), json!({ "enabled": false })).expect(200);
    assert_eq!(disabled["data"]["attributes"]["enabled"], false);
    let answer = server.post_hook("orders", &json!({})).expect(503);
    assert_eq!(errors(&answer), [("hook_disabled", "")]);
    server.call("PATCH", &link(&hook), json!({ "enabled": true })).expect(200);
    server.post_hook("orders", &json!({})).expect(200);
}

#[test]
fn a_deleted_hook_answers_410_and_is_listed_no_more() {
    let server = ServerBuilder::bare().start();
    let hook = server.call("POST", "/v1/hooks", json!({ "name": "returns" })).expect(201)["data"].take();
    assert_eq!(server.call("DELETE", &link(&hook), Value::Null).status, 204);
    let answer = send(server.request("POST", &url(&hook)).json(&json!({}))).expect(410);
    assert_eq!(errors(&answer), [("hook_deleted", "")]);
    assert!(ids(&server.get("/v1/hooks").expect(200)).is_empty());
    server.get(&link(&hook)).expect(404);
    server.call("DELETE", &link(&hook), Value::Null).expect(404);
    let again = server.call("POST", "/v1/hooks", json!({ "name": "returns" })).expect(201);
    assert_ne!(url(&again["data"]), url(&hook));
}

#[test]
fn rotating_a_hook_gives_it_a_new_address_and_forgets_the_old_one() {
    let server = Server::start();
    let hook = server.hook("orders");
    let rotated = server.call("POST", &format!("{}/rotate", link(&hook)), Value::Null).expect(200);
    assert_eq!(post(&server, &url(&hook)), 404);
    assert_eq!(post(&server, &url(&rotated["data"])), 200);
    assert_eq!(rotated["data"]["id"], hook["id"]);
}

#[test]
fn the_address_may_name_the_org_by_id_or_by_name() {
    let server = Server::start();
    let hook = server.hook("orders");
    let hash = hook["attributes"]["hash"].as_str().unwrap();
    let org = hook["relationships"]["org"]["data"]["id"].as_str().unwrap();
    assert_eq!(post(&server, &format!("/v1/hooks/form/{org}/{hash}")), 200);
    assert_eq!(post(&server, &format!("/v1/hooks/form/default/{hash}")), 200);
    assert_eq!(post(&server, &format!("/v1/hooks/form/elsewhere/{hash}")), 404);
}

#[test]
fn an_unknown_address_answers_404_without_repeating_it() {
    let server = Server::start();
    let answer = send(server.request("POST", &format!("/v1/hooks/form/{}", "0".repeat(64))).json(&json!({})));
    assert_eq!(
        answer.expect(404),
        json!({ "errors": [{
            "status": "404", "code": "unknown_hook", "title": "Unknown hook",
            "detail": "no hook has this address"
        }] })
    );
}

#[test]
fn the_answer_to_a_sender_is_the_transactions_id_and_nothing_else() {
    let server = Server::start();
    let answer = server.post_hook("orders", &json!({ "orderId": "1" }));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "application/json");
    let id = answer.json()["data"]["id"].as_str().unwrap().to_owned();
    assert!(id.len() == 24 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    let expected =
        format!(r#"{{"data":{{"id":"{id}","type":"transaction","links":{{"self":"/v1/transactions/{id}"}}}}}}"#);
    assert_eq!(answer.text, expected);
}

#[test]
fn an_authorization_header_on_a_form_hook_is_ignored() {
    let server = Server::start();
    let request = server.request("POST", &server.hook_url("orders")).bearer_auth("no key of ours");
    send(request.json(&json!({}))).expect(200);
}

#[test]
fn a_hooks_address_takes_only_posts() {
    let server = Server::start();
    let url = server.hook_url("orders");
    let put = send(server.request("PUT", &url).json(&json!({})));
    assert_eq!(put.headers["allow"], "OPTIONS, POST");
    assert_eq!(detail(&put.expect(405)), "this hook accepts only POST requests");
    let of_org = send(server.request("DELETE", &url.replace("/form/", "/form/default/")));
    assert_eq!(of_org.headers["allow"], "OPTIONS, POST");
    assert_eq!(errors(&of_org.expect(405)), [("method_not_allowed", "")]);
    let head = send(server.request("HEAD", &url));
    assert_eq!((head.status, head.text.as_str()), (405, ""));
    // Reading below this address is for admins, by the hook's id.
    assert_eq!(errors(&send(server.request("GET", &url)).expect(405)), [("method_not_allowed", "")]);
    let hook = server.hook("orders");
    let linked = server.get(&format!("/v1/hooks/form/{}", hook["id"].as_str().unwrap())).expect(200);
    assert_eq!(linked["data"]["id"], hook["id"]);
    let delete = server.call("DELETE", &format!("/v1/hooks/form/{}", hook["id"].as_str().unwrap()), Value::Null);
    assert_eq!(delete.headers["allow"], "GET");
    assert_eq!(errors(&delete.expect(405)), [("method_not_allowed", "")]);
}

#[test]
fn addresses_are_shown_as_senders_reach_the_server() {
    let server = ServerBuilder::new().arguments(&["--public-url", "https://hooks.example.com/"]).start();
    let hash = server.hook("orders")["attributes"]["hash"].as_str().unwrap().to_owned();
    let address = format!("https://hooks.example.com/v1/hooks/form/{hash}");
    assert_eq!(server.hook_url("orders"), address);
    assert!(server.output().contains(&format!("curl {address} ")), "{}", server.output());
}

#[test]
fn a_method_that_an_address_does_not_take_is_answered_in_json() {
    let server = Server::start();
    for (method, path, allowed) in [
        ("DELETE", "/v1/hooks", "GET, POST"),
        ("PUT", "/v1/runs", "GET"),
        ("POST", "/v1/transactions/0", "GET"),
        ("GET", "/v1/runs/0/cancel", "POST"),
        ("PUT", "/v1/org", "GET"),
        ("DELETE", "/v1/org/0", "GET"),
        ("POST", "/healthz", "GET"),
    ] {
        let answer = server.call(method, path, Value::Null);
        assert_eq!(answer.headers["allow"], allowed, "{method} {path}");
        assert_eq!(errors(&answer.expect(405)), [("method_not_allowed", "")], "{method} {path}");
    }
}
