//! `org.*`: the org that a workflow belongs to.

use serde_json::json;

use super::Action;
use super::object::{ActionResult, outcome};
use crate::actions::Call;
use crate::workflow::ParamKind::Text;
use crate::workflow::{ActionSpec, output};

pub const CURRENT: Action = Action {
    spec: ActionSpec {
        name: "org.current",
        summary: "Outputs the org that the workflow belongs to.",
        params: &[],
        output: &[
            output("id", Text, "The org's id."),
            output("name", Text, "Its name."),
            output("createdAt", Text, "When it was created."),
        ],
    },
    run: |call| outcome(current(call)),
};

fn current(call: &mut Call<'_>) -> ActionResult {
    let own = call.session.orgs()?.into_iter().find(|org| org.id == call.org);
    Ok(own.map_or_else(|| json!({}), |org| json!({ "id": org.id, "name": org.name, "createdAt": org.created_at })))
}
