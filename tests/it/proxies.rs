//! Whom a request comes from, when it comes through proxies.

use serde_json::json;

use crate::support::program::Said;
use crate::support::server::send;
use crate::support::{Server, ServerBuilder, link};

/// The peer that is kept of a request with these headers.
fn peer(server: &Server, headers: &[(&str, &str)]) -> String {
    let mut request = server.request("POST", &server.hook_url("orders")).json(&json!({}));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let transaction = send(request).expect(200);
    let kept = server.get(&link(&transaction["data"])).expect(200);
    kept["data"]["meta"]["peer"].as_str().expect("the peer is kept").to_owned()
}

#[test]
fn no_proxy_is_trusted_by_default() {
    let server = Server::start();
    let headers = [("x-forwarded-for", "203.0.113.7"), ("forwarded", "for=203.0.113.7")];
    assert_eq!(peer(&server, &headers), "127.0.0.1");
    let server = ServerBuilder::new().arguments(&["--trusted-proxies", "10.0.0.0/8,2001:db8::/32"]).start();
    assert_eq!(peer(&server, &headers), "127.0.0.1");
}

#[test]
fn a_trusted_proxy_reports_the_sender() {
    let server = ServerBuilder::new().arguments(&["--trusted-proxies", "10.0.0.0/8,127.0.0.1"]).start();
    let headers =
        [("x-forwarded-for", "1.2.3.4, 203.0.113.7"), ("x-forwarded-for", "10.1.1.1"), ("forwarded", "for=1.1.1.1")];
    assert_eq!(peer(&server, &headers), "203.0.113.7");
    assert_eq!(peer(&server, &[("x-forwarded-for", "unknown")]), "127.0.0.1");
}

#[test]
fn the_header_of_the_proxies_can_be_chosen() {
    let builder = ServerBuilder::new().environment("HOOKFLOW_TRUSTED_PROXIES", "127.0.0.0/8");
    let server = builder.environment("HOOKFLOW_PROXY_HEADER", "forwarded").start();
    let headers = [("x-forwarded-for", "1.2.3.4"), ("forwarded", "for=\"[2001:db8::1]:4711\";proto=https")];
    assert_eq!(peer(&server, &headers), "2001:db8::1");
}

#[test]
fn a_proxy_that_is_no_address_is_refused() {
    let builder = ServerBuilder::bare().arguments(&["--trusted-proxies", "10.0.0.0/8,proxy.internal"]);
    let Said { code, errors, .. } = builder.start_and_fail();
    assert_eq!(code, Some(2));
    let expected = "invalid value 'proxy.internal' for '--trusted-proxies <LIST>': `proxy.internal` is neither an address, \
                    such as 203.0.113.7, nor a network, such as 203.0.113.0/24 or 2001:db8::/32";
    assert!(errors.contains(expected), "{errors}");
}
