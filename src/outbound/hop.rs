//! One request of a call that may be redirected.
//!
//! A redirect to another origin drops all credentials: those of the call, those in headers, and any that the response
//! put into the new URL. Once dropped they stay dropped, even if a later redirect leads back.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Method, Response, StatusCode, Url};

use super::auth::Auth;
use super::{EffectFailure, FailureKind, HttpRequest};
use crate::secrets::sensitive;

/// Headers that frame the message or control the connection: wrong values would break it.
const FRAMING_HEADERS: [&str; 7] =
    ["connection", "content-length", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"];
/// The largest total size of a request's headers, in bytes.
const HEADERS_BYTES_MAX: usize = 64 * 1024;
/// The longest URL, in bytes.
const URL_BYTES_MAX: usize = 16 * 1024;

/// One request to send.
pub(super) struct Hop<'a> {
    pub(super) url: Url,
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<&'a str>,
    pub(super) auth: Option<&'a Auth>,
}

impl<'a> Hop<'a> {
    /// The first request of the call.
    pub(super) fn first(request: &'a HttpRequest) -> Result<Hop<'a>, EffectFailure> {
        Ok(Hop {
            url: parse(&request.uri)?,
            method: method(&request.method)?,
            headers: header_map(&request.headers)?,
            body: request.body.as_deref(),
            auth: request.auth.as_ref(),
        })
    }

    /// The origin of the URL; messages show no more of it, since paths and queries often carry secrets.
    pub(super) fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// The request that the response redirects to; `None` if it is not a redirect that can be followed.
    pub(super) fn redirected(&self, response: &Response) -> Option<Hop<'a>> {
        let location = response.headers().get(LOCATION)?.to_str().ok()?;
        let mut url = self.url.join(location).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
        // Fails only for URLs without a host; http and https URLs always have one.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        let status = response.status();
        let as_get = match status {
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => self.method == Method::POST,
            StatusCode::SEE_OTHER => self.method != Method::HEAD,
            StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => false,
            _ => return None,
        };
        let same_origin = url.origin() == self.url.origin();
        let keep = |name: &HeaderName| {
            (same_origin || !sensitive::is_header(name.as_str()))
                && !(as_get && name.as_str().starts_with("content-"))
                && name != reqwest::header::HOST
        };
        let mut kept = HeaderMap::new();
        for (name, value) in self.headers.iter().filter(|(name, _)| keep(name)) {
            kept.append(name.clone(), value.clone());
        }
        Some(Hop {
            url,
            method: if as_get { Method::GET } else { self.method.clone() },
            headers: kept,
            body: self.body.filter(|_| !as_get),
            auth: self.auth.filter(|_| same_origin),
        })
    }
}

/// A part of a request that can be wrong before anything is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestPart {
    Url,
    Method,
    Headers,
}

impl HttpRequest {
    /// Whether the request can be sent at all, wherever it goes.
    ///
    /// # Errors
    /// The part that is wrong, and why.
    pub fn check(&self) -> Result<(), (RequestPart, String)> {
        let at = |part: RequestPart| move |failure: EffectFailure| (part, failure.message);
        parse(&self.uri).map_err(at(RequestPart::Url))?;
        method(&self.method).map_err(at(RequestPart::Method))?;
        header_map(&self.headers).map(drop).map_err(at(RequestPart::Headers))
    }
}

fn parse(uri: &str) -> Result<Url, EffectFailure> {
    if uri.len() > URL_BYTES_MAX {
        return Err(refused(format!("the URL is longer than {URL_BYTES_MAX} bytes, which is the limit")));
    }
    let url = Url::parse(uri).map_err(|error| refused(format!("the URL is not valid: {error}")))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        _ => Err(refused("the URL must begin with http: or https:")),
    }
}

fn method(text: &str) -> Result<Method, EffectFailure> {
    match Method::from_bytes(text.to_ascii_uppercase().as_bytes()) {
        // CONNECT opens a tunnel instead of returning a response.
        Ok(Method::CONNECT) | Err(_) => Err(refused(format!("the method {text:?} is not supported"))),
        Ok(method) => Ok(method),
    }
}

fn header_map(headers: &[(String, String)]) -> Result<HeaderMap, EffectFailure> {
    if headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > HEADERS_BYTES_MAX {
        return Err(refused(format!("the headers are larger than {HEADERS_BYTES_MAX} bytes, which is the limit")));
    }
    let mut map = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let Ok(header) = HeaderName::from_bytes(name.as_bytes()) else {
            return Err(refused(format!("{name:?} is not a valid header name")));
        };
        let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) else {
            return Err(refused(format!(
                "the value of header {name:?} has characters that are not allowed in headers"
            )));
        };
        if !FRAMING_HEADERS.contains(&header.as_str()) {
            map.append(header, value);
        }
    }
    Ok(map)
}

pub(super) fn refused(message: impl Into<String>) -> EffectFailure {
    EffectFailure::new(FailureKind::Refused, message)
}
