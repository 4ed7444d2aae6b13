//! Parses dates by the tokens of Moment.js: `DD.MM.YYYY HH:mm`.
//!
//! [`TOKENS`] lists the tokens; text in brackets and other characters must stand in the text as they are, and white
//! space matches any amount of it. Unlike Moment.js, a text that does not fit is not a date: a wrong date would be
//! worse than none.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

use super::Local;
use super::format::{DAYS, MONTHS};
use crate::base::date_text;
use crate::base::time::Timestamp;
use crate::expr::report::brief;

/// The longest text and the longest format, in bytes.
const LENGTH_MAX: usize = 256;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Year,
    YearOfCentury,
    Month,
    MonthName,
    Day,
    DayOfYear,
    DayName,
    Hour,
    HalfDay,
    Minute,
    Second,
    Offset,
    Seconds,
    Milliseconds,
}

/// The tokens with the most digits that each takes. Longer tokens come before their prefixes.
const TOKENS: [(&str, Part, usize); 32] = [
    ("YYYY", Part::Year, 4),
    ("YY", Part::YearOfCentury, 2),
    ("Y", Part::Year, 4),
    ("MMMM", Part::MonthName, 0),
    ("MMM", Part::MonthName, 0),
    ("MM", Part::Month, 2),
    ("Mo", Part::Month, 2),
    ("M", Part::Month, 2),
    ("DDDD", Part::DayOfYear, 3),
    ("DDD", Part::DayOfYear, 3),
    ("DD", Part::Day, 2),
    ("Do", Part::Day, 2),
    ("D", Part::Day, 2),
    ("dddd", Part::DayName, 0),
    ("ddd", Part::DayName, 0),
    ("dd", Part::DayName, 0),
    ("HH", Part::Hour, 2),
    ("H", Part::Hour, 2),
    ("hh", Part::Hour, 2),
    ("h", Part::Hour, 2),
    ("kk", Part::Hour, 2),
    ("k", Part::Hour, 2),
    ("A", Part::HalfDay, 0),
    ("a", Part::HalfDay, 0),
    ("mm", Part::Minute, 2),
    ("m", Part::Minute, 2),
    ("ss", Part::Second, 2),
    ("s", Part::Second, 2),
    ("ZZ", Part::Offset, 0),
    ("Z", Part::Offset, 0),
    ("X", Part::Seconds, 0),
    ("x", Part::Milliseconds, 0),
];

/// What tokens begin with that can format dates but not parse them, because several dates fit them.
const UNPARSED: [char; 11] = ['L', 'l', 'Q', 'W', 'w', 'G', 'g', 'E', 'e', 'd', 'z'];

#[derive(Default)]
struct Fields {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    hour: i64,
    is_afternoon: Option<bool>,
    minute: i64,
    second: i64,
    nanosecond: i64,
    offset_s: Option<i64>,
    moment: Option<Timestamp>,
}

/// The moment that `text` says in `format`; `zone` applies if the text has no offset.
pub(in crate::expr) fn parse(text: &str, format: &str, zone: TimeZone) -> Result<Timestamp, String> {
    if text.len().max(format.len()) > LENGTH_MAX {
        return Err(format!("a date and its format have at most {LENGTH_MAX} bytes each"));
    }
    let mut fields = Fields::default();
    let read = fields.read(text.trim(), format.trim()).and_then(|()| fields.moment(zone));
    read.map_err(|reason| format!("`{}` is not a date in the format `{}`: {reason}", brief(text), brief(format)))
}

