//! `kobject.*`: custom objects on a customer's timeline.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Action, Call, Failure, Outcome};
use crate::changes::{Refusal, create_kobject};
use crate::id::Id;
use crate::objects::kobject::Content;
use crate::objects::{Klass, Problem, unknown};
use crate::store::StoreResult;
use crate::workflow::{ActionSpec, OutputSpec, ParamKind, ParamSpec, output};

/// A kobject.
const OUTPUT: &[OutputSpec] = &[
    output("id", ParamKind::Text, "The object's id."),
    output("klass", ParamKind::Text, "The name of its klass."),
    output("customer", ParamKind::Text, "The id of the customer on whose timeline it stands."),
    output("title", ParamKind::Text, "What the timeline shows."),
    output("externalId", ParamKind::Text, "Its id in another system."),
    output("icon", ParamKind::Text, "Its own icon."),
    output("data", ParamKind::Object, "Free-form data."),
    output("custom", ParamKind::Object, "The attributes that the klass declares."),
    output("createdAt", ParamKind::Text, "When it was created."),
    output("updatedAt", ParamKind::Text, "When it was last changed."),
    output("rev", ParamKind::Number, "How often it was written."),
];

/// Outputs the object that was created.
pub const CREATE_WITH_CUSTOMER: Action = Action {
    spec: ActionSpec {
        name: "kobject.create-with-customer",
        summary: "Creates a custom object of a klass on a customer's timeline.",
        params: &[
            ParamSpec { name: "klassName", kind: ParamKind::Text, required: true, summary: "The klass, by name." },
            ParamSpec { name: "customer", kind: ParamKind::Text, required: true, summary: "The customer's id." },
            ParamSpec { name: "title", kind: ParamKind::Text, required: true, summary: "What the timeline shows." },
            ParamSpec { name: "data", kind: ParamKind::Object, required: true, summary: "Free-form data." },
            ParamSpec {
                name: "custom",
                kind: ParamKind::Object,
                required: false,
                summary: "The attributes that the klass declares.",
            },
            ParamSpec {
                name: "externalId",
                kind: ParamKind::Text,
                required: false,
                summary: "The object's id in another system; unique within the klass.",
            },
            ParamSpec { name: "icon", kind: ParamKind::Text, required: false, summary: "Instead of the klass's icon." },
        ],
        output: OUTPUT,
    },
    run: create_with_customer,
};

fn create_with_customer(call: &mut Call<'_>) -> StoreResult<Outcome> {
    let mut params = std::mem::take(&mut call.params);
    let klass = match find_klass(call, &mut params)? {
        Ok(klass) => klass,
        Err(failure) => return Ok(Outcome::Failed(failure)),
    };
    let customer = match read_customer(&mut params) {
        Ok(customer) => customer,
        Err(failure) => return Ok(Outcome::Failed(failure)),
    };
    let content = match Content::read(&klass, Value::Object(params)) {
        Ok(content) => content,
        Err(problems) => return Ok(Outcome::Failed(Failure::invalid(problems))),
    };
    Ok(match create_kobject(&mut call.editor(), &klass, Some(customer), content)? {
        Ok(kobject) => Outcome::Output(kobject.flattened()),
        Err(Refusal::Invalid(problems)) => Outcome::Failed(Failure::invalid(problems)),
        Err(Refusal::Taken(taken)) => {
            let message = format!("{}: kobject {} of this klass has this already", taken.pointer, taken.by);
            Outcome::Failed(Failure::new("taken", message))
        }
    })
}

fn take_text(params: &mut Map<String, Value>, name: &str) -> String {
    match params.shift_remove(name) {
        Some(Value::String(text)) => text,
        _ => String::new(),
    }
}

fn find_klass(call: &mut Call<'_>, params: &mut Map<String, Value>) -> StoreResult<Result<Arc<Klass>, Failure>> {
    let name = take_text(params, "klassName");
    if let Some(klass) = call.session.klass(call.org, &name)? {
        return Ok(Ok(klass));
    }
    let known = call.session.klasses(call.org)?;
    let message = unknown("klass", &name, known.iter().map(|klass| klass.name.as_str()));
    Ok(Err(Failure::invalid(vec![Problem::new("/klassName", message)])))
}

fn read_customer(params: &mut Map<String, Value>) -> Result<Id, Failure> {
    let text = take_text(params, "customer");
    text.parse().map_err(|_| {
        let message = format!("`{text}` is not a customer's id, which is 24 hexadecimal characters");
        Failure::invalid(vec![Problem::new("/customer", message)])
    })
}
