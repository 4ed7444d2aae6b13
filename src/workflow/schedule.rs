//! Schedules: `{"cron": "0 9 * * 1-5", "timeZone": "Europe/Paris"}` or `{"every": "15m"}`.
//!
//! A schedule is a pure rule: given any moment, it computes the next due time. Cron patterns are parsed by croner and
//! evaluated in a time zone. When clocks go forward, a skipped fixed time becomes due right after the gap; when they go
//! back, a fixed time is due once, the first time, and one with `*` or steps in its hour or minute each time. Intervals
//! are counted from 1970-01-01T00:00:00Z, so no start time needs to be stored.
//!
//! Limits: intervals of 1 second to 366 days; patterns of 5 or 6 fields, the first of 6 being seconds.

use std::fmt;
use std::time::Duration;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use serde_json::Value;

use super::findings::{Finding, Findings, JsonNode};
use crate::base::time::Timestamp;

/// The longest interval.
const EVERY_MAX: Duration = Duration::from_secs(366 * 86_400);
/// How late a run may start with `catchUp: none` before the due time counts as missed.
const GRACE: Duration = Duration::from_secs(60);
/// The most missed due times that are counted.
pub const MISSED_MAX: u64 = 1_000;
/// A pattern must match some time after this moment, the start of a leap year; otherwise it never does.
const REFERENCE: Timestamp = Timestamp(1_704_067_200_000_000);

/// When a workflow runs on its own.
#[derive(Clone, Debug)]
pub struct Schedule {
    timing: Timing,
    pub catch_up: CatchUp,
}

#[derive(Clone, Debug)]
enum Timing {
    Cron { pattern: Box<Cron>, zone: TimeZone },
    Every(Duration),
}

/// What happens after an outage, for due times that passed meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CatchUp {
    /// Nothing; the schedule continues with the next due time.
    None,
    /// One run, for the last of the missed due times.
    One,
}

/// What to do about a due time that has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The due time to start a run for, if any.
    pub at: Option<Timestamp>,
    /// How many due times passed without a run, at most [`MISSED_MAX`].
    pub missed: u64,
    /// The next due time; `None` at the end of the calendar.
    pub next: Option<Timestamp>,
}

impl Schedule {
    /// Reads `trigger.schedule`; `None`, with findings, if it is invalid.
    pub(super) fn read(node: &JsonNode<'_>, findings: &mut Findings) -> Option<Schedule> {
        if !findings.object(node) {
            return None;
        }
        findings.keys(node, &["cron", "timeZone", "every", "catchUp"], &["_id"]);
        let catch_up = read_catch_up(node, findings);
        let timing = match (node.get("cron"), node.get("every")) {
            (Some(cron), None) => read_cron(&cron, node, findings),
            (None, Some(every)) => read_every(&every, node, findings),
            _ => {
                let help = r#"for example `{"cron": "0 9 * * 1-5", "timeZone": "Europe/Paris"}` or `{"every": "15m"}`"#;
                findings.add(Finding::error(&node.pointer, "a schedule needs either `cron` or `every`").help(help));
                None
            }
        };
        Some(Schedule { timing: timing?, catch_up: catch_up? })
    }

    /// The schedule in a workflow's document, if it has a valid one.
    pub fn of(document: &Value) -> Option<Schedule> {
        let node = JsonNode::root(document).get("trigger")?.get("schedule")?;
        Schedule::read(&node, &mut Findings::new(false))
    }

    /// The first due time after `moment`.
    pub fn next_after(&self, moment: Timestamp) -> Option<Timestamp> {
        match &self.timing {
            Timing::Every(every) => {
                let every = i64::try_from(every.as_micros()).ok()?;
                Some(Timestamp(moment.0.div_euclid(every).checked_add(1)?.checked_mul(every)?))
            }
            Timing::Cron { pattern, zone } => {
                let start = jiff::Timestamp::from_microsecond(moment.0).ok()?.to_zoned(zone.clone());
                let next = pattern.find_next_occurrence(&start, false).ok()?.timestamp();
                Some(Timestamp(next.as_microsecond())).filter(|next| *next > moment)
            }
        }
    }

    /// The next due times after `moment`, at most `count`.
    pub fn upcoming(&self, moment: Timestamp, count: usize) -> Vec<Timestamp> {
        std::iter::successors(self.next_after(moment), |last| self.next_after(*last)).take(count).collect()
    }

    /// Decides what to do now about `due`, a due time that has come, and any later ones that have come since.
    pub fn meet(&self, due: Timestamp, now: Timestamp) -> Due {
        let (mut last, mut missed) = (due, 0);
        let mut next = self.next_after(last);
        while let Some(following) = next.filter(|next| *next <= now && missed < MISSED_MAX) {
            (last, missed) = (following, missed + 1);
            next = self.next_after(last);
        }
        // Beyond the maximum, missed due times are skipped without being counted.
        if next.is_some_and(|next| next <= now) {
            next = self.next_after(now);
        }
        let is_met = self.catch_up == CatchUp::One || now.since(last) <= GRACE;
        match is_met {
            true => Due { at: Some(last), missed, next },
            false => Due { at: None, missed: missed + 1, next },
        }
    }
}

