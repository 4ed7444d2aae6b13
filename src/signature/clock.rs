//! How old a request may be.

use super::verify::Rejection;
use crate::time::Timestamp;

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
    pub const WORDS: [(&'static str, Unit); 3] =
        [("s", Unit::Seconds), ("ms", Unit::Milliseconds), ("iso8601", Unit::Iso8601)];

    /// The moment as senders write it.
    pub fn write(self, moment: Timestamp) -> String {
        match self {
            Unit::Seconds => (moment.0 / 1_000_000).to_string(),
            Unit::Milliseconds => (moment.0 / 1_000).to_string(),
            Unit::Iso8601 => moment.to_string(),
        }
    }

    /// Microseconds since 1970.
    fn read(self, text: &str) -> Option<i64> {
        // A sign or a fraction is nobody's spelling of a moment.
        let count = || text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<i64>().ok())?;
        match self {
            Unit::Seconds => count()?.checked_mul(1_000_000),
            Unit::Milliseconds => count()?.checked_mul(1_000),
            Unit::Iso8601 => Timestamp::parse(text).map(|moment| moment.0),
        }
    }
}

/// How far a request's timestamp may be from the present, in seconds.
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
        let at = text.and_then(|text| self.unit.read(text)).ok_or(Rejection::TimestampUnreadable)?;
        let is_beyond = |distance: Option<i64>, tolerance_s: Option<i64>| match (distance, tolerance_s) {
            (_, None) => false,
            (Some(distance), Some(tolerance_s)) => distance > tolerance_s.saturating_mul(1_000_000),
            (None, Some(_)) => true,
        };
        match () {
            () if is_beyond(now.0.checked_sub(at), self.past_s) => Err(Rejection::Stale),
            () if is_beyond(at.checked_sub(now.0), self.future_s) => Err(Rejection::Early),
            () => Ok(()),
        }
    }
}
