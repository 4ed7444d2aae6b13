//! `kobject.*`: custom objects, most of them on a customer's timeline.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::object::{ActionError, ActionResult, blame_param, outcome, refused, take_id, take_required_id, take_text};
use super::{Action, Call};
use crate::changes::{change_kobject, create_kobject, delete_kobject, relate_kobjects};
use crate::objects::kobject::KObjectContent;
use crate::objects::{KObject, Klass, Problem, missing, unknown};
use crate::workflow::ParamKind::{Number, Object, Text};
use crate::workflow::{ActionSpec, OutputSpec, ParamSpec, output, param};

const KOBJECT: &[OutputSpec] = &[
    output("id", Text, "The object's id."),
    output("klass", Text, "The name of its klass."),
    output("customer", Text, "The id of the customer whose timeline shows it."),
    output("title", Text, "Its title on the timeline."),
    output("externalId", Text, "Its id in another system."),
    output("icon", Text, "Its icon, if it differs from the klass's."),
    output("data", Object, "Free-form data."),
    output("custom", Object, "The attributes that the klass declares."),
    output("createdAt", Text, "When it was created."),
    output("updatedAt", Text, "When it was last changed."),
    output("rev", Number, "Revision: how often it was written."),
];

const KLASS_NAME: ParamSpec = param("klassName", Text, "The klass's name.").required();
const ID: ParamSpec = param("id", Text, "The object's id.").required();
const CUSTOM: ParamSpec = param("custom", Object, "The attributes that the klass declares.");
const EXTERNAL_ID: ParamSpec = param("externalId", Text, "The object's id in another system; unique within the klass.");
const ICON: ParamSpec = param("icon", Text, "An icon to show instead of the klass's.");

pub const FIND: Action = Action {
    spec: ActionSpec {
        name: "kobject.find",
        summary: "Finds a custom object by id or external id; outputs an empty object if there is none.",
        params: &[KLASS_NAME, param("identifier", Text, "An id or an external id.").required()],
        output: KOBJECT,
    },
    run: |call| outcome(find(call)),
};

pub const FIND_BY_EXTERNAL_ID: Action = Action {
    spec: ActionSpec {
        name: "kobject.find-by-external-id",
        summary: "Finds a custom object by its id in another system; outputs an empty object if there is none.",
        params: &[KLASS_NAME, param("externalId", Text, "The external id to look for.").required()],
        output: KOBJECT,
    },
    run: |call| outcome(find_by_external_id(call)),
};

pub const CREATE: Action = Action {
    spec: ActionSpec {
        name: "kobject.create",
        summary: "Creates a custom object of a klass, optionally on a customer's timeline.",
        params: &[
            KLASS_NAME,
            param("title", Text, "Its title on the timeline.").required(),
            param("customer", Text, "The customer's id."),
            param("data", Object, "Free-form data."),
            CUSTOM,
            EXTERNAL_ID,
            ICON,
        ],
        output: KOBJECT,
    },
    run: |call| outcome(create(call)),
};

pub const CREATE_WITH_CUSTOMER: Action = Action {
    spec: ActionSpec {
        name: "kobject.create-with-customer",
        summary: "Creates a custom object of a klass on a customer's timeline.",
        params: &[
            KLASS_NAME,
            param("customer", Text, "The customer's id.").required(),
            param("title", Text, "Its title on the timeline.").required(),
            param("data", Object, "Free-form data.").required(),
            CUSTOM,
            EXTERNAL_ID,
            ICON,
        ],
        output: KOBJECT,
    },
    run: |call| outcome(create(call)),
};

pub const UPDATE: Action = Action {
    spec: ActionSpec {
        name: "kobject.update",
        summary: "Changes the given fields of a custom object; null clears a field, and custom attributes are merged one by one.",
        params: &[
            KLASS_NAME,
            ID,
            param("title", Text, "Its title on the timeline."),
            param("data", Object, "Free-form data; replaced as a whole."),
            CUSTOM,
            EXTERNAL_ID,
            ICON,
        ],
        output: KOBJECT,
    },
    run: |call| outcome(update(call)),
};

/// Deleting an object that is gone is not an error: the step may have been retried.
pub const DELETE: Action = Action {
    spec: ActionSpec {
        name: "kobject.delete",
        summary: "Deletes a custom object and its relationships; outputs the deleted object, or an empty object if there was none.",
        params: &[KLASS_NAME, ID],
        output: KOBJECT,
    },
    run: |call| outcome(delete(call)),
};