/// A canonical form: equal schedules have equal texts, however they are written.
impl fmt::Display for Schedule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.timing {
            Timing::Every(every) => write!(formatter, "every {} s", every.as_secs()),
            Timing::Cron { pattern, zone } => {
                write!(formatter, "{} in {}", pattern.as_str(), zone.iana_name().unwrap_or("UTC"))
            }
        }
    }
}

fn read_catch_up(node: &JsonNode<'_>, findings: &mut Findings) -> Option<CatchUp> {
    let Some(member) = node.get("catchUp") else { return Some(CatchUp::One) };
    match findings.as_text(&member)? {
        "none" => Some(CatchUp::None),
        "one" => Some(CatchUp::One),
        other => {
            findings.error(member.pointer, findings.unknown("catch-up mode", other, ["none", "one"]));
            None
        }
    }
}

fn read_cron(member: &JsonNode<'_>, node: &JsonNode<'_>, findings: &mut Findings) -> Option<Timing> {
    let zone = read_zone(node, findings);
    let text = findings.as_text(member)?;
    let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
    let pattern = match parser.parse(text) {
        Ok(pattern) => pattern,
        Err(error) => {
            let message = format!("not a cron pattern: {}", error.to_string().trim_end_matches('.'));
            let help = "minute, hour, day of month, month, day of week: `0 9 * * 1-5` is 9:00 from Monday to Friday";
            findings.add(Finding::error(&member.pointer, message).help(help));
            return None;
        }
    };
    let timing = Timing::Cron { pattern: Box::new(pattern), zone: zone? };
    let schedule = Schedule { timing, catch_up: CatchUp::One };
    if schedule.next_after(REFERENCE).is_none() {
        findings.error(&member.pointer, "this pattern never matches: no such date exists");
    }
    Some(schedule.timing)
}

fn read_zone(node: &JsonNode<'_>, findings: &mut Findings) -> Option<TimeZone> {
    let Some(member) = node.get("timeZone") else { return Some(TimeZone::UTC) };
    let name = findings.as_text(&member)?;
    match TimeZone::get(name) {
        Ok(zone) => Some(zone),
        Err(_) => {
            let names: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
            let message = findings.unknown("time zone", name, names.iter().map(String::as_str));
            findings.add(
                Finding::error(member.pointer, message)
                    .help("use an IANA name such as `Europe/Paris`; the default is UTC"),
            );
            None
        }
    }
}

fn read_every(member: &JsonNode<'_>, node: &JsonNode<'_>, findings: &mut Findings) -> Option<Timing> {
    if let Some(zone) = node.get("timeZone") {
        let message = "`timeZone` applies to `cron` only";
        findings.error(zone.pointer, message);
    }
    let every = interval(findings.as_text(member)?);
    let every = every.filter(|every| (Duration::from_secs(1)..=EVERY_MAX).contains(every));
    if every.is_none() {
        let help = "write a number and `s`, `m`, `h`, `d` or `w`, such as `15m`";
        findings.add(Finding::error(&member.pointer, "expected an interval from 1 second to 366 days").help(help));
    }
    every.map(Timing::Every)
}

