//! A moment as a calendar and a clock show it in a time zone.
//!
//! jiff's own type for this ends about a day before the calendar does; hookflow's does not, because 9999-12-31 is a
//! usual way to write "without end". In that last day the offset of a time zone is that of the day before.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Span, Zoned};

use crate::base::time::Timestamp;

#[derive(Clone, Debug)]
pub(in crate::expr) struct Local {
    pub moment: Timestamp,
    pub civil: DateTime,
    /// The seconds that local time is ahead of UTC.
    pub offset_s: i32,
    pub zone: TimeZone,
}

impl Local {
    /// # Errors
    /// The local time is not in the calendar.
    pub fn new(moment: Timestamp, zone: TimeZone) -> Result<Local, String> {
        let offset_s = zone.to_offset(in_range(moment)).seconds();
        let civil = moment.to_civil(i64::from(offset_s)).ok_or("the date is out of range")?;
        Ok(Local { moment, civil, offset_s, zone })
    }

    /// The moment when clocks in `zone` show `civil`. If they skip it, it is the moment that they would have shown it;
    /// if they show it twice, it is the first time.
    pub fn from_civil(civil: DateTime, zone: TimeZone) -> Result<Local, String> {
        let moment = match civil.to_zoned(zone.clone()) {
            Ok(zoned) => Some(of(&zoned)),
            Err(_) => Timestamp::from_civil(civil, i64::from(zone.to_offset(jiff::Timestamp::MAX).seconds())),
        };
        Local::new(moment.ok_or("the date is out of range")?, zone)
    }

    /// The moment that lies `span` before this one.
    pub fn minus(&self, span: Span) -> Option<Local> {
        let zoned =
            jiff::Timestamp::from_microsecond(self.moment.0).ok().map(|moment| moment.to_zoned(self.zone.clone()));
        let earlier = match zoned.and_then(|zoned| zoned.checked_sub(span).ok()) {
            Some(earlier) => of(&earlier),
            None => Timestamp::from_civil(self.civil.checked_sub(span).ok()?, i64::from(self.offset_s))?,
        };
        Local::new(earlier, self.zone.clone()).ok()
    }

    /// The abbreviation of the time zone: `CET`.
    pub fn abbreviation(&self) -> String {
        self.zone.to_offset_info(in_range(self.moment)).abbreviation().to_owned()
    }
}

fn of(zoned: &Zoned) -> Timestamp {
    Timestamp(zoned.timestamp().as_microsecond())
}

/// The moment itself, or the nearest one that jiff knows.
fn in_range(moment: Timestamp) -> jiff::Timestamp {
    let nearest = if moment.0 < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
    jiff::Timestamp::from_microsecond(moment.0).unwrap_or(nearest)
}
