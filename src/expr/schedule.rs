//! Business hours: when somebody is there, by the clock of a place.
//!
//! A [`Schedule`] has hours for each day of the week, in a time zone, and days on which it is closed all the same. An
//! end of 24:00 is midnight at the end of the day; hours do not go on past it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;

use super::dates::{zone, zoned};
use super::report::brief;
use crate::base::time::Timestamp;
use crate::objects::nearest;

/// The hours of one place.
#[derive(Clone, Debug)]
pub struct Schedule {
    zone: TimeZone,
    /// For each day from Monday on, from which to which minute of the day it is open; the latter is not.
    hours: [Vec<(u16, u16)>; 7],
    closed: Vec<Date>,
}

/// The hours that there are: those of the house, and others by their ids.
#[derive(Clone, Debug)]
pub struct Schedules {
    pub default: Schedule,
    pub by_id: BTreeMap<String, Schedule>,
}

const MINUTES_OF_DAY: u16 = 24 * 60;

impl Schedule {
    /// A schedule in the time zone of that IANA name, without any hours.
    ///
    /// # Errors
    /// What is wrong with the name, in a sentence.
    pub fn new(zone_name: &str) -> Result<Schedule, String> {
        Ok(Schedule { zone: zone(zone_name)?, hours: Default::default(), closed: Vec::new() })
    }

    /// The same with hours on one day of the week, of which 1 is Monday and 7 Sunday: `open(1, "09:00", "17:30")`. A day
    /// may have several.
    ///
    /// # Errors
    /// What is wrong with the day or an hour, in a sentence.
    pub fn open(mut self, day: u8, from: &str, to: &str) -> Result<Schedule, String> {
        let (start, end) = (minute_of_day(from)?, minute_of_day(to)?);
        if start >= end {
            return Err(format!("`{from}` is not before `{to}`"));
        }
        let weekday = i8::try_from(day).ok().and_then(|day| Weekday::from_monday_one_offset(day).ok());
        let weekday = weekday.ok_or_else(|| format!("a day of the week is 1 to 7, not {day}"))?;
        self.hours[weekday_index(weekday)].push((start, end));
        Ok(self)
    }

    /// The same without the hours of one day: `closed_on("2026-12-25")`.
    ///
    /// # Errors
    /// That it is not a date.
    pub fn closed_on(mut self, date: &str) -> Result<Schedule, String> {
        self.closed.push(date.parse().map_err(|_| format!("`{}` is not a date like `2026-12-25`", brief(date)))?);
        Ok(self)
    }

    /// Whether it is open at that moment.
    pub fn is_open(&self, moment: Timestamp) -> bool {
        let Ok(local) = zoned(moment, self.zone.clone()) else { return false };
        let minute = local.hour() as u16 * 60 + local.minute() as u16;
        let hours = &self.hours[weekday_index(local.weekday())];
        !self.closed.contains(&local.date()) && hours.iter().any(|(from, to)| (*from..*to).contains(&minute))
    }
}

impl Schedules {
    /// The hours where nothing else is configured: Monday to Friday from 9 to 17 o'clock in UTC.
    pub fn usual() -> &'static Schedules {
        static USUAL: LazyLock<Schedules> = LazyLock::new(|| {
            let mut default = Schedule { zone: TimeZone::UTC, hours: Default::default(), closed: Vec::new() };
            default.hours[..5].fill(vec![(9 * 60, 17 * 60)]);
            Schedules { default, by_id: BTreeMap::new() }
        });
        &USUAL
    }

    pub(super) fn get(&self, id: Option<&str>) -> Result<&Schedule, String> {
        let Some(id) = id else { return Ok(&self.default) };
        self.by_id.get(id).ok_or_else(|| {
            let suggestion = nearest(id, self.by_id.keys().map(String::as_str));
            let suggestion = suggestion.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
            format!("there are no business hours `{}`{suggestion}", brief(id))
        })
    }
}

fn weekday_index(day: Weekday) -> usize {
    day.to_monday_zero_offset() as usize
}

fn minute_of_day(text: &str) -> Result<u16, String> {
    let digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts = text.split_once(':').filter(|(hours, minutes)| digits(hours) && digits(minutes));
    let minute = parts.and_then(|(hours, minutes)| {
        let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
        (minutes < 60).then_some(hours * 60 + minutes)
    });
    let minute = minute.filter(|minute| *minute <= MINUTES_OF_DAY);
    minute.ok_or_else(|| format!("`{}` is not a time of day like `09:00`", brief(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn the_usual_hours_are_those_of_an_office_in_utc() {
        let open = |text: &str| Schedules::usual().default.is_open(at(text));
        assert!(open("2026-11-23T09:00:00Z") && open("2026-11-27T16:59:59Z"));
        assert!(!open("2026-11-23T08:59:59Z") && !open("2026-11-27T17:00:00Z") && !open("2026-11-28T12:00:00Z"));
        assert!(!Schedules::usual().default.is_open(Timestamp(i64::MAX)));
    }

    #[test]
    fn hours_follow_the_clock_of_the_place() {
        let berlin = Schedule::new("Europe/Berlin").unwrap().open(7, "08:30", "24:00").unwrap();
        let berlin = berlin.closed_on("2026-12-27").unwrap();
        assert!(berlin.is_open(at("2026-07-05T06:30:00Z")), "summer time");
        assert!(!berlin.is_open(at("2026-12-06T07:00:00Z")) && berlin.is_open(at("2026-12-06T07:30:00Z")));
        assert!(berlin.is_open(at("2026-12-06T22:59:59Z")) && !berlin.is_open(at("2026-12-06T23:00:00Z")));
        assert!(!berlin.is_open(at("2026-12-27T12:00:00Z")));
    }

    #[test]
    fn mistakes_are_told() {
        let schedule = || Schedule::new("UTC").unwrap();
        assert!(Schedule::new("Europe/Berlon").unwrap_err().contains("did you mean `Europe/Berlin`?"));
        for (from, to) in [("9:00", "17:00"), ("09:60", "17:00"), ("09:00", "24:01"), ("10:00", "10:00"), ("", "")] {
            assert!(schedule().open(1, from, to).is_err(), "{from} {to}");
        }
        assert!(schedule().open(0, "09:00", "17:00").is_err() && schedule().open(200, "09:00", "17:00").is_err());
        assert!(schedule().closed_on("25.12.").is_err());
        let by_id = BTreeMap::from([("support".to_owned(), schedule())]);
        let schedules = Schedules { default: schedule(), by_id };
        assert_eq!(
            schedules.get(Some("suport")).unwrap_err(),
            "there are no business hours `suport`; did you mean `support`?"
        );
    }
}
