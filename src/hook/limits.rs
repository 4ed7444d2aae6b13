//! Rate and concurrency limits of a hook.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use serde_json::Value;

use crate::objects::{Fields, Problem};

/// The highest rate and the largest burst.
const REQUESTS_MAX: i64 = 1_000_000;
/// The highest limit on concurrent requests.
const CONCURRENT_MAX: i64 = 100_000;

/// The limits of a hook; unlimited if absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    pub rate: Option<Rate>,
    /// The most requests that are processed at the same time.
    pub concurrent: Option<NonZeroU32>,
}

/// Requests per period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub requests: NonZeroU32,
    pub period: Period,
    /// The most requests that may arrive at once after a pause.
    pub burst: NonZeroU32,
}

/// The period of a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    Second,
    Minute,
}

/// The text is not a rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a rate; expected `100/s` for 100 requests per second or `600/m` for 600 per minute")]
pub struct InvalidRate(String);

impl Limits {
    /// Reads `{"ratePerSecond": 10, "burst": 20, "concurrent": 5}`, or the same with `ratePerMinute`.
    ///
    /// # Errors
    /// All problems, with pointers into `value`.
    pub fn read(value: &Value) -> Result<Limits, Vec<Problem>> {
        let mut fields = Fields::new(value.clone());
        let mut number = |name, most| fields.integer(name, 1..=most).and_then(at_least_one);
        let per_second = number("ratePerSecond", REQUESTS_MAX);
        let per_minute = number("ratePerMinute", REQUESTS_MAX);
        let burst = number("burst", REQUESTS_MAX);
        let concurrent = number("concurrent", CONCURRENT_MAX);
        let (requests, period) = match (per_second, per_minute) {
            (Some(_), Some(_)) => {
                fields.problem("/ratePerMinute", "only one rate is allowed; remove this or `ratePerSecond`");
                (None, Period::Minute)
            }
            (Some(requests), None) => (Some(requests), Period::Second),
            (None, requests) => (requests, Period::Minute),
        };
        let is_sound = ["ratePerSecond", "ratePerMinute"].iter().all(|name| fields.is_valid(name));
        if burst.is_some() && requests.is_none() && is_sound {
            fields.problem("/burst", "a burst requires a rate; add `ratePerSecond` or `ratePerMinute`");
        }
        let rate = requests.map(|requests| Rate { requests, period, burst: burst.unwrap_or(requests) });
        fields.finish(Limits { rate, concurrent })
    }

    /// These limits, with `defaults` for absent ones.
    pub fn or(self, defaults: Limits) -> Limits {
        Limits { rate: self.rate.or(defaults.rate), concurrent: self.concurrent.or(defaults.concurrent) }
    }
}

fn at_least_one(number: i64) -> Option<NonZeroU32> {
    NonZeroU32::new(u32::try_from(number).ok()?)
}

impl FromStr for Rate {
    type Err = InvalidRate;

    fn from_str(text: &str) -> Result<Rate, InvalidRate> {
        let read = || {
            let (requests, period) = text.trim().split_once('/')?;
            let period = match period {
                "s" => Period::Second,
                "m" => Period::Minute,
                _ => return None,
            };
            let requests = requests.parse().ok().filter(|requests| (1..=REQUESTS_MAX).contains(requests))?;
            let requests = at_least_one(requests)?;
            Some(Rate { requests, period, burst: requests })
        };
        read().ok_or_else(|| InvalidRate(text.to_owned()))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let period = match self.period {
            Period::Second => "second",
            Period::Minute => "minute",
        };
        let plural = if self.requests.get() == 1 { "" } else { "s" };
        write!(formatter, "{} request{plural} per {period}", self.requests)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rate(requests: u32, period: Period, burst: u32) -> Option<Rate> {
        let number = |number| NonZeroU32::new(number).unwrap();
        Some(Rate { requests: number(requests), period, burst: number(burst) })
    }

    #[test]
    fn limits_are_parsed() {
        let read = |value: Value| Limits::read(&value).unwrap();
        assert_eq!(read(json!({})), Limits::default());
        assert_eq!(read(json!({ "ratePerSecond": 10 })).rate, rate(10, Period::Second, 10));
        assert_eq!(read(json!({ "ratePerMinute": 30, "burst": 5 })).rate, rate(30, Period::Minute, 5));
        assert_eq!(read(json!({ "concurrent": 2 })).concurrent, NonZeroU32::new(2));
    }

    #[test]
    fn all_problems_are_reported() {
        let problems = |value: Value| -> Vec<String> {
            Limits::read(&value).unwrap_err().into_iter().map(|problem| problem.pointer).collect()
        };
        assert_eq!(problems(json!([])), [""]);
        assert_eq!(problems(json!({ "ratePerSecond": 0, "concurrent": 1.5 })), ["/ratePerSecond", "/concurrent"]);
        assert_eq!(problems(json!({ "ratePerSecond": 1, "ratePerMinute": 1 })), ["/ratePerMinute"]);
        assert_eq!(problems(json!({ "burst": 1 })), ["/burst"]);
        assert_eq!(problems(json!({ "burst": 1, "ratePerSecond": "5" })), ["/ratePerSecond"]);
        assert_eq!(problems(json!({ "rate": 1 })), ["/rate"]);
    }

    #[test]
    fn rates_are_parsed_from_flags() {
        assert_eq!("100/s".parse().ok(), rate(100, Period::Second, 100));
        assert_eq!(" 600/m ".parse().ok(), rate(600, Period::Minute, 600));
        for text in ["", "100", "0/s", "-1/s", "1/h", "1.5/s", "1000001/s", "x/s"] {
            assert_eq!(text.parse::<Rate>(), Err(InvalidRate(text.into())));
        }
    }
}
