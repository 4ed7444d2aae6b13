//! The HTTP client.
//!
//! [`Client::perform`] is a line of steps, each of which may end the call with a failure: check the target, build
//! the request, send it, read the answer up to the limit. Failures are told apart by the types of their causes, not
//! by their texts. What is said about them names the origin of the URL only, because paths and queries often carry
//! secrets too.
//!
//! Limits: headers that frame the message (`Content-Length`, `Connection`, …) are the client's own and left out of
//! the request, as browsers do. A redirect is an answer like any other.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Response, Url, redirect, retry};
use serde_json::{Map, Value};
use url::Host;

use super::request::body_value;
use super::resolver::{AddressRefused, PolicyResolver};
use super::{AddressPolicy, FailureKind, HttpAnswer, HttpFailure, HttpOutcome, HttpRequest};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest time that a call may take, in milliseconds.
pub const TIMEOUT_MS_MAX: u64 = 60_000;
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
const USER_AGENT: &str = concat!("hookflow/", env!("CARGO_PKG_VERSION"));

/// Headers that say where a message ends and what the connection is for: wrong ones would break the connection.
const FRAMING_HEADERS: [&str; 7] =
    ["connection", "content-length", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"];

/// Makes external calls; clones share connections.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    policy: Arc<AddressPolicy>,
}

/// The client cannot be set up, for instance because the system has no root certificates.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client cannot be set up: {0}")]
pub struct ClientError(String);

impl Client {
    /// A client that calls what `policy` permits. Loads the system's root certificates.
    pub fn new(policy: AddressPolicy) -> Result<Client, ClientError> {
        // An error means that the process has a provider already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let policy = Arc::new(policy);
        let http = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .no_proxy()
            .dns_resolver(PolicyResolver(Arc::clone(&policy)))
            .build()
            .map_err(|error| ClientError(root_cause(&error).to_string()))?;
        Ok(Client { http, policy })
    }

    /// Makes the call, once, and says how it ended.
    pub async fn perform(&self, request: &HttpRequest) -> HttpOutcome {
        match self.attempt(request).await {
            Ok(answer) => HttpOutcome::Answer(answer),
            Err(failure) => HttpOutcome::Failure(failure),
        }
    }

    async fn attempt(&self, request: &HttpRequest) -> Result<HttpAnswer, HttpFailure> {
        let url = self.target(&request.uri)?;
        let origin = url.origin().ascii_serialization();
        let timeout_ms = request.timeout_ms.min(TIMEOUT_MS_MAX);
        let mut call = self
            .http
            .request(method(&request.method)?, url)
            .headers(header_map(&request.headers)?)
            .timeout(Duration::from_millis(timeout_ms));
        if let Some(body) = &request.body {
            call = call.body(body.clone());
        }
        let failed = |error| failure(error, &origin, timeout_ms);
        let mut response = call.send().await.map_err(failed)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                let message = format!("the answer of {origin} is larger than {ANSWER_BYTES_MAX} bytes");
                return Err(HttpFailure::new(FailureKind::TooLarge, message));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(answer(&response, &body))
    }

    /// The URL, if it may be called as far as can be told without resolving a name.
    fn target(&self, uri: &str) -> Result<Url, HttpFailure> {
        let url = Url::parse(uri).map_err(|error| refused(format!("the URL is not valid: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refused("only http and https URLs can be called"));
        }
        let ip = match url.host() {
            Some(Host::Ipv4(ip)) => ip.into(),
            Some(Host::Ipv6(ip)) => ip.into(),
            Some(Host::Domain(_)) => return Ok(url),
            None => return Err(refused("the URL has no host")),
        };
        match self.policy.check_ip(ip) {
            Ok(()) => Ok(url),
            Err(rule) => Err(refused(format!("{ip} may not be called (rule: {rule})"))),
        }
    }
}

fn method(text: &str) -> Result<Method, HttpFailure> {
    match Method::from_bytes(text.to_ascii_uppercase().as_bytes()) {
        // What follows CONNECT is a tunnel, not an answer.
        Ok(Method::CONNECT) | Err(_) => Err(refused(format!("{text:?} is not a method that can be called"))),
        Ok(method) => Ok(method),
    }
}

fn header_map(headers: &[(String, String)]) -> Result<HeaderMap, HttpFailure> {
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

fn answer(response: &Response, body: &[u8]) -> HttpAnswer {
    let mut headers = Map::new();
    for name in response.headers().keys() {
        let values = response.headers().get_all(name).iter();
        let values: Vec<_> = values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        headers.insert(name.as_str().to_owned(), Value::String(values.join(", ")));
    }
    let body = body_value(headers.get("content-type").and_then(Value::as_str), body);
    HttpAnswer { status_code: response.status().as_u16(), headers, body }
}

fn refused(message: impl Into<String>) -> HttpFailure {
    HttpFailure::new(FailureKind::Refused, message)
}

/// Says what the library's error means. Its own text is not used, because it contains the URL.
fn failure(error: reqwest::Error, origin: &str, timeout_ms: u64) -> HttpFailure {
    if let Some(refusal) = causes(&error).find_map(|cause| cause.downcast_ref::<AddressRefused>()) {
        return refused(refusal.to_string());
    }
    let cause = root_cause(&error);
    let (kind, message) = if error.is_builder() {
        (FailureKind::Refused, format!("{origin} cannot be called: {cause}"))
    } else if error.is_timeout() && error.is_connect() {
        (FailureKind::Timeout, format!("no connection to {origin} in time"))
    } else if error.is_timeout() {
        (FailureKind::Timeout, format!("no complete answer of {origin} within {timeout_ms} ms"))
    } else if error.is_dns() {
        (FailureKind::Resolve, format!("the host of {origin} cannot be resolved: {cause}"))
    } else if error.is_connect() {
        (FailureKind::Connect, format!("no connection to {origin}: {cause}"))
    } else {
        (FailureKind::Interrupted, format!("the exchange with {origin} was cut short: {cause}"))
    };
    HttpFailure::new(kind, message)
}

/// The error and what caused it, outermost first.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

fn root_cause<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    causes(error).last().unwrap_or(error)
}

#[cfg(test)]
mod tests;
