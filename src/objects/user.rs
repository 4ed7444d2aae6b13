//! Users: the members of an org, who handle conversations and write notes. Their e-mail addresses are unique, ignoring
//! case. A user is not a login: access is granted to API keys.

use super::entries::Entry;
use super::shape::{Field, Type, field};

pub const SHAPE: &[Field] = &[
    field("name", Type::Text(256)),
    field("displayName", Type::Text(256)),
    field("email", Type::Email),
    field("userType", Type::Text(64)),
    field("teams", Type::List(Entry::Id)),
];
