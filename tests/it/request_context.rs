//! What workflows see of a request beside its payload, and how requests reach a hook: addresses, methods, HEAD.

use std::io::Read;

use serde_json::{Value, json};

use crate::support::raw::Connection;
use crate::support::server::send;
use crate::support::{Server, ServerBuilder, always, detail, errors, link, workflow};

/// A server with the hook `orders` with these settings, and a workflow that runs only for pushes and logs what it sees.
fn server(settings: Value, value: Value) -> Server {
    let push = json!({ "op": "eq", "values": ["/#steps.1.request.headers.x-github-event", "push"] });
    let mut steps = workflow("steps", json!([{ "id": "2", "action": "value.set", "params": { "value": value } }]));
    steps["trigger"]["transitions"] = json!([{ "target": "2", "condition": push }]);
    let mut hook = json!({ "name": "orders", "type": "form" });
    hook.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    let builder = ServerBuilder::bare();
    builder.write_workflow("bundle.json", &json!({ "hooks": [hook], "workflows": [steps] }).to_string());
    builder.start()
}

/// What the workflow's only step saw in a push with this query and body.
fn seen(server: &Server, query: &str, body: &'static [u8]) -> Value {
    let request = server.request("POST", &format!("{}{query}", server.hook_url("orders")));
    let request = request.header("x-github-event", "push").header("x-api-key", "hush");
    send(request.header("content-type", "application/x-www-form-urlencoded").body(body)).expect(200);
    let run = server.wait_for_runs().remove(0);
    server.steps(&run)[1]["output"]["value"].clone()
}

#[test]
fn workflows_see_the_request_with_secrets_masked() {
    let value = json!({
        "request": "/#steps.1.request",
        "text": "{{steps.1.request.headers.x-github-event}} from {{steps.1.request.query.src}}",
        "path": "/#$.steps.1.request.query.src",
    });
    let server = server(json!({}), value);
    let seen = seen(&server, "?src=north&token=hush&src=south", b"a=1");
    let request = &seen["request"];
    assert_eq!((&request["method"], &request["path"]), (&json!("POST"), &json!("/v1/hooks/form/•••")));
    assert_eq!(request["query"], json!({ "src": "north", "token": "•••" }));
    assert_eq!(request["headers"]["x-api-key"], "•••");
    assert_eq!((&request["peer"], &request["rawBody"]), (&json!("127.0.0.1"), &Value::Null));
    assert_eq!((&seen["text"], &seen["path"]), (&json!("push from north"), &json!(["north"])));
    // A trigger's transition picks among events.
    let other = server.request("POST", &server.hook_url("orders")).header("x-github-event", "ping");
    send(other.body("{}")).expect(200);
    let runs = server.wait_for_runs();
    assert_eq!(server.steps(&runs[0]).len(), 1);
}

#[test]
fn a_hook_can_show_the_body_as_it_was_sent() {
    let value = json!({ "raw": "/#steps.1.request.rawBody", "base64": "/#steps.1.request.rawBodyBase64" });
    let raw = "mc_gross=10.00&first_name=Jos%E9&charset=windows-1252";
    let shows = server(json!({ "rawBody": true }), value.clone());
    assert_eq!(seen(&shows, "", raw.as_bytes()), json!({ "raw": raw }));
    let bytes = server(json!({ "rawBody": true }), value);
    assert_eq!(seen(&bytes, "", b"a=\xFF"), json!({ "raw": null, "base64": "YT3/" }));
}

#[test]
fn named_elements_are_always_lists() {
    let server = server(json!({ "lists": ["tag"] }), json!("/#steps.1.attributes.data"));
    assert_eq!(seen(&server, "", b"tag=viper&size=S"), json!({ "tag": ["viper"], "size": "S" }));
    for lists in [json!("tag"), json!([1]), json!([""]), json!(vec!["a"; 51])] {
        let refused = server.call("PATCH", &link(&server.hook("orders")), json!({ "lists": lists })).expect(422);
        assert!(errors(&refused).iter().all(|(_, pointer)| pointer.starts_with("/lists")), "{refused}");
    }
}

#[test]
fn addresses_are_found_however_they_are_written() {
    let server = Server::start();
    let url = server.hook_url("orders");
    let (start, hash) = url.rsplit_once('/').unwrap();
    let path = &url[url.find("/v1/").unwrap()..];
    let upper = format!("{start}/{}", hash.to_ascii_uppercase());
    let doubled = format!("{}/{path}", &url[..url.len() - path.len()]);
    // The description of the interface has no such addresses, so its client can't be used.
    let client = reqwest::blocking::Client::new();
    for address in [format!("{url}/"), upper, doubled, format!("{start}/default/{hash}/")] {
        let answer = client.post(&address).body("{}").send().expect("the server answers");
        assert_eq!(answer.status(), 200, "{address}");
    }
    let kinds = send(server.request("POST", &url.replace("/form/", "/web/")).body("{\"a\":1}")).expect(404);
    assert_eq!(errors(&kinds), [("unknown_hook", "")]);
    send(server.request("POST", &format!("{url}/more/of/it")).body("{\"a\":1}")).expect(404);
    let refusals = server.get(&format!("{}/refusals", link(&server.hook("orders")))).expect(200);
    let shown = refusals["data"].as_array().unwrap().iter().map(|refusal| &refusal["attributes"]);
    let shown: Vec<_> = shown.map(|refusal| (&refusal["reason"], &refusal["body"]["text"])).collect();
    assert_eq!(shown, [(&json!("unknown_hook"), &json!("{\"a\":1}")); 2]);
    send(server.request("POST", &format!("{start}/{}/", "0".repeat(64)))).expect(404);
}

