//! Form hooks and web pages: what a browser asks for before a script posts, and what lets the script read the answer.

use reqwest::blocking::RequestBuilder;
use serde_json::{Value, json};

use crate::support::server::{Answer, send};
use crate::support::{Server, errors, link};

const SHOP: &str = "https://shop.example.com";

fn url(hook: &Value) -> &str {
    hook["attributes"]["url"].as_str().unwrap()
}

fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    answer.headers.get(name).map(|value| value.to_str().unwrap())
}

/// What the answer says about who may read it.
fn allowed(request: RequestBuilder, origin: &str) -> (u16, Option<String>) {
    let answer = send(request.header("origin", origin));
    assert!(!answer.headers.contains_key("access-control-allow-credentials"));
    (answer.status, header(&answer, "access-control-allow-origin").map(str::to_owned))
}

fn preflight(server: &Server, url: &str, origin: &str) -> Answer {
    let request = server.request("OPTIONS", url).header("origin", origin);
    send(
        request
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type,x-a"),
    )
}

#[test]
fn a_form_hook_accepts_posts_from_any_page_by_default() {
    let server = Server::start();
    let hook = server.hook("orders");
    let asked = preflight(&server, url(&hook), SHOP);
    assert_eq!((asked.status, asked.text.as_str()), (204, ""));
    assert_eq!(header(&asked, "access-control-allow-origin"), Some("*"));
    assert_eq!(header(&asked, "access-control-allow-methods"), Some("POST"));
    assert_eq!(header(&asked, "access-control-allow-headers"), Some("content-type,x-a"));
    assert_eq!(header(&asked, "access-control-max-age"), Some("600"));
    let any = Some("*".to_owned());
    let refused = send(server.request("POST", url(&hook)).header("origin", SHOP).body("{"));
    assert_eq!(header(&refused, "access-control-expose-headers"), Some("*"));
    let post = || server.request("POST", url(&hook));
    assert_eq!(allowed(post().json(&json!({ "orderId": "1" })), SHOP), (200, any.clone()));
    assert_eq!(allowed(post().body("{"), "null"), (400, any.clone()));
    let of_org = url(&hook).replace("/form/", "/form/default/");
    assert_eq!(preflight(&server, &of_org, SHOP).status, 204);
    assert_eq!(allowed(server.request("POST", &of_org).json(&json!({})), SHOP), (200, any.clone()));
    // A page can also read that a hook is disabled.
    server.call("PATCH", &link(&hook), json!({ "enabled": false })).expect(200);
    assert_eq!(preflight(&server, url(&hook), SHOP).status, 204);
    assert_eq!(allowed(post().json(&json!({})), SHOP), (503, any));
    // Whoever is no page is not bothered.
    let plain = send(post().json(&json!({})));
    assert_eq!((header(&plain, "access-control-allow-origin"), header(&plain, "vary")), (None, None));
}

#[test]
fn only_pages_of_the_listed_origins_may_read_answers() {
    let server = Server::start();
    let hook = server.hook("orders");
    let cors = json!({ "origins": [SHOP, "https://*.pages.example.com"] });
    server.call("PATCH", &link(&hook), json!({ "cors": cors, "acceptsGet": true })).expect(200);
    for (origin, may_read) in [
        (SHOP, true),
        ("https://a.b.pages.example.com", true),
        ("https://pages.example.com", false),
        ("http://shop.example.com", false),
        ("https://shop.example.com.evil.test", false),
        ("null", false),
    ] {
        let expected = may_read.then(|| origin.to_owned());
        let asked = preflight(&server, url(&hook), origin);
        assert_eq!(asked.status, 204);
        assert_eq!(header(&asked, "access-control-allow-origin"), expected.as_deref(), "{origin}");
        assert_eq!(header(&asked, "access-control-allow-methods"), Some("GET, POST"));
        assert_eq!(header(&asked, "vary"), Some("origin"));
        // It is the browser that keeps a page from reading: the post itself is like any other.
        assert_eq!(allowed(server.request("POST", url(&hook)).json(&json!({})), origin), (200, expected.clone()));
        assert_eq!(allowed(server.request("POST", url(&hook)).body("{"), origin), (400, expected));
    }
    let plain = send(server.request("POST", url(&hook)).json(&json!({})));
    assert_eq!(header(&plain, "vary"), Some("origin"));
}

#[test]
fn other_hooks_accept_posts_from_pages_only_if_configured() {
    let server = Server::start();
    let web = server.create("/v1/hooks", json!({ "name": "web", "type": "web" }));
    let off = server.create("/v1/hooks", json!({ "name": "off", "cors": false }));
    for hook in [&web, &off] {
        let asked = preflight(&server, url(hook), SHOP);
        assert_eq!(header(&asked, "access-control-allow-origin"), None);
        assert_eq!(errors(&asked.expect(405)), [("method_not_allowed", "")]);
        assert_eq!(allowed(server.request("POST", url(hook)).body("{"), SHOP).1, None);
    }
    server.call("PATCH", &link(&web), json!({ "cors": { "origins": ["*"] } })).expect(200);
    assert_eq!(header(&preflight(&server, url(&web), SHOP), "access-control-allow-origin"), Some("*"));
    assert_eq!(allowed(server.request("POST", url(&web)).json(&json!({})), SHOP), (401, Some("*".to_owned())));
    // Nothing is said of an address that no hook has, nor of OPTIONS that are no browser's.
    let unknown = preflight(&server, &format!("/v1/hooks/form/{}", "0".repeat(64)), SHOP);
    assert_eq!((unknown.status, header(&unknown, "access-control-allow-origin")), (404, None));
    send(server.request("OPTIONS", url(&web))).expect(405);
}

#[test]
fn invalid_origins_are_reported() {
    let server = Server::start();
    let hook = link(&server.hook("orders"));
    let cors = json!({ "origins": ["*", "shop.example.com", "https://a.example.com/form"], "credentials": true });
    let answer = server.call("PATCH", &hook, json!({ "cors": cors })).expect(422);
    let places = [("invalid", "/cors/origins/1"), ("invalid", "/cors/origins/2"), ("invalid", "/cors/credentials")];
    assert_eq!(errors(&answer), places);
}
