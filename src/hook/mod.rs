//! Hooks: their kinds, and what one is set up to do beside being an address.
//!
//! A hook's settings are JSON, the same in files, over HTTP and in the database. [`Settings::read`] turns them into what the
//! door goes by, and tells everything that is wrong with them; there is one file a concern, and one name in
//! [`NAMES`] for each. Settings are changed one by one: what is not named stays, and null takes one away.

mod addresses;
mod answer;
mod captcha;
mod challenge;
mod context;
mod cors;
mod duplicates;
mod filter;
mod kind;
mod limits;
mod settings;
pub mod transaction;
mod verification;

pub use answer::{Answer, BODY_BYTES_MAX, Rendered, TIMEOUT_MS_MAX, When};
pub use captcha::{Captcha, Score};
pub use challenge::Challenge;
pub use context::{Request, take_payload};
pub use cors::Cors;
pub use duplicates::Duplicates;
pub use filter::Filter;
pub use kind::{HookKind, InvalidHookKind};
pub use limits::{InvalidRate, Limits, Period, Rate};
pub use settings::{NAMES, Settings, Written, changed, take};
pub use verification::{KEY, Verification};
