//! Dates in header fields (RFC 5322, 3.3 and 4.3), in the forms that senders really use.

use jiff::civil::DateTime;

use crate::base::time::Timestamp;

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
/// The zones with names, in hours.
const ZONES: [(&str, i64); 8] =
    [("edt", -4), ("est", -5), ("cdt", -5), ("cst", -6), ("mdt", -6), ("mst", -7), ("pdt", -7), ("pst", -8)];

/// Parses a date such as `Wed, 11 Feb 1998 11:51 -0600 (CST)`, or in ISO 8601. A missing or unknown zone is UTC.
pub fn parse(text: &str) -> Option<Timestamp> {
    let text = without_comments(text);
    let text = text.trim();
    let is_iso =
        text.get(..5).is_some_and(|start| start.ends_with('-') && start[..4].bytes().all(|byte| byte.is_ascii_digit()));
    if is_iso {
        return Timestamp::parse(text);
    }
    let words =
        text.split([',', ' ', '\t']).flat_map(|word| match word.bytes().any(|byte| byte.is_ascii_alphabetic()) {
            // `11-Feb-1998`
            true => word.split('-').collect::<Vec<_>>(),
            false => vec![word],
        });
    let mut words = words.filter(|word| !word.is_empty()).peekable();
    let is_weekday =
        |word: &&str| word.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'.') && month(word).is_none();
    words.next_if(is_weekday);
    let first = words.next()?;
    // `Feb 11 11:51:00 1998` or `11 Feb 1998 11:51:00`
    let (month, day, year, clock) = match month(first) {
        Some(month) => {
            let (day, clock) = (words.next()?, words.next()?);
            (month, day, words.next()?, clock)
        }
        None => (month(words.next()?)?, first, words.next()?, words.next()?),
    };
    let [hour, minute, second] = time(clock)?;
    let (day, year) = (day.parse().ok()?, full_year(year)?);
    // A leap second is the last second of its minute.
    let civil = DateTime::new(year, month, day, hour, minute, second.min(59), 0).ok()?;
    let local = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_microsecond();
    Some(Timestamp(local - words.next().map_or(Some(0), offset_s)? * 1_000_000))
}

fn without_comments(text: &str) -> String {
    let mut depth = 0_usize;
    let mut kept = String::new();
    for character in text.chars() {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth == 0 => kept.push(character),
            _ => {}
        }
    }
    kept
}

fn month(word: &str) -> Option<i8> {
    let start = word.get(..3)?.to_ascii_lowercase();
    let is_name = word.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'.');
    let index = MONTHS.iter().position(|month| *month == start && is_name)?;
    i8::try_from(index + 1).ok()
}

/// Years of two or three digits are those of RFC 5322, 4.3.
fn full_year(word: &str) -> Option<i16> {
    let year: i16 = word.parse().ok()?;
    match word.len() {
        2 => Some(year + if year < 50 { 2_000 } else { 1_900 }),
        3 => Some(year + 1_900),
        4 => Some(year),
        _ => None,
    }
}

fn time(word: &str) -> Option<[i8; 3]> {
    let mut parts =
        word.split([':', '.']).map(|part| part.parse::<i8>().ok().filter(|_| (1..=2).contains(&part.len())));
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next().unwrap_or(Some(0))?);
    (parts.next().is_none() && second <= 60).then_some([hour, minute, second])
}

/// Seconds east of UTC.
fn offset_s(zone: &str) -> Option<i64> {
    let (sign, digits) = match (zone.strip_prefix('+'), zone.strip_prefix('-')) {
        (Some(digits), _) => (1, digits),
        (_, Some(digits)) => (-1, digits),
        _ => {
            let name = zone.to_ascii_lowercase();
            let hours = ZONES.iter().find(|(known, _)| *known == name).map_or(0, |(_, hours)| *hours);
            return name.bytes().all(|byte| byte.is_ascii_alphabetic()).then_some(hours * 3_600);
        }
    };
    let digits = digits.replace(':', "");
    let number: i64 = digits.parse().ok().filter(|_| (3..=4).contains(&digits.len()))?;
    let (hours, minutes) = (number / 100, number % 100);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dates_of_all_forms_are_read() {
        for (text, expected) in [
            ("Wed, 11 Feb 1998 11:51:00 GMT", "1998-02-11T11:51:00.000Z"),
            ("Wed, 11 Feb 1998 11:51 GMT", "1998-02-11T11:51:00.000Z"),
            ("11 Feb 98 11:51 CST", "1998-02-11T17:51:00.000Z"),
            ("Wed, 11 Feb 1998 12:24:23 cst", "1998-02-11T18:24:23.000Z"),
            ("Wed, 11 Feb 1998 11:51:00 -600", "1998-02-11T17:51:00.000Z"),
            ("Wed, 11 Feb 1998 11.51.00", "1998-02-11T11:51:00.000Z"),
            ("Wed, 11 Feb 1998 11:51:00 -0700 (PDT (or so))", "1998-02-11T18:51:00.000Z"),
            ("Wednesday, 11-Feb-98 11:51:00 +01:00", "1998-02-11T10:51:00.000Z"),
            ("Wed Feb 11 11:51:00 1998", "1998-02-11T11:51:00.000Z"),
            ("1998-02-11T11:51:00+01:00", "1998-02-11T10:51:00.000Z"),
            ("11 February 103 23:59:60 Z", "2003-02-11T23:59:59.000Z"),
        ] {
            assert_eq!(parse(text).map(|moment| moment.to_string()).as_deref(), Some(expected), "{text}");
        }
        for wrong in
            ["31 Feb 2024 10:00 GMT", "11 Feb 1998", "yesterday", "", "11 Feb 1998 25:00", "1 Feb 1998 1:2 +9999"]
        {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_date_or_none(text in "\\PC{0,40}|[0-9A-Za-z :.,+()-]{0,40}") {
            let _ = parse(&text);
        }
    }
}
