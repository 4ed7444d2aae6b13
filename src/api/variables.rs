//! `/v1/variables`: variables of the org and of its workflows.

use actix_web::web::{Data, Path};

use super::answer::{all, nothing, one, saved};
use super::body::Body;
use super::describe::{Endpoint, Group, changes, reads};
use super::query::path_id;
use crate::catalog::Saved;
use crate::http::document::{Document, Page};
use crate::http::errors::{ApiResult, Code};
use crate::usecases::variables::{self, NewVariable, VariableView};
use crate::usecases::{Admin, Reader, Services};

pub fn group() -> Group {
    let list_variables = reads("listVariables", "All variables, without their values, newest first");
    let put_variable = changes("putVariable", "Creates a variable, or replaces the value of the one with its name")
        .input::<NewVariable>(r#"{"name": "SHOP_TOKEN", "value": "s3cret"}"#)
        .fails(Code::Conflict);
    let show_variable = reads("getVariable", "One variable, without its value");
    let delete_variable = changes("deleteVariable", "Deletes a variable");
    Group::new("Variables", "Secrets and settings that workflows use; their values can't be read.")
        .add(
            Endpoint::at("/v1/variables")
                .get(list, list_variables.answers::<Page<VariableView>>())
                .post(put, put_variable.saves::<Document<VariableView>>()),
        )
        .add(
            Endpoint::at("/v1/variables/{id}")
                .get(show, show_variable.answers::<Document<VariableView>>())
                .delete(delete, delete_variable.answers_nothing()),
        )
}

async fn list(services: Data<Services>, reader: Reader) -> ApiResult {
    all(variables::list(&services, &reader).await?, "/v1/variables")
}

async fn show(services: Data<Services>, reader: Reader, id: Path<String>) -> ApiResult {
    one(variables::show(&services, &reader, path_id("variable", &id)?).await?)
}

async fn put(services: Data<Services>, admin: Admin, body: Body) -> ApiResult {
    let variable = variables::read(&services, &admin, body.json()?)?;
    let (view, is) = variables::put(&services, &admin, variable).await?;
    saved(view, is == Saved::Created)
}

async fn delete(services: Data<Services>, admin: Admin, id: Path<String>) -> ApiResult {
    variables::delete(&services, &admin, path_id("variable", &id)?).await?;
    nothing()
}
