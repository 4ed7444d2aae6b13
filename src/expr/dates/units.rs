//! Date arithmetic.
//!
//! Years, months, weeks and days follow the calendar of the time zone; hours and shorter units have a fixed length.

use jiff::{RoundMode, Span, SpanRound, SpanTotal, Unit};

use super::Local;
use crate::base::time::Timestamp;

/// The names of units as in Moment.js: plural, singular and abbreviated.
pub(in crate::expr) const UNITS: &[&str] = &[
    "years",
    "months",
    "weeks",
    "days",
    "hours",
    "minutes",
    "seconds",
    "milliseconds",
    "year",
    "month",
    "week",
    "day",
    "hour",
    "minute",
    "second",
    "millisecond",
    "y",
    "M",
    "w",
    "d",
    "h",
    "m",
    "s",
    "ms",
];

const LARGEST_FIRST: [Unit; 8] =
    [Unit::Year, Unit::Month, Unit::Week, Unit::Day, Unit::Hour, Unit::Minute, Unit::Second, Unit::Millisecond];

fn unit(name: &str) -> Result<Unit, String> {
    let index = UNITS.iter().position(|known| *known == name);
    index.map(|index| LARGEST_FIRST[index % LARGEST_FIRST.len()]).ok_or_else(|| format!("unknown unit `{name}`"))
}

/// The moment `count` units before `moment`.
pub(in crate::expr) fn before(moment: &Local, count: i64, unit_name: &str) -> Result<Local, String> {
    let span = Span::new();
    let span = match unit(unit_name)? {
        Unit::Year => span.try_years(count),
        Unit::Month => span.try_months(count),
        Unit::Week => span.try_weeks(count),
        Unit::Day => span.try_days(count),
        Unit::Hour => span.try_hours(count),
        Unit::Minute => span.try_minutes(count),
        Unit::Second => span.try_seconds(count),
        _ => span.try_milliseconds(count),
    };
    let earlier = span.ok().and_then(|span| moment.minus(span));
    earlier.ok_or_else(|| format!("{count} {unit_name} are out of range"))
}

/// The number of whole units between two moments; negative if the second is earlier.
pub(in crate::expr) fn between(from: Timestamp, to: Timestamp, unit_name: &str) -> Result<i64, String> {
    let unit = unit(unit_name)?;
    let too_far = || "the dates are too far apart".to_owned();
    let (from, to) = (from.to_civil(0).ok_or_else(too_far)?, to.to_civil(0).ok_or_else(too_far)?);
    let span = from.until((unit, to)).map_err(|_| too_far())?;
    let whole = SpanRound::new().smallest(unit).largest(unit).mode(RoundMode::Trunc).relative(from);
    let rounded = span.round(whole).and_then(|span| span.total(SpanTotal::from(unit).relative(from)));
    Ok(match (rounded, unit) {
        (Ok(count), _) => count as i64,
        // Rounding looks one unit ahead, and fails at the end of the calendar; there the smaller units are left off.
        (Err(_), Unit::Year) => span.get_years().into(),
        (Err(_), Unit::Month) => span.get_months().into(),
        (Err(_), Unit::Week) => span.get_weeks().into(),
        (Err(_), Unit::Day) => span.get_days().into(),
        (Err(_), Unit::Hour) => span.get_hours().into(),
        (Err(_), Unit::Minute) => span.get_minutes(),
        (Err(_), Unit::Second) => span.get_seconds(),
        (Err(_), _) => span.get_milliseconds(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn units_are_subtracted() {
        let start = Local::new(at("2024-03-31T10:00:00Z"), jiff::tz::TimeZone::UTC).unwrap();
        let before = |count, unit: &str| before(&start, count, unit).unwrap().moment.to_string();
        for (count, unit, expected) in [
            (1, "month", "2024-02-29T10:00:00.000Z"),
            (-1, "months", "2024-04-30T10:00:00.000Z"),
            (1, "y", "2023-03-31T10:00:00.000Z"),
            (2, "weeks", "2024-03-17T10:00:00.000Z"),
            (1, "days", "2024-03-30T10:00:00.000Z"),
            (10, "h", "2024-03-31T00:00:00.000Z"),
            (-90, "minutes", "2024-03-31T11:30:00.000Z"),
            (1, "second", "2024-03-31T09:59:59.000Z"),
            (0, "ms", "2024-03-31T10:00:00.000Z"),
        ] {
            assert_eq!(before(count, unit), expected, "{count} {unit}");
        }
        assert!(super::before(&start, i64::MAX, "years").is_err() && super::before(&start, i64::MIN, "ms").is_err());
        assert!(super::before(&start, 1, "fortnight").is_err());
    }

    #[test]
    fn whole_units_are_counted() {
        for (from, to, unit, expected) in [
            ("2024-01-31T00:00:00Z", "2024-02-29T00:00:00Z", "months", 1),
            ("2024-01-31T00:00:00Z", "2024-03-31T00:00:00Z", "months", 2),
            ("2020-02-29T00:00:00Z", "2024-02-28T23:59:59Z", "years", 3),
            ("2024-01-01T00:00:00Z", "2024-01-15T23:00:00Z", "weeks", 2),
            ("2024-01-03T00:00:00Z", "2024-01-01T01:00:00Z", "days", -1),
            ("2024-01-01T00:00:00Z", "2024-01-01T00:00:01.5Z", "milliseconds", 1500),
            ("2024-01-01T00:00:00Z", "2024-01-01T00:00:01.5Z", "s", 1),
            ("0001-01-01T00:00:00Z", "9999-01-01T00:00:00Z", "ms", 315_506_361_600_000),
            ("9999-12-30T00:00:00Z", "9999-12-31T23:00:00Z", "days", 1),
        ] {
            assert_eq!(between(at(from), at(to), unit), Ok(expected), "{from} {to} {unit}");
        }
    }
}
