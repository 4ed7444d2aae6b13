//! `/v1/workflows/{id}/versions`, `/draft`, `/publish` and `/rollback`: old versions and the next one.

use actix_web::web::{Data, Path, Query};
use serde::Deserialize;
use utoipa::IntoParams;

use super::answer::{nothing, one, page_by};
use super::body::Body;
use super::describe::{Endpoint, Group, changes, reads};
use super::query::{page_size, path_id};
use super::workflows::EXAMPLE;
use crate::http::document::{Document, Page};
use crate::http::errors::{ApiError, ApiResult, Code};
use crate::usecases::versions::{self, DiffView, DraftView, Rollback, VersionView};
use crate::usecases::workflows::WorkflowView;
use crate::usecases::{Admin, Reader, Services};

pub fn group() -> Group {
    let list_versions = reads("listVersions", "The versions of a workflow, newest first").query::<VersionsQuery>();
    let show_version = reads("getVersion", "One version of a workflow");
    let compare = reads("compareVersions", "The differences between two versions");
    let roll_back_to =
        changes("rollBackWorkflow", "Restores an old version as a new version").input::<Rollback>(r#"{"version": 1}"#);
    let show_draft = reads("getDraft", "The draft of the next version");
    let put_draft =
        changes("saveDraft", "Saves the draft of the next version, which has no effect until it is published")
            .body("WorkflowDeclaration", EXAMPLE);
    let remove_draft = changes("deleteDraft", "Deletes the draft");
    let publish_draft = changes("publishDraft", "Publishes the draft as a new version")
        .fails(Code::Conflict)
        .fails(Code::Invalid)
        .fails(Code::Taken);
    Group::new("Workflows", "")
        .add(Endpoint::at("/v1/workflows/{id}/versions").get(list, list_versions.answers::<Page<VersionView>>()))
        .add(
            Endpoint::at("/v1/workflows/{id}/versions/{version}")
                .get(show, show_version.answers::<Document<VersionView>>()),
        )
        .add(
            Endpoint::at("/v1/workflows/{id}/versions/{before}/diff/{after}")
                .get(difference, compare.answers::<Document<DiffView>>()),
        )
        .add(
            Endpoint::at("/v1/workflows/{id}/rollback")
                .post(roll_back, roll_back_to.fails(Code::Taken).answers::<Document<WorkflowView>>()),
        )
        .add(
            Endpoint::at("/v1/workflows/{id}/draft")
                .get(draft, show_draft.answers::<Document<DraftView>>())
                .put(save_draft, put_draft.answers::<Document<DraftView>>())
                .delete(delete_draft, remove_draft.answers_nothing()),
        )
        .add(
            Endpoint::at("/v1/workflows/{id}/publish").post(publish, publish_draft.answers::<Document<WorkflowView>>()),
        )
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct VersionsQuery {
    /// Only versions with lower numbers; follow `links.next` instead of setting it.
    #[param(value_type = Option<i64>)]
    below: Option<String>,
    /// The most entries of the page.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 500, default = 50)]
    page_size: Option<String>,
}

impl VersionsQuery {
    fn below(&self) -> Result<i64, ApiError> {
        let below = self.below.as_ref().map_or(Ok(i64::MAX), |text| text.parse());
        below.map_err(|_| ApiError::parameter("below", "must be a version number"))
    }
}

async fn list(services: Data<Services>, reader: Reader, id: Path<String>, query: Query<VersionsQuery>) -> ApiResult {
    let id = path_id("workflow", &id)?;
    let size = page_size(query.page_size.as_deref())?;
    let found = versions::list(&services, &reader, id, query.below()?, size).await?;
    page_by("below", found, format!("/v1/workflows/{id}/versions"))
}

async fn show(services: Data<Services>, reader: Reader, path: Path<(String, i64)>) -> ApiResult {
    let (id, version) = path.into_inner();
    one(versions::show(&services, &reader, path_id("workflow", &id)?, version).await?)
}

async fn difference(services: Data<Services>, reader: Reader, path: Path<(String, String, String)>) -> ApiResult {
    let (id, before, after) = path.into_inner();
    one(versions::compare(&services, &reader, path_id("workflow", &id)?, &before, &after).await?)
}

async fn roll_back(services: Data<Services>, admin: Admin, id: Path<String>, body: Body) -> ApiResult {
    let id = path_id("workflow", &id)?;
    one(versions::roll_back(&services, &admin, id, Rollback::read(body.json()?)?).await?)
}

async fn draft(services: Data<Services>, reader: Reader, id: Path<String>) -> ApiResult {
    one(versions::draft(&services, &reader, path_id("workflow", &id)?).await?)
}

async fn save_draft(services: Data<Services>, admin: Admin, id: Path<String>, body: Body) -> ApiResult {
    one(versions::save_draft(&services, &admin, path_id("workflow", &id)?, &body.0).await?)
}

async fn delete_draft(services: Data<Services>, admin: Admin, id: Path<String>) -> ApiResult {
    versions::delete_draft(&services, &admin, path_id("workflow", &id)?).await?;
    nothing()
}

async fn publish(services: Data<Services>, admin: Admin, id: Path<String>) -> ApiResult {
    one(versions::publish(&services, &admin, path_id("workflow", &id)?).await?)
}
