//! `conversation.*`: requests of customers, with their status and assignees.
//!
//! Limits: `find-body` reads the latest [`BODIES_MAX`] messages, and at most [`BODY_MAX`] characters of them.

use serde_json::{Value, json};

use super::object::{ActionError, ActionResult, blame_param, outcome};
use super::{Action, Call, entity};
use crate::objects::{Entity, EntityKind};
use crate::store::{Of, Page};
use crate::workflow::ParamKind::{List, Number, Object, Text, TextOrList};
use crate::workflow::{ActionSpec, OutputSpec, output, param};

/// The most messages in a conversation's body.
const BODIES_MAX: i64 = 100;
/// The most characters in a conversation's body.
const BODY_MAX: usize = 100_000;

const CONVERSATION: &[OutputSpec] = &[
    output("id", Text, "The conversation's id."),
    output("customer", Text, "The id of its customer."),
    output("externalId", Text, "Its id in another system."),
    output("name", Text, "Its subject."),
    output("status", Text, "open, snoozed or done."),
    output("subStatus", Text, "A more detailed status."),
    output("priority", Number, "From 1 to 5."),
    output("channel", Text, "Where it came from, such as email or chat."),
    output("queue", Text, "Its queue."),
    output("assignedUsers", List, "Ids."),
    output("assignedTeams", List, "Ids."),
    output("tags", List, "Strings."),
    output("custom", Object, "Custom attributes."),
    output("createdAt", Text, "When it was created."),
    output("updatedAt", Text, "When it was last changed."),
    output("rev", Number, "Revision: how often it was written."),
];

/// The params of a conversation's attributes, after the action's own params.
macro_rules! content {
    ($own:expr) => {
        &[
            $own,
            param("externalId", Text, "Its id in another system; unique among conversations."),
            param("name", Text, "Its subject."),
            param("status", Text, "open (default), snoozed or done."),
            param("subStatus", Text, "A more detailed status."),
            param("priority", Number, "From 1 to 5."),
            param("channel", Text, "Where it came from, such as email or chat."),
            param("queue", Text, "Its queue."),
            param("assignedUsers", List, "Ids."),
            param("assignedTeams", List, "Ids."),
            param("tags", List, "Strings."),
            param("custom", Object, "Custom attributes, typed by the suffix of their names."),
        ]
    };
}

pub const FIND_BY_ID: Action = Action {
    spec: ActionSpec {
        name: "conversation.find-by-id",
        summary: "Finds a conversation by id; outputs an empty object if there is none.",
        params: &[param("id", Text, "The id to look for.").required()],
        output: CONVERSATION,
    },
    run: |call| outcome(entity::find_by_id(call, EntityKind::Conversation)),
};

pub const FIND_BY_EXTERNAL_ID: Action = Action {
    spec: ActionSpec {
        name: "conversation.find-by-external-id",
        summary: "Finds a conversation by its id in another system; outputs an empty object if there is none.",
        params: &[param("externalId", Text, "The external id to look for.").required()],
        output: CONVERSATION,
    },
    run: |call| outcome(entity::find_by_external_id(call, EntityKind::Conversation)),
};

pub const FIND_BODY: Action = Action {
    spec: ActionSpec {
        name: "conversation.find-body",
        summary: "Joins the text of a conversation's messages; outputs an empty object if there is no such conversation.",
        params: &[param("id", Text, "The conversation's id.").required()],
        output: &[
            output("id", Text, "The conversation's id."),
            output("body", Text, "The bodies of its messages, oldest first, separated by empty lines."),
            output("messages", Number, "The number of messages included."),
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
        summary: "Changes the given fields of a conversation; null clears a field, and custom attributes are merged one by one.",
        params: content!(param("id", Text, "The conversation's id.").required()),
        output: CONVERSATION,
    },
    run: |call| outcome(entity::update(call, EntityKind::Conversation)),
};

pub const ASSIGN_USER: Action = Action {
    spec: ActionSpec {
        name: "conversation.assign-user",
        summary: "Assigns a conversation to one or more users, replacing the current ones.",
        params: &[
            param("id", Text, "The conversation's id.").required(),
            param("user", TextOrList, "A user's id, or a list of ids; an empty list unassigns all.").required(),
        ],
        output: CONVERSATION,
    },
    run: |call| outcome(assign(call, "user", "assignedUsers")),
};

pub const ASSIGN_TEAM: Action = Action {
    spec: ActionSpec {
        name: "conversation.assign-team",
        summary: "Assigns a conversation to one or more teams, replacing the current ones.",
        params: &[
            param("id", Text, "The conversation's id.").required(),
            param("team", TextOrList, "A team's id, or a list of ids; an empty list unassigns all.").required(),
        ],
        output: CONVERSATION,
    },
    run: |call| outcome(assign(call, "team", "assignedTeams")),
};

pub const APPEND_TAGS: Action = Action {
    spec: ActionSpec {
        name: "conversation.append-tags",
        summary: "Adds tags to a conversation; tags it already has are ignored.",
        params: &[
            param("id", Text, "The conversation's id.").required(),
            param("tags", TextOrList, "A tag, or a list of tags.").required(),
        ],
        output: CONVERSATION,
    },
    run: |call| {
        outcome(retag(call, |own, tags| {
            own.extend(tags);
        }))
    },
};

pub const REMOVE_TAGS: Action = Action {
    spec: ActionSpec {
        name: "conversation.remove-tags",
        summary: "Removes tags from a conversation; tags it does not have are ignored.",
        params: &[
            param("id", Text, "The conversation's id.").required(),
            param("tags", TextOrList, "A tag, or a list of tags.").required(),
        ],
        output: CONVERSATION,
    },
    run: |call| {
        outcome(retag(call, |own, tags| {
            let tags: Vec<&str> = tags.iter().filter_map(Value::as_str).map(str::trim).collect();
            own.retain(|tag| tag.as_str().is_none_or(|tag| !tags.contains(&tag)));
        }))
    },
};

/// Removes and returns a param that is a string or a list, as a list.
fn take_list(call: &mut Call<'_>, name: &str) -> Vec<Value> {
    match call.params.shift_remove(name) {
        Some(Value::Array(list)) => list,
        other => other.into_iter().collect(),
    }
}

fn assign(call: &mut Call<'_>, param: &str, field: &str) -> ActionResult {
    let conversation = entity::require(call, EntityKind::Conversation)?;
    let ids = take_list(call, param);
    entity::change(call, conversation, json!({ field: ids })).map_err(|stop| match stop {
        ActionError::Failed(failure) => blame_param(failure, field, param).into(),
        stop => stop,
    })
}

fn retag(call: &mut Call<'_>, retag: impl FnOnce(&mut Vec<Value>, Vec<Value>)) -> ActionResult {
    let conversation = entity::require(call, EntityKind::Conversation)?;
    let param = take_list(call, "tags");
    let mut tags = conversation.content.values.get("tags").and_then(Value::as_array).cloned().unwrap_or_default();
    retag(&mut tags, param);
    entity::change(call, conversation, json!({ "tags": tags }))
}

fn find_body(call: &mut Call<'_>) -> ActionResult {
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

/// The bodies of the messages, which are sorted newest first, in chronological order; as many as fit the limit.
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
