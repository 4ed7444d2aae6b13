//! Operations on dates.

use std::borrow::Cow;

use jiff::tz::TimeZone;
use serde_json::Value;

use crate::expr::dates::{self, Local, UNITS, before, between, check_zone, format, zone};
use crate::expr::inputs::Inputs;
use crate::expr::operation::{Operation, OperationError, Output, Parameter, ValueType};

type OperationResult<'a> = Result<Cow<'a, Value>, OperationError>;

/// Calendar and time zone computations are expensive.
const COST: usize = 40;
const COST_PER_BYTE: usize = 4;

const FORMAT: Parameter = Parameter::optional("format", ValueType::Text);
const ZONE: Parameter = Parameter::optional("tz", ValueType::Named("a time zone name", check_zone));

pub(super) const ROWS: &[Operation] = &[
    Operation::new(
        "date",
        &[
            Parameter::optional("unit", ValueType::Choice(UNITS)),
            Parameter::optional("count", ValueType::Number),
            Parameter::optional("from", ValueType::Moment),
            FORMAT,
            ZONE,
        ],
        date,
    )
    .cost(COST)
    .aliases(&["now"]),
    Operation::new("dateFormat", &[Parameter::required("date", ValueType::Moment), FORMAT, ZONE], date_format)
        .rest(1)
        .cost(COST)
        .aliases(&["formatDate"]),
    Operation::new(
        "parseDate",
        &[Parameter::required("text", ValueType::Text), Parameter::required("format", ValueType::Text), ZONE],
        parse_date,
    )
    .cost(COST)
    .aliases(&["dateParse"]),
    Operation::new(
        "dateDiff",
        &[
            Parameter::required("unit", ValueType::Choice(UNITS)),
            Parameter::optional("from", ValueType::Moment),
            Parameter::optional("to", ValueType::Moment),
        ],
        date_diff,
    )
    .cost(COST),
    Operation::new("inBusinessHours", &[Parameter::optional("date", ValueType::Moment)], in_business_hours)
        .output(Output::Boolean)
        .cost(COST)
        .aliases(&["isInBusinessHours"]),
];

/// The moment `count` units ago, or in the future if `count` is negative.
fn date<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    let (start, count) = (inputs.moment(2)?, inputs.whole_or(1, 0)?);
    let moment = before(&Local::new(start, tz(inputs, 4)?)?, count, &inputs.text_or(0, "days")?)?;
    formatted(inputs, &moment, 3)
}

fn date_format<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    let moment = Local::new(inputs.moment(0)?, tz(inputs, 2)?)?;
    formatted(inputs, &moment, 1)
}

/// The moment that a text says in a given format, in the form of JSON.
fn parse_date<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    let (text, format) = (inputs.text(0)?, inputs.text(1)?);
    inputs.meter.charge(COST_PER_BYTE * format.len())?;
    let moment = dates::parse(&text, &format, tz(inputs, 2)?)?;
    Ok(Cow::Owned(moment.to_string().into()))
}

fn date_diff<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    Ok(Cow::Owned(between(inputs.moment(1)?, inputs.moment(2)?, &inputs.text(0)?)?.into()))
}

fn in_business_hours<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    Ok(Cow::Owned(dates::in_business_hours(inputs.moment(0)?).into()))
}

fn tz(inputs: &Inputs, index: usize) -> Result<TimeZone, OperationError> {
    Ok(zone(&inputs.text_or(index, "UTC")?)?)
}

fn formatted<'a>(inputs: &Inputs<'a, '_>, moment: &Local, index: usize) -> OperationResult<'a> {
    let pattern = inputs.get(index).map(|_| inputs.text(index)).transpose()?;
    inputs.meter.charge(COST_PER_BYTE * pattern.as_ref().map_or(0, |pattern| pattern.len()))?;
    Ok(Cow::Owned(format(moment, pattern.as_deref())?.into()))
}
