//! How many requests a hook takes, and from whom.

use serde_json::{Value, json};

use crate::support::server::send;
use crate::support::{Answer, Server, ServerBuilder, detail, errors, link, wait_for};

/// A hook with these attributes beside its name.
fn hook(server: &Server, attributes: Value) -> Value {
    let mut document = json!({ "name": "limited" });
    document.as_object_mut().unwrap().extend(attributes.as_object().unwrap().clone());
    server.create("/v1/hooks", document)
}

fn post(server: &Server, hook: &Value) -> Answer {
    send(server.request("POST", hook["attributes"]["url"].as_str().unwrap()).json(&json!({})))
}

fn statuses(server: &Server, hook: &Value, times: usize) -> Vec<u16> {
    (0..times).map(|_| post(server, hook).status).collect()
}

/// How often the hook refused something for this reason.
fn count(server: &Server, hook: &Value, reason: &str) -> Value {
    let shown = server.get(&link(hook)).expect(200);
    shown["data"]["attributes"]["refusals"][reason]["count"].clone()
}

#[test]
fn the_rate_of_a_hook_is_limited() {
    let server = ServerBuilder::bare().start();
    let hook = hook(&server, json!({ "limits": { "ratePerMinute": 3, "burst": 2 } }));
    assert_eq!(hook["attributes"]["limits"], json!({ "ratePerMinute": 3, "burst": 2 }));
    assert_eq!(statuses(&server, &hook, 2), [200, 200]);
    let refused = post(&server, &hook);
    let retry_after: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=20).contains(&retry_after), "{retry_after}");
    let answer = refused.expect(429);
    assert_eq!(errors(&answer), [("rate_limited", "")]);
    let expected = format!("this hook accepts 3 requests per minute; retry in {retry_after} s");
    assert_eq!(detail(&answer), expected);
    // A change of the catalog does not make it forget.
    server.create("/v1/hooks", json!({ "name": "other" }));
    assert_eq!(statuses(&server, &hook, 1), [429]);
    assert_eq!(count(&server, &hook, "rate_limited"), 2);
    server.call("PATCH", &link(&hook), json!({ "limits": null })).expect(200);
    assert_eq!(statuses(&server, &hook, 3), [200, 200, 200]);
}

#[test]
fn unverified_requests_use_up_no_limit() {
    let server = ServerBuilder::bare().start();
    let hook = hook(&server, json!({ "type": "web", "limits": { "ratePerMinute": 1 } }));
    assert_eq!(statuses(&server, &hook, 5), [401; 5]);
    let url = hook["attributes"]["url"].as_str().unwrap();
    let with_key = || send(server.request("POST", url).bearer_auth(&server.admin_key).json(&json!({}))).status;
    assert_eq!([with_key(), with_key()], [200, 429]);
}

#[test]
fn the_concurrent_requests_of_a_hook_are_limited() {
    let server = ServerBuilder::bare().start();
    let hook = hook(&server, json!({ "limits": { "concurrent": 1 } }));
    let together = || -> Vec<Answer> {
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| post(&server, &hook))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        })
    };
    let refused = wait_for("two requests that meet", || together().into_iter().find(|answer| answer.status == 429));
    assert_eq!(refused.headers["retry-after"], "1");
    let answer = refused.expect(429);
    assert_eq!(errors(&answer), [("too_many_at_once", "")]);
    assert_eq!(detail(&answer), "this hook accepts 1 concurrent requests; try again");
    assert_eq!(statuses(&server, &hook, 20), [200; 20]);
}

#[test]
fn default_limits_apply_to_hooks_and_to_the_org() {
    let server = ServerBuilder::bare().arguments(&["--hook-rate", "2/m", "--org-rate", "5/m"]).start();
    let usual = hook(&server, json!({}));
    assert_eq!(statuses(&server, &usual, 3), [200, 200, 429]);
    let generous = server.create("/v1/hooks", json!({ "name": "other", "limits": { "ratePerMinute": 100 } }));
    assert_eq!(statuses(&server, &generous, 4), [200, 200, 200, 429]);
    assert_eq!(count(&server, &generous, "org_rate_limited"), 1);
    assert_eq!(
        detail(&post(&server, &generous).json()).split(';').next(),
        Some("all hooks together accept 5 requests per minute")
    );
}

#[test]
fn a_hook_takes_requests_from_certain_addresses_only() {
    let server = ServerBuilder::bare().arguments(&["--trusted-proxies", "127.0.0.1"]).start();
    let hook = hook(&server, json!({ "allowedAddresses": ["203.0.113.0/24", "2001:db8::1"] }));
    let from = |address: &str| {
        let request = server.request("POST", hook["attributes"]["url"].as_str().unwrap()).json(&json!({}));
        send(request.header("x-forwarded-for", address))
    };
    for allowed in ["203.0.113.9", "2001:db8::1", "8.8.8.8, 203.0.113.255"] {
        assert_eq!(from(allowed).status, 200, "{allowed}");
    }
    for other in ["203.0.114.1", "203.0.113.9, 8.8.8.8", "2001:db8::2", "unknown"] {
        let answer = from(other).expect(401);
        assert_eq!(errors(&answer), [("address_not_allowed", "")], "{other}");
    }
    assert_eq!(detail(&post(&server, &hook).expect(401)), "requests from 127.0.0.1 are not allowed");
    assert_eq!(count(&server, &hook, "address_not_allowed"), 5);
    server.call("PATCH", &link(&hook), json!({ "allowedAddresses": null })).expect(200);
    assert_eq!(statuses(&server, &hook, 1), [200]);
}

#[test]
fn all_problems_of_limits_are_reported() {
    let server = ServerBuilder::bare().start();
    let document = json!({
        "name": "limited",
        "allowedAddresses": ["203.0.113.0/24", "example.com"],
        "limits": { "ratePerSecond": 0, "concurent": 1 },
    });
    let answer = server.call("POST", "/v1/hooks", document).expect(422);
    let mut told = errors(&answer);
    told.sort_unstable();
    let expected = ["/allowedAddresses/1", "/limits/concurent", "/limits/ratePerSecond"].map(|at| ("invalid", at));
    assert_eq!(told, expected);
    let said = ServerBuilder::bare().arguments(&["--hook-rate", "100"]).start_and_fail();
    assert_eq!(said.code, Some(2));
    assert!(said.errors.contains("`100` is not a rate; expected `100/s` for 100 requests per second"), "{said:?}");
}
