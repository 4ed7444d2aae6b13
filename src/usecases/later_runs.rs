//! Runs that an admin starts for requests after their arrival.
//!
//! A transaction whose body could not be read is mended first: its bytes are read under another content type, or its
//! payload is replaced. The transaction itself never changes; the mended envelope is stored with the runs. One that was
//! captured, filtered, or came again is run as it is, by the workflows that listen now. A refused request that was kept
//! whole becomes a transaction.
//!
//! Limits: [`MANY_MAX`] transactions at a time.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::runs::{self, RunView};
use super::transactions::{self, TransactionView};
use super::{Admin, Services, UseCaseError, UseCaseResult};
use crate::base::id::Id;
use crate::base::json::{PAYLOAD_LEVELS_MAX, is_deeper_than};
use crate::catalog::HookInForce;
use crate::door::{Reason, Refusal};
use crate::events::{Listener, run_later};
use crate::hook::transaction::{SkipReason, Transaction, TransactionDetails, with_own_headers};
use crate::http::document::{Attributes, NoRelationships, Resource};
use crate::objects::{Fields, Problem};
use crate::store::RefusedRequest;

/// How many transactions are run at a time.
pub const MANY_MAX: i64 = 100;
/// The most characters of a content type and of a name.
const TEXT_MAX: usize = 256;

/// The reason why bodies can't be read; `None` for any.
#[derive(Clone, Copy, Debug)]
pub struct ProblemFilter(pub Option<&'static str>);

impl ProblemFilter {
    /// Reads the name of a reason, or `any`.
    ///
    /// # Errors
    /// The names that there are.
    pub fn parse(word: &str) -> Result<ProblemFilter, String> {
        let reasons: Vec<&'static str> = Reason::unreadable().collect();
        match reasons.iter().find(|reason| **reason == word) {
            Some(reason) => Ok(ProblemFilter(Some(reason))),
            None if word == "any" => Ok(ProblemFilter(None)),
            None => Err(format!("must be one of {}, any", reasons.join(", "))),
        }
    }
}

/// How to run a transaction.
#[derive(Clone, Debug, Default, ToSchema)]
#[schema(rename_all = "camelCase", as = LaterRunInput)]
pub struct LaterRun {
    /// The name or id of the workflow to run; all that listen if omitted.
    #[schema(example = "order-to-kobject")]
    pub workflow: Option<String>,
    /// The content type to read the body under.
    #[schema(example = "application/json")]
    pub content_type: Option<String>,
    /// The payload, in place of what the body says.
    #[schema(nullable = true)]
    pub data: Option<Value>,
}

impl LaterRun {
    /// Reads `{"workflow", "contentType", "data"}`.
    ///
    /// # Errors
    /// Every problem, with its pointer.
    pub fn read(document: Value) -> Result<LaterRun, Vec<Problem>> {
        let mut fields = Fields::new(document);
        let run = LaterRun::take(&mut fields);
        fields.finish(run)
    }

    fn take(fields: &mut Fields) -> LaterRun {
        let workflow = fields.text("workflow", TEXT_MAX).flatten();
        let content_type = fields.text("contentType", TEXT_MAX).flatten();
        let data = fields.take("data");
        if content_type.is_some() && data.is_some() {
            fields.problem("/data", "only one of `contentType` and `data` is allowed");
        }
        if data.as_ref().is_some_and(|data| is_deeper_than(data, PAYLOAD_LEVELS_MAX)) {
            fields.problem("/data", format!("nests deeper than {PAYLOAD_LEVELS_MAX} levels"));
        }
        LaterRun { workflow, content_type, data }
    }

    fn is_mended(&self) -> bool {
        self.content_type.is_some() || self.data.is_some()
    }

    /// The payload of the transaction.
    fn data_of(&self, transaction: &Transaction) -> Result<Value, Problem> {
        match (&self.data, &self.content_type) {
            (Some(data), _) => Ok(data.clone()),
            (None, Some(_)) => {
                let mended = Transaction { content_type: self.content_type.clone(), ..transaction.clone() };
                mended.data().map_err(|error| Problem::new("/contentType", error.to_string()))
            }
            (None, None) => transaction.data().map_err(|error| {
                Problem::new("", format!("the body can't be read: {error}; give a `contentType` or `data`"))
            }),
        }
    }
}

/// Which transactions of a hook to run.
#[derive(Clone, Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct LaterRuns {
    /// Those that can't be read for this reason and were not run since.
    #[schema(value_type = String, example = "malformed_json")]
    pub problem: &'static str,
    /// Only those after this one.
    pub after: Option<Id>,
    /// The content type to read their bodies under; the limits in force now apply if omitted.
    #[schema(example = "text/plain")]
    pub content_type: Option<String>,
    /// The name or id of the workflow to run; all that listen if omitted.
    pub workflow: Option<String>,
}

