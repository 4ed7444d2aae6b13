//! How far the timestamp of a request may be from the current time.

use super::verify::Rejection;
use crate::base::time::Timestamp;

/// Five minutes, which most vendors recommend.
pub(super) const DEFAULT_TOLERANCE_S: i64 = 300;

/// How a timestamp is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Seconds,
    Milliseconds,
    Iso8601,
}

impl Unit {
    /// The names in a hook's settings.
    pub const NAMES: [(&'static str, Unit); 3] =
        [("s", Unit::Seconds), ("ms", Unit::Milliseconds), ("iso8601", Unit::Iso8601)];

    /// The timestamp as senders write it.
    pub fn write(self, moment: Timestamp) -> String {
        match self {
            Unit::Seconds => (moment.0 / 1_000_000).to_string(),
            Unit::Milliseconds => (moment.0 / 1_000).to_string(),
            Unit::Iso8601 => moment.to_string(),
        }
    }

    /// Seconds since 1970.
    fn read_s(self, text: &str) -> Option<i64> {
        // No vendor sends a sign or a fraction.
        let count = || text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<i64>().ok())?;
        match self {
            Unit::Seconds => count(),
            Unit::Milliseconds => count().map(|count_ms| count_ms / 1_000),
            Unit::Iso8601 => Timestamp::parse(text).map(whole_s),
        }
    }
}

fn whole_s(moment: Timestamp) -> i64 {
    moment.0.div_euclid(1_000_000)
}

/// The allowed age of a request, in whole seconds, because senders truncate timestamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tolerance {
    pub unit: Unit,
    /// Unlimited if absent.
    pub past_s: Option<i64>,
    pub future_s: Option<i64>,
}

impl Tolerance {
    pub fn check(self, timestamp: &[u8], now: Timestamp) -> Result<(), Rejection> {
        if self.past_s.is_none() && self.future_s.is_none() {
            return Ok(());
        }
        let text = std::str::from_utf8(timestamp).ok();
        let sent_at_s = text.and_then(|text| self.unit.read_s(text)).ok_or(Rejection::TimestampMalformed)?;
        let age_s = whole_s(now).saturating_sub(sent_at_s);
        match () {
            () if self.past_s.is_some_and(|past_s| age_s > past_s) => Err(Rejection::Stale),
            () if self.future_s.is_some_and(|future_s| age_s < -future_s) => Err(Rejection::Early),
            () => Ok(()),
        }
    }
}
