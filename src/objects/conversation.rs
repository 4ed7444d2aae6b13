//! Conversations: what a customer wants, who looks after it, and how far that has come. Its messages and notes name it.
//!
//! Who and which team it is assigned to are ids that nobody checks: teams are no objects here.

use super::entries;
use super::shape::{CUSTOMER, Field, Type, field};

/// How far a conversation has come; `open` at first.
pub const STATUSES: &[&str] = &["open", "snoozed", "done"];

pub const SHAPE: &[Field] = &[
    field("customer", CUSTOMER).required(),
    field("externalId", Type::ExternalId),
    field("name", Type::Text(256)),
    field("status", Type::Word(STATUSES)).default("open"),
    field("subStatus", Type::Text(256)),
    field("priority", Type::Number(1, 5)),
    field("channel", Type::Text(64)),
    field("queue", Type::Text(256)),
    field("assignedUsers", Type::List(entries::id)),
    field("assignedTeams", Type::List(entries::id)),
    field("tags", Type::List(entries::tag)),
    field("custom", Type::Custom),
];
