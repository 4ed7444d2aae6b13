//! Dates as other systems write them.
//!
//! Beside ISO 8601 these are the dates of mail headers, seconds and milliseconds since 1970, and what programming
//! languages and well-known vendors put into their requests: `2016-08-12 15:23:28 UTC` (Ruby, GitLab),
//! `/Date(1704164645000)/` (.NET, Xero), `1355517523.000005` (Slack), `20:12:59 Jan 13, 2009 PST` (PayPal). A date whose
//! parts could be read in two orders, such as `01/02/2024`, is not a date; a workflow can parse it with a format.
//!
//! Limits: [`LENGTH_MAX`] bytes; the years -9999 to 9999.

use jiff::civil::{DateTime, Time};
use jiff::fmt::{rfc2822, strtime::BrokenDownTime};
use serde_json::Value;

use super::time::Timestamp;

/// The longest date. JavaScript adds the name of the time zone to a date in words.
const LENGTH_MAX: usize = 100;

/// Numbers below this are seconds, others milliseconds: it is in the year 5138 in seconds, and in March 1973 in
/// milliseconds.
const SECONDS_MAX: f64 = 100_000_000_000.0;

/// Shorter texts of digits are dates without dashes: `20171222`.
const EPOCH_DIGITS_MIN: usize = 9;

/// Dates and times without a time zone, which follows in another word. ISO 8601 is among them because it allows no
/// space before the zone.
const FORMATS: [&str; 17] = [
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d",
    "%Y/%m/%d %H:%M:%S%.f",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d",
    "%a, %d %b %Y %H:%M:%S",
    "%a %b %d %Y %H:%M:%S",
    "%a %b %d %H:%M:%S %Y",
    "%A, %d-%b-%y %H:%M:%S",
    "%d %b %Y %H:%M:%S",
    "%H:%M:%S %b %d, %Y",
    "%b %d, %Y %I:%M:%S %p",
    "%b %d, %Y %H:%M:%S",
    "%b %d, %Y",
    "%B %d, %Y",
];

/// The names of time zones that have one meaning in practice, with their offsets in hours.
const ZONES: [(&str, i64); 19] = [
    ("Z", 0),
    ("UTC", 0),
    ("GMT", 0),
    ("UT", 0),
    ("WET", 0),
    ("WEST", 1),
    ("CET", 1),
    ("CEST", 2),
    ("EET", 2),
    ("EEST", 3),
    ("EST", -5),
    ("EDT", -4),
    ("CST", -6),
    ("CDT", -5),
    ("MST", -7),
    ("MDT", -6),
    ("PST", -8),
    ("PDT", -7),
    ("JST", 9),
];

/// Reads a text or a number as a date.
pub fn read(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => read_text(text),
        Value::Number(number) => from_epoch(number.as_f64()?),
        _ => None,
    }
}

/// Reads a text as a date.
pub fn read_text(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if text.len() > LENGTH_MAX {
        return None;
    }
    if is_epoch(text) {
        return from_epoch(text.parse().ok()?);
    }
    Timestamp::parse(text).or_else(|| read_mail(text)).or_else(|| read_microsoft(text)).or_else(|| read_words(text))
}

/// Whether the text is a number of seconds or milliseconds, with or without a fraction.
fn is_epoch(text: &str) -> bool {
    let number = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    whole.len() >= EPOCH_DIGITS_MIN && is_digits(whole) && is_digits(fraction)
}

/// The moment a number of seconds or milliseconds after 1970 began.
pub fn from_epoch(number: f64) -> Option<Timestamp> {
    let micros = (number * if number.abs() < SECONDS_MAX { 1e6 } else { 1e3 }).round();
    let moment = Some(micros).filter(|micros| micros.abs() < 9.0e18).map(|micros| Timestamp(micros as i64))?;
    moment.to_civil(0).map(|_| moment)
}

/// `Fri, 22 Dec 2017 05:23:02 +0000`; senders often get the day of the week wrong.
fn read_mail(text: &str) -> Option<Timestamp> {
    let moment = rfc2822::DateTimeParser::new().relaxed_weekday(true).parse_timestamp(text).ok()?;
    Some(Timestamp(moment.as_microsecond()))
}

/// `/Date(1704164645000+0100)/`. The offset says where it was written and does not change the moment.
fn read_microsoft(text: &str) -> Option<Timestamp> {
    let millis = text.strip_prefix("/Date(")?.strip_suffix(")/")?;
    let offset = millis.get(1..)?.find(['+', '-']).map_or(millis.len(), |index| index + 1);
    let millis: i64 = millis[..offset].parse().ok()?;
    let moment = Timestamp(millis.checked_mul(1_000)?);
    moment.to_civil(0).map(|_| moment)
}

/// A date of one of the [`FORMATS`], followed by a time zone or nothing.
fn read_words(text: &str) -> Option<Timestamp> {
    let text = match text.split_once(" (") {
        Some((before, comment)) if comment.ends_with(')') => before,
        _ => text,
    };
    let mut words: Vec<&str> = text.split_whitespace().collect();
    let offset_s = take_zone(&mut words).unwrap_or(0);
    let text = words.join(" ");
    let civil = FORMATS.iter().find_map(|format| {
        let read = BrokenDownTime::parse(format, &text).ok()?;
        Some(DateTime::from_parts(read.to_date().ok()?, read.to_time().unwrap_or(Time::midnight())))
    });
    Timestamp::from_civil(civil?, offset_s)
}

