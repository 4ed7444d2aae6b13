//! `/v1/transactions`: what came in.

use actix_web::web::{Data, Path, ServiceConfig};
use serde_json::{Value, json};

use super::auth::Reader;
use super::document::one;
use super::errors::{ApiError, ApiResult};
use super::{App, at, path_id};
use crate::transaction::Transaction;

pub fn routes(service: &mut ServiceConfig) {
    service.service(at("/v1/transactions/{id}", "GET").get(show_one));
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
    shown
}

async fn show_one(app: Data<App>, reader: Reader, id: Path<String>) -> ApiResult {
    let id = path_id("transaction", &id)?;
    let found = app.door.store.read(move |session| session.transaction(reader.org, id)).await?;
    let transaction = found.ok_or_else(|| ApiError::not_found("transaction", id))?;
    Ok(one(show(&transaction)))
}
