//! `klass.*`: definitions of custom objects.

use serde_json::{Map, Value, json};

use super::object::{ActionResult, outcome};
use super::{Action, Call};
use crate::changes::{Created, create_klass};
use crate::objects::Klass;
use crate::objects::klass::KlassDraft;
use crate::workflow::ParamKind::{Object, Text};
use crate::workflow::{ActionSpec, OutputSpec, output, param};

const KLASS: &[OutputSpec] = &[
    output("id", Text, "The klass's id."),
    output("name", Text, "Its name, which `kobject.*` actions refer to."),
    output("displayName", Text, "Its display name."),
    output("icon", Text, "Its icon."),
    output("properties", Object, "The attributes that its objects may have, by name."),
    output("createdAt", Text, "When it was created."),
    output("updatedAt", Text, "When it was last changed."),
];

/// Like [`super::customer::CREATE`], continues with a klass that another run created first.
pub const CREATE: Action = Action {
    spec: ActionSpec {
        name: "klass.create",
        summary: "Creates a kind of custom object; if one with this name exists, outputs that one, unchanged.",
        params: &[
            param("name", Text, "Lower-case letters, digits, `-` and `_`.").required(),
            param("displayName", Text, "Its display name; derived from the name if omitted."),
            param("icon", Text, "Its icon."),
            param(
                "properties",
                Object,
                "Attributes by name, which ends in a type; each `{}` or `{\"displayName\": …}`.",
            ),
        ],
        output: KLASS,
    },
    run: |call| outcome(create(call)),
};

pub const FIND_BY_KLASSNAME: Action = Action {
    spec: ActionSpec {
        name: "klass.find-by-klassname",
        summary: "Finds a klass by name; outputs an empty object if there is none.",
        params: &[param("klassName", Text, "The klass's name.").required()],
        output: KLASS,
    },
    run: |call| outcome(find(call)),
};

fn create(call: &mut Call<'_>) -> ActionResult {
    let draft = KlassDraft::read(call.take_params())?;
    let (klass, created) = create_klass(&mut call.editor(), draft)?;
    if created == Created::Before {
        call.note("/name", "a klass with this name already exists; using it");
    }
    Ok(flattened(&klass))
}

fn find(call: &mut Call<'_>) -> ActionResult {
    let name = call.text("klassName").to_owned();
    let found = call.session.klass(call.org, &name)?;
    Ok(call.found("klassName", "klass", found.map(|klass| flattened(&klass))))
}

fn flattened(klass: &Klass) -> Value {
    let mut output = Map::from_iter([("id".to_owned(), json!(klass.id))]);
    output.extend(klass.attributes());
    Value::Object(output)
}
