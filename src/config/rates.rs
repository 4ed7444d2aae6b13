//! Default rate limits.

use std::num::NonZeroU32;

use crate::hook::{Limits, Rate};

/// Limits of this node.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct Rates {
    /// Default rate limit per hook, such as `100/s` or `600/m`; unlimited if omitted
    #[arg(long, env = "HOOKFLOW_HOOK_RATE", value_name = "RATE")]
    pub hook_rate: Option<Rate>,
    /// Default limit of concurrent requests per hook; unlimited if omitted
    #[arg(long, env = "HOOKFLOW_HOOK_CONCURRENT", value_name = "NUMBER")]
    pub hook_concurrent: Option<NonZeroU32>,
    /// Rate limit for all hooks of an org together, such as `100/s` or `600/m`; unlimited if omitted
    #[arg(long, env = "HOOKFLOW_ORG_RATE", value_name = "RATE")]
    pub org_rate: Option<Rate>,
}

impl Rates {
    /// The limits of a hook without settings of its own.
    pub fn hook(&self) -> Limits {
        Limits { rate: self.hook_rate, concurrent: self.hook_concurrent }
    }
}
