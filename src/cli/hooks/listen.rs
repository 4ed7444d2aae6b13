//! `hookflow hooks listen HOOK`: prints requests as they arrive at a hook.
//!
//! Reads the server-sent events of `/v1/hooks/{id}/live`. A broken connection is restored, and events missed meanwhile
//! are replayed first.

use std::time::Duration;

use reqwest::{Method, Response};
use serde_json::{Value, json};

use super::shown;
use super::{Hook, HooksError, Named};
use crate::cli::remote::{RemoteError, Server, explain};
use crate::cli::say;

/// How long the connection may be silent before it counts as lost; the server sends something every 15 seconds.
const SILENCE_MAX: Duration = Duration::from_secs(40);
/// The delay before reconnecting.
const RECONNECT_DELAY: Duration = Duration::from_secs(1);

#[derive(Debug, clap::Args)]
pub struct Listen {
    #[command(flatten)]
    hook: Named,
    /// Stop after this many events
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Print JSON, one event per line
    #[arg(long)]
    json: bool,
    /// Print complete payloads
    #[arg(long, conflicts_with = "json")]
    body: bool,
}

/// One event.
#[derive(Debug, Default, PartialEq)]
struct Event {
    name: String,
    id: String,
    data: String,
}

/// Parses events from received bytes.
#[derive(Default)]
struct Reader {
    /// The incomplete last line.
    rest: Vec<u8>,
    event: Event,
}

impl Reader {
    /// The events completed by these bytes; an event without a name only sets the position to resume from.
    fn take(&mut self, bytes: &[u8]) -> Vec<Event> {
        self.rest.extend_from_slice(bytes);
        let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else { return Vec::new() };
        let whole: Vec<u8> = self.rest.drain(..=end).collect();
        let mut events = Vec::new();
        for line in String::from_utf8_lossy(&whole).lines() {
            match line.split_once(": ") {
                _ if line.is_empty() => {
                    events.extend(Some(std::mem::take(&mut self.event)).filter(|event| !event.id.is_empty()));
                }
                Some(("event", name)) => self.event.name = name.to_owned(),
                Some(("id", id)) => self.event.id = id.to_owned(),
                Some(("data", data)) => self.event.data = data.to_owned(),
                _ => {}
            }
        }
        events
    }
}

impl Listen {
    pub fn run(self, server: &Server) -> Result<(), HooksError> {
        let hook = self.hook.find(server)?;
        server.wait(async {
            tokio::select! {
                result = self.listen(server, &hook) => result,
                // Ctrl-C is the normal way to stop.
                _ = tokio::signal::ctrl_c() => Ok(()),
            }
        })
    }

    async fn listen(&self, server: &Server, hook: &Hook) -> Result<(), HooksError> {
        let mut last = None;
        let mut left = self.count;
        let mut connection = connect(server, hook, &last).await?;
        eprintln!("Listening to {}; press Ctrl-C to stop.", hook.name);
        loop {
            let mut reader = Reader::default();
            while let Ok(Ok(Some(bytes))) = tokio::time::timeout(SILENCE_MAX, connection.chunk()).await {
                for event in reader.take(&bytes) {
                    if !event.name.is_empty() {
                        self.print(&event);
                        left = left.map(|left| left - 1);
                    }
                    last = Some(event.id);
                    if left == Some(0) {
                        return Ok(());
                    }
                }
            }
            eprintln!("Connection lost; reconnecting.");
            connection = loop {
                tokio::time::sleep(RECONNECT_DELAY).await;
                match connect(server, hook, &last).await {
                    Ok(connection) => break connection,
                    Err(RemoteError::Unreachable(..) | RemoteError::Unavailable(_)) => {}
                    Err(error) => return Err(error.into()),
                }
            };
            eprintln!("Reconnected.");
        }
    }

    fn print(&self, event: &Event) {
        let data: Value = serde_json::from_str(&event.data).unwrap_or_default();
        if self.json {
            say(&format!("{}\n", json!({ "event": event.name, "data": data })));
            return;
        }
        let (line, body) = match event.name.as_str() {
            "transaction" => (shown::transaction(&data), Some(format!("{:#}", data["attributes"]["data"]))),
            "refusal" => (shown::refusal(&data), shown::refused_body(&data)),
            "missed" => ("… and more that are not shown\n".to_owned(), None),
            _ => return,
        };
        say(&line);
        if let Some(body) = body.filter(|_| self.body) {
            say(&format!("{}\n", shown::printable(&body)));
        }
    }
}

/// Starts listening now, or resumes after the last event.
async fn connect(server: &Server, hook: &Hook, last: &Option<String>) -> Result<Response, RemoteError> {
    let request = server.request(Method::GET, &format!("{}/live", hook.link)).header("accept", "text/event-stream");
    let request = last.iter().fold(request, |request, last| request.header("last-event-id", last));
    let answer = request.send().await.map_err(|error| server.unreachable(error))?;
    match answer.status() {
        status if status.is_success() => Ok(answer),
        // The server is busy, stopping or starting.
        status if status.is_server_error() => Err(RemoteError::Unavailable(status.as_u16())),
        status => {
            let json = answer.text().await.ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
            Err(RemoteError::Refused(explain(&json, status.as_u16())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_parsed_from_pieces() {
        let text = "retry: 1000\nid: 0\n: listening\n\nevent: transaction\nid: 1\ndata: {\"a\": \"ß\"}\n\n: nothing new\n\nevent: missed\nid: 2\ndata: null\n\n";
        let event = |name: &str, id: &str, data: &str| Event { name: name.into(), id: id.into(), data: data.into() };
        let expected = [event("", "0", ""), event("transaction", "1", "{\"a\": \"ß\"}"), event("missed", "2", "null")];
        for size in 1..text.len() {
            let mut reader = Reader::default();
            let events: Vec<Event> = text.as_bytes().chunks(size).flat_map(|piece| reader.take(piece)).collect();
            assert_eq!(events, expected, "in pieces of {size}");
        }
    }
}
