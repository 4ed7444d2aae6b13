//! `note.*`: internal notes of users on conversations and customers.

use super::object::outcome;
use super::{Action, entity};
use crate::objects::EntityKind;
use crate::workflow::ParamKind::{List, Number, Text};
use crate::workflow::{ActionSpec, OutputSpec, output, param};

const NOTE: &[OutputSpec] = &[
    output("id", Text, "The note's id."),
    output("conversation", Text, "The id of its conversation."),
    output("customer", Text, "The id of its customer."),
    output("user", Text, "The id of the user who wrote it."),
    output("externalId", Text, "Its id in another system."),
    output("body", Text, "Its text."),
    output("userMentions", List, "Objects with `user`, an id."),
    output("createdAt", Text, "When it was created."),
    output("updatedAt", Text, "When it was last changed."),
    output("rev", Number, "Revision: how often it was written."),
];

pub const FIND_BY_ID: Action = Action {
    spec: ActionSpec {
        name: "note.find-by-id",
        summary: "Finds a note by id; outputs an empty object if there is none.",
        params: &[param("id", Text, "The id to look for.").required()],
        output: NOTE,
    },
    run: |call| outcome(entity::find_by_id(call, EntityKind::Note)),
};

pub const FIND_BY_EXTERNAL: Action = Action {
    spec: ActionSpec {
        name: "note.find-by-external",
        summary: "Finds a note by its id in another system; outputs an empty object if there is none.",
        params: &[param("externalId", Text, "The external id to look for.").required()],
        output: NOTE,
    },
    run: |call| outcome(entity::find_by_external_id(call, EntityKind::Note)),
};

pub const CREATE: Action = Action {
    spec: ActionSpec {
        name: "note.create",
        summary: "Writes a note about a conversation or a customer.",
        params: &[
            param("conversation", Text, "The conversation's id."),
            param("customer", Text, "The customer's id; defaults to the conversation's customer."),
            param("body", Text, "Its text.").required(),
            param("user", Text, "The id of the user who wrote it."),
            param("userMentions", List, "Mentioned users: ids, or objects with `user`."),
            param("externalId", Text, "Its id in another system; unique among notes."),
        ],
        output: NOTE,
    },
    run: |call| outcome(entity::create(call, EntityKind::Note)),
};

pub const UPDATE: Action = Action {
    spec: ActionSpec {
        name: "note.update",
        summary: "Changes the given fields of a note; null clears a field.",
        params: &[
            param("id", Text, "The note's id.").required(),
            param("body", Text, "Its text."),
            param("user", Text, "The id of the user who wrote it."),
            param("userMentions", List, "Mentioned users: ids, or objects with `user`."),
            param("externalId", Text, "Its id in another system; unique among notes."),
        ],
        output: NOTE,
    },
    run: |call| outcome(entity::update(call, EntityKind::Note)),
};
