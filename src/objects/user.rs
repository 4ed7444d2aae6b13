//! Users: one's own people, who look after conversations and write notes. No two have the same e-mail address, in
//! whatever case. A user is no login: who may call is a matter of API keys.

use super::entries;
use super::shape::{Field, Type, field};

pub const SHAPE: &[Field] = &[
    field("name", Type::Text(256)),
    field("displayName", Type::Text(256)),
    field("email", Type::Email),
    field("userType", Type::Text(64)),
    field("teams", Type::List(entries::id)),
];