pub const ADD_RELATIONSHIP: Action = Action {
    spec: ActionSpec {
        name: "kobject.add-relationship",
        summary: "Relates two custom objects, of the same klass or different ones.",
        params: &[
            KLASS_NAME,
            ID,
            param("relatedKlassName", Text, "The name of the other object's klass.").required(),
            param("related", Text, "The other object's id.").required(),
        ],
        output: &[
            output("id", Text, "The object's id."),
            output("klass", Text, "The name of its klass."),
            output("related", Text, "The other object's id."),
            output("relatedKlass", Text, "The name of the other object's klass."),
        ],
    },
    run: |call| outcome(add_relationship(call)),
};

/// Removes the klass name from the params and returns the klass; it is an error if there is none.
fn take_klass(call: &mut Call<'_>, params: &mut Map<String, Value>, param: &str) -> Result<Arc<Klass>, ActionError> {
    let name = take_text(params, param).unwrap_or_default();
    if let Some(klass) = call.session.klass(call.org, &name)? {
        return Ok(klass);
    }
    let known = call.session.klasses(call.org)?;
    let message = unknown("klass", &name, known.iter().map(|klass| klass.name.as_str()));
    Err(Problem::new(format!("/{param}"), message).into())
}

/// Removes `klassName` and `id` from the params and returns the object they identify, if there is one.
fn take_kobject(
    call: &mut Call<'_>,
    params: &mut Map<String, Value>,
) -> Result<(Arc<Klass>, Result<KObject, Problem>), ActionError> {
    let klass = take_klass(call, params, "klassName")?;
    let id = take_required_id(params, "id", &klass.name)?;
    let found = call.session.kobject(call.org, &klass.name, id)?;
    let found = found.ok_or_else(|| missing("id", &klass.name, id));
    Ok((klass, found))
}

fn find(call: &mut Call<'_>) -> ActionResult {
    let mut params = std::mem::take(&mut call.params);
    let klass = take_klass(call, &mut params, "klassName")?;
    let identifier = take_text(&mut params, "identifier").unwrap_or_default();
    let by_id = identifier.trim().parse().map_or(Ok(None), |id| call.session.kobject(call.org, &klass.name, id))?;
    let found = match by_id {
        Some(found) => Some(found),
        None => call.session.kobject_by_external_id(call.org, &klass.name, identifier.trim())?,
    };
    Ok(call.found("identifier", &klass.name, found.map(KObject::flattened)))
}

fn find_by_external_id(call: &mut Call<'_>) -> ActionResult {
    let mut params = std::mem::take(&mut call.params);
    let klass = take_klass(call, &mut params, "klassName")?;
    let external_id = take_text(&mut params, "externalId").unwrap_or_default();
    let found = call.session.kobject_by_external_id(call.org, &klass.name, &external_id)?;
    Ok(call.found("externalId", &klass.name, found.map(KObject::flattened)))
}

fn create(call: &mut Call<'_>) -> ActionResult {
    let mut params = std::mem::take(&mut call.params);
    let klass = take_klass(call, &mut params, "klassName")?;
    let customer = take_id(&mut params, "customer", "customer")?;
    let content = KObjectContent::read(&klass, Value::Object(params))?;
    let created = create_kobject(&mut call.editor(), &klass, customer, content)?;
    Ok(created.map_err(refused("kobject"))?.flattened())
}

fn update(call: &mut Call<'_>) -> ActionResult {
    let mut params = std::mem::take(&mut call.params);
    let (klass, found) = take_kobject(call, &mut params)?;
    let updated = change_kobject(&mut call.editor(), &klass, found?, Value::Object(params))?;
    Ok(updated.map_err(refused("kobject"))?.flattened())
}

fn delete(call: &mut Call<'_>) -> ActionResult {
    let mut params = std::mem::take(&mut call.params);
    let (klass, found) = take_kobject(call, &mut params)?;
    if let Ok(kobject) = &found {
        delete_kobject(&mut call.editor(), kobject)?;
    }
    Ok(call.found("id", &klass.name, found.ok().map(KObject::flattened)))
}

fn add_relationship(call: &mut Call<'_>) -> ActionResult {
    let mut params = std::mem::take(&mut call.params);
    let (_, found) = take_kobject(call, &mut params)?;
    let one = found?;
    let klass = take_klass(call, &mut params, "relatedKlassName")?;
    let id = take_required_id(&mut params, "related", &klass.name)?;
    let other = call.session.kobject(call.org, &klass.name, id)?;
    let other = other.ok_or_else(|| missing("related", &klass.name, id))?;
    let related = relate_kobjects(&mut call.editor(), &one, &other)?;
    related.map_err(|refusal| blame_param(refused("kobject")(refusal), "kobject", "related"))?;
    Ok(json!({ "id": one.id, "klass": one.klass, "related": other.id, "relatedKlass": other.klass }))
}
