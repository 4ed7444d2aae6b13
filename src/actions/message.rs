//! `message.*`: the messages of conversations. Storing a message does not send it.

use super::object::{ActionResult, outcome};
use super::{Action, Call, entity};
use crate::objects::{Entity, EntityKind};
use crate::store::{Of, Page};
use crate::workflow::ParamKind::{Number, Object, Text};
use crate::workflow::{ActionSpec, OutputSpec, output, param};

const MESSAGE: &[OutputSpec] = &[
    output("id", Text, "The message's id."),
    output("conversation", Text, "The id of its conversation."),
    output("customer", Text, "The id of the conversation's customer."),
    output("externalId", Text, "Its id in another system."),
    output("channel", Text, "The channel, such as email or chat."),
    output("app", Text, "The app it came from or went through."),
    output("direction", Text, "`in`, from the customer, or `out`."),
    output("subject", Text, "Its subject."),
    output("preview", Text, "Its beginning."),
    output("body", Text, "Its text."),
    output("sentAt", Text, "When it was sent."),
    output("meta", Object, "Free-form data."),
    output("createdAt", Text, "When it was created."),
    output("updatedAt", Text, "When it was last changed."),
    output("rev", Number, "Revision: how often it was written."),
];

/// The params of a message's attributes, after the action's own params.
macro_rules! content {
    ($($own:expr),*) => {
        &[
            $($own,)*
            param("externalId", Text, "Its id in another system; unique among messages."),
            param("channel", Text, "The channel, such as email or chat."),
            param("app", Text, "The app it came from or went through."),
            param("direction", Text, "`in`, from the customer, or `out`."),
            param("subject", Text, "Its subject."),
            param("preview", Text, "Its beginning."),
            param("body", Text, "Its text."),
            param("sentAt", Text, "An ISO 8601 date-time."),
            param("meta", Object, "Free-form data."),
        ]
    };
}

pub const FIND_BY_ID: Action = Action {
    spec: ActionSpec {
        name: "message.find-by-id",
        summary: "Finds a message by id; outputs an empty object if there is none.",
        params: &[param("id", Text, "The id to look for.").required()],
        output: MESSAGE,
    },
    run: |call| outcome(entity::find_by_id(call, EntityKind::Message)),
};

pub const FIND_BY_EXTERNAL: Action = Action {
    spec: ActionSpec {
        name: "message.find-by-external",
        summary: "Finds a message by its id in another system; outputs an empty object if there is none.",
        params: &[param("externalId", Text, "The external id to look for.").required()],
        output: MESSAGE,
    },
    run: |call| outcome(entity::find_by_external_id(call, EntityKind::Message)),
};

pub const FIND_LAST: Action = Action {
    spec: ActionSpec {
        name: "message.find-last",
        summary: "Finds the latest message of a conversation; outputs an empty object if there is none.",
        params: &[param("conversation", Text, "The conversation's id.").required()],
        output: MESSAGE,
    },
    run: |call| outcome(find_last(call)),
};

pub const CREATE: Action = Action {
    spec: ActionSpec {
        name: "message.create",
        summary: "Adds a message to a conversation; it is stored, not sent.",
        params: content!(
            param("conversation", Text, "The conversation's id.").required(),
            param("customer", Text, "The customer's id; defaults to the conversation's customer.")
        ),
        output: MESSAGE,
    },
    run: |call| outcome(entity::create(call, EntityKind::Message)),
};

pub const UPDATE: Action = Action {
    spec: ActionSpec {
        name: "message.update",
        summary: "Changes the given fields of a message; null clears a field.",
        params: content!(param("id", Text, "The message's id.").required()),
        output: MESSAGE,
    },
    run: |call| outcome(entity::update(call, EntityKind::Message)),
};

fn find_last(call: &mut Call<'_>) -> ActionResult {
    let newest = Page { after: None, size: 1 };
    call.look_up("conversation", "conversation with a message", |call, id| {
        let found = call.session.entities(call.org, EntityKind::Message, Of::Conversation(id), newest)?;
        Ok(found.into_iter().next().map(Entity::flattened))
    })
}
