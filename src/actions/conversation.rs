//! `conversation.*`: what customers want, who looks after it, and how far that has come.
//!
//! Limits: `find-body` reads the newest [`BODIES_MAX`] messages, and of those at most [`BODY_MAX`] characters.

use serde_json::{Value, json};

use super::object::{Answer, Stop, blame, outcome};
use super::{Action, Call, entity};
use crate::objects::{Entity, EntityKind};
use crate::store::{Of, Page};
use crate::workflow::ParamKind::{List, Number, Object, Text, TextOrList};
use crate::workflow::{ActionSpec, OutputSpec, output, param};

/// How many messages make up a conversation's body.
const BODIES_MAX: i64 = 100;
/// How many characters a conversation's body has.
const BODY_MAX: usize = 100_000;

const CONVERSATION: &[OutputSpec] = &[
    output("id", Text, "The conversation's id."),
    output("customer", Text, "The id of its customer."),
    output("externalId", Text, "Its id in another system."),
    output("name", Text, "What it is about."),
    output("status", Text, "open, snoozed or done."),
    output("subStatus", Text, "How far it has come, more closely."),
    output("priority", Number, "From 1 to 5."),
    output("channel", Text, "How it came, such as email or chat."),
    output("queue", Text, "Where it waits."),
    output("assignedUsers", List, "Ids."),
    output("assignedTeams", List, "Ids."),
    output("tags", List, "Texts."),
    output("custom", Object, "Custom attributes."),
    output("createdAt", Text, "When it was created."),
    output("updatedAt", Text, "When it was last changed."),
    output("rev", Number, "How often it was written."),
];

/// What can be said of a conversation, after what the action has of its own.
macro_rules! content {
    ($own:expr) => {
        &[
            $own,
            param("externalId", Text, "Its id in another system; unique among conversations."),
            param("name", Text, "What it is about."),
            param("status", Text, "open, snoozed or done; open if nobody says."),
            param("subStatus", Text, "How far it has come, more closely."),
            param("priority", Number, "From 1 to 5."),
            param("channel", Text, "How it came, such as email or chat."),
            param("queue", Text, "Where it waits."),
            param("assignedUsers", List, "Ids."),
            param("assignedTeams", List, "Ids."),
            param("tags", List, "Texts."),
            param("custom", Object, "Custom attributes, typed by the suffix of their names."),
        ]
    };
}

pub const FIND_BY_ID: Action = Action {
    spec: ActionSpec {
        name: "conversation.find-by-id",
        summary: "Looks a conversation up by id; outputs an empty object if there is none.",
        params: &[param("id", Text, "The id to look for.").required()],
        output: CONVERSATION,
    },
    run: |call| outcome(entity::find_by_id(call, EntityKind::Conversation)),
};

pub const FIND_BY_EXTERNAL_ID: Action = Action {
    spec: ActionSpec {
        name: "conversation.find-by-external-id",
        summary: "Looks a conversation up by its id in another system; outputs an empty object if there is none.",
        params: &[param("externalId", Text, "The external id to look for.").required()],
        output: CONVERSATION,
    },
    run: |call| outcome(entity::find_by_external_id(call, EntityKind::Conversation)),
};

pub const FIND_BODY: Action = Action {
    spec: ActionSpec {
        name: "conversation.find-body",
        summary: "Puts the text of a conversation's messages together; outputs an empty object if there is none.",
        params: &[param("id", Text, "The conversation's id.").required()],
        output: &[
            output("id", Text, "The conversation's id."),
            output("body", Text, "The bodies of its messages, oldest first, with an empty line between two."),
            output("messages", Number, "How many messages that are."),
        ],
    },
    run: |call| outcome(find_body(call)),
};

pub const CREATE: Action = Action {
    spec: ActionSpec {
        name: "conversation.create",
        summary: "Creates a conversation with a customer.",
        params: content!(param("customer", Text, "The customer's id.").required()),
        output: CONVERSATION,
    },
    run: |call| outcome(entity::create(call, EntityKind::Conversation)),
};

pub const UPDATE: Action = Action {
    spec: ActionSpec {
        name: "conversation.update",
        summary: "Changes what is named of a conversation; null clears, and custom attributes are merged one by one.",
        params: content!(param("id", Text, "The conversation's id.").required()),
        output: CONVERSATION,
    },
    run: |call| outcome(entity::update(call, EntityKind::Conversation)),
};

