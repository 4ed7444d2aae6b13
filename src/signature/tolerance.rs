//! How far the timestamp of a request may be from the current time.

use std::time::{Duration, UNIX_EPOCH};

use super::verify::Rejection;
use crate::base::time::Timestamp;

/// Five minutes, which most vendors recommend.
pub(super) const DEFAULT_TOLERANCE_S: i64 = 300;

/// How a timestamp is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Seconds,
    Milliseconds,
    Microseconds,
    Iso8601,
    /// As in the header `Date` (RFC 9110, 5.6.7).
    HttpDate,
}

impl Unit {
    /// The names in a hook's settings.
    pub const NAMES: [(&'static str, Unit); 5] = [
        ("s", Unit::Seconds),
        ("ms", Unit::Milliseconds),
        ("us", Unit::Microseconds),
        ("iso8601", Unit::Iso8601),
        ("http_date", Unit::HttpDate),
    ];

    /// The timestamp as senders write it.
    pub fn write(self, moment: Timestamp) -> String {
        match self {
            Unit::Seconds => (moment.0 / 1_000_000).to_string(),
            Unit::Milliseconds => (moment.0 / 1_000).to_string(),
            Unit::Microseconds => moment.0.to_string(),
            Unit::Iso8601 => moment.to_string(),
            Unit::HttpDate => {
                httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_micros(u64::try_from(moment.0).unwrap_or(0)))
            }
        }
    }

    /// Seconds since 1970.
    fn read_s(self, text: &str) -> Option<i64> {
        match self {
            Unit::Seconds => count(text),
            Unit::Milliseconds => count(text).map(|count_ms| count_ms / 1_000),
            Unit::Microseconds => count(text).map(|count_us| count_us / 1_000_000),
            Unit::Iso8601 => Timestamp::parse(text).map(whole_s),
            Unit::HttpDate => {
                let since_1970 = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
                i64::try_from(since_1970.as_secs()).ok()
            }
        }
    }
}

/// A number without a sign. A fraction is left out.
fn count(text: &str) -> Option<i64> {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    (is_digits(whole) && is_digits(fraction)).then(|| whole.parse().ok())?
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