impl LaterRuns {
    /// Reads `{"problem", "after", "contentType", "workflow"}`.
    ///
    /// # Errors
    /// Every problem, with its pointer.
    pub fn read(document: Value) -> Result<LaterRuns, Vec<Problem>> {
        let mut fields = Fields::new(document);
        let word = fields.text("problem", TEXT_MAX).flatten().unwrap_or_default();
        let problem = Reason::unreadable().find(|reason| *reason == word).unwrap_or_default();
        if problem.is_empty() && fields.is_valid("problem") {
            let reasons: Vec<&str> = Reason::unreadable().collect();
            fields.problem("/problem", format!("required: one of {}", reasons.join(", ")));
        }
        let after = fields.text("after", TEXT_MAX).flatten();
        let after = after.map(|after| after.parse().map_err(|_| "expected the id of a transaction".to_owned()));
        let after = after.and_then(|after| fields.keep("/after", after));
        let workflow = fields.text("workflow", TEXT_MAX).flatten();
        let content_type = fields.text("contentType", TEXT_MAX).flatten();
        fields.finish(LaterRuns { problem, after, content_type, workflow })
    }
}

/// What became of a transaction that was run later.
pub type LaterRunView = Resource<LaterRunAttributes>;

#[derive(Debug, Serialize, ToSchema)]
pub struct LaterRunAttributes {
    /// The runs that were started.
    pub runs: Vec<Id>,
    /// Why none was started.
    #[schema(required)]
    pub error: Option<String>,
}

impl Attributes for LaterRunAttributes {
    type Relationships = NoRelationships;
    const TYPES: &'static [&'static str] = &["transaction"];
}

/// Starts runs for a transaction: of the workflows that listen now.
///
/// # Errors
/// [`UseCaseError::Conflict`] if none listens, or the hook was deleted; [`UseCaseError::Invalid`] if the body can't be
/// read that way.
pub async fn run(services: &Services, admin: &Admin, id: Id, input: LaterRun) -> UseCaseResult<Vec<RunView>> {
    let org = admin.org();
    let found = services.store.read(move |session| session.transaction(org, id)).await?;
    let transaction = found.ok_or_else(|| UseCaseError::not_found("transaction", id))?;
    let snapshot = services.catalog.snapshot();
    let deleted = || UseCaseError::Conflict("the hook of this transaction was deleted".into());
    let hook = snapshot.hook(org, transaction.hook).ok_or_else(deleted)?;
    let listeners = listeners(hook, input.workflow.as_deref())?;
    let data = input.data_of(&transaction).map_err(|problem| vec![problem])?;
    let envelope = transaction.envelope(data);
    let started =
        services.store.write(move |session| run_later(session, &listeners, &transaction, &envelope, input.is_mended()));
    let started = started.await?;
    services.engine.look();
    log::info!(hook = hook.hook.name.as_str(), transaction:% = id, runs = started.len(); "an admin ran a transaction");
    Ok(started.iter().map(runs::view).collect())
}

/// The workflows that listen to a hook, or the one of them that is named.
fn listeners(hook: &HookInForce, workflow: Option<&str>) -> UseCaseResult<Vec<Listener>> {
    let is_named = |listener: &&Listener| {
        workflow.is_none_or(|name| listener.program.name == name || listener.workflow.to_string() == name)
    };
    let listeners: Vec<Listener> = hook.listeners.iter().filter(is_named).cloned().collect();
    match (listeners.is_empty(), workflow) {
        (false, _) => Ok(listeners),
        (true, None) => Err(UseCaseError::Conflict(format!("no enabled workflow listens to `{}`", hook.event))),
        (true, Some(name)) => {
            let detail = format!("no enabled workflow `{name}` listens to `{}`", hook.event);
            Err(UseCaseError::invalid("/workflow", detail))
        }
    }
}

