//! The signed text, as a template over the parts of a request.

use std::borrow::Cow;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::parts::SignatureParts;
use super::request::{UnverifiedRequest, form_pairs};
use super::verify::Rejection;

/// A part of a signed text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Literal(String),
    Id,
    Timestamp,
    Method,
    Url,
    /// The query as received, without the question mark.
    Query,
    Body,
    /// The query of a GET request, otherwise the body.
    BodyOrQuery,
    /// The fields of an encoded form, sorted. For any other body, the query must contain its digest as `bodySHA256`.
    SortedForm,
}

/// A template such as `v0:{timestamp}:{body}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template(pub Vec<Part>);

impl Template {
    pub const PLACEHOLDERS: [(&'static str, Part); 8] = [
        ("id", Part::Id),
        ("timestamp", Part::Timestamp),
        ("method", Part::Method),
        ("url", Part::Url),
        ("query", Part::Query),
        ("body", Part::Body),
        ("bodyOrQuery", Part::BodyOrQuery),
        ("sortedForm", Part::SortedForm),
    ];

    /// Parses a template.
    ///
    /// # Errors
    /// A sentence that names the invalid placeholder.
    pub fn parse(text: &str) -> Result<Template, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or("`{` without `}`")?;
            let found = Template::PLACEHOLDERS.into_iter().find(|(known, _)| *known == name);
            let (_, part) = found.ok_or_else(|| {
                let names: Vec<_> = Template::PLACEHOLDERS.iter().map(|(name, _)| format!("{{{name}}}")).collect();
                format!("unknown placeholder `{{{name}}}`; expected one of {}", names.join(", "))
            })?;
            parts.extend((!literal.is_empty()).then(|| Part::Literal(literal.to_owned())));
            parts.push(part);
            rest = after;
        }
        parts.extend((!rest.is_empty()).then(|| Part::Literal(rest.to_owned())));
        Ok(Template(parts))
    }

    pub fn has(&self, part: &Part) -> bool {
        self.0.contains(part)
    }

    /// The signed text of a request, for one spelling of its URL.
    pub fn fill<'v>(
        &'v self,
        received: &'v UnverifiedRequest<'_>,
        values: &'v SignatureParts<'_>,
        url: &'v str,
    ) -> Result<Vec<Cow<'v, [u8]>>, Rejection> {
        let query = UnverifiedRequest::query(url).as_bytes();
        self.0
            .iter()
            .map(|part| {
                Ok(match part {
                    Part::Literal(text) => text.as_bytes().into(),
                    Part::Id => values.id.as_deref().unwrap_or_default().into(),
                    Part::Timestamp => values.timestamp.as_deref().unwrap_or_default().into(),
                    Part::Method => received.method.as_bytes().into(),
                    Part::Url => url.as_bytes().into(),
                    Part::Query => query.into(),
                    Part::BodyOrQuery if received.method == "GET" => query.into(),
                    Part::Body | Part::BodyOrQuery => received.body().into(),
                    Part::SortedForm => sorted_form(received, query)?.into(),
                })
            })
            .collect()
    }
}

/// Concatenates names and values, sorted, without duplicates.
fn sorted_form(received: &UnverifiedRequest<'_>, query: &[u8]) -> Result<Vec<u8>, Rejection> {
    let body = received.body();
    if received.media_type() == "application/x-www-form-urlencoded" {
        let mut pairs: Vec<_> = form_pairs(body).collect();
        pairs.sort();
        pairs.dedup();
        return Ok(pairs.into_iter().flat_map(|(name, value)| [name, value]).flatten().collect());
    }
    let digest = form_pairs(query).find(|(name, _)| name == b"bodySHA256").map(|(_, digest)| digest);
    let matches = |digest: Vec<u8>| bool::from(hex::encode(Sha256::digest(body)).as_bytes().ct_eq(&digest));
    match digest {
        Some(digest) if matches(digest.to_ascii_lowercase()) => Ok(Vec::new()),
        None if body.is_empty() => Ok(Vec::new()),
        _ => Err(Rejection::BodyNotSigned),
    }
}
