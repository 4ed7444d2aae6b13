//! The actions that steps can use, for editors.

use serde::Serialize;
use utoipa::ToSchema;

use super::Reader;
use crate::actions::ACTIONS;
use crate::http::document::{Attributes, NoRelationships, Resource};
use crate::workflow::ActionSpec;

/// An action; its id is its name.
pub type ActionView = Resource<ActionAttributes>;

#[derive(Debug, Serialize, ToSchema)]
pub struct ActionAttributes {
    #[schema(value_type = String)]
    pub summary: &'static str,
    pub params: Vec<ParamView>,
    pub output: Vec<OutputView>,
}

/// One param of an action.
#[derive(Debug, Serialize, ToSchema)]
pub struct ParamView {
    #[schema(value_type = String)]
    pub name: &'static str,
    /// The kind of value: `text`, `number`, `any`, ….
    #[schema(value_type = String)]
    pub kind: &'static str,
    pub required: bool,
    #[schema(value_type = String)]
    pub summary: &'static str,
}

/// One field of an action's output.
#[derive(Debug, Serialize, ToSchema)]
pub struct OutputView {
    #[schema(value_type = String)]
    pub name: &'static str,
    #[schema(value_type = String)]
    pub kind: &'static str,
    #[schema(value_type = String)]
    pub summary: &'static str,
}

impl Attributes for ActionAttributes {
    type Relationships = NoRelationships;
    const TYPES: &'static [&'static str] = &["action"];
}

fn view(spec: &ActionSpec) -> ActionView {
    let param = |param: &crate::workflow::ParamSpec| ParamView {
        name: param.name,
        kind: param.kind.as_str(),
        required: param.required,
        summary: param.summary,
    };
    let output = |field: &crate::workflow::OutputSpec| OutputView {
        name: field.name,
        kind: field.kind.as_str(),
        summary: field.summary,
    };
    let attributes = ActionAttributes {
        summary: spec.summary,
        params: spec.params.iter().map(param).collect(),
        output: spec.output.iter().map(output).collect(),
    };
    Resource::new(spec.name, attributes, format!("/v1/actions#{}", spec.name))
}

/// All actions, by name.
pub fn list(_: &Reader) -> Vec<ActionView> {
    ACTIONS.iter().map(|action| view(&action.spec)).collect()
}
