//! Formats dates with the tokens of Moment.js: `MMM Do, YYYY [at] h:mm A`.
//!
//! The table [`TOKENS`] lists the tokens; text in brackets and other characters are literal. Names are English, and
//! weeks begin on Sunday, except for ISO weeks.

use std::fmt::{self, Write};

use super::Local;

type Text = String;

/// Writes a part of a date.
type Token = fn(&Local, &mut Text) -> fmt::Result;

/// The tokens. Longer tokens come before their prefixes.
const TOKENS: &[(&str, Token)] = &[
    ("LTS", |at, text| write_into(at, "h:mm:ss A", text)),
    ("LT", |at, text| write_into(at, "h:mm A", text)),
    ("LLLL", |at, text| write_into(at, "dddd, MMMM D, YYYY h:mm A", text)),
    ("LLL", |at, text| write_into(at, "MMMM D, YYYY h:mm A", text)),
    ("LL", |at, text| write_into(at, "MMMM D, YYYY", text)),
    ("L", |at, text| write_into(at, "MM/DD/YYYY", text)),
    ("llll", |at, text| write_into(at, "ddd, MMM D, YYYY h:mm A", text)),
    ("lll", |at, text| write_into(at, "MMM D, YYYY h:mm A", text)),
    ("ll", |at, text| write_into(at, "MMM D, YYYY", text)),
    ("l", |at, text| write_into(at, "M/D/YYYY", text)),
    ("YYYY", |at, text| write!(text, "{:04}", at.civil.year())),
    ("YY", |at, text| write!(text, "{:02}", at.civil.year().rem_euclid(100))),
    ("Y", |at, text| write!(text, "{}", at.civil.year())),
    ("Qo", |at, text| ordinal(text, quarter(at))),
    ("Q", |at, text| write!(text, "{}", quarter(at))),
    ("MMMM", |at, text| text.write_str(MONTHS[at.civil.month() as usize - 1])),
    ("MMM", |at, text| text.write_str(&MONTHS[at.civil.month() as usize - 1][..3])),
    ("MM", |at, text| write!(text, "{:02}", at.civil.month())),
    ("Mo", |at, text| ordinal(text, i64::from(at.civil.month()))),
    ("M", |at, text| write!(text, "{}", at.civil.month())),
    ("DDDD", |at, text| write!(text, "{:03}", at.civil.day_of_year())),
    ("DDDo", |at, text| ordinal(text, i64::from(at.civil.day_of_year()))),
    ("DDD", |at, text| write!(text, "{}", at.civil.day_of_year())),
    ("DD", |at, text| write!(text, "{:02}", at.civil.day())),
    ("Do", |at, text| ordinal(text, i64::from(at.civil.day()))),
    ("D", |at, text| write!(text, "{}", at.civil.day())),
    ("dddd", |at, text| text.write_str(DAYS[weekday(at)])),
    ("ddd", |at, text| text.write_str(&DAYS[weekday(at)][..3])),
    ("dd", |at, text| text.write_str(&DAYS[weekday(at)][..2])),
    ("do", |at, text| ordinal(text, weekday(at) as i64)),
    ("d", |at, text| write!(text, "{}", weekday(at))),
    ("e", |at, text| write!(text, "{}", weekday(at))),
    ("E", |at, text| write!(text, "{}", at.civil.weekday().to_monday_one_offset())),
    ("ww", |at, text| write!(text, "{:02}", week(at).1)),
    ("wo", |at, text| ordinal(text, week(at).1)),
    ("w", |at, text| write!(text, "{}", week(at).1)),
    ("gggg", |at, text| write!(text, "{:04}", week(at).0)),
    ("gg", |at, text| write!(text, "{:02}", week(at).0.rem_euclid(100))),
    ("WW", |at, text| write!(text, "{:02}", at.civil.date().iso_week_date().week())),
    ("Wo", |at, text| ordinal(text, i64::from(at.civil.date().iso_week_date().week()))),
    ("W", |at, text| write!(text, "{}", at.civil.date().iso_week_date().week())),
    ("GGGG", |at, text| write!(text, "{:04}", at.civil.date().iso_week_date().year())),
    ("GG", |at, text| write!(text, "{:02}", at.civil.date().iso_week_date().year().rem_euclid(100))),
    ("A", |at, text| text.write_str(if at.civil.hour() < 12 { "AM" } else { "PM" })),
    ("a", |at, text| text.write_str(if at.civil.hour() < 12 { "am" } else { "pm" })),
    ("HH", |at, text| write!(text, "{:02}", at.civil.hour())),
    ("H", |at, text| write!(text, "{}", at.civil.hour())),
    ("hh", |at, text| write!(text, "{:02}", hour_of_twelve(at))),
    ("h", |at, text| write!(text, "{}", hour_of_twelve(at))),
    ("kk", |at, text| write!(text, "{:02}", if at.civil.hour() == 0 { 24 } else { at.civil.hour() })),
    ("k", |at, text| write!(text, "{}", if at.civil.hour() == 0 { 24 } else { at.civil.hour() })),
    ("mm", |at, text| write!(text, "{:02}", at.civil.minute())),
    ("m", |at, text| write!(text, "{}", at.civil.minute())),
    ("ss", |at, text| write!(text, "{:02}", at.civil.second())),
    ("s", |at, text| write!(text, "{}", at.civil.second())),
    ("zz", |at, text| abbreviation(at, text)),
    ("z", |at, text| abbreviation(at, text)),
    ("ZZ", |at, text| offset(at, "", text)),
    ("Z", |at, text| offset(at, ":", text)),
    ("X", |at, text| write!(text, "{}", at.moment.0.div_euclid(1_000_000))),
    ("x", |at, text| write!(text, "{}", at.moment.0.div_euclid(1_000))),
];

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

