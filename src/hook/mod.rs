//! Hooks: their kinds, and what one is set up to do beside being an address.
//!
//! A hook's settings are JSON, the same in files, over HTTP and in the database. [`Settings::read`] turns them into what the
//! door goes by, and tells everything that is wrong with them; there is one file a concern, and one name in
//! [`SETTING_NAMES`] for each. Settings are changed one by one: what is not named stays, and null takes one away.

mod addresses;
mod captcha;
mod challenge;
mod context;
mod cors;
mod deduplication;
mod filter;
mod kind;
mod limits;
mod response;
mod settings;
pub mod transaction;
mod verification;

pub use captcha::{Captcha, MinimumScore};
pub use challenge::Challenge;
pub use context::{Request, take_payload};
pub use cors::Cors;
pub use deduplication::Deduplication;
pub use filter::Filter;
pub use kind::{HookKind, InvalidHookKind};
pub use limits::{InvalidRate, Limits, Period, Rate};
pub use response::{BODY_BYTES_MAX, RenderedResponse, RespondWhen, ResponseSettings, TIMEOUT_MS_MAX};
pub use settings::{RawSettings, SETTING_NAMES, Settings, merge_settings, take_settings};
pub use verification::{KEY, Verification};
