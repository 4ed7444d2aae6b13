//! How many requests hooks take unless they say otherwise.

use std::num::NonZeroU32;

use crate::hook::{Limits, Rate};

/// Limits that hold on this node.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct Rates {
    /// How many requests a hook takes that says nothing of it: `100/s` or `600/m`; no limit if not given
    #[arg(long, env = "HOOKFLOW_HOOK_RATE", value_name = "RATE")]
    pub hook_rate: Option<Rate>,
    /// How many requests to a hook that says nothing of it are answered at a time; no limit if not given
    #[arg(long, env = "HOOKFLOW_HOOK_CONCURRENT", value_name = "NUMBER")]
    pub hook_concurrent: Option<NonZeroU32>,
    /// How many requests all hooks of an org take together: `100/s` or `600/m`; no limit if not given
    #[arg(long, env = "HOOKFLOW_ORG_RATE", value_name = "RATE")]
    pub org_rate: Option<Rate>,
}

impl Rates {
    /// The limits of a hook that says nothing of them.
    pub fn hook(&self) -> Limits {
        Limits { rate: self.hook_rate, concurrent: self.hook_concurrent }
    }
}
