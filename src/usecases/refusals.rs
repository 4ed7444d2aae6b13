//! Requests that a hook refused, and why.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Paging, Reader, Services, Slice, UseCaseError, UseCaseResult, hooks};
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::door::{REFUSED_BODY_BYTES_MAX, Reason};
use crate::http::document::{Attributes, Relationship, Resource};
use crate::store::RefusedRequest;

/// A request that a hook refused.
pub type RefusalView = Resource<RefusalAttributes>;

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RefusalAttributes {
    pub created_at: Timestamp,
    /// The code of the reason; stable.
    #[schema(example = "malformed_json")]
    pub reason: String,
    /// The message that the sender received.
    pub detail: String,
    pub method: String,
    /// Without the secret of the hook's address.
    pub path: String,
    /// Secrets are masked, as in the headers.
    #[schema(required)]
    pub query: Option<String>,
    /// Pairs of a lower-case name and a value.
    pub headers: Vec<(String, String)>,
    /// The sender's address.
    #[schema(required)]
    pub peer: Option<String>,
    /// The value of `Content-Length`.
    #[schema(required)]
    pub content_length: Option<i64>,
    /// The first 1,024 bytes; null if the body is empty.
    #[schema(required)]
    pub body: Option<BodyView>,
    /// Whether the whole body was kept, so that the request can be accepted.
    pub whole: bool,
}

/// The beginning of a body.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum BodyView {
    Text(String),
    /// If it is not text.
    Base64(String),
}

#[derive(Debug, Serialize, ToSchema)]
pub struct RefusalRelationships {
    pub hook: Relationship,
    /// What it became when an admin accepted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub transaction: Option<Relationship>,
}

impl Attributes for RefusalAttributes {
    type Relationships = RefusalRelationships;
    const TYPES: &'static [&'static str] = &["refusal"];
}

pub(super) fn view(request: &RefusedRequest) -> RefusalView {
    let attributes = RefusalAttributes {
        created_at: request.created_at,
        reason: request.reason.clone(),
        detail: request.detail.clone(),
        method: request.method.clone(),
        path: request.path.clone(),
        query: request.query.clone(),
        headers: request.headers.clone(),
        peer: request.peer.clone(),
        content_length: request.content_length,
        body: body_view(&request.body[..request.body.len().min(REFUSED_BODY_BYTES_MAX)]),
        whole: request.whole,
    };
    let hook = Relationship::new("hook", request.hook, "/v1/hooks");
    let link = format!("{}/refusals", hook.links.own);
    let transaction = request.transaction.map(|id| Relationship::new("transaction", id, "/v1/transactions"));
    Resource::new(request.id, attributes, link).with(RefusalRelationships { hook, transaction })
}

fn body_view(bytes: &[u8]) -> Option<BodyView> {
    match std::str::from_utf8(bytes) {
        Ok("") => None,
        Ok(text) => Some(BodyView::Text(text.to_owned())),
        // The excerpt ends within a character.
        Err(error) if bytes.len() == REFUSED_BODY_BYTES_MAX && error.error_len().is_none() => {
            Some(BodyView::Text(String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into_owned()))
        }
        Err(_) => Some(BodyView::Base64(STANDARD.encode(bytes))),
    }
}

/// Parses a reason.
///
/// # Errors
/// [`UseCaseError::Parameter`], with all reasons.
pub fn parse_reason(word: &str) -> UseCaseResult<&'static str> {
    let words = Reason::ALL.map(|(_, word)| word);
    words.into_iter().find(|known| *known == word).ok_or_else(|| UseCaseError::Parameter {
        name: "reason",
        detail: format!("must be one of {}", words.join(", ")),
    })
}

/// The requests that a hook refused, newest first; `reason` is from [`parse_reason`].
pub async fn list(
    services: &Services,
    reader: &Reader,
    hook: Id,
    reason: Option<&'static str>,
    paging: Paging,
) -> UseCaseResult<Slice<RefusalView>> {
    hooks::require(services, reader, hook)?;
    // Include the requests of the last second.
    services.refusals.write(&services.store).await?;
    let org = reader.org();
    let page = paging.to_read();
    let found = services.store.read(move |session| session.refused(org, (hook, Id::MIN), reason, page)).await?;
    Ok(paging.slice(found, |request| request.id, |request| view(&request)))
}