impl Fields {
    fn read(&mut self, text: &str, format: &str) -> Result<(), String> {
        let (mut text, mut format) = (text, format);
        while let Some(first) = format.chars().next() {
            let token = TOKENS.iter().find(|(token, ..)| format.starts_with(token));
            if let Some((literal, after)) = format.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
                text = text.strip_prefix(literal).ok_or_else(|| expected(&format!("`{literal}`"), text))?;
                format = after;
            } else if first == 'S' {
                (format, text) = (format.trim_start_matches('S'), self.fraction(text)?);
            } else if let Some((token, part, digits_max)) = token {
                text = self.part(*part, *digits_max, text)?;
                format = &format[token.len()..];
                if token.ends_with('o') {
                    text = ["st", "nd", "rd", "th"].iter().find_map(|ending| text.strip_prefix(ending)).unwrap_or(text);
                }
            } else if UNPARSED.contains(&first) {
                return Err(format!("`{first}` can format dates, but not parse them"));
            } else if first.is_whitespace() {
                if !text.starts_with(char::is_whitespace) {
                    return Err(expected("a space", text));
                }
                (format, text) = (format.trim_start(), text.trim_start());
            } else {
                text = text.strip_prefix(first).ok_or_else(|| expected(&format!("`{first}`"), text))?;
                format = &format[first.len_utf8()..];
            }
        }
        if text.is_empty() { Ok(()) } else { Err(format!("`{}` is left over", brief(text))) }
    }

    /// Reads one part at the start of `text` and returns the rest.
    fn part<'t>(&mut self, part: Part, digits_max: usize, text: &'t str) -> Result<&'t str, String> {
        match part {
            Part::MonthName => {
                let (index, rest) = name(&MONTHS, 3, text).ok_or_else(|| expected("the name of a month", text))?;
                self.month = Some(index as i64 + 1);
                Ok(rest)
            }
            // The date says which day of the week it is.
            Part::DayName => Ok(name(&DAYS, 2, text).ok_or_else(|| expected("a day of the week", text))?.1),
            Part::HalfDay => {
                let half = text.get(..2).unwrap_or_default().to_ascii_lowercase();
                if !matches!(half.as_str(), "am" | "pm") {
                    return Err(expected("AM or PM", text));
                }
                self.is_afternoon = Some(half == "pm");
                Ok(&text[2..])
            }
            Part::Offset => {
                let length = match text.strip_prefix('Z') {
                    Some(_) => 1,
                    None => text.find(|character: char| !"+-:0123456789".contains(character)).unwrap_or(text.len()),
                };
                let (offset, rest) = text.split_at(length);
                let offset_s = if offset == "Z" { Some(0) } else { date_text::numeric_offset(offset) };
                self.offset_s = Some(offset_s.ok_or_else(|| expected("an offset such as +02:00", text))?);
                Ok(rest)
            }
            Part::Seconds | Part::Milliseconds => {
                let length = text.find(|character: char| !"-.0123456789".contains(character)).unwrap_or(text.len());
                let number: f64 = text[..length].parse().map_err(|_| expected("a number", text))?;
                let micros = number * if part == Part::Seconds { 1e6 } else { 1e3 };
                self.moment = Some(Timestamp(micros.round() as i64));
                Ok(&text[length..])
            }
            part => {
                let length = text.bytes().take(digits_max).take_while(u8::is_ascii_digit).count();
                let number: i64 = text[..length].parse().map_err(|_| expected("a number", text))?;
                match part {
                    Part::Year => self.year = Some(number),
                    // As in Moment.js: 69 is 1969, 68 is 2068.
                    Part::YearOfCentury => self.year = Some(number + if number > 68 { 1900 } else { 2000 }),
                    Part::Month => self.month = Some(number),
                    Part::Day => self.day = Some(number),
                    Part::DayOfYear => self.day_of_year = Some(number),
                    Part::Hour => self.hour = number,
                    Part::Minute => self.minute = number,
                    _ => self.second = number,
                }
                Ok(&text[length..])
            }
        }
    }

    fn fraction<'t>(&mut self, text: &'t str) -> Result<&'t str, String> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let nanoseconds = format!("{:0<9.9}", &text[..digits]);
        self.nanosecond =
            nanoseconds.parse().ok().filter(|_| digits > 0).ok_or_else(|| expected("a fraction", text))?;
        Ok(&text[digits..])
    }

    fn moment(&self, zone: TimeZone) -> Result<Timestamp, String> {
        if let Some(moment) = self.moment {
            return moment.to_civil(0).map(|_| moment).ok_or_else(|| "it is out of range".to_owned());
        }
        let civil = DateTime::from_parts(self.date()?, self.time()?);
        match self.offset_s {
            Some(offset_s) => Timestamp::from_civil(civil, offset_s).ok_or_else(|| "it is out of range".to_owned()),
            None => Local::from_civil(civil, zone).map(|local| local.moment),
        }
    }

    fn date(&self) -> Result<Date, String> {
        let year = self.year.ok_or("the format has no year")?;
        let no_such = || "there is no such date".to_owned();
        if let Some(day) = self.day_of_year {
            let start = Date::new(year as i16, 1, 1).map_err(|_| no_such())?;
            return start.with().day_of_year(day as i16).build().map_err(|_| no_such());
        }
        Date::new(year as i16, self.month.unwrap_or(1) as i8, self.day.unwrap_or(1) as i8).map_err(|_| no_such())
    }

    fn time(&self) -> Result<Time, String> {
        let hour = match self.is_afternoon {
            Some(_) if !(1..=12).contains(&self.hour) => {
                return Err("an hour before AM or PM is from 1 to 12".to_owned());
            }
            Some(is_afternoon) => self.hour % 12 + if is_afternoon { 12 } else { 0 },
            None => self.hour,
        };
        let time = Time::new(hour as i8, self.minute as i8, self.second as i8, self.nanosecond as i32);
        time.map_err(|_| "there is no such time".to_owned())
    }
}

