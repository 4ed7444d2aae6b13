//! Transactions: what came in.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{Reader, Services, UseCaseError, UseCaseResult, hooks};
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::content::File;
use crate::hook::transaction::{SkipReason, Transaction};
use crate::http::document::{Identifier, Linkages, Relationship, SelfLink};

/// An accepted request: the envelope that workflows see, the runs that it started, and what else was kept of the request.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Transaction)]
pub struct TransactionView {
    pub id: Id,
    #[serde(rename = "type")]
    #[schema(value_type = String, example = "transaction")]
    pub kind: &'static str,
    pub attributes: TransactionAttributes,
    pub relationships: TransactionRelationships,
    pub links: SelfLink,
    pub meta: TransactionMeta,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TransactionAttributes {
    pub created_at: Timestamp,
    /// What the body said.
    pub data: Value,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct TransactionRelationships {
    pub org: Relationship,
    pub hook: Relationship,
    /// The runs that it started when it arrived.
    pub runs: Linkages,
}

/// What was kept of the request beside its payload.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TransactionMeta {
    #[schema(required)]
    pub content_type: Option<String>,
    /// Pairs of a name, in lower case, and a value; secrets masked.
    pub headers: Vec<(String, String)>,
    /// Secrets masked.
    #[schema(required)]
    pub query: Option<String>,
    /// The address that sent it.
    #[schema(required)]
    pub peer: Option<String>,
    /// The size of the body.
    pub bytes: usize,
    /// The body, as it was received, as text.
    pub raw: String,
    /// Whether it started no run because its hook captured.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    pub captured: bool,
    /// Whether it started no run because it did not pass the hook's filter.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    pub filtered: bool,
    /// How often it came again, if it did; only of a transaction shown by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub duplicates: Option<hooks::CountView>,
}

pub(super) fn view(transaction: &Transaction) -> TransactionView {
    let runs = transaction.runs.iter().map(|id| Identifier::new("run", id)).collect();
    let kind = transaction.hook_kind;
    TransactionView {
        id: transaction.id,
        kind: "transaction",
        attributes: TransactionAttributes {
            created_at: transaction.created_at,
            data: transaction.data().unwrap_or(Value::Null),
        },
        relationships: TransactionRelationships {
            org: Relationship::new("org", transaction.org, "/v1/org"),
            hook: Relationship::new(format!("{kind}_hook"), transaction.hook, &format!("/v1/hooks/{kind}")),
            runs: Linkages { data: runs },
        },
        links: SelfLink::to(transaction.link()),
        meta: TransactionMeta {
            content_type: transaction.content_type.clone(),
            headers: transaction.headers.clone(),
            query: transaction.query.clone(),
            peer: transaction.peer.clone(),
            bytes: transaction.raw.len(),
            raw: String::from_utf8_lossy(&transaction.raw).into_owned(),
            captured: transaction.skip_reason == Some(SkipReason::Captured),
            filtered: transaction.skip_reason == Some(SkipReason::Filtered),
            duplicates: None,
        },
    }
}

/// One transaction, with how often it came again.
pub async fn show(services: &Services, reader: &Reader, id: Id) -> UseCaseResult<TransactionView> {
    let org = reader.org();
    let found = services.store.read(move |session| Ok((session.transaction(org, id)?, session.duplicates(org, id)?)));
    let (transaction, duplicates) = found.await?;
    let mut view = view(&transaction.ok_or_else(|| UseCaseError::not_found("transaction", id))?);
    let duplicates = duplicates.filter(|duplicates| duplicates.count > 0);
    view.meta.duplicates =
        duplicates.map(|duplicates| hooks::CountView { count: duplicates.count, last_at: Some(duplicates.last_at) });
    Ok(view)
}

/// A file that came in a body of several parts, which are counted from 1.
pub async fn file(services: &Services, reader: &Reader, id: Id, part: usize) -> UseCaseResult<File> {
    let org = reader.org();
    let found = services.store.read(move |session| session.transaction(org, id)).await?;
    let transaction = found.ok_or_else(|| UseCaseError::not_found("transaction", id))?;
    // What can't be read any more has no files either.
    let file = transaction.file(part).ok().flatten();
    file.ok_or_else(|| UseCaseError::NotFound(format!("the transaction has no file in part {part}")))
}