/// Removes the time zone from the words of a date and returns its offset in seconds.
fn take_zone(words: &mut Vec<&str>) -> Option<i64> {
    // Go adds the reading of its monotonic clock: `m=+0.000012`.
    words.pop_if(|word| word.starts_with("m=+"));
    // Twitter writes the year after the zone: `Wed Aug 27 13:08:45 +0000 2008`.
    if let [.., time, zone, year] = words.as_slice()
        && time.contains(':')
        && year.bytes().all(|byte| byte.is_ascii_digit())
        && let Some(offset_s) = numeric_offset(zone)
    {
        words.remove(words.len() - 2);
        return Some(offset_s);
    }
    // `+0200 CEST`: the number counts, whatever the name.
    if let [.., zone, name] = words.as_slice()
        && let Some(offset_s) = numeric_offset(zone)
        && name.bytes().all(|byte| byte.is_ascii_alphabetic())
    {
        words.truncate(words.len() - 2);
        return Some(offset_s);
    }
    let offset_s = zone_offset(words.last().filter(|_| words.len() > 1)?)?;
    words.pop();
    Some(offset_s)
}

/// The offset of `UTC`, `PST`, `+0200`, `-05:30` or `GMT+0200`, in seconds.
fn zone_offset(word: &str) -> Option<i64> {
    let named = ZONES.iter().find(|(name, _)| *name == word).map(|(_, hours)| hours * 3_600);
    let relative = || word.strip_prefix("GMT").or(word.strip_prefix("UTC")).unwrap_or(word);
    named.or_else(|| numeric_offset(relative()))
}

/// The offset of `+02`, `+0200` or `+02:00`, in seconds.
pub fn numeric_offset(word: &str) -> Option<i64> {
    let sign = match word.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits = word[1..].replacen(':', "", 1);
    if !matches!(digits.len(), 2 | 4) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes) = digits.split_at(2);
    let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().unwrap_or(0));
    (hours <= 18 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
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
            json!("2017-12-22T05:23:02.138+0000"),
            json!("2017-12-22 07:23:02.138 +0200"),
            json!("2017-12-22 06:23:02.138 +0100 CET"),
            json!("2017-12-22 05:23:02.138 +0000 UTC m=+0.000012"),
            json!("/Date(1513920182138)/"),
            json!("/Date(1513920182138+0100)/"),
            json!(1_513_920_182_138_i64),
            json!(1_513_920_182.138),
            json!("1513920182.138"),
            json!("1513920182138"),
        ] {
            assert_eq!(
                read(&value).map(|found| found.to_string()).as_deref(),
                Some("2017-12-22T05:23:02.138Z"),
                "{value}"
            );
        }
        for (value, moment) in [
            (json!("1355517523.000005"), "2012-12-14T20:38:43.000Z"),
            (json!(1_513_920_182), "2017-12-22T05:23:02.000Z"),
            (json!("1513920182"), "2017-12-22T05:23:02.000Z"),
            (json!("2017-12-22"), "2017-12-22T00:00:00.000Z"),
            (json!("20171222"), "2017-12-22T00:00:00.000Z"),
            (json!(0), "1970-01-01T00:00:00.000Z"),
            (json!(-1), "1969-12-31T23:59:59.000Z"),
            (json!("/Date(-1000)/"), "1969-12-31T23:59:59.000Z"),
            (json!("9999-12-31"), "9999-12-31T00:00:00.000Z"),
            (json!("9999-12-31T23:59:59.999Z"), "9999-12-31T23:59:59.999Z"),
            (json!("9999-12-31 23:59:59"), "9999-12-31T23:59:59.000Z"),
            (json!(253_402_214_400_000_i64), "9999-12-31T00:00:00.000Z"),
        ] {
            assert_eq!(read(&value).map(|found| found.to_string()).as_deref(), Some(moment), "{value}");
        }
    }

    #[test]
    fn dates_of_vendors_and_languages_parse() {
        for text in [
            "2017-12-22 05:23:02 UTC",
            "2017-12-22 07:23:02 +0200",
            "2017-12-22 00:23:02 -05:00",
            "2017-12-22T05:23:02 UTC",
            "2017/12/22 05:23:02",
            "2017/12/22 05:23:02 +0000",
            "Fri, 22 Dec 2017 05:23:02 +0000",
            "Fri, 22 Dec 2017 05:23:02 GMT",
            "Thu, 22 Dec 2017 05:23:02 GMT",
            "22 Dec 2017 05:23:02 UTC",
            "Friday, 22-Dec-17 05:23:02 GMT",
            "Fri Dec 22 05:23:02 2017",
            "Fri Dec 22 07:23:02 +0200 2017",
            "Fri Dec 22 2017 06:23:02 GMT+0100 (Central European Standard Time)",
            "21:23:02 Dec 21, 2017 PST",
            "22:23:02 Dec 21, 2017 PDT",
            "Dec 22, 2017 5:23:02 AM",
        ] {
            assert_eq!(
                read_text(text).map(|found| found.to_string()).as_deref(),
                Some("2017-12-22T05:23:02.000Z"),
                "{text}"
            );
        }
        assert_eq!(read_text("Mon Jan  1 00:00:00 2024"), Timestamp::parse("2024-01-01"));
    }

    #[test]
    fn what_is_no_date_or_ambiguous_is_refused() {
        for value in [
            json!("tomorrow"),
            json!(""),
            json!(true),
            json!(1e300),
            json!(i64::MIN),
            json!([0]),
            json!("01/02/2024"),
            json!("2024-02-30"),
            json!("2024-01-01 25:00:00 UTC"),
            json!("2024-01-01 10:00:00 XYZ"),
            json!("2024-01-01 10:00:00 +9900"),
            json!("/Date()/"),
            json!("/Date(é)/"),
            json!("UTC"),
            json!("+0200"),
            json!("é +02é0"),
            json!("9999-12-31T23:59:59-10:00"),
        ] {
            assert_eq!(read(&value), None, "{value}");
        }
    }
}
