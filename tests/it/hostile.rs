//! Clients that mean harm: each is cut off or refused within a bound, and honest senders are served meanwhile.

mod crowd;
mod heads;
mod http_2;
mod siege;
mod slow;

use std::io::{ErrorKind, Read};
use std::time::Duration;

use serde_json::json;

use crate::support::Server;

/// An honest sender is served, on a connection of its own.
#[track_caller]
fn honest(server: &Server) {
    let client = crate::support::server::client();
    let sent = client.post(server.hook_url("orders")).json(&json!({ "email": "honest@example.com" })).send();
    assert_eq!(sent.expect("an honest sender is answered").status(), 200);
}

/// Everything that comes until the other side closes the connection, in whatever way.
fn rest(stream: &mut impl Read) -> Vec<u8> {
    let (mut received, mut buffer) = (Vec::new(), [0; 16 * 1024]);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return received,
            Ok(read) => received.extend_from_slice(&buffer[..read]),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => panic!("the server does not close the connection"),
                ErrorKind::Interrupted => {}
                _ => return received,
            },
        }
    }
}

/// How long a dripping client waits between two bytes.
const DRIP: Duration = Duration::from_millis(200);