/// Parses an interval: `15m` is fifteen minutes.
fn interval(text: &str) -> Option<Duration> {
    let digits = text.find(|character: char| !character.is_ascii_digit())?;
    let number: u64 = text[..digits].parse().ok()?;
    let unit = match text[digits..].trim() {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => return None,
    };
    Some(Duration::from_secs(number.checked_mul(unit)?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schedule(value: Value) -> Schedule {
        let mut findings = Findings::new(true);
        let read = Schedule::read(&JsonNode::root(&value), &mut findings);
        assert!(!findings.has_errors(), "{findings:?}");
        read.unwrap()
    }

    fn moment(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn upcoming(value: Value, from: &str, count: usize) -> Vec<String> {
        let short = |moment: Timestamp| moment.to_string().replace(":00.000Z", "");
        schedule(value).upcoming(moment(from), count).into_iter().map(short).collect()
    }

    #[test]
    fn patterns_are_evaluated_in_their_time_zone() {
        let weekdays = json!({ "cron": "0 9 * * 1-5", "timeZone": "Europe/Paris" });
        // A Friday in winter, and the Monday after it.
        assert_eq!(upcoming(weekdays.clone(), "2026-01-09T07:00:00Z", 2), ["2026-01-09T08:00", "2026-01-12T08:00"]);
        assert_eq!(upcoming(weekdays, "2026-07-10T06:59:59Z", 1), ["2026-07-10T07:00"]);
        assert_eq!(upcoming(json!({ "cron": "30 4 1 * *" }), "2026-01-01T04:30:00Z", 1), ["2026-02-01T04:30"]);
        assert_eq!(upcoming(json!({ "cron": "@daily" }), "2026-01-01T04:30:00Z", 1), ["2026-01-02T00:00"]);
    }

    #[test]
    fn a_time_that_clocks_skip_or_repeat_is_due_once() {
        let night = |pattern: &str| json!({ "cron": pattern, "timeZone": "Europe/Paris" });
        // On 2026-03-29 the clock jumps from two to three o'clock, at 01:00 in UTC.
        let spring = upcoming(night("30 2 * * *"), "2026-03-28T12:00:00Z", 2);
        assert_eq!(spring, ["2026-03-29T01:00", "2026-03-30T00:30"]);
        // On 2026-10-25 the hour from two to three occurs twice: from 00:00 and from 01:00 in UTC.
        let autumn = upcoming(night("30 2 * * *"), "2026-10-24T12:00:00Z", 2);
        assert_eq!(autumn, ["2026-10-25T00:30", "2026-10-26T01:30"]);
        let hourly = upcoming(night("30 * * * *"), "2026-10-24T23:45:00Z", 3);
        assert_eq!(hourly, ["2026-10-25T00:30", "2026-10-25T01:30", "2026-10-25T02:30"]);
    }

    #[test]
    fn intervals_are_counted_from_1970() {
        assert_eq!(
            upcoming(json!({ "every": "15m" }), "2026-01-01T10:07:00Z", 2),
            ["2026-01-01T10:15", "2026-01-01T10:30"]
        );
        assert_eq!(upcoming(json!({ "every": "1d" }), "2026-01-01T00:00:00Z", 1), ["2026-01-02T00:00"]);
        assert_eq!(schedule(json!({ "every": "2h" })).to_string(), schedule(json!({ "every": "120m" })).to_string());
    }

    #[test]
    fn after_an_outage_there_is_one_run_or_none() {
        let (due, restart) = (moment("2026-01-01T10:00:00Z"), moment("2026-01-01T11:05:00Z"));
        let next = Some(moment("2026-01-01T11:15:00Z"));
        let one = schedule(json!({ "every": "15m" })).meet(due, restart);
        assert_eq!(one, Due { at: Some(moment("2026-01-01T11:00:00Z")), missed: 4, next });
        let none = schedule(json!({ "every": "15m", "catchUp": "none" }));
        assert_eq!(none.meet(due, restart), Due { at: None, missed: 5, next });
        // Even without an outage, a due time is noticed slightly late.
        let late = moment("2026-01-01T10:00:01Z");
        assert_eq!(none.meet(due, late), Due { at: Some(due), missed: 0, next: none.next_after(due) });
        let years = schedule(json!({ "every": "1s" })).meet(moment("2020-01-01"), restart);
        assert_eq!((years.missed, years.next), (MISSED_MAX, Some(moment("2026-01-01T11:05:01Z"))));
    }

    #[test]
    fn invalid_schedules_are_reported() {
        for (value, pointer, message) in [
            (json!({}), "", "a schedule needs either `cron` or `every`"),
            (json!({ "cron": "0 9 * * *", "every": "1h" }), "", "a schedule needs either `cron` or `every`"),
            (json!({ "cron": "61 * * * *" }), "/cron", "not a cron pattern"),
            (json!({ "cron": "0 0 31 2 *" }), "/cron", "this pattern never matches"),
            (json!({ "cron": "0 0 0 1 1 * 2031" }), "/cron", "not a cron pattern"),
            (
                json!({ "cron": "0 9 * * *", "timeZone": "Europe/Pairs" }),
                "/timeZone",
                "unknown time zone `Europe/Pairs`; did you mean `Europe/Paris`?",
            ),
            (json!({ "every": "15" }), "/every", "expected an interval"),
            (json!({ "every": "0m" }), "/every", "expected an interval"),
            (json!({ "every": "99999999999999999999s" }), "/every", "expected an interval"),
            (json!({ "every": "1h", "timeZone": "UTC" }), "/timeZone", "`timeZone` applies to `cron` only"),
            (json!({ "every": "1h", "catchUp": "all" }), "/catchUp", "unknown catch-up mode `all`"),
            (json!({ "every": "1h", "catchup": "one" }), "/catchup", "unknown key `catchup`; did you mean `catchUp`?"),
        ] {
            let mut findings = Findings::new(true);
            Schedule::read(&JsonNode::root(&value), &mut findings);
            let found = findings.into_diagnostics("", None);
            assert_eq!(found.len(), 1, "{value}: {found:?}");
            assert_eq!(found[0].pointer, pointer, "{value}");
            assert!(found[0].message.starts_with(message), "{value}: {}", found[0].message);
        }
    }
}