pub const ASSIGN_USER: Action = Action {
    spec: ActionSpec {
        name: "conversation.assign-user",
        summary: "Assigns a conversation to a user, or to several, instead of those that it was assigned to.",
        params: &[
            param("id", Text, "The conversation's id.").required(),
            param("user", TextOrList, "A user's id, or a list of ids; an empty list for nobody.").required(),
        ],
        output: CONVERSATION,
    },
    run: |call| outcome(assign(call, "user", "assignedUsers")),
};

pub const ASSIGN_TEAM: Action = Action {
    spec: ActionSpec {
        name: "conversation.assign-team",
        summary: "Assigns a conversation to a team, or to several, instead of those that it was assigned to.",
        params: &[
            param("id", Text, "The conversation's id.").required(),
            param("team", TextOrList, "A team's id, or a list of ids; an empty list for none.").required(),
        ],
        output: CONVERSATION,
    },
    run: |call| outcome(assign(call, "team", "assignedTeams")),
};

pub const APPEND_TAGS: Action = Action {
    spec: ActionSpec {
        name: "conversation.append-tags",
        summary: "Adds tags to a conversation; those that it has already stay as they are.",
        params: &[
            param("id", Text, "The conversation's id.").required(),
            param("tags", TextOrList, "A tag, or a list of tags.").required(),
        ],
        output: CONVERSATION,
    },
    run: |call| {
        outcome(retag(call, |own, given| {
            own.extend(given);
        }))
    },
};

pub const REMOVE_TAGS: Action = Action {
    spec: ActionSpec {
        name: "conversation.remove-tags",
        summary: "Takes tags off a conversation; those that it does not have are left alone.",
        params: &[
            param("id", Text, "The conversation's id.").required(),
            param("tags", TextOrList, "A tag, or a list of tags.").required(),
        ],
        output: CONVERSATION,
    },
    run: |call| {
        outcome(retag(call, |own, given| {
            let given: Vec<&str> = given.iter().filter_map(Value::as_str).map(str::trim).collect();
            own.retain(|tag| tag.as_str().is_none_or(|tag| !given.contains(&tag)));
        }))
    },
};

/// The entries of a param that is a text or a list.
fn take_list(call: &mut Call<'_>, name: &str) -> Vec<Value> {
    match call.params.shift_remove(name) {
        Some(Value::Array(list)) => list,
        other => other.into_iter().collect(),
    }
}

fn assign(call: &mut Call<'_>, param: &str, field: &str) -> Answer {
    let conversation = entity::require(call, EntityKind::Conversation)?;
    let ids = take_list(call, param);
    entity::change(call, conversation, json!({ field: ids })).map_err(|stop| match stop {
        Stop::Failed(failure) => blame(failure, field, param).into(),
        stop => stop,
    })
}

fn retag(call: &mut Call<'_>, retag: impl FnOnce(&mut Vec<Value>, Vec<Value>)) -> Answer {
    let conversation = entity::require(call, EntityKind::Conversation)?;
    let given = take_list(call, "tags");
    let mut tags = conversation.content.values.get("tags").and_then(Value::as_array).cloned().unwrap_or_default();
    retag(&mut tags, given);
    entity::change(call, conversation, json!({ "tags": tags }))
}

fn find_body(call: &mut Call<'_>) -> Answer {
    call.look_up("id", "conversation", |call, id| {
        if call.session.entity(call.org, EntityKind::Conversation, id)?.is_none() {
            return Ok(None);
        }
        let newest = Page { after: None, size: BODIES_MAX };
        let messages = call.session.entities(call.org, EntityKind::Message, Of::Conversation(id), newest)?;
        let bodies = newest_bodies(&messages);
        Ok(Some(json!({ "id": id, "body": bodies.join("\n\n"), "messages": bodies.len() })))
    })
}

/// The bodies of the messages, which come newest first, in the order in which they were written; as many as there is
/// room for.
fn newest_bodies(messages: &[Entity]) -> Vec<&str> {
    let mut characters = 0;
    let bodies = messages.iter().filter_map(|message| message.content.values.get("body")?.as_str());
    let mut bodies: Vec<&str> = bodies
        .take_while(|body| {
            characters += body.chars().count();
            characters <= BODY_MAX
        })
        .collect();
    bodies.reverse();
    bodies
}
