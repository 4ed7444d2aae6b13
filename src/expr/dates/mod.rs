//! Dates and times in expressions: parsing, arithmetic, formatting.
//!
//! Time zones come from a database in the program, not from the machine, so an expression has the same result
//! everywhere. All texts are in English.

mod business_hours;
mod format;
mod local;
mod parse;
mod units;

pub(super) use business_hours::in_business_hours;
pub(super) use format::format;
pub(super) use local::Local;
pub(super) use parse::parse;
pub(super) use units::{UNITS, before, between};

use std::sync::LazyLock;

use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde_json::Value;

use super::operation::describe;
use super::report::brief;
use crate::base::date_text;
use crate::base::time::Timestamp;
use crate::objects::nearest;

/// Reads a date in one of the forms of [`date_text`].
pub(super) fn read(value: &Value) -> Result<Timestamp, String> {
    date_text::read(value).ok_or_else(|| match value {
        Value::String(_) => format!("{} is not a date; `parseDate` reads a date in a given format", describe(value)),
        _ => format!("{} is not a date", describe(value)),
    })
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

/// The time zone of an offset such as `+02:00`.
fn read_offset(text: &str) -> Option<TimeZone> {
    let seconds = date_text::numeric_offset(text).filter(|_| text.contains(':'))?;
    let offset = jiff::tz::Offset::from_seconds(i32::try_from(seconds).ok()?).ok()?;
    Some(TimeZone::fixed(offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_zones_have_names_or_offsets() {
        let hour = |name: &str| Local::new(Timestamp(0), zone(name).unwrap()).unwrap().civil.hour();
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
