//! `/healthz`, `/readyz` and `/metrics`, for monitoring.

use actix_web::HttpResponse;
use actix_web::web::Data;

use super::describe::{Endpoint, Group, public};
use crate::door::Reason;
use crate::observe::metrics;
use crate::usecases::Services;
use crate::usecases::health::{self, LivenessView, ReadinessView};

pub fn group() -> Group {
    let is_alive = public("getHealth", "Whether the process answers").answers::<LivenessView>();
    let is_ready = public("getReadiness", "Whether hooks are accepted; if not, why")
        .answers::<ReadinessView>()
        .also::<ReadinessView>(503);
    let counters = public("getMetrics", "Counters in Prometheus text format");
    Group::new("Operation", "Health, metrics and this description.")
        .add(Endpoint::at("/healthz").get(healthz, is_alive))
        .add(Endpoint::at("/readyz").get(readyz, is_ready))
        .add(Endpoint::at("/metrics").get(show_metrics, counters.answers_as("text/plain; version=0.0.4")))
}

/// The process answers.
async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(health::liveness())
}

/// Whether hooks are accepted; if not, why.
async fn readyz(services: Data<Services>) -> HttpResponse {
    let readiness = health::readiness(&services);
    match readiness.is_ready() {
        true => HttpResponse::Ok().json(readiness),
        false => HttpResponse::ServiceUnavailable().json(readiness),
    }
}

/// Counters in Prometheus text format.
async fn show_metrics() -> HttpResponse {
    let reasons = Reason::ALL.map(|(_, word)| word);
    HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(metrics::render(&reasons))
}
