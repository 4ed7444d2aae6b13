//! Transactions: accepted requests.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{Reader, Services, UseCaseError, UseCaseResult, hooks};
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::content::{File, Notes};
use crate::expr::Note;
use crate::hook::transaction::{SkipReason, Transaction, TransactionDetails};
use crate::http::document::{Identifier, Linkages, Relationship, SelfLink};
use crate::store::{Session, StoreResult};

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
    /// The runs that it started when it arrived, and those that were started for it later.
    pub runs: Linkages,
}

/// The details of the request.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TransactionMeta {
    /// The method of the request; `SMTP` for a mail that came that way.
    #[schema(example = "POST")]
    pub method: String,
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
    /// How the filter judged it, if it did not pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<FilterJudgement>, nullable = false)]
    pub filter: Option<Value>,
    /// Why the body can't be read, if it can't.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub problem: Option<ProblemView>,
    /// Why it was refused before an admin accepted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "signature")]
    pub refused: Option<String>,
    /// What was odd about the body, which could be read nonetheless.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub notes: Vec<String>,
    /// How often it came again, if it did; only of a transaction shown by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub duplicates: Option<hooks::CountView>,
}

/// Why a body can't be read.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemView {
    /// A stable word, as for refusals.
    #[schema(example = "malformed_json")]
    pub reason: String,
    pub detail: String,
}

/// How a hook's filter judged a request.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes what the filter wrote as JSON")]
pub struct FilterJudgement {
    op: String,
    /// As they were resolved; null stands for no value. Empty if they are too long.
    values: Vec<Value>,
    result: bool,
    #[schema(nullable = false)]
    notes: Option<Vec<Note>>,
}

/// A transaction with what is known about it beside its request.
pub(super) struct Stored {
    pub transaction: Transaction,
    details: Option<TransactionDetails>,
    later_runs: Vec<Id>,
}

/// Adds what is known about transactions of one hook, which have any order.
pub(super) fn with_details(session: &mut dyn Session, transactions: Vec<Transaction>) -> StoreResult<Vec<Stored>> {
    let ids = transactions.iter().map(|transaction| transaction.id);
    let (Some(lowest), Some(highest), Some(one)) = (ids.clone().min(), ids.max(), transactions.first()) else {
        return Ok(Vec::new());
    };
    let (org, hook) = (one.org, one.hook);
    let mut details = session.details(org, hook, (lowest, highest))?;
    let later_runs = session.later_runs(org, hook, (lowest, highest))?;
    let stored = |transaction: Transaction| {
        let found = details.iter().position(|details| details.transaction == transaction.id);
        let own = later_runs.iter().filter(|(id, _)| *id == transaction.id);
        Stored {
            details: found.map(|index| details.swap_remove(index)),
            later_runs: own.map(|(_, run)| *run).collect(),
            transaction,
        }
    };
    Ok(transactions.into_iter().map(stored).collect())
}

/// The transaction with this id.
pub(super) fn find(session: &mut dyn Session, org: Id, id: Id) -> StoreResult<Option<Stored>> {
    let found = session.transaction(org, id)?;
    Ok(with_details(session, found.into_iter().collect())?.pop())
}

pub(super) fn view(Stored { transaction, details, later_runs }: &Stored) -> TransactionView {
    let runs = transaction.runs.iter().chain(later_runs).map(|id| Identifier::new("run", id)).collect();
    let kind = transaction.hook_kind;
    let mut notes = Notes::default();
    let data = transaction.data_with_notes(&mut notes).unwrap_or(Value::Null);
    let details = details.as_ref();
    let problem = details.and_then(|details| {
        let (reason, detail) = (details.problem.clone()?, details.detail.clone().unwrap_or_default());
        Some(ProblemView { reason, detail })
    });
    TransactionView {
        id: transaction.id,
        kind: "transaction",
        attributes: TransactionAttributes { created_at: transaction.created_at, data },
        relationships: TransactionRelationships {
            org: Relationship::new("org", transaction.org, "/v1/org"),
            hook: Relationship::new(format!("{kind}_hook"), transaction.hook, &format!("/v1/hooks/{kind}")),
            runs: Linkages { data: runs },
        },
        links: SelfLink::to(transaction.link()),
        meta: TransactionMeta {
            method: transaction.method().to_owned(),
            content_type: transaction.content_type.clone(),
            headers: transaction.sent_headers().cloned().collect(),
            query: transaction.query.clone(),
            peer: transaction.peer.clone(),
            bytes: transaction.raw.len(),
            raw: String::from_utf8_lossy(&transaction.raw).into_owned(),
            captured: transaction.skip_reason == Some(SkipReason::Captured),
            filtered: transaction.skip_reason == Some(SkipReason::Filtered),
            filter: details.and_then(|details| details.judgement.clone()),
            problem,
            refused: details.and_then(|details| details.refusal.clone()),
            notes: notes.into_vec(),
            duplicates: None,
        },
    }
}

/// One transaction, with the number of its duplicates.
pub async fn show(services: &Services, reader: &Reader, id: Id) -> UseCaseResult<TransactionView> {
    let org = reader.org();
    let found = services.store.read(move |session| Ok((find(session, org, id)?, session.duplicates(org, id)?)));
    let (stored, duplicates) = found.await?;
    let mut view = view(&stored.ok_or_else(|| UseCaseError::not_found("transaction", id))?);
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
