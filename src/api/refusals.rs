//! `/v1/hooks/{id}/refusals`: requests that a hook refused, and why.

use actix_web::web::{Data, Path, Query, ServiceConfig};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::auth::Reader;
use super::{App, at, path_id};
use crate::base::id::Id;
use crate::door::{REFUSED_BODY_BYTES_MAX, Reason};
use crate::http::document::{PageQuery, attributes, page, relationship, resource};
use crate::http::errors::{ApiError, ApiResult};
use crate::store::RefusedRequest;

pub fn routes(service: &mut ServiceConfig) {
    service.service(at("/v1/hooks/{id}/refusals", "GET").get(list));
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ListQuery {
    page_size: Option<String>,
    after: Option<String>,
    reason: Option<String>,
}

async fn list(app: Data<App>, reader: Reader, id: Path<String>, query: Query<ListQuery>) -> ApiResult {
    let id = path_id("hook", &id)?;
    let ListQuery { page_size, after, reason } = query.into_inner();
    let asked = PageQuery { page_size, after }.page()?;
    let reason = reason.map(|reason| known_reason(&reason)).transpose()?;
    app.door.catalog.snapshot().hook(reader.org, id).ok_or_else(|| ApiError::not_found("hook", id))?;
    // Those of the last second are shown too.
    app.door.refusals.write(&app.door.store).await?;
    let found = app.door.store.read(move |session| session.refused(reader.org, (id, Id::MIN), reason, asked)).await?;
    let filter = reason.map(|reason| format!("?reason={reason}")).unwrap_or_default();
    page(found, asked, &format!("/v1/hooks/{id}/refusals{filter}"), |request| request.id, |request| show(&request))
}

fn known_reason(word: &str) -> Result<&'static str, ApiError> {
    let words = || Reason::ALL.into_iter().map(|(_, word)| word);
    let unknown =
        || ApiError::parameter("reason", format!("must be one of {}", words().collect::<Vec<_>>().join(", ")));
    words().find(|known| *known == word).ok_or_else(unknown)
}

/// A refused request as it is shown.
pub fn show(request: &RefusedRequest) -> Value {
    let headers: Vec<Value> = request.headers.iter().map(|(name, value)| json!([name, value])).collect();
    let shown = attributes(json!({
        "createdAt": request.created_at,
        "reason": request.reason,
        "detail": request.detail,
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "headers": headers,
        "peer": request.peer,
        "contentLength": request.content_length,
        "body": show_body(&request.body),
    }));
    let hook = format!("/v1/hooks/{}", request.hook);
    let link = format!("{hook}/refusals");
    let relationships = json!({ "hook": relationship("hook", request.hook, hook) });
    resource("refusal", request.id, shown, relationships, &link)
}

/// Text as it is, anything else as base64, and nothing as null.
fn show_body(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok("") => Value::Null,
        Ok(text) => json!({ "text": text }),
        // A text that was cut within a character.
        Err(error) if bytes.len() == REFUSED_BODY_BYTES_MAX && error.error_len().is_none() => {
            json!({ "text": String::from_utf8_lossy(&bytes[..error.valid_up_to()]) })
        }
        Err(_) => json!({ "base64": STANDARD.encode(bytes) }),
    }
}
