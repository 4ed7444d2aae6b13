//! `/v1/workflows`: workflow documents. A body has the format of a workflow file.

use actix_web::web::{Data, Path};

use super::answer::{all, created, nothing, one};
use super::body::Body;
use super::describe::{Endpoint, Group, changes, reads};
use super::query::path_id;
use crate::http::document::{Document, Page};
use crate::http::errors::{ApiResult, Code};
use crate::usecases::runs::RunView;
use crate::usecases::workflows::{self, Call, WorkflowChanges, WorkflowView};
use crate::usecases::{Admin, Reader, Services};

/// A document that is valid without other resources.
pub(super) const EXAMPLE: &str =
    r#"{"name": "example", "enabled": false, "trigger": {"id": "1", "callable": true}, "steps": []}"#;

pub fn group() -> Group {
    let list_workflows = reads("listWorkflows", "All workflows with their documents, newest first");
    let create_workflow =
        changes("createWorkflow", "Adds a workflow").body("WorkflowDeclaration", EXAMPLE).fails(Code::Taken);
    let show_workflow = reads("getWorkflow", "One workflow, with when its schedule is due");
    let replace_workflow = changes("replaceWorkflow", "Replaces the document, as a new version unless nothing changed")
        .body("WorkflowDeclaration", EXAMPLE)
        .fails(Code::Taken);
    let change_workflow = changes("changeWorkflow", "Enables or disables a workflow, without a new version")
        .input::<WorkflowChanges>(r#"{"enabled": true}"#);
    let delete_workflow = changes("deleteWorkflow", "Deletes a workflow; its runs stay, and open runs continue");
    let call_workflow = changes("callWorkflow", "Starts a run of a callable workflow")
        .input::<Call>(r#"{"inputs": {}}"#)
        .fails(Code::Conflict);
    Group::new("Workflows", "Workflow documents, their versions and drafts.")
        .add(
            Endpoint::at("/v1/workflows")
                .get(list, list_workflows.answers::<Page<WorkflowView>>())
                .post(create, create_workflow.creates::<Document<WorkflowView>>()),
        )
        .add(
            Endpoint::at("/v1/workflows/{id}")
                .get(show, show_workflow.answers::<Document<WorkflowView>>())
                .put(replace, replace_workflow.answers::<Document<WorkflowView>>())
                .patch(change, change_workflow.answers::<Document<WorkflowView>>())
                .delete(delete, delete_workflow.answers_nothing()),
        )
        .add(Endpoint::at("/v1/workflows/{id}/call").post(call, call_workflow.creates::<Document<RunView>>()))
}

async fn list(services: Data<Services>, reader: Reader) -> ApiResult {
    all(workflows::list(&services, &reader).await?, "/v1/workflows")
}

async fn show(services: Data<Services>, reader: Reader, id: Path<String>) -> ApiResult {
    one(workflows::show(&services, &reader, path_id("workflow", &id)?).await?)
}

async fn create(services: Data<Services>, admin: Admin, body: Body) -> ApiResult {
    created(workflows::create(&services, &admin, &body.0).await?)
}

async fn replace(services: Data<Services>, admin: Admin, id: Path<String>, body: Body) -> ApiResult {
    one(workflows::replace(&services, &admin, path_id("workflow", &id)?, &body.0).await?)
}

async fn change(services: Data<Services>, admin: Admin, id: Path<String>, body: Body) -> ApiResult {
    let id = path_id("workflow", &id)?;
    one(workflows::change(&services, &admin, id, WorkflowChanges::read(body.json()?)?).await?)
}

async fn delete(services: Data<Services>, admin: Admin, id: Path<String>) -> ApiResult {
    workflows::delete(&services, &admin, path_id("workflow", &id)?).await?;
    nothing()
}

async fn call(services: Data<Services>, admin: Admin, id: Path<String>, body: Body) -> ApiResult {
    let id = path_id("workflow", &id)?;
    created(workflows::call(&services, &admin, id, Call::read(body.json()?)?).await?)
}
