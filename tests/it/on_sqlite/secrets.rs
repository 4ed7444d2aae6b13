//! What can be read in the file of the database, and what can't.

use serde_json::json;

use crate::support::ServerBuilder;
use crate::support::database::Kind;
use crate::support::peer::Peer;

const SECRET: &str = "s3cret-of-the-shop";

#[test]
fn neither_a_variable_nor_a_call_that_waits_is_readable_in_the_file() {
    let peer = Peer::answering("503 Service Unavailable", "{}");
    let call = json!([{ "id": "2", "action": "rest-api.json", "params": {
        "uri": peer.url("/"), "method": "POST", "auth": { "type": "bearer", "token": "/#variables.apiKey" },
        "data": { "key": "/#variables.apiKey", "plain": "in-the-clear" } } }]);
    let server = ServerBuilder::with_steps(call).on(Kind::Sqlite).start();
    server.create("/v1/variables", json!({ "name": "apiKey", "value": SECRET }));
    server.post_hook("orders", &json!({})).expect(200);
    server.wait_for_retry();
    assert_eq!(peer.received()[0].header("authorization"), Some(format!("Bearer {SECRET}").as_str()));
    let directory = server.directory();
    server.kill();
    let files = ["hookflow.db", "hookflow.db-wal"].map(|name| std::fs::read(directory.path().join(name)).unwrap());
    let holds = |text: &str| files.iter().any(|file| file.windows(text.len()).any(|window| window == text.as_bytes()));
    assert!(holds("in-the-clear"), "what is no secret shows that the files are looked through");
    assert!(!holds(SECRET));
    assert!(!holds(&SECRET[3..]));
}
