//! Dates and times in expressions: parsing, arithmetic, formatting.
//!
//! Time zones come from a database in the program, not from the machine, so an expression has the same result
//! everywhere. All texts are in English.

mod business_hours;
mod format;
mod units;

pub(super) use business_hours::in_business_hours;
pub(super) use format::format;
pub(super) use units::{UNITS, before, between};

use std::sync::LazyLock;

use jiff::Zoned;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde_json::Value;

use super::operation::describe;
use super::report::brief;
use crate::base::time::Timestamp;
use crate::objects::nearest;

/// Numbers below this are seconds, others milliseconds: it is in the year 5138 in seconds, and in March 1973 in
/// milliseconds.
const SECONDS_MAX: f64 = 100_000_000_000.0;

/// Parses an ISO 8601 date-time (UTC without an offset), a date (midnight UTC), a date as in mails, or a number of
/// seconds or milliseconds since 1970.
pub(super) fn read(value: &Value) -> Result<Timestamp, String> {
    let found = match value {
        Value::String(text) => read_text(text.trim()),
        Value::Number(number) => number.as_f64().and_then(from_number),
        _ => None,
    };
    found.ok_or_else(|| {
        format!("{} is neither an ISO 8601 date nor a number of seconds or milliseconds", describe(value))
    })
}

fn read_text(text: &str) -> Option<Timestamp> {
    /// Shorter numbers are dates without dashes: `20171222`.
    const NUMBER_DIGITS_MIN: usize = 9;
    const LENGTH_MAX: usize = 64;
    if text.len() > LENGTH_MAX {
        return None;
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.len() >= NUMBER_DIGITS_MIN && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return from_number(text.parse().ok()?);
    }
    Timestamp::parse(text).or_else(|| {
        let mail = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
        Some(Timestamp(mail.as_microsecond()))
    })
}

fn from_number(number: f64) -> Option<Timestamp> {
    let micros = number * if number.abs() < SECONDS_MAX { 1e6 } else { 1e3 };
    // Only timestamps in the range of the date library are valid.
    let micros = micros.round();
    let known = micros.abs() < 9.0e18 && jiff::Timestamp::from_microsecond(micros as i64).is_ok();
    known.then_some(Timestamp(micros as i64))
}

/// A moment in a time zone.
pub(super) fn zoned(moment: Timestamp, zone: TimeZone) -> Result<Zoned, String> {
    let found = jiff::Timestamp::from_microsecond(moment.0);
    found.map(|moment| moment.to_zoned(zone)).map_err(|_| "the date is out of range".to_owned())
}

/// Finds a time zone by name: `Europe/Berlin`, `UTC`, or an offset such as `+02:00`.
pub(super) fn zone(name: &str) -> Result<TimeZone, String> {
    static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);
    if name == "UTC" || name == "Z" {
        return Ok(TimeZone::UTC);
    }
    if let Some(offset) = read_offset(name) {
        return Ok(offset);
    }
    ZONES.get(name).map_err(|_| {
        let names: Vec<String> = ZONES.available().map(|known| known.as_str().to_owned()).collect();
        let suggestion = nearest(name, names.iter().map(String::as_str));
        let suggestion = suggestion.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
        format!("unknown time zone `{}`{suggestion}", brief(name))
    })
}

/// Checks the parameter `tz`.
pub(super) fn check_zone(name: &str) -> Result<(), String> {
    zone(name).map(drop)
}

fn read_offset(text: &str) -> Option<TimeZone> {
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = text[1..].split_once(':')?;
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    if !(0..=18).contains(&hours) || !(0..60).contains(&minutes) {
        return None;
    }
    let offset = jiff::tz::Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()?;
    Some(TimeZone::fixed(offset))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn dates_parse_in_common_forms() {
        for value in [
            json!("2017-12-22T05:23:02.138Z"),
            json!(" 2017-12-22T07:23:02.138+02:00 "),
            json!("2017-12-22T05:23:02.138"),
            json!(1_513_920_182_138_i64),
            json!(1_513_920_182.138),
            json!("1513920182138"),
        ] {
            assert_eq!(read(&value).unwrap().to_string(), "2017-12-22T05:23:02.138Z", "{value}");
        }
        for (value, moment) in [
            (json!("Fri, 22 Dec 2017 05:23:02 +0000"), "2017-12-22T05:23:02.000Z"),
            (json!(1_513_920_182), "2017-12-22T05:23:02.000Z"),
            (json!("1513920182"), "2017-12-22T05:23:02.000Z"),
            (json!("2017-12-22"), "2017-12-22T00:00:00.000Z"),
            (json!("20171222"), "2017-12-22T00:00:00.000Z"),
            (json!(0), "1970-01-01T00:00:00.000Z"),
            (json!(-1), "1969-12-31T23:59:59.000Z"),
        ] {
            assert_eq!(read(&value).unwrap().to_string(), moment, "{value}");
        }
        for value in [json!("tomorrow"), json!(""), json!(true), json!(1e300), json!(i64::MIN), json!([0])] {
            assert!(read(&value).is_err(), "{value}");
        }
    }

    #[test]
    fn time_zones_have_names_or_offsets() {
        let hour = |name: &str| zoned(Timestamp(0), zone(name).unwrap()).unwrap().hour();
        let hours = ["UTC", "Z", "Europe/Berlin", "europe/berlin", "+02:00", "-01:30"].map(hour);
        assert_eq!(hours, [0, 0, 1, 1, 2, 22]);
        assert_eq!(
            zone("Europe/Belin").unwrap_err(),
            "unknown time zone `Europe/Belin`; did you mean `Europe/Berlin`?"
        );
        for name in ["", "x", "+1", "+19:00", "+00:60", "+é:00", "+-1:00"] {
            assert!(zone(name).is_err(), "{name}");
        }
    }
}
