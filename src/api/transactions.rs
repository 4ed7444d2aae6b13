//! `/v1/transactions`: what came in.

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_DISPOSITION, ContentType, X_CONTENT_TYPE_OPTIONS};
use actix_web::web::{Data, Path, ServiceConfig};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::auth::Reader;
use super::{App, at, path_id};
use crate::hook::transaction::{SkipReason, Transaction};
use crate::http::document::one;
use crate::http::errors::{ApiError, ApiResult, Code};

pub fn routes(service: &mut ServiceConfig) {
    service
        .service(at("/v1/transactions/{id}", "GET").get(show_one))
        .service(at("/v1/transactions/{id}/files/{part}", "GET").get(file));
}

/// The envelope, with what was kept beside it in `meta`, and the runs that it started.
pub fn show(transaction: &Transaction) -> Value {
    let data = transaction.data().unwrap_or(Value::Null);
    let mut shown = transaction.envelope(data);
    let runs: Vec<Value> = transaction.runs.iter().map(|id| json!({ "type": "run", "id": id })).collect();
    shown["relationships"]["runs"] = json!({ "data": runs });
    shown["links"] = json!({ "self": transaction.link() });
    let headers: Vec<Value> = transaction.headers.iter().map(|(name, value)| json!([name, value])).collect();
    shown["meta"] = json!({
        "contentType": transaction.content_type,
        "headers": headers,
        "query": transaction.query,
        "peer": transaction.peer,
        "bytes": transaction.raw.len(),
        "raw": String::from_utf8_lossy(&transaction.raw),
    });
    if let Some(skip_reason) = transaction.skip_reason {
        let why = match skip_reason {
            SkipReason::Captured => "captured",
            SkipReason::Filtered => "filtered",
        };
        shown["meta"][why] = Value::Bool(true);
    }
    shown
}

async fn show_one(app: Data<App>, reader: Reader, id: Path<String>) -> ApiResult {
    let id = path_id("transaction", &id)?;
    let found = app
        .door
        .store
        .read(move |session| Ok((session.transaction(reader.org, id)?, session.duplicates(reader.org, id)?)));
    let (transaction, duplicates) = found.await?;
    let mut shown = show(&transaction.ok_or_else(|| ApiError::not_found("transaction", id))?);
    if let Some(duplicates) = duplicates.filter(|duplicates| duplicates.count > 0) {
        shown["meta"]["duplicates"] = json!({ "count": duplicates.count, "lastAt": duplicates.last_at });
    }
    Ok(one(shown))
}

/// A file that came in a body of several parts. Who sent it may have meant harm, so nothing may show it as a page of ours.
async fn file(app: Data<App>, reader: Reader, path: Path<(String, usize)>) -> ApiResult {
    let (id, part) = path.into_inner();
    let id = path_id("transaction", &id)?;
    let found = app.door.store.read(move |session| session.transaction(reader.org, id)).await?;
    let transaction = found.ok_or_else(|| ApiError::not_found("transaction", id))?;
    // What can't be read any more has no files either.
    let file = transaction.file(part).ok().flatten();
    let file =
        file.ok_or_else(|| ApiError::new(Code::NotFound, format!("the transaction has no file in part {part}")))?;
    Ok(HttpResponse::Ok()
        .insert_header(ContentType::octet_stream())
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((CONTENT_DISPOSITION, disposition(&file.name)))
        .body(file.bytes))
}

/// The header that makes a download of a file, by its sender's name without folders: once in letters that every client
/// takes, and once as it is.
fn disposition(name: &str) -> String {
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let is_plain = |character: char| character.is_ascii_alphanumeric() || " .-_".contains(character);
    let plain: String = name.chars().map(|character| if is_plain(character) { character } else { '_' }).collect();
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{}", utf8_percent_encode(name, NON_ALPHANUMERIC))
}
