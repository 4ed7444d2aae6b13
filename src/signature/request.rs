//! A request before and after verification.

use std::borrow::Cow;

use bytes::Bytes;
use percent_encoding::percent_decode;

/// Looks up a header by its name, in lower case, and the position among the headers of that name, counted from 0.
pub type HeaderLookup<'a> = dyn Fn(&str, usize) -> Option<&'a [u8]> + 'a;

/// A request as received. Its body becomes accessible once it is a [`VerifiedRequest`].
pub struct UnverifiedRequest<'a> {
    /// In upper case.
    pub method: &'a str,
    /// The scheme and authority of the URL that the sender used, such as `https://hooks.example.com`.
    pub origin: &'a str,
    /// Path and query.
    pub path: &'a str,
    header: &'a HeaderLookup<'a>,
    body: Bytes,
}

/// A request that its hook's [`Gate`](super::Gate) has admitted.
#[derive(Debug)]
pub struct VerifiedRequest {
    body: Bytes,
    pub(super) proof: Proof,
}

/// What the signature of a request proves.
#[derive(Debug, Default)]
pub(super) struct Proof {
    /// The index of the key that verified the signature.
    pub key: Option<usize>,
    /// The sender's id of the request, if signed.
    pub id: Option<Vec<u8>>,
}

impl VerifiedRequest {
    pub(super) fn new(request: UnverifiedRequest<'_>, proof: Proof) -> VerifiedRequest {
        VerifiedRequest { body: request.body, proof }
    }

    /// The body as received.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The body as received, and the sender's id of the request, if signed.
    pub fn into_parts(self) -> (Bytes, Option<Vec<u8>>) {
        (self.body, self.proof.id)
    }
}

impl<'a> UnverifiedRequest<'a> {
    pub fn new(
        method: &'a str,
        (origin, path): (&'a str, &'a str),
        header: &'a HeaderLookup<'a>,
        body: Bytes,
    ) -> UnverifiedRequest<'a> {
        UnverifiedRequest { method, origin, path, header, body }
    }

    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }

    /// The first header with a name, in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&'a [u8]> {
        (self.header)(name, 0).map(<[u8]>::trim_ascii)
    }

    /// All headers with a name, in lower case.
    pub(super) fn headers(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        (0..).map_while(move |position| (self.header)(name, position)).map(<[u8]>::trim_ascii)
    }

    /// The key in `Authorization: Bearer <key>`.
    pub(super) fn bearer(&self) -> Option<&'a str> {
        let (scheme, key) = std::str::from_utf8(self.header("authorization")?).ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
    }

    /// The part of a URL after the question mark.
    pub(super) fn query(url: &str) -> &str {
        url.split_once('?').map_or("", |(_, query)| query)
    }

    /// The media type of the body, in lower case, without parameters.
    pub(super) fn media_type(&self) -> String {
        let (media_type, _) = self.content_type();
        media_type.trim().to_ascii_lowercase()
    }

    fn content_type(&self) -> (Cow<'a, str>, Cow<'a, str>) {
        let value = self.header("content-type").map_or(Cow::Borrowed(""), String::from_utf8_lossy);
        let (media_type, parameters) = value.split_once(';').unwrap_or((&value, ""));
        (media_type.to_owned().into(), parameters.to_owned().into())
    }

    /// The boundary of a multipart body.
    pub(super) fn boundary(&self) -> Option<String> {
        let (_, parameters) = self.content_type();
        let pairs = parameters.split(';').filter_map(|pair| pair.trim().split_once('='));
        let boundary =
            pairs.filter(|(name, _)| name.eq_ignore_ascii_case("boundary")).map(|(_, value)| value).next()?;
        Some(boundary.trim_matches('"').to_owned()).filter(|boundary| !boundary.is_empty())
    }
}

/// The names and values of an encoded form, as bytes, so that no text decoder makes two different forms equal.
pub(super) fn form_pairs(form: &[u8]) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
    form.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
        let end = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        (form_decoded(&pair[..end]), form_decoded(pair.get(end + 1..).unwrap_or_default()))
    })
}

fn form_decoded(text: &[u8]) -> Vec<u8> {
    let spaced: Vec<u8> = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    percent_decode(&spaced).collect()
}
