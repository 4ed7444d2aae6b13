//! `/v1/hooks/{id}/live`: a live stream of the requests that arrive at a hook, as server-sent events.
//!
//! An event `transaction` contains the answer of `GET /v1/transactions/{id}`, an event `refusal` an entry of the list
//! of refusals. `missed` means that more requests arrived than are sent. The ids of events are those of transactions
//! and refusals; a client that sends the last one as `Last-Event-ID` receives what arrived since.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Bytes, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream::{StreamExt, once, unfold};
use serde::Serialize;

use super::describe::{Endpoint, Group, reads};
use super::query::path_id;
use crate::base::id::Id;
use crate::http::errors::{ApiResult, Code};
use crate::usecases::arrivals::{self, Arrival};
use crate::usecases::{Reader, Services};

pub fn group() -> Group {
    let listen_to = reads("listen", "A live stream of what arrives at a hook, as server-sent events")
        .header("Last-Event-ID", "Resumes after this transaction or refusal.")
        .fails(Code::Overloaded)
        .answers_as("text/event-stream");
    Group::new("Hooks", "").add(Endpoint::at("/v1/hooks/{id}/live").get(listen, listen_to))
}

async fn listen(services: Data<Services>, reader: Reader, id: Path<String>, request: HttpRequest) -> ApiResult {
    let hook = path_id("hook", &id)?;
    let last = request.headers().get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let listener = arrivals::listen(&services, &reader, hook, last).await?;
    // Gives the client a position to resume from, even if the connection breaks before the first arrival.
    let first = Bytes::from(format!("retry: 1000\nid: {}\n: listening\n\n", listener.position()));
    let arrivals = unfold(listener, |mut listener| async move {
        let arrival = listener.next().await?;
        Some((Ok::<_, actix_web::Error>(event(arrival)), listener))
    });
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((CACHE_CONTROL, "no-store"))
        // Keeps proxies from buffering the stream.
        .insert_header(("x-accel-buffering", "no"))
        .streaming(once(async { Ok(first) }).chain(arrivals)))
}

fn event(arrival: Arrival) -> Bytes {
    match arrival {
        Arrival::Transaction(id, view) => named_event("transaction", id, &view),
        Arrival::Refusal(id, view) => named_event("refusal", id, &view),
        Arrival::Missed(id) => named_event("missed", id, &()),
        Arrival::Silence => Bytes::from_static(b": nothing new\n\n"),
    }
}

fn named_event(name: &str, id: Id, data: &impl Serialize) -> Bytes {
    let data = serde_json::to_string(data).expect("a view has string keys");
    Bytes::from(format!("event: {name}\nid: {id}\ndata: {data}\n\n"))
}
