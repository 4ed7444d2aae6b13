//! How old a request may be.

use super::verify::Rejection;
use crate::base::time::Timestamp;

/// Five minutes, which is what most vendors say.
pub(super) const USUAL_S: i64 = 300;

/// How a timestamp is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Seconds,
    Milliseconds,
    Iso8601,
}

impl Unit {
    /// How each is spelt.
    pub const NAMES: [(&'static str, Unit); 3] =
        [("s", Unit::Seconds), ("ms", Unit::Milliseconds), ("iso8601", Unit::Iso8601)];

    /// The moment as senders write it.
    pub fn write(self, moment: Timestamp) -> String {
        match self {
            Unit::Seconds => (moment.0 / 1_000_000).to_string(),
            Unit::Milliseconds => (moment.0 / 1_000).to_string(),
            Unit::Iso8601 => moment.to_string(),
        }
    }

    /// Seconds since 1970.
    fn read_s(self, text: &str) -> Option<i64> {
        // A sign or a fraction is nobody's spelling of a moment.
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

/// How far a request's timestamp may be from the present, in whole seconds: senders have cut off what is more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clock {
    pub unit: Unit,
    /// Without, requests of any age pass.
    pub past_s: Option<i64>,
    pub future_s: Option<i64>,
}

impl Clock {
    pub fn check(self, timestamp: &[u8], now: Timestamp) -> Result<(), Rejection> {
        if self.past_s.is_none() && self.future_s.is_none() {
            return Ok(());
        }
        let text = std::str::from_utf8(timestamp).ok();
        let at_s = text.and_then(|text| self.unit.read_s(text)).ok_or(Rejection::TimestampUnreadable)?;
        let age_s = whole_s(now).saturating_sub(at_s);
        match () {
            () if self.past_s.is_some_and(|past_s| age_s > past_s) => Err(Rejection::Stale),
            () if self.future_s.is_some_and(|future_s| age_s < -future_s) => Err(Rejection::Early),
            () => Ok(()),
        }
    }
}
