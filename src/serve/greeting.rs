//! What the server prints at start, for the person at the terminal.

use std::io::Write;
use std::net::SocketAddr;

use crate::catalog::{HookInForce, Snapshot};
use crate::hook::{HookKind, Verification};
use crate::store::{Org, Status};
use crate::usecases::hooks;

/// Prints where the server listens, and how to call each enabled hook.
pub fn greet(own_url: &str, public_url: &str, smtp: Option<SocketAddr>, org: &Org, snapshot: &Snapshot) {
    let mut text = format!("hookflow listens on {own_url}\n");
    for in_force in snapshot.hooks(org.id).filter(|in_force| in_force.hook.status == Status::Enabled) {
        text.push_str(&hook(public_url, in_force));
    }
    text.push('\n');
    if let Some(address) = smtp {
        text.push_str(&format!("accepting mail on smtp://{address}\n\n"));
    }
    print(&text);
}

/// Prints to standard output. A closed pipe doesn't keep the server from working.
pub fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes()).and_then(|()| std::io::stdout().flush());
}

fn hook(public_url: &str, in_force: &HookInForce) -> String {
    let (hook, verification) = (&in_force.hook, &in_force.settings.verification);
    let title = format!("\nHook {} ({}):\n\n", hook.name, hook.title);
    let url = hooks::url(public_url, hook);
    let key = match verification {
        Verification::Open => "",
        Verification::Key => "    -H \"authorization: Bearer $KEY\" \\\n",
        // The sender knows what such a request looks like.
        Verification::Signed(scheme) => {
            let missing = match in_force.gate.lacks_secret() {
                true => {
                    format!("  (no secret yet, so it refuses all requests: hookflow hooks secret add {})\n", hook.name)
                }
                false => String::new(),
            };
            return format!("{title}  {url}\n  (requests are verified: {})\n{missing}", scheme.name());
        }
    };
    let (content_type, body) = match hook.kind {
        HookKind::Form | HookKind::Web => {
            ("application/json", r#"{"orderId":"1234","price":"$10.25","quantity":2,"email":"test@example.com"}"#)
        }
        HookKind::Email => ("message/rfc822", "Subject: Order 1234"),
    };
    format!("{title}  curl {url} \\\n{key}    -H 'content-type: {content_type}' \\\n    -d '{body}'\n")
}
