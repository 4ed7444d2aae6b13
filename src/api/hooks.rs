//! `/v1/hooks`: the addresses that other systems post to.

use actix_web::guard::{self, GuardContext, fn_guard};
use actix_web::web::{self, Data, Path, Query};
use serde::Deserialize;
use utoipa::IntoParams;

use super::answer::{all, created, filtered, nothing, one, page};
use super::body::Body;
use super::describe::{Access, Endpoint, Group, Operation, SchemaSource, changes, public, reads};
use super::query::{PageQuery, path_id};
use crate::base::id::Id;
use crate::door::{self, Reason, ReceiptView};
use crate::hook::HookKind;
use crate::http::document::{Document, Page};
use crate::http::errors::{ApiError, ApiResult, Code};
use crate::schema::capitalised;
use crate::usecases::hooks::{self, HookChanges, HookView};
use crate::usecases::later_runs::ProblemFilter;
use crate::usecases::transactions::TransactionView;
use crate::usecases::{Admin, Reader, Services};

pub fn group() -> Group {
    let list_hooks = reads("listHooks", "All hooks, newest first");
    let create_hook = changes("createHook", "Creates a hook")
        .body("NewHook", r#"{"name": "returns", "type": "form", "title": "Returns"}"#)
        .fails(Code::Taken);
    let show_hook = reads("getHook", "One hook, with its counts of refusals, duplicates and challenges");
    let change_hook = changes("changeHook", "Changes a hook: absent attributes stay, null removes a setting")
        .body("HookChanges", r#"{"enabled": false, "limits": {"ratePerSecond": 10}}"#);
    let delete_hook = changes("deleteHook", "Deletes a hook; its address answers 410 from then on");
    let rotate_hook = changes("rotateHook", "Gives a hook a new address; the old one is unknown from then on");
    let list_transactions =
        reads("listTransactions", "What a hook accepted, newest first").query::<TransactionsQuery>().paged();
    Group::new("Hooks", "The addresses that outsiders post to.")
        .add(
            Endpoint::at("/v1/hooks")
                .get(list, list_hooks.answers::<Page<HookView>>())
                .post(create, create_hook.creates::<Document<HookView>>()),
        )
        .add(
            Endpoint::at("/v1/hooks/{id}")
                .get(show, show_hook.answers::<Document<HookView>>())
                .patch(change, change_hook.answers::<Document<HookView>>())
                .delete(delete, delete_hook.answers_nothing()),
        )
        .add(Endpoint::at("/v1/hooks/{id}/rotate").post(rotate, rotate_hook.answers::<Document<HookView>>()))
        .add(
            Endpoint::at("/v1/hooks/{id}/transactions")
                .get(transactions, list_transactions.answers::<Page<TransactionView>>()),
        )
}

/// The addresses that senders post to, for each kind, with and without the org. With a hook's id instead of its secret,
/// an address is the link of envelopes to their hook.
pub fn addresses() -> Group {
    HookKind::ALL.into_iter().fold(Group::new("Door", "The addresses that senders post to."), |group, kind| {
        let receive = move |door, hash, request, payload| door::receive(kind, door, hash, request, payload);
        let receive_of_org =
            move |door, path, request, payload| door::receive_of_org(kind, door, path, request, payload);
        let (word, name) = (kind.as_str(), capitalised(kind.as_str()));
        let show_hook = reads(format!("get{name}Hook"), SHOWS_OR_RECEIVES).also::<ReceiptView>(202);
        // The door decides which methods a hook accepts. The most frequent one comes first.
        let own = Endpoint::at(format!("/v1/hooks/{word}/{{hash}}"))
            .post(receive, posts(format!("postTo{name}Hook"), kind))
            .get_if(has_id, show, show_hook.answers::<Document<HookView>>())
            .any(web::route().guard(guard::Not(fn_guard(has_id))).to(receive));
        let of_org = Endpoint::at(format!("/v1/hooks/{word}/{{org}}/{{hash}}"))
            .any(web::route().to(receive_of_org))
            .describe("get", gets(format!("sendTo{name}HookOfOrg"), kind))
            .describe("post", posts(format!("postTo{name}HookOfOrg"), kind));
        group.add(own).add(of_org)
    })
}

/// `GET` at an address of a hook has two meanings, and OpenAPI has one place for both.
const SHOWS_OR_RECEIVES: &str = "One hook, by its id instead of the secret in its address; with the secret itself, \
                                 receives what a sender sends in the query, without a key, if the hook has `acceptsGet`";

/// What a sender posts to a hook. How a hook is set up decides what else it answers.
fn posts(id: String, kind: HookKind) -> Operation {
    let (content_type, example) = match kind {
        HookKind::Email => ("message/rfc822", "Subject: Order 1234\r\n\r\nHello"),
        HookKind::Form | HookKind::Web => ("*/*", r#"{"orderId": "1234", "email": "ann@example.com"}"#),
    };
    let operation = public(id, format!("Posts to a hook of the type `{kind}`"));
    received(operation.content(content_type, SchemaSource::Anything, example))
}

/// What a sender sends in the query, or to set the hook up.
fn gets(id: String, kind: HookKind) -> Operation {
    let summary = "Sends the query to a hook of the type";
    received(public(id, format!("{summary} `{kind}`, if it has `acceptsGet`, or a set-up challenge")))
}

/// What is answered to senders.
fn received(operation: Operation) -> Operation {
    let operation = operation.access(Access::Sender).answers::<ReceiptView>().also::<ReceiptView>(202);
    Reason::ALL
        .into_iter()
        .fold(operation.fails(Code::RunFailed), |operation, (reason, _)| operation.fails(reason.code()))
}

/// Whether the address ends with an id.
fn has_id(context: &GuardContext<'_>) -> bool {
    let last = context.head().uri.path().rsplit('/').next();
    last.is_some_and(|last| last.parse::<Id>().is_ok())
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct TransactionsQuery {
    /// Only transactions whose body can't be read for this reason, or for `any`.
    #[param(example = "malformed_json")]
    problem: Option<String>,
    #[param(ignore)]
    page_size: Option<String>,
    #[param(ignore)]
    after: Option<String>,
}

async fn list(services: Data<Services>, reader: Reader) -> ApiResult {
    all(hooks::list(&services, &reader), "/v1/hooks")
}

async fn show(services: Data<Services>, reader: Reader, id: Path<String>) -> ApiResult {
    one(hooks::show(&services, &reader, path_id("hook", &id)?).await?)
}

async fn create(services: Data<Services>, admin: Admin, body: Body) -> ApiResult {
    created(hooks::create(&services, &admin, hooks::read(body.json()?)?).await?)
}

async fn change(services: Data<Services>, admin: Admin, id: Path<String>, body: Body) -> ApiResult {
    let id = path_id("hook", &id)?;
    one(hooks::change(&services, &admin, id, HookChanges::read(body.json()?)?).await?)
}

async fn rotate(services: Data<Services>, admin: Admin, id: Path<String>) -> ApiResult {
    one(hooks::rotate(&services, &admin, path_id("hook", &id)?).await?)
}

async fn delete(services: Data<Services>, admin: Admin, id: Path<String>) -> ApiResult {
    hooks::delete(&services, &admin, path_id("hook", &id)?).await?;
    nothing()
}

async fn transactions(
    services: Data<Services>,
    reader: Reader,
    id: Path<String>,
    query: Query<TransactionsQuery>,
) -> ApiResult {
    let id = path_id("hook", &id)?;
    let TransactionsQuery { problem, page_size, after } = query.into_inner();
    let paging = PageQuery { page_size, after }.paging()?;
    let filter = problem.as_deref().map(ProblemFilter::parse).transpose();
    let filter = filter.map_err(|detail| ApiError::parameter("problem", detail))?;
    let found = hooks::transactions(&services, &reader, id, filter, paging).await?;
    let mut link = format!("/v1/hooks/{id}/transactions");
    if let Some(problem) = problem {
        filtered(&mut link, "problem", problem);
    }
    page(found, link)
}
