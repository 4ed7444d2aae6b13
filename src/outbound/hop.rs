//! One request of a call that may be redirected.
//!
//! A redirect to another origin takes no credentials along: not those of the call, not headers that carry some, and none
//! that the answer put into the new URL. Once dropped they stay dropped, also if a later redirect leads back.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Method, Response, StatusCode, Url};

use super::auth::Auth;
use super::{Failure, FailureKind, HttpRequest};
use crate::secrets::sensitive;

/// Headers that say where a message ends and what the connection is for: wrong ones would break the connection.
const FRAMING_HEADERS: [&str; 7] =
    ["connection", "content-length", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"];
/// How large the headers of a request may be together, in bytes.
const HEADERS_BYTES_MAX: usize = 64 * 1024;
/// How long a URL may be, in bytes.
const URL_BYTES_MAX: usize = 16 * 1024;

/// A request on its way.
pub(super) struct Hop<'a> {
    pub(super) url: Url,
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<&'a str>,
    pub(super) auth: Option<&'a Auth>,
}

impl<'a> Hop<'a> {
    /// What the call begins with.
    pub(super) fn first(request: &'a HttpRequest) -> Result<Hop<'a>, Failure> {
        Ok(Hop {
            url: parse(&request.uri)?,
            method: method(&request.method)?,
            headers: header_map(&request.headers)?,
            body: request.body.as_deref(),
            auth: request.auth.as_ref(),
        })
    }

    /// The origin of the URL, which is all of it that messages name: paths and queries often carry secrets too.
    pub(super) fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// Where the answer leads to; none if it is not a redirect that can be followed.
    pub(super) fn redirected(&self, response: &Response) -> Option<Hop<'a>> {
        let location = response.headers().get(LOCATION)?.to_str().ok()?;
        let mut url = self.url.join(location).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
        // Fails only for URLs without a host, which these two schemes do not have.
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

fn parse(uri: &str) -> Result<Url, Failure> {
    if uri.len() > URL_BYTES_MAX {
        return Err(refused(format!("the URL is longer than {URL_BYTES_MAX} bytes, which is the limit")));
    }
    let url = Url::parse(uri).map_err(|error| refused(format!("the URL is not valid: {error}")))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        _ => Err(refused("only http and https URLs can be called")),
    }
}

fn method(text: &str) -> Result<Method, Failure> {
    match Method::from_bytes(text.to_ascii_uppercase().as_bytes()) {
        // What follows CONNECT is a tunnel, not an answer.
        Ok(Method::CONNECT) | Err(_) => Err(refused(format!("{text:?} is not a method that can be called"))),
        Ok(method) => Ok(method),
    }
}

fn header_map(headers: &[(String, String)]) -> Result<HeaderMap, Failure> {
    if headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > HEADERS_BYTES_MAX {
        return Err(refused(format!("the headers are larger than {HEADERS_BYTES_MAX} bytes, which is the limit")));
    }
    let mut map = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let Ok(header) = HeaderName::from_bytes(name.as_bytes()) else {
            return Err(refused(format!("{name:?} is not a valid header name")));
        };
        let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) else {
            return Err(refused(format!("the value of header {name:?} has characters that headers cannot carry")));
        };
        if !FRAMING_HEADERS.contains(&header.as_str()) {
            map.append(header, value);
        }
    }
    Ok(map)
}

pub(super) fn refused(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Refused, message)
}
