//! The kinds of hook.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a hook accepts, and from whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum HookKind {
    /// Forms, from anyone who knows the URL, such as web pages.
    Form,
    /// Requests of programs, which are verified.
    Web,
    /// Mail.
    Email,
}

/// The text is not a kind of hook.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a hook's type is `form`, `web` or `email`")]
pub struct InvalidHookKind;

impl HookKind {
    pub const ALL: [HookKind; 3] = [HookKind::Form, HookKind::Web, HookKind::Email];

    /// The kind as spelled in files and URLs.
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
