//! Messages: what was said in a conversation, by the customer (`in`) or to the customer (`out`), over some channel.
//!
//! The customer of a message is that of its conversation. Storing a message sends nothing.

use super::fields::TEXT_MAX;
use super::shape::{CONVERSATION, CUSTOMER, Field, Type, field};

pub const SHAPE: &[Field] = &[
    field("conversation", CONVERSATION).required(),
    field("customer", CUSTOMER),
    field("externalId", Type::ExternalId),
    field("channel", Type::Text(64)),
    field("app", Type::Text(64)),
    field("direction", Type::Word(&["in", "out"])),
    field("subject", Type::Text(1_024)),
    field("preview", Type::Text(TEXT_MAX)),
    field("body", Type::Text(TEXT_MAX)),
    field("sentAt", Type::Moment),
    field("meta", Type::Object),
];
