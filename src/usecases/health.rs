//! The server's health, for monitoring.

use serde::Serialize;
use utoipa::ToSchema;

use super::Services;
use crate::store::Health;

/// The answer of a live process.
#[derive(Debug, Serialize, ToSchema)]
pub struct LivenessView {
    /// `ok`
    #[schema(value_type = String, example = "ok")]
    pub status: &'static str,
}

/// Whether hooks are accepted.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReadinessView {
    /// `ready` or `unavailable`
    #[schema(value_type = String, example = "ready")]
    pub status: &'static str,
    /// Why hooks are refused, if they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<String>,
}

impl ReadinessView {
    pub fn is_ready(&self) -> bool {
        self.reason.is_none()
    }
}

pub fn liveness() -> LivenessView {
    LivenessView { status: "ok" }
}

/// Whether hooks are accepted; if not, why.
pub fn readiness(services: &Services) -> ReadinessView {
    let reason = match services.store.health() {
        Health::Ready => return ReadinessView { status: "ready", reason: None },
        Health::DiskFull => "the disk is full; hooks are refused until it has space".to_owned(),
        Health::Unreachable(reason) => {
            format!("the database is unreachable; hooks are refused until it is reachable: {reason}")
        }
        Health::Failed(reason) => {
            format!("the database failed; hooks are refused until the server is restarted: {reason}")
        }
        Health::Denied(reason) => {
            format!("the database refuses writes; hooks are refused until it takes them: {reason}")
        }
        Health::Closed => "the server is shutting down".to_owned(),
    };
    ReadinessView { status: "unavailable", reason: Some(reason) }
}
