//! How the server is doing, for machines that watch it.

use serde::Serialize;
use utoipa::ToSchema;

use super::Services;
use crate::store::Health;

/// That the process answers.
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
    /// Why hooks are refused.
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
        Health::DiskFull => "the disk is full; hooks are refused until there is room".to_owned(),
        Health::Unreachable(reason) => {
            format!("the database can't be reached; hooks are refused until it can: {reason}")
        }
        Health::Failed(reason) => format!("the database failed and takes no writes any more: {reason}"),
        Health::Closed => "the server is shutting down".to_owned(),
    };
    ReadinessView { status: "unavailable", reason: Some(reason) }
}
