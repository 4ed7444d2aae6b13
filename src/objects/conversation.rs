//! Conversations: a customer's request, its assignees and its status. Messages and notes refer to their conversation.
//!
//! The ids of assigned users and teams are not validated, because teams are not stored as objects.

use super::entries::Entry;
use super::shape::{CUSTOMER, Field, Type, field};

/// The statuses of a conversation; `open` by default.
pub const STATUSES: &[&str] = &["open", "snoozed", "done"];

pub const SHAPE: &[Field] = &[
    field("customer", CUSTOMER).required(),
    field("externalId", Type::ExternalId),
    field("name", Type::Text(256)),
    field("status", Type::Enum(STATUSES)).default("open"),
    field("subStatus", Type::Text(256)),
    field("priority", Type::Integer(1, 5)),
    field("channel", Type::Text(64)),
    field("queue", Type::Text(256)),
    field("assignedUsers", Type::List(Entry::Id)),
    field("assignedTeams", Type::List(Entry::Id)),
    field("tags", Type::List(Entry::Tag)),
    field("custom", Type::Custom),
];
