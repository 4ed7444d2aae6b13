//! `/healthz`, `/readyz` and `/metrics`: for machines that watch.

use actix_web::HttpResponse;
use actix_web::web::{Data, ServiceConfig};
use serde_json::json;

use super::{App, at};
use crate::door::Reason;
use crate::observe::metrics;
use crate::store::Health;

pub fn routes(service: &mut ServiceConfig) {
    service
        .service(at("/healthz", "GET").get(healthz))
        .service(at("/readyz", "GET").get(readyz))
        .service(at("/metrics", "GET").get(show_metrics));
}

/// The process answers.
async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "ok" }))
}

/// Whether hooks are accepted; if not, why.
async fn readyz(app: Data<App>) -> HttpResponse {
    let reason = match app.door.store.health() {
        Health::Ready => return HttpResponse::Ok().json(json!({ "status": "ready" })),
        Health::DiskFull => "the disk is full; hooks are refused until there is room".to_owned(),
        Health::Unreachable(reason) => {
            format!("the database can't be reached; hooks are refused until it can: {reason}")
        }
        Health::Failed(reason) => format!("the database failed and takes no writes any more: {reason}"),
        Health::Closed => "the server is shutting down".to_owned(),
    };
    HttpResponse::ServiceUnavailable().json(json!({ "status": "unavailable", "reason": reason }))
}

/// Counters, in the text form that Prometheus reads.
async fn show_metrics() -> HttpResponse {
    let reasons = Reason::ALL.map(|(_, word)| word);
    HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(metrics::render(&reasons))
}