/// Starts runs for the oldest transactions of a hook that can't be read for one reason, at most [`MANY_MAX`].
///
/// # Errors
/// As for [`run`], if it concerns all of them.
pub async fn run_many(
    services: &Services,
    admin: &Admin,
    hook: Id,
    input: LaterRuns,
) -> UseCaseResult<Vec<LaterRunView>> {
    let (org, problem) = (admin.org(), input.problem);
    let snapshot = services.catalog.snapshot();
    let in_force = snapshot.hook(org, hook).ok_or_else(|| UseCaseError::not_found("hook", hook))?;
    listeners(in_force, input.workflow.as_deref())?;
    let range = (input.after.unwrap_or(Id::MIN), MANY_MAX);
    let ids = services.store.read(move |session| session.unrun(org, hook, problem, range)).await?;
    let mut views = Vec::new();
    for id in ids {
        let (workflow, content_type) = (input.workflow.clone(), input.content_type.clone());
        let attributes = match run(services, admin, id, LaterRun { workflow, content_type, data: None }).await {
            Ok(runs) => {
                LaterRunAttributes { runs: runs.iter().filter_map(|run| run.id.parse().ok()).collect(), error: None }
            }
            Err(UseCaseError::Store(error)) => return Err(error.into()),
            Err(error) => LaterRunAttributes { runs: Vec::new(), error: Some(error.to_string()) },
        };
        views.push(Resource::new(id, attributes, format!("/v1/transactions/{id}")));
    }
    Ok(views)
}

/// Accepts a refused request that was kept whole, once, and runs it. If its body can't be read, it is kept.
///
/// # Errors
/// [`UseCaseError::Conflict`] if it was accepted before, or was not kept whole.
pub async fn accept(services: &Services, admin: &Admin, hook: Id, refusal: Id) -> UseCaseResult<TransactionView> {
    let org = admin.org();
    let snapshot = services.catalog.snapshot();
    let in_force = snapshot.hook(org, hook).ok_or_else(|| UseCaseError::not_found("hook", hook))?.clone();
    // One of the last second may not be written yet.
    services.refusals.write(&services.store).await?;
    let found = services.store.read(move |session| session.refused_request(org, hook, refusal)).await?;
    let request = found.ok_or_else(|| UseCaseError::not_found("refusal", refusal))?;
    if let Some(transaction) = request.transaction {
        return Err(accepted_before(Some(transaction)));
    }
    if !request.whole {
        return Err(UseCaseError::Conflict("only a part of the request was kept, so it can't be accepted".into()));
    }
    let (name, reason) = (in_force.hook.name.clone(), request.reason.clone());
    let id = Id::generate();
    let written = services.store.write(move |session| {
        if !session.mark_accepted(org, hook, refusal, id)? {
            return Ok(None);
        }
        let (transaction, details, data) = transaction(&in_force, id, &request, session.now());
        session.insert_transaction(&transaction)?;
        session.insert_details(&details)?;
        if let Some(data) = data {
            let envelope = transaction.envelope(data);
            run_later(session, &in_force.listeners, &transaction, &envelope, false)?;
        }
        transactions::find(session, org, id)
    });
    let stored = written.await?.ok_or_else(|| accepted_before(None))?;
    services.engine.look();
    log::info!(hook = name.as_str(), transaction:% = id, reason = reason.as_str(); "an admin accepted a refused request");
    Ok(transactions::view(&stored))
}

fn accepted_before(transaction: Option<Id>) -> UseCaseError {
    let name = transaction.map(|id| format!(" as transaction {id}")).unwrap_or_default();
    UseCaseError::Conflict(format!("the request was already accepted{name}"))
}

/// The transaction that a refused request becomes, and its payload if it can be read.
fn transaction(
    in_force: &HookInForce,
    id: Id,
    request: &RefusedRequest,
    now: crate::base::time::Timestamp,
) -> (Transaction, TransactionDetails, Option<Value>) {
    let content_type = request.headers.iter().find(|(name, _)| name == "content-type");
    let mut transaction = Transaction {
        id,
        org: request.org,
        hook: request.hook,
        hook_kind: in_force.hook.kind,
        created_at: now,
        content_type: content_type.map(|(_, value)| value.clone()),
        headers: with_own_headers(request.headers.clone(), request.method.clone(), &in_force.settings),
        query: request.query.clone(),
        peer: request.peer.clone(),
        raw: request.body.clone().into(),
        runs: Vec::new(),
        skip_reason: None,
    };
    let details = TransactionDetails { refusal: Some(request.reason.clone()), ..TransactionDetails::of(&transaction) };
    match transaction.data() {
        Ok(data) => (transaction, details, Some(data)),
        Err(error) => {
            let Refusal { reason, detail, .. } = error.into();
            transaction.skip_reason = Some(SkipReason::Unreadable);
            let problem = Some(reason.as_str().to_owned());
            (transaction, TransactionDetails { problem, detail: Some(detail), ..details }, None)
        }
    }
}
