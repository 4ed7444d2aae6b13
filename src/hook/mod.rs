//! Hooks: their kinds and settings.
//!
//! A hook's settings are JSON, the same in files, over HTTP and in the database. [`Settings::read`] parses them for the
//! door and reports all problems. Each setting has its own file and a name in [`SETTING_NAMES`]. Settings are changed
//! one by one: omitted settings stay, and null removes one.

mod addresses;
mod captcha;
mod challenge;
mod context;
mod cors;
mod deduplication;
mod filter;
mod kind;
mod limits;
mod methods;
mod response;
mod settings;
pub mod transaction;
mod unreadable;
mod verification;

pub use captcha::{Captcha, MinimumScore};
pub use challenge::Challenge;
pub use context::{Request, take_payload};
pub use cors::Cors;
pub use deduplication::Deduplication;
pub use filter::Filter;
pub use kind::{HookKind, InvalidHookKind};
pub use limits::{InvalidRate, Limits, Period, Rate};
pub use methods::values as method_values;
pub use response::{BODY_BYTES_MAX, RenderedResponse, RespondWhen, ResponseSettings, TIMEOUT_MS_MAX};
pub use settings::{RawSettings, SETTING_NAMES, Settings, merge_settings, take_settings};
pub use transaction::envelope;
pub use unreadable::Unreadable;
pub use verification::{KEY, Verification};