#[test]
fn a_hook_accepts_the_methods_of_its_setting() {
    let server = Server::start();
    let hook = link(&server.hook("orders"));
    let status = |method: &str| send(server.request(method, &server.hook_url("orders")).body("{}")).status;
    server.call("PATCH", &hook, json!({ "methods": ["PUT", "PATCH"] })).expect(200);
    assert_eq!(["POST", "PUT", "PATCH", "DELETE", "GET", "HEAD"].map(status), [405, 200, 200, 405, 405, 405]);
    let refused = send(server.request("POST", &server.hook_url("orders")).body("{}"));
    assert_eq!(refused.headers["allow"], "OPTIONS, PUT, PATCH");
    assert_eq!(detail(&refused.expect(405)), "this hook accepts only PUT and PATCH requests");
    server.call("PATCH", &hook, json!({ "methods": null, "acceptsGet": true })).expect(200);
    assert_eq!(["POST", "PUT", "GET", "HEAD"].map(status), [200, 405, 200, 200]);
    let stored = server.get(&format!("{hook}/transactions")).expect(200);
    let methods: Vec<&Value> = stored["data"].as_array().unwrap().iter().map(|each| &each["meta"]["method"]).collect();
    assert_eq!(methods, ["GET", "POST", "PATCH", "PUT"], "HEAD stores nothing");
    for methods in [json!([]), json!(["GET"]), json!(["put"])] {
        let refused = server.call("PATCH", &hook, json!({ "methods": methods })).expect(422);
        assert!(errors(&refused).iter().all(|(_, pointer)| pointer.starts_with("/methods")), "{refused}");
    }
}

#[test]
fn hubs_are_answered_at_the_beginning_and_at_the_end() {
    let server = ServerBuilder::bare().start();
    server.create("/v1/hooks", json!({ "name": "feed", "challenge": "websub" }));
    let ask = |query: &str| {
        let answer = send(server.request("GET", &format!("{}?{query}&hub.challenge=7", server.hook_url("feed"))));
        (answer.status, answer.text)
    };
    for mode in ["subscribe", "unsubscribe"] {
        assert_eq!(ask(&format!("hub.mode={mode}&hub.topic=t")), (200, "7".to_owned()));
    }
    assert_eq!(ask("hub.mode=other").0, 405);
}

#[test]
fn senders_get_the_ids_in_headers_whatever_the_answer_is() {
    let server = Server::start();
    let header = |answer: &crate::support::Answer, name: &str| {
        answer.headers.get(name).map(|value| value.to_str().unwrap().to_owned())
    };
    let client = reqwest::blocking::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let answer = json!({ "when": "completed", "redirect": "https://shop.example.com/thanks" });
    for settings in
        [json!({}), json!({ "answer": { "redirect": "https://shop.example.com" } }), json!({ "answer": answer })]
    {
        server.call("PATCH", &link(&server.hook("orders")), settings.clone()).expect(200);
        let order = json!({ "orderId": "1", "email": "ann@example.com" });
        let answer = send(client.post(server.hook_url("orders")).json(&order));
        let id = header(&answer, "hookflow-transaction").expect("the transaction is named");
        let transaction = server.get(&format!("/v1/transactions/{id}")).expect(200);
        let run = &transaction["data"]["relationships"]["runs"]["data"][0]["id"];
        let waited = settings["answer"]["when"] == "completed";
        assert_eq!(header(&answer, "hookflow-run"), waited.then(|| run.as_str().unwrap().to_owned()), "{settings}");
    }
}

#[test]
fn a_connection_may_be_idle_between_requests_but_not_within_one() {
    let server = ServerBuilder::new().arguments(&["--keep-alive-s", "1"]).start();
    let mut connection = Connection::open(&server);
    connection.send("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n");
    assert!(connection.read_answer().starts_with("HTTP/1.1 200 "));
    let mut rest = Vec::new();
    assert_eq!(connection.into_stream().read_to_end(&mut rest).ok(), Some(0), "the server ends the connection");
}

#[test]
fn a_for_each_is_limited_with_and_without_inputs() {
    let each = |inputs: Value| {
        let mut params = json!({ "list": "/#steps.1.attributes.data", "workflow": "one" });
        params.as_object_mut().unwrap().extend(inputs.as_object().unwrap().clone());
        let mut one = workflow("one", json!([{ "id": "a", "action": "value.set", "params": { "value": 1 } }]));
        one["trigger"] = json!({ "id": "1", "callable": true, "transitions": [always("a")] });
        let steps = workflow("steps", json!([{ "id": "2", "action": "for-each", "params": params }]));
        let builder = ServerBuilder::bare();
        let hooks = json!([{ "name": "orders", "type": "form" }]);
        builder.write_workflow("bundle.json", &json!({ "hooks": hooks, "workflows": [steps, one] }).to_string());
        builder.start().run_order(&json!(vec![0; 1_001]))["attributes"]["error"].take()
    };
    for inputs in [json!({}), json!({ "inputs": { "item": "/#item" } })] {
        let error = each(inputs);
        assert_eq!(error["code"], "invalid_params");
        assert_eq!(error["problems"][0]["message"], "has 1001 items; the limit is 1000");
    }
}
