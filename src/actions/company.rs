//! `company.*`: the companies that customers work for.

use super::object::outcome;
use super::{Action, entity};
use crate::objects::EntityKind;
use crate::workflow::ParamKind::{List, Number, Object, Text};
use crate::workflow::{ActionSpec, OutputSpec, output, param};

const COMPANY: &[OutputSpec] = &[
    output("id", Text, "The company's id."),
    output("name", Text, "Its name."),
    output("externalId", Text, "Its id in another system."),
    output("emails", List, "Texts."),
    output("phones", List, "Texts."),
    output("urls", List, "Texts."),
    output("domains", List, "Strings, in lower case."),
    output("tags", List, "Strings."),
    output("custom", Object, "Custom attributes."),
    output("createdAt", Text, "When it was created."),
    output("updatedAt", Text, "When it was last changed."),
    output("rev", Number, "Revision: how often it was written."),
];

/// The params of a company's attributes, after the action's own params.
macro_rules! content {
    ($($own:expr),*) => {
        &[
            $($own,)*
            param("externalId", Text, "Its id in another system; unique among companies."),
            param("emails", List, "Strings."),
            param("phones", List, "Strings."),
            param("urls", List, "Strings."),
            param("domains", List, "Strings, such as example.com."),
            param("tags", List, "Strings."),
            param("custom", Object, "Custom attributes, typed by the suffix of their names."),
        ]
    };
}

pub const FIND: Action = Action {
    spec: ActionSpec {
        name: "company.find",
        summary: "Finds a company by id or external id; outputs an empty object if there is none.",
        params: &[param("identifier", Text, "An id or an external id.").required()],
        output: COMPANY,
    },
    run: |call| outcome(entity::find(call, EntityKind::Company)),
};

pub const FIND_BY_EXTERNAL_ID: Action = Action {
    spec: ActionSpec {
        name: "company.find-by-external-id",
        summary: "Finds a company by its id in another system; outputs an empty object if there is none.",
        params: &[param("externalId", Text, "The external id to look for.").required()],
        output: COMPANY,
    },
    run: |call| outcome(entity::find_by_external_id(call, EntityKind::Company)),
};

pub const CREATE: Action = Action {
    spec: ActionSpec {
        name: "company.create",
        summary: "Creates a company.",
        params: content!(param("name", Text, "Its name.").required()),
        output: COMPANY,
    },
    run: |call| outcome(entity::create(call, EntityKind::Company)),
};

pub const UPDATE: Action = Action {
    spec: ActionSpec {
        name: "company.update",
        summary: "Changes the given fields of a company; null clears a field, and custom attributes are merged one by one.",
        params: content!(param("id", Text, "The company's id.").required(), param("name", Text, "Its name.")),
        output: COMPANY,
    },
    run: |call| outcome(entity::update(call, EntityKind::Company)),
};
