//! Operations on moments.

use std::borrow::Cow;

use jiff::tz::TimeZone;
use serde_json::Value;

use crate::base::time::Timestamp;
use crate::expr::dates::{self, UNITS, before, between, check_zone, format, zone, zoned};
use crate::expr::inputs::Inputs;
use crate::expr::operation::{Kind, Operation, Parameter, Shown, Trouble};

type Given<'a> = Result<Cow<'a, Value>, Trouble>;

/// Calendars and time zones take a while.
const COST: usize = 40;
const COST_A_BYTE: usize = 4;

const FORMAT: Parameter = Parameter::optional("format", Kind::Text);
const ZONE: Parameter = Parameter::optional("tz", Kind::Named("the name of a time zone", check_zone));

pub(super) const ROWS: &[Operation] = &[
    Operation::new(
        "date",
        &[
            Parameter::optional("unit", Kind::Choice(UNITS)),
            Parameter::optional("count", Kind::Number),
            Parameter::optional("from", Kind::Moment),
            FORMAT,
            ZONE,
        ],
        date,
    )
    .cost(COST)
    .aliases(&["now"]),
    Operation::new("dateFormat", &[Parameter::required("date", Kind::Moment), FORMAT, ZONE], date_format)
        .rest(1)
        .cost(COST)
        .aliases(&["formatDate"]),
    Operation::new(
        "dateDiff",
        &[
            Parameter::required("unit", Kind::Choice(UNITS)),
            Parameter::optional("from", Kind::Moment),
            Parameter::optional("to", Kind::Moment),
        ],
        date_diff,
    )
    .cost(COST),
    Operation::new("inBusinessHours", &[Parameter::optional("date", Kind::Moment)], in_business_hours)
        .shown(Shown::Test)
        .cost(COST)
        .aliases(&["isInBusinessHours"]),
];

/// The moment that is so many units ago, or ahead if there are less than none.
fn date<'a>(inputs: &mut Inputs<'a, '_>) -> Given<'a> {
    let (start, count) = (inputs.moment(2)?, inputs.whole_or(1, 0)?);
    let moment = before(&zoned(start, tz(inputs, 4)?)?, count, &inputs.text_or(0, "days")?)?;
    written(inputs, &moment, 3)
}

fn date_format<'a>(inputs: &mut Inputs<'a, '_>) -> Given<'a> {
    let moment = zoned(inputs.moment(0)?, tz(inputs, 2)?)?;
    written(inputs, &moment, 1)
}

fn date_diff<'a>(inputs: &mut Inputs<'a, '_>) -> Given<'a> {
    let moment = |moment: Timestamp| {
        let moment = jiff::Timestamp::from_microsecond(moment.0);
        moment.map_err(|_| Trouble::Nothing("the moment is too far away".to_owned()))
    };
    let (from, to) = (moment(inputs.moment(1)?)?, moment(inputs.moment(2)?)?);
    Ok(Cow::Owned(between(from, to, &inputs.text(0)?)?.into()))
}

fn in_business_hours<'a>(inputs: &mut Inputs<'a, '_>) -> Given<'a> {
    Ok(Cow::Owned(dates::in_business_hours(inputs.moment(0)?).into()))
}

fn tz(inputs: &Inputs, place: usize) -> Result<TimeZone, Trouble> {
    Ok(zone(&inputs.text_or(place, "UTC")?)?)
}

fn written<'a>(inputs: &Inputs<'a, '_>, moment: &jiff::Zoned, place: usize) -> Given<'a> {
    let pattern = inputs.get(place).map(|_| inputs.text(place)).transpose()?;
    inputs.meter.charge(COST_A_BYTE * pattern.as_ref().map_or(0, |pattern| pattern.len()))?;
    Ok(Cow::Owned(format(moment, pattern.as_deref())?.into()))
}