pub(super) const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// The default format.
const ISO: &str = "YYYY-MM-DDTHH:mm:ss.SSS[Z]";

/// The default format for time zones other than UTC.
const ISO_WITH_OFFSET: &str = "YYYY-MM-DDTHH:mm:ss.SSSZ";

/// The longest format, in bytes.
const FORMAT_MAX: usize = 256;

/// Formats a date; in the form of JSON by default.
pub(in crate::expr) fn format(at: &Local, format: Option<&str>) -> Result<String, String> {
    let format = format.unwrap_or(if at.zone == jiff::tz::TimeZone::UTC { ISO } else { ISO_WITH_OFFSET });
    if format.len() > FORMAT_MAX {
        return Err(format!("a format has at most {FORMAT_MAX} bytes"));
    }
    let mut text = Text::new();
    write_into(at, format, &mut text).map_err(|_| "the date can't be formatted".to_owned())?;
    Ok(text)
}

fn write_into(at: &Local, format: &str, text: &mut Text) -> fmt::Result {
    let mut rest = format;
    while let Some(first) = rest.chars().next() {
        let literal = rest.strip_prefix('[').and_then(|inner| inner.split_once(']'));
        if let Some((literal, after)) = literal {
            text.push_str(literal);
            rest = after;
        } else if first == 'S' {
            let digits = rest.bytes().take_while(|byte| *byte == b'S').count();
            let nanoseconds = format!("{:09}", at.civil.subsec_nanosecond());
            write!(text, "{:0<digits$}", &nanoseconds[..digits.min(nanoseconds.len())])?;
            rest = &rest[digits..];
        } else if let Some((token, write)) = TOKENS.iter().find(|(token, _)| rest.starts_with(token)) {
            write(at, text)?;
            rest = &rest[token.len()..];
        } else {
            text.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    Ok(())
}

fn ordinal(text: &mut Text, number: i64) -> fmt::Result {
    let ending = match (number % 10, number % 100) {
        (1, tens) if tens != 11 => "st",
        (2, tens) if tens != 12 => "nd",
        (3, tens) if tens != 13 => "rd",
        _ => "th",
    };
    write!(text, "{number}{ending}")
}

fn quarter(at: &Local) -> i64 {
    i64::from((at.civil.month() - 1) / 3 + 1)
}

fn weekday(at: &Local) -> usize {
    at.civil.weekday().to_sunday_zero_offset() as usize
}

fn hour_of_twelve(at: &Local) -> i8 {
    (at.civil.hour() + 11) % 12 + 1
}

/// Year and number of the week. Weeks begin on Sunday; the first one contains January 1.
fn week(at: &Local) -> (i64, i64) {
    let (year, saturday) = (i64::from(at.civil.year()), i64::from(at.civil.day_of_year()) + 6 - weekday(at) as i64);
    if saturday > i64::from(at.civil.days_in_year()) { (year + 1, 1) } else { (year, (saturday - 1) / 7 + 1) }
}

fn abbreviation(at: &Local, text: &mut Text) -> fmt::Result {
    text.write_str(&at.abbreviation())
}

fn offset(at: &Local, between: &str, text: &mut Text) -> fmt::Result {
    let seconds = at.offset_s;
    let (sign, minutes) = (if seconds < 0 { '-' } else { '+' }, seconds.abs() / 60);
    write!(text, "{sign}{:02}{between}{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::super::zone;
    use super::*;
    use crate::base::time::Timestamp;

    fn local(moment: &str, zone_name: &str) -> Local {
        Local::new(Timestamp::parse(moment).unwrap(), zone(zone_name).unwrap()).unwrap()
    }

    fn formatted(moment: &str, zone_name: &str, pattern: &str) -> String {
        format(&local(moment, zone_name), Some(pattern)).unwrap()
    }

    #[test]
    fn tokens_match_moment_js() {
        for (pattern, expected) in [
            ("YYYY YY Y Q Qo", "2017 17 2017 4 4th"),
            ("MMMM MMM MM Mo M", "December Dec 12 12th 12"),
            ("DDDD DDD DDDo DD Do D", "356 356 356th 22 22nd 22"),
            ("dddd ddd dd do d e E", "Friday Fri Fr 5th 5 5 5"),
            ("w wo ww gggg gg W Wo WW GGGG GG", "51 51st 51 2017 17 51 51st 51 2017 17"),
            ("HH H hh h kk k A a", "05 5 05 5 05 5 AM am"),
            ("mm m ss s S SS SSS SSSS SSSSSSSSSSS", "23 23 02 2 1 13 138 1380 13800000000"),
            ("Z ZZ z zz", "+00:00 +0000 UTC UTC"),
            ("X x", "1513920182 1513920182138"),
            ("LT LTS", "5:23 AM 5:23:02 AM"),
            ("L | LL | LLL", "12/22/2017 | December 22, 2017 | December 22, 2017 5:23 AM"),
            ("LLLL", "Friday, December 22, 2017 5:23 AM"),
            ("l | ll | lll", "12/22/2017 | Dec 22, 2017 | Dec 22, 2017 5:23 AM"),
            ("llll", "Fri, Dec 22, 2017 5:23 AM"),
            ("[at] [] [h:mm, é] é [open", "at  h:mm, é é [op5n"),
        ] {
            assert_eq!(formatted("2017-12-22T05:23:02.138Z", "UTC", pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn time_zones_apply() {
        for (zone_name, expected) in [
            ("Europe/Berlin", "01:30 AM +02:00 CEST"),
            ("America/New_York", "07:30 PM -04:00 EDT"),
            ("Asia/Kolkata", "05:00 AM +05:30 IST"),
            ("-02:30", "09:00 PM -02:30 -02:30"),
        ] {
            assert_eq!(formatted("2024-06-30T23:30:00Z", zone_name, "hh:mm A Z z"), expected);
        }
        let default = |name: &str| format(&local("2024-06-30T23:30:00.5Z", name), None).unwrap();
        assert_eq!(default("UTC"), "2024-06-30T23:30:00.500Z");
        assert_eq!(default("Europe/Berlin"), "2024-07-01T01:30:00.500+02:00");
        assert!(format(&local("2024-06-30", "UTC"), Some(&"Y".repeat(257))).is_err());
    }

    #[test]
    fn the_last_day_of_the_calendar_has_a_text() {
        assert_eq!(formatted("9999-12-31", "UTC", "LL Z"), "December 31, 9999 +00:00");
        assert_eq!(formatted("9999-12-31T22:00:00Z", "America/New_York", "LLL z"), "December 31, 9999 5:00 PM EST");
        assert!(Local::new(Timestamp::NEVER, zone("Asia/Tokyo").unwrap()).is_err());
    }

    #[test]
    fn weeks_around_new_year_are_numbered() {
        for (day, expected) in [
            ("2016-01-01", "1 2016 53 2015"),
            ("2017-01-01", "1 2017 52 2016"),
            ("2017-12-31", "1 2018 52 2017"),
            ("2018-12-29", "52 2018 52 2018"),
            ("2018-12-30", "1 2019 52 2018"),
            ("2018-12-31", "1 2019 1 2019"),
            ("2024-02-29", "9 2024 9 2024"),
        ] {
            assert_eq!(formatted(&format!("{day}T12:00:00Z"), "UTC", "w gggg W GGGG"), expected, "{day}");
        }
    }
}
