//! `/v1/hooks/{id}/refusals`: requests that a hook refused, and why.

use actix_web::web::{Data, Path, Query};
use serde::Deserialize;
use utoipa::IntoParams;

use super::answer::{created_at, filtered, page};
use super::describe::{Endpoint, Group, changes, reads};
use super::query::{PageQuery, path_id};
use crate::http::document::{Document, Page};
use crate::http::errors::{ApiResult, Code};
use crate::usecases::later_runs;
use crate::usecases::refusals::{self, RefusalView, parse_reason};
use crate::usecases::transactions::TransactionView;
use crate::usecases::{Admin, Reader, Services};

pub fn group() -> Group {
    let list_refusals =
        reads("listRefusals", "The newest requests that a hook refused").query::<RefusalsQuery>().paged();
    let accept_refused =
        changes("acceptRefusal", "Accepts a refused request that was kept whole, and runs it").fails(Code::Conflict);
    Group::new("Hooks", "")
        .add(Endpoint::at("/v1/hooks/{id}/refusals").get(list, list_refusals.answers::<Page<RefusalView>>()))
        .add(
            Endpoint::at("/v1/hooks/{id}/refusals/{refusal}/accept")
                .post(accept, accept_refused.creates::<Document<TransactionView>>()),
        )
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct RefusalsQuery {
    #[param(ignore)]
    page_size: Option<String>,
    #[param(ignore)]
    after: Option<String>,
    /// Only requests that were refused for this reason.
    #[param(example = "malformed_json")]
    reason: Option<String>,
}

async fn list(services: Data<Services>, reader: Reader, id: Path<String>, query: Query<RefusalsQuery>) -> ApiResult {
    let id = path_id("hook", &id)?;
    let RefusalsQuery { page_size, after, reason } = query.into_inner();
    let paging = PageQuery { page_size, after }.paging()?;
    let reason = reason.as_deref().map(parse_reason).transpose()?;
    let mut link = format!("/v1/hooks/{id}/refusals");
    if let Some(reason) = reason {
        filtered(&mut link, "reason", reason);
    }
    page(refusals::list(&services, &reader, id, reason, paging).await?, link)
}

async fn accept(services: Data<Services>, admin: Admin, path: Path<(String, String)>) -> ApiResult {
    let (hook, refusal) = path.into_inner();
    let (hook, refusal) = (path_id("hook", &hook)?, path_id("refusal", &refusal)?);
    let transaction = later_runs::accept(&services, &admin, hook, refusal).await?;
    let link = transaction.links.own.clone();
    created_at(transaction, &link)
}
