//! Variables of the org and of its workflows. Their values can be written but not read.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{Admin, Reader, Services, UseCaseError, UseCaseResult};
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::catalog::Saved;
use crate::catalog::variables::{PutError, VALUE_BYTES_MAX, is_variable_name, put_variable};
use crate::http::document::{Attributes, Relationship, Resource};
use crate::objects::Fields;
use crate::store::Variable;

/// Replaces secrets in views.
pub(super) const MASK: &str = "•••";

/// A variable, without its value.
pub type VariableView = Resource<VariableAttributes>;

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct VariableAttributes {
    pub name: String,
    /// The same for every value.
    #[schema(value_type = String, example = "•••")]
    pub masked_value: &'static str,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct VariableRelationships {
    /// The only workflow that can use it.
    pub workflow: Relationship,
}

impl Attributes for VariableAttributes {
    type Relationships = VariableRelationships;
    const TYPES: &'static [&'static str] = &["variable"];
}

/// A variable to write.
#[derive(ToSchema)]
pub struct NewVariable {
    #[schema(pattern = r"^[\w.\-]{1,128}$", example = "SHOP_TOKEN")]
    pub name: String,
    /// At most 65,536 bytes.
    #[schema(min_length = 1, max_length = 65536)]
    pub value: String,
    /// The id or the name of the only workflow that can use it.
    #[schema(value_type = Option<String>)]
    pub workflow: Option<Id>,
}

fn view(variable: &Variable) -> VariableView {
    let attributes = VariableAttributes {
        name: variable.name.clone(),
        masked_value: MASK,
        created_at: variable.created_at,
        updated_at: variable.updated_at,
    };
    let view = Resource::new(variable.id, attributes, format!("/v1/variables/{}", variable.id));
    match variable.workflow {
        Some(id) => view.with(VariableRelationships { workflow: Relationship::new("workflow", id, "/v1/workflows") }),
        None => view,
    }
}

/// All variables, newest first.
pub async fn list(services: &Services, reader: &Reader) -> UseCaseResult<Vec<VariableView>> {
    let org = reader.org();
    let variables = services.store.read(move |session| session.variables(org)).await?;
    Ok(variables.iter().rev().map(view).collect())
}

pub async fn show(services: &Services, reader: &Reader, id: Id) -> UseCaseResult<VariableView> {
    let org = reader.org();
    let variables = services.store.read(move |session| session.variables(org)).await?;
    let variable = variables.iter().find(|variable| variable.id == id);
    variable.map(view).ok_or_else(|| UseCaseError::not_found("variable", id))
}

/// Reads `{"name", "value", "workflow"?}`; the workflow is an id or a name.
///
/// # Errors
/// Every problem, with its pointer.
pub fn read(services: &Services, admin: &Admin, document: Value) -> UseCaseResult<NewVariable> {
    let mut fields = Fields::new(document);
    let name = fields.text("name", usize::MAX).flatten().unwrap_or_default();
    if !is_variable_name(&name) {
        fields.problem("/name", "expected 1 to 128 letters, digits, `_`, `-` or `.`");
    }
    let value = fields.text("value", usize::MAX).flatten().unwrap_or_default();
    if value.is_empty() || value.len() > VALUE_BYTES_MAX {
        fields.problem("/value", format!("expected a string of 1 to {VALUE_BYTES_MAX} bytes"));
    }
    let workflow = fields.text("workflow", usize::MAX).flatten().and_then(|id_or_name| {
        let found = find_workflow(services, admin.org(), &id_or_name);
        fields.keep("/workflow", found.ok_or_else(|| "unknown workflow".to_owned()))
    });
    Ok(fields.finish(NewVariable { name, value, workflow })?)
}

/// The workflow with this id or name.
fn find_workflow(services: &Services, org: Id, id_or_name: &str) -> Option<Id> {
    services.catalog.snapshot().find_workflow(org, id_or_name).map(|workflow| workflow.id)
}

/// Creates a variable, or replaces the value of the one with its name.
///
/// # Errors
/// [`UseCaseError::Conflict`] if there are too many variables, or if they are encrypted with another key.
pub async fn put(services: &Services, admin: &Admin, variable: NewVariable) -> UseCaseResult<(VariableView, Saved)> {
    let (vault, org) = (services.catalog.vault().clone(), admin.org());
    let NewVariable { name, value, workflow } = variable;
    let written = services.catalog.change(move |session| put_variable(session, &vault, (org, workflow), &name, &value));
    let written = written.await?.map_err(|error| match error {
        PutError::OtherKey | PutError::TooMany => UseCaseError::Conflict(error.to_string()),
    });
    let (variable, saved) = written?;
    log::info!(variable = variable.name.as_str(); "variable set");
    Ok((view(&variable), saved))
}

pub async fn delete(services: &Services, admin: &Admin, id: Id) -> UseCaseResult<()> {
    let org = admin.org();
    let deleted = services.catalog.change(move |session| session.delete_variable(org, id)).await?;
    if deleted { Ok(()) } else { Err(UseCaseError::not_found("variable", id)) }
}
