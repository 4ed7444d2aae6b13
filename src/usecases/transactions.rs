//! Transactions: accepted requests.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{Reader, Services, UseCaseError, UseCaseResult, hooks};
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::content::File;
use crate::hook::transaction::{SkipReason, Transaction};
use crate::http::document::{Identifier, Linkages, Relationship, SelfLink};

/// An accepted request: the envelope that workflows see, the runs that it started, and the details of the request.
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
    /// The payload.
    pub data: Value,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct TransactionRelationships {
    pub org: Relationship,
    pub hook: Relationship,
    /// The runs that the request started.
    pub runs: Linkages,
}

/// The details of the request.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TransactionMeta {
    #[schema(required)]
    pub content_type: Option<String>,
    /// Pairs of a lower-case name and a value; secrets are masked.
    pub headers: Vec<(String, String)>,
    /// Secrets are masked.
    #[schema(required)]
    pub query: Option<String>,
    /// The sender's address.
    #[schema(required)]
    pub peer: Option<String>,
    /// The size of the body in bytes.
    pub bytes: usize,
    /// The received body as text.
    pub raw: String,
    /// Whether it started no runs because its hook only captures.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    pub captured: bool,
    /// Whether it started no runs because the hook's filter excluded it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    pub filtered: bool,
    /// The number of duplicates, if there are any; omitted in lists.
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

/// One transaction, with the number of its duplicates.
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

/// A file in a part of a transaction's body; parts are counted from 1.
pub async fn file(services: &Services, reader: &Reader, id: Id, part: usize) -> UseCaseResult<File> {
    let org = reader.org();
    let found = services.store.read(move |session| session.transaction(org, id)).await?;
    let transaction = found.ok_or_else(|| UseCaseError::not_found("transaction", id))?;
    // A body that can't be parsed has no files.
    let file = transaction.file(part).ok().flatten();
    file.ok_or_else(|| UseCaseError::NotFound(format!("the transaction has no file in part {part}")))
}
