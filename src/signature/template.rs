//! The signed text, as a template over the parts of a request.

use std::borrow::Cow;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::encoding::Encoding;
use super::parts::SignatureParts;
use super::request::{UnverifiedRequest, form_pairs};
use super::verify::Rejection;

/// The most signed headers of a request.
const HEADERS_MAX: usize = 50;

/// A part of a signed text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Literal(String),
    Id,
    Timestamp,
    Method,
    Url,
    /// The path of the URL, without the query.
    Path,
    PathAndQuery,
    /// The query as received, without the question mark.
    Query,
    Body,
    /// The query of a GET request, otherwise the body.
    BodyOrQuery,
    /// The fields of an encoded form, sorted. For any other body, the query must contain its digest as `bodySHA256`.
    SortedForm,
    /// The SHA-256 of the body, in hex or base64.
    Sha256(Encoding),
    /// The CRC-32 of the body, as a decimal number.
    Crc32,
    /// A header, which must be present.
    Header(String),
    /// The headers that the request lists as signed, in this layout.
    SignedHeaders(Layout),
}

/// How signed headers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// `name:value`, separated by semicolons.
    Pairs,
    /// The list as received and the values, separated by dots.
    ListAndValues,
}

/// A template such as `v0:{timestamp}:{body}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template(pub Vec<Part>);

impl Template {
    /// The placeholders of custom schemes, beside `{header:…}`.
    pub const PLACEHOLDERS: [(&'static str, Part); 13] = [
        ("id", Part::Id),
        ("timestamp", Part::Timestamp),
        ("method", Part::Method),
        ("url", Part::Url),
        ("path", Part::Path),
        ("pathAndQuery", Part::PathAndQuery),
        ("query", Part::Query),
        ("body", Part::Body),
        ("bodyOrQuery", Part::BodyOrQuery),
        ("sortedForm", Part::SortedForm),
        ("sha256", Part::Sha256(Encoding::Hex)),
        ("sha256:base64", Part::Sha256(Encoding::Base64)),
        ("crc32", Part::Crc32),
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
            parts.extend((!literal.is_empty()).then(|| Part::Literal(literal.to_owned())));
            parts.push(Template::placeholder(name)?);
            rest = after;
        }
        parts.extend((!rest.is_empty()).then(|| Part::Literal(rest.to_owned())));
        Ok(Template(parts))
    }

    fn placeholder(name: &str) -> Result<Part, String> {
        if let Some(header) = name.strip_prefix("header:").filter(|header| is_header_name(header)) {
            return Ok(Part::Header(header.to_ascii_lowercase()));
        }
        let found = Template::PLACEHOLDERS.into_iter().find(|(known, _)| *known == name);
        found.map(|(_, part)| part).ok_or_else(|| {
            let names: Vec<_> = Template::PLACEHOLDERS.iter().map(|(name, _)| format!("{{{name}}}")).collect();
            format!("unknown placeholder `{{{name}}}`; expected one of {}, {{header:NAME}}", names.join(", "))
        })
    }

    pub fn has(&self, part: &Part) -> bool {
        self.0.contains(part)
    }

    /// Whether the text contains the query of a GET request.
    pub fn has_query(&self) -> bool {
        [Part::Url, Part::PathAndQuery, Part::Query, Part::BodyOrQuery].iter().any(|part| self.has(part))
    }

    /// Whether the text depends on the URL of the hook.
    pub fn has_url(&self) -> bool {
        [Part::Url, Part::Path, Part::PathAndQuery].iter().any(|part| self.has(part))
    }

    /// The signed text of a request, for one spelling of its URL.
    pub fn fill<'v>(
        &'v self,
        received: &'v UnverifiedRequest<'_>,
        values: &'v SignatureParts<'_>,
        url: &'v str,
    ) -> Result<Vec<Cow<'v, [u8]>>, Rejection> {
        let query = UnverifiedRequest::query(url).as_bytes();
        let path_and_query = path_and_query(url);
        self.0
            .iter()
            .map(|part| {
                Ok(match part {
                    Part::Literal(text) => text.as_bytes().into(),
                    Part::Id => values.id.as_deref().unwrap_or_default().into(),
                    Part::Timestamp => values.timestamp.as_deref().unwrap_or_default().into(),
                    Part::Method => received.method.as_bytes().into(),
                    Part::Url => url.as_bytes().into(),
                    Part::Path => path_and_query.split('?').next().unwrap_or_default().as_bytes().into(),
                    Part::PathAndQuery => path_and_query.as_bytes().into(),
                    Part::Query => query.into(),
                    Part::BodyOrQuery if received.method == "GET" => query.into(),
                    Part::Body | Part::BodyOrQuery => received.body().into(),
                    Part::SortedForm => sorted_form(received, query)?.into(),
                    Part::Sha256(encoding) => encoding.write(&Sha256::digest(received.body())).into_bytes().into(),
                    Part::Crc32 => crc32fast::hash(received.body()).to_string().into_bytes().into(),
                    Part::Header(name) => {
                        received.header(name).ok_or_else(|| Rejection::HeaderMissing(name.clone()))?.into()
                    }
                    Part::SignedHeaders(layout) => {
                        signed_headers(received, *layout, values.signed_headers.unwrap_or_default())?.into()
                    }
                })
            })
            .collect()
    }
}

pub(super) fn is_header_name(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !text.is_empty() && text.bytes().all(is_allowed)
}

/// The path and query of a URL.
fn path_and_query(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or("", |start| &rest[start..])
}

/// The listed headers, all of which must be present.
fn signed_headers(received: &UnverifiedRequest<'_>, layout: Layout, list: &[u8]) -> Result<Vec<u8>, Rejection> {
    let names = list.split(|byte| matches!(byte, b',' | b' ')).filter(|name| !name.is_empty());
    let names: Vec<String> =
        names.take(HEADERS_MAX + 1).map(|name| String::from_utf8_lossy(name).to_ascii_lowercase()).collect();
    if names.len() > HEADERS_MAX {
        return Err(Rejection::TooManySignedHeaders);
    }
    let values = names.iter().map(|name| {
        let value = received.header(name).ok_or_else(|| Rejection::HeaderMissing(name.clone()))?;
        Ok(match layout {
            Layout::Pairs => [name.as_bytes(), b":", value].concat(),
            Layout::ListAndValues => value.to_vec(),
        })
    });
    let values = values.collect::<Result<Vec<_>, Rejection>>()?;
    Ok(match layout {
        Layout::Pairs => values.join(&b';'),
        Layout::ListAndValues => [list.to_vec(), values.join(&b'.')].join(&b'.'),
    })
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
