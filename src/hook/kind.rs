//! How a hook is posted to.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The kinds of hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HookKind {
    /// Open to everybody who knows the address, such as web pages.
    Form,
    /// For programs, which prove who they are.
    Web,
    /// For mail.
    Email,
}

/// The text is not a kind of hook.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a hook's type is `form`, `web` or `email`")]
pub struct InvalidHookKind;

impl HookKind {
    pub const ALL: [HookKind; 3] = [HookKind::Form, HookKind::Web, HookKind::Email];

    /// The kind as it is spelt in files and addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            HookKind::Form => "form",
            HookKind::Web => "web",
            HookKind::Email => "email",
        }
    }
}

impl fmt::Display for HookKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for HookKind {
    type Err = InvalidHookKind;

    fn from_str(text: &str) -> Result<HookKind, InvalidHookKind> {
        HookKind::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(InvalidHookKind)
    }
}
