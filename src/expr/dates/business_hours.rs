//! Business hours: Monday to Friday, 9:00 to 17:00 UTC.

use jiff::tz::TimeZone;

use super::Local;
use crate::base::time::Timestamp;

/// Whether `moment` is within business hours.
pub(in crate::expr) fn in_business_hours(moment: Timestamp) -> bool {
    let Ok(Local { civil, .. }) = Local::new(moment, TimeZone::UTC) else { return false };
    civil.weekday().to_monday_one_offset() <= 5 && (9..17).contains(&civil.hour())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn business_hours_are_weekdays_from_nine_to_five() {
        let open = |text: &str| in_business_hours(Timestamp::parse(text).unwrap());
        assert!(open("2026-11-23T09:00:00Z") && open("2026-11-27T16:59:59Z"));
        assert!(!open("2026-11-23T08:59:59Z") && !open("2026-11-27T17:00:00Z") && !open("2026-11-28T12:00:00Z"));
        assert!(!in_business_hours(Timestamp(i64::MAX)));
    }
}
