//! Timestamps and their text form.
//!
//! A [`Timestamp`] counts microseconds since 1970 in UTC, which is what both databases store. In JSON it is ISO 8601
//! text with milliseconds: `2017-12-22T05:23:02.138Z`.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use jiff::SignedDuration;
use jiff::civil::DateTime;
use jiff::fmt::temporal::Pieces;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const EPOCH: DateTime = jiff::civil::datetime(1970, 1, 1, 0, 0, 0, 0);

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, utoipa::ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2017-12-22T05:23:02.138Z")]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Later than any real timestamp: the end of the year 9999.
    pub const NEVER: Timestamp = Timestamp(253_402_300_799_999_999);

    /// The current time of the system clock.
    pub fn now() -> Timestamp {
        Timestamp(jiff::Timestamp::now().as_microsecond())
    }

    /// Parses an ISO 8601 date-time (`2017-12-22T05:23:02Z`; fraction and offset are optional, and the default offset
    /// is UTC) or a plain date (`2017-12-22`, midnight UTC).
    pub fn parse(text: &str) -> Option<Timestamp> {
        let text = text.trim();
        if let Ok(moment) = text.parse::<jiff::Timestamp>() {
            return Some(Timestamp(moment.as_microsecond()));
        }
        // jiff's timestamps end a day before the calendar does, so that every time zone can show them.
        let pieces = Pieces::parse(text).ok()?;
        let civil = pieces.date().to_datetime(pieces.time().unwrap_or_default());
        let offset_s = pieces.to_numeric_offset().map_or(0, |offset| i64::from(offset.seconds()));
        Timestamp::from_civil(civil, offset_s)
    }

    /// The moment when clocks that are `offset_s` seconds ahead of UTC show `civil`; `None` after the year 9999.
    pub fn from_civil(civil: DateTime, offset_s: i64) -> Option<Timestamp> {
        let micros = civil.duration_since(EPOCH).as_micros() - i128::from(offset_s) * 1_000_000;
        i64::try_from(micros).ok().map(Timestamp).filter(|moment| *moment <= Timestamp::NEVER)
    }

    /// What clocks show that are `offset_s` seconds ahead of UTC; `None` outside of the years -9999 to 9999.
    pub fn to_civil(self, offset_s: i64) -> Option<DateTime> {
        let since_epoch = SignedDuration::from_micros(self.0).checked_add(SignedDuration::from_secs(offset_s))?;
        EPOCH.checked_add(since_epoch).ok()
    }

    /// Writes `2017-12-22T05:23:02.138Z`; `None` if the year does not have four digits. The log of each step has two
    /// timestamps, so this avoids the cost of a general formatter.
    fn write(self, buffer: &mut [u8; 24]) -> Option<&str> {
        let millis = self.0.div_euclid(1_000);
        let (days, millis_of_day) = (millis.div_euclid(86_400_000), millis.rem_euclid(86_400_000));
        let (year, month, day) = civil_from_days(days);
        if !(0..=9_999).contains(&year) {
            return None;
        }
        *buffer = *b"0000-00-00T00:00:00.000Z";
        let seconds = millis_of_day / 1_000;
        let fields = [
            (0, 4, year),
            (5, 2, month),
            (8, 2, day),
            (11, 2, seconds / 3_600),
            (14, 2, seconds / 60 % 60),
            (17, 2, seconds % 60),
            (20, 3, millis_of_day % 1_000),
        ];
        for (start, digits, mut value) in fields {
            for digit in buffer[start..start + digits].iter_mut().rev() {
                *digit += (value % 10) as u8;
                value /= 10;
            }
        }
        std::str::from_utf8(buffer).ok()
    }

    /// The time from `earlier` to `self`; zero if `earlier` is later.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_micros(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }
}

/// Year, month and day for a number of days since 1970-01-01, in the proleptic Gregorian calendar. Years begin in March
/// here, so that the leap day comes last: <https://howardhinnant.github.io/date_algorithms.html>.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

impl Sub<Duration> for Timestamp {
    type Output = Timestamp;

    fn sub(self, duration: Duration) -> Timestamp {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Timestamp(self.0.saturating_sub(micros))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Timestamp;

    fn add(self, duration: Duration) -> Timestamp {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Timestamp(self.0.saturating_add(micros))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut buffer = [0; 24];
        match self.write(&mut buffer) {
            Some(text) => formatter.write_str(text),
            None => write!(formatter, "{}us", self.0),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut buffer = [0; 24];
        match self.write(&mut buffer) {
            Some(text) => serializer.serialize_str(text),
            None => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Timestamp::parse(&text).ok_or_else(|| serde::de::Error::custom("not an ISO 8601 date-time"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_have_milliseconds_and_parse_in_common_forms() {
        let moment = Timestamp::parse("2017-12-22T05:23:02.138Z").unwrap();
        assert_eq!(moment.to_string(), "2017-12-22T05:23:02.138Z");
        assert_eq!(Timestamp::parse("2017-12-22T07:23:02.138+02:00"), Some(moment));
        assert_eq!(Timestamp::parse("2017-12-22").unwrap().to_string(), "2017-12-22T00:00:00.000Z");
        assert_eq!(Timestamp::parse("tomorrow"), None);
    }

    #[test]
    fn the_calendar_ends_with_the_year_9999() {
        let last = Timestamp::parse("9999-12-31T23:59:59.999999Z");
        assert_eq!(last, Some(Timestamp::NEVER));
        assert_eq!(Timestamp::parse("9999-12-31T23:59:59.999999+00:00"), last);
        assert!(Timestamp::parse("9999-12-31").is_some_and(|moment| moment < Timestamp::NEVER));
        assert_eq!(Timestamp::parse("9999-12-31T20:00:00-05:00"), None);
        for moment in [Timestamp(0), Timestamp(-1), Timestamp::NEVER] {
            assert_eq!(
                moment.to_civil(3_600).map(|civil| Timestamp::from_civil(civil, 3_600)),
                (moment != Timestamp::NEVER).then_some(Some(moment))
            );
        }
    }

    #[test]
    fn text_matches_the_date_library() {
        let day_micros = 86_400_000_000;
        for days in (-200_000_i64..200_000).step_by(17) {
            let moment = Timestamp(days * day_micros + (days * 7_919).rem_euclid(day_micros));
            let expected = jiff::Timestamp::from_microsecond(moment.0 - moment.0.rem_euclid(1_000)).unwrap();
            assert_eq!(moment.to_string(), format!("{expected:.3}"));
        }
    }
}