/// Finds the name, or its first `least` letters, that `text` starts with, ignoring case.
fn name<'t>(names: &[&str], least: usize, text: &'t str) -> Option<(usize, &'t str)> {
    let length = text.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (word, rest) = text.split_at(length);
    let is_start = |name: &&str| name.get(..length).is_some_and(|start| start.eq_ignore_ascii_case(word));
    let index = names.iter().position(is_start).filter(|_| length >= least)?;
    Some((index, rest))
}

fn expected(what: &str, text: &str) -> String {
    match text {
        "" => format!("expected {what} at the end"),
        text => format!("expected {what} at `{}`", brief(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::zone;
    use super::*;

    fn parsed(text: &str, format: &str, zone_name: &str) -> Result<String, String> {
        parse(text, format, zone(zone_name).unwrap()).map(|moment| moment.to_string())
    }

    #[test]
    fn dates_parse_by_their_format() {
        for (text, format, zone_name, expected) in [
            ("31.12.2024", "DD.MM.YYYY", "UTC", "2024-12-31T00:00:00.000Z"),
            ("1/2/24 3:04 pm", "M/D/YY h:mm a", "UTC", "2024-01-02T15:04:00.000Z"),
            ("20240102030405", "YYYYMMDDHHmmss", "UTC", "2024-01-02T03:04:05.000Z"),
            ("June 30th, 2024 at 12:00 AM", "MMMM Do, YYYY [at] hh:mm A", "Europe/Berlin", "2024-06-29T22:00:00.000Z"),
            (
                "Fri  30 Jun 2024 23:30:00.5 -0230",
                "ddd D MMM YYYY HH:mm:ss.S ZZ",
                "Asia/Tokyo",
                "2024-07-01T02:00:00.500Z",
            ),
            ("2024-01-02T03:04:05Z", "YYYY-MM-DDTHH:mm:ssZ", "Asia/Tokyo", "2024-01-02T03:04:05.000Z"),
            ("060/2024", "DDDD/YYYY", "UTC", "2024-02-29T00:00:00.000Z"),
            ("1513920182.138", "X", "UTC", "2017-12-22T05:23:02.138Z"),
            ("31-12-9999", "DD-MM-YYYY", "America/New_York", "9999-12-31T05:00:00.000Z"),
            // Clocks skip this hour.
            ("31.03.2024 02:30", "DD.MM.YYYY HH:mm", "Europe/Berlin", "2024-03-31T01:30:00.000Z"),
        ] {
            assert_eq!(parsed(text, format, zone_name).as_deref(), Ok(expected), "{text} {format}");
        }
    }

    #[test]
    fn texts_that_do_not_fit_have_a_reason() {
        for (text, format, reason) in [
            ("31.02.2024", "DD.MM.YYYY", "there is no such date"),
            ("31.12", "DD.MM", "the format has no year"),
            ("2024-12-31", "DD.MM.YYYY", "expected `.` at `24-12-31`"),
            ("31.12.2024 10:00", "DD.MM.YYYY", "` 10:00` is left over"),
            ("31.12.", "DD.MM.YYYY", "expected a number at the end"),
            ("13:00 PM 2024", "HH:mm A YYYY", "an hour before AM or PM is from 1 to 12"),
            ("25:00 2024", "HH:mm YYYY", "there is no such time"),
            ("Foo 2024", "MMM YYYY", "expected the name of a month at `Foo 2024`"),
            ("é", "A", "expected AM or PM at `é`"),
            ("é", "Z", "expected an offset such as +02:00 at `é`"),
            ("12/22/2017", "L", "`L` can format dates, but not parse them"),
        ] {
            let error = format!("`{text}` is not a date in the format `{format}`: {reason}");
            assert_eq!(parsed(text, format, "UTC"), Err(error));
        }
        assert!(parsed("1e9", "x", "UTC").is_err() && parsed(&"9".repeat(200), "X", "UTC").is_err());
    }
}
