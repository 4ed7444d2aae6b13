//! `user.*`: finding the org's own users.

use serde_json::Value;

use super::object::{ActionResult, outcome};
use super::{Action, Call, entity};
use crate::objects::customer::email_key;
use crate::objects::{Entity, EntityKind};
use crate::workflow::ParamKind::{List, Number, Text};
use crate::workflow::{ActionSpec, OutputSpec, output, param};

const USER: &[OutputSpec] = &[
    output("id", Text, "The user's id."),
    output("name", Text, "The user's name."),
    output("displayName", Text, "The display name."),
    output("email", Text, "The user's e-mail address."),
    output("userType", Text, "The type of user."),
    output("teams", List, "Ids."),
    output("createdAt", Text, "When it was created."),
    output("updatedAt", Text, "When it was last changed."),
    output("rev", Number, "Revision: how often it was written."),
];

pub const FIND_BY_ID: Action = Action {
    spec: ActionSpec {
        name: "user.find-by-id",
        summary: "Finds a user by id; outputs an empty object if there is none.",
        params: &[param("id", Text, "The id to look for.").required()],
        output: USER,
    },
    run: |call| outcome(entity::find_by_id(call, EntityKind::User)),
};

pub const FIND_BY_EMAIL: Action = Action {
    spec: ActionSpec {
        name: "user.find-by-email",
        summary: "Finds a user by e-mail address, ignoring case; outputs an empty object if there is none.",
        params: &[param("email", Text, "The address to look for.").required()],
        output: USER,
    },
    run: |call| outcome(find_by_email(call)),
};

fn find_by_email(call: &mut Call<'_>) -> ActionResult {
    let key = email_key(call.params.get("email").and_then(Value::as_str).unwrap_or_default());
    let found = call.session.user_by_email(call.org, &key)?;
    Ok(call.found("email", "user", found.map(Entity::flattened)))
}
