//! API keys: the first one, and what each may do.

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::support::program::refusal;
use crate::support::server::send;
use crate::support::{Server, ServerBuilder, errors, ids};

#[test]
fn the_first_start_shows_an_admin_key_that_works_and_later_starts_do_not() {
    let server = ServerBuilder::new().without_admin_key().start();
    let key = server.admin_key.clone();
    assert_eq!(key.len(), "hf_".len() + 64);
    assert_eq!(server.output().matches("hf_").count(), 1, "{}", server.output());
    assert!(!server.errors().contains("hf_"), "{}", server.errors());
    server.get("/v1/hooks").expect(200);
    let directory = server.directory();
    assert!(server.stop().success());
    let mut server = ServerBuilder::in_directory(directory).without_admin_key().start();
    assert!(!server.output().contains("hf_"), "{}", server.output());
    server.admin_key = key;
    server.get("/v1/hooks").expect(200);
}

#[test]
fn a_new_admin_key_is_shown_even_if_the_start_then_fails() {
    let builder = ServerBuilder::new().without_admin_key();
    let directory = builder.shared_directory();
    let said = builder.arguments(&["--workflows", "nowhere"]).start_and_fail();
    assert_eq!(said.code, Some(1));
    let key = said.output.split_whitespace().find(|word| word.starts_with("hf_")).expect("the key is shown");
    let mut server = ServerBuilder::in_directory(directory).without_admin_key().start();
    server.admin_key = key.to_owned();
    server.get("/v1/hooks").expect(200);
}

#[test]
fn a_key_from_the_environment_replaces_the_one_before() {
    let builder = ServerBuilder::bare().without_admin_key();
    let server = builder.environment("HOOKFLOW_ADMIN_KEY", "first-key-of-the-admin").start();
    assert!(!server.output().contains("first-key"), "{}", server.output());
    let directory = server.directory();
    assert!(server.stop().success());
    let builder = ServerBuilder::in_directory(directory).without_admin_key();
    let server = builder.environment("HOOKFLOW_ADMIN_KEY", "second-key-of-the-admin").start();
    let status = |key: &str| send(server.request("GET", "/v1/hooks").bearer_auth(key)).status;
    assert_eq!((status("second-key-of-the-admin"), status("first-key-of-the-admin")), (200, 401));
}

#[test]
fn a_key_from_the_environment_that_can_be_guessed_is_refused() {
    let builder = ServerBuilder::bare().without_admin_key().environment("HOOKFLOW_ADMIN_KEY", "fifteen-letters");
    let directory = builder.shared_directory();
    assert_eq!(
        refusal(builder),
        "error: HOOKFLOW_ADMIN_KEY has fewer than 16 characters, which can be guessed; choose a longer one"
    );
    assert!(directory.is_untouched());
}

#[test]
fn admin_calls_need_a_known_key() {
    let server = Server::start();
    let answer = server.get_without_key("/v1/hooks");
    assert_eq!(answer.headers["www-authenticate"], "Bearer");
    assert_eq!(errors(&answer.expect(401)), [("unauthorized", "")]);
    for header in ["Bearer wrong-key-0123456789", "Basic dXNlcjpwYXNz", "Bearer", ""] {
        let request = server.request("GET", "/v1/hooks").header("authorization", header);
        assert_eq!(errors(&send(request).expect(401)), [("unauthorized", "")], "{header:?}");
    }
    for path in ["/v1/runs", "/v1/workflows", "/v1/customers", "/v1/klasses", "/v1/transactions/0"] {
        assert_eq!(server.get_without_key(path).status, 401, "{path}");
    }
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(server.get_without_key(path).status, 200, "{path}");
    }
}

#[test]
fn a_key_that_may_only_read_can_not_write() {
    let server = ServerBuilder::bare().start();
    server.call("POST", "/v1/hooks", json!({ "name": "orders" })).expect(201);
    let directory = server.directory();
    assert!(server.stop().success());
    let key = "a-key-of-a-reader-only";
    let hash: String = Sha256::digest(key).iter().map(|byte| format!("{byte:02x}")).collect();
    directory.execute(&format!("UPDATE api_keys SET name = 'reader', role = 'org.read', hash = '{hash}'"));
    let mut server = ServerBuilder::in_directory(directory).start();
    server.admin_key = key.into();
    server.get("/v1/hooks").expect(200);
    let answer = server.call("POST", "/v1/hooks", json!({ "name": "returns" })).expect(403);
    assert_eq!(errors(&answer), [("forbidden", "")]);
    assert_eq!(ids(&server.get("/v1/hooks").expect(200)).len(), 1);
}
