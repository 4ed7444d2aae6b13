//! `message.*`: what was said in conversations. Storing a message sends nothing.

use super::object::{Answer, outcome};
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
    output("channel", Text, "How it came or went, such as email or chat."),
    output("app", Text, "What it came from or went through."),
    output("direction", Text, "in, from the customer, or out."),
    output("subject", Text, "Its subject."),
    output("preview", Text, "Its beginning."),
    output("body", Text, "Its text."),
    output("sentAt", Text, "When it was sent."),
    output("meta", Object, "Free-form data."),
    output("createdAt", Text, "When it was created."),
    output("updatedAt", Text, "When it was last changed."),
    output("rev", Number, "How often it was written."),
];

/// What can be said of a message, after what the action has of its own.
macro_rules! content {
    ($($own:expr),*) => {
        &[
            $($own,)*
            param("externalId", Text, "Its id in another system; unique among messages."),
            param("channel", Text, "How it came or went, such as email or chat."),
            param("app", Text, "What it came from or went through."),
            param("direction", Text, "in, from the customer, or out."),
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
        summary: "Looks a message up by id; outputs an empty object if there is none.",
        params: &[param("id", Text, "The id to look for.").required()],
        output: MESSAGE,
    },
    run: |call| outcome(entity::find_by_id(call, EntityKind::Message)),
};

pub const FIND_BY_EXTERNAL: Action = Action {
    spec: ActionSpec {
        name: "message.find-by-external",
        summary: "Looks a message up by its id in another system; outputs an empty object if there is none.",
        params: &[param("externalId", Text, "The external id to look for.").required()],
        output: MESSAGE,
    },
    run: |call| outcome(entity::find_by_external_id(call, EntityKind::Message)),
};

pub const FIND_LAST: Action = Action {
    spec: ActionSpec {
        name: "message.find-last",
        summary: "Looks up the message of a conversation that was created last; outputs an empty object if there is none.",
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
            param("customer", Text, "The customer's id; the conversation's if absent.")
        ),
        output: MESSAGE,
    },
    run: |call| outcome(entity::create(call, EntityKind::Message)),
};

pub const UPDATE: Action = Action {
    spec: ActionSpec {
        name: "message.update",
        summary: "Changes what is named of a message; null clears.",
        params: content!(param("id", Text, "The message's id.").required()),
        output: MESSAGE,
    },
    run: |call| outcome(entity::update(call, EntityKind::Message)),
};

fn find_last(call: &mut Call<'_>) -> Answer {
    let newest = Page { after: None, size: 1 };
    call.look_up("conversation", "conversation with a message", |call, id| {
        let found = call.session.entities(call.org, EntityKind::Message, Of::Conversation(id), newest)?;
        Ok(found.into_iter().next().map(Entity::flattened))
    })
}
