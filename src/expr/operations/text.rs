//! Operations on strings.

use std::borrow::Cow;

use serde_json::Value;

use super::markdown;
use crate::expr::inputs::Inputs;
use crate::expr::operation::{Operation, OperationError, Output, Parameter, ValueType};

type OperationResult<'a> = Result<Cow<'a, Value>, OperationError>;

/// Parsing Markdown is expensive if a text consists mostly of markup.
const MARKDOWN_BYTES_PER_UNIT: usize = 4;

const TEXT: Parameter = Parameter::required("text", ValueType::Text);

pub(super) const ROWS: &[Operation] = &[
    Operation::new("toLower", &[TEXT], to_lower).aliases(&["toLowerCase", "lowercase", "lower"]),
    Operation::new("toUpper", &[TEXT], to_upper).aliases(&["toUpperCase", "uppercase", "upper"]),
    Operation::new("capitalize", &[TEXT], capitalize),
    Operation::new("trim", &[TEXT], trim),
    Operation::new("concat", &[Parameter::nullable("part", ValueType::Any)], concat).variadic().aliases(&["append"]),
    Operation::new(
        "replace",
        &[TEXT, Parameter::required("search", ValueType::Text), Parameter::required("replacement", ValueType::Text)],
        replace,
    ),
    Operation::new("split", &[TEXT, Parameter::optional("separator", ValueType::Text)], split).rest(1),
    Operation::new(
        "substring",
        &[TEXT, Parameter::required("from", ValueType::Number), Parameter::optional("to", ValueType::Number)],
        substring,
    )
    .aliases(&["slice"]),
    Operation::new("escape", &[TEXT], escape).output(Output::Raw).aliases(&["escapeHTML", "escapeHtml"]),
    Operation::new("escapeRegExp", &[TEXT], escape_reg_exp).aliases(&["escapeRegexp", "escapeRegex"]),
    Operation::new("markdown", &[TEXT], markdown_to_html).output(Output::Raw).aliases(&[
        "markdownToHTML",
        "markdownToHtml",
        "markdownToHtmlString",
    ]),
    Operation::new("removeMarkdown", &[TEXT], remove_markdown).aliases(&["stripMarkdown", "markdownToText"]),
];

fn to_lower<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    Ok(Cow::Owned(inputs.text(0)?.to_lowercase().into()))
}

fn to_upper<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    Ok(Cow::Owned(inputs.text(0)?.to_uppercase().into()))
}

/// Converts the first letter to upper case.
fn capitalize<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    let text = inputs.text(0)?;
    let mut characters = text.chars();
    let first: String = characters.next().into_iter().flat_map(char::to_uppercase).collect();
    Ok(Cow::Owned((first + characters.as_str()).into()))
}

fn trim<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    Ok(Cow::Owned(inputs.text(0)?.trim().into()))
}

/// Joins the parts as templates render them.
fn concat<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    let mut writer = inputs.writer();
    for index in 0..inputs.count() {
        writer.push_shown(inputs.value(index))?;
    }
    Ok(writer.finish())
}

fn replace<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    let (text, search, replacement) = (inputs.text(0)?, inputs.text(1)?, inputs.text(2)?);
    let (mut writer, mut rest) = (inputs.writer(), 0);
    // An empty search string would match everywhere.
    for (start, found) in text.match_indices(&*search).filter(|(_, found)| !found.is_empty()) {
        writer.push(&text[rest..start])?;
        writer.push(&replacement)?;
        rest = start + found.len();
    }
    writer.push(&text[rest..])?;
    Ok(writer.finish())
}

fn split<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    let (text, separator) = (inputs.text(0)?, inputs.text_or(1, ",")?);
    let mut parts = Vec::new();
    let mut add = |part: &str| {
        parts.push(Value::from(part));
        inputs.meter.charge(1)
    };
    if separator.is_empty() {
        text.char_indices().try_for_each(|(start, character)| add(&text[start..start + character.len_utf8()]))?;
    } else {
        text.split(&*separator).try_for_each(&mut add)?;
    }
    Ok(Cow::Owned(Value::Array(parts)))
}

/// Characters are numbered from 0; a negative number counts from the end.
fn substring<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    let text = inputs.text(0)?;
    let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    let index = |count: i64| if count < 0 { count.saturating_add(length).max(0) } else { count.min(length) } as usize;
    let (from, to) = (index(inputs.whole_or(1, 0)?), index(inputs.whole_or(2, length)?));
    let part: String = text.chars().take(to).skip(from).collect();
    Ok(Cow::Owned(part.into()))
}

fn escape<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    Ok(Cow::Owned(handlebars::html_escape(&inputs.text(0)?).into()))
}

fn escape_reg_exp<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    const SPECIAL: [char; 15] = ['\\', '^', '$', '.', '*', '+', '?', '(', ')', '[', ']', '{', '}', '|', '-'];
    let text = inputs.text(0)?;
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if SPECIAL.contains(&character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    Ok(Cow::Owned(escaped.into()))
}

fn markdown_to_html<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    let (text, mut writer) = (inputs.text(0)?, inputs.writer());
    inputs.meter.charge(text.len() / MARKDOWN_BYTES_PER_UNIT)?;
    markdown::write_html(&text, &mut writer)?;
    Ok(writer.finish())
}

fn remove_markdown<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    let text = inputs.text(0)?;
    inputs.meter.charge(text.len() / MARKDOWN_BYTES_PER_UNIT)?;
    Ok(Cow::Owned(markdown::plain_text(&text)?.into()))
}
