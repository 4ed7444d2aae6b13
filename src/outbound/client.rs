//! The HTTP client.
//!
//! [`Client::call`] gets a token if the call needs one, sends the request, follows the permitted number of redirects,
//! and reads the response up to the limit. The address policy checks each hop before it is sent. One timeout covers all
//! of it.
//!
//! Limits: headers that frame the message (`Content-Length`, `Connection`, …) are set by the client and dropped from
//! the request, as browsers do.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Response, StatusCode, Url, redirect, retry};
use serde_json::{Map, Value};
use tokio::time::Instant;
use url::Host;

use super::auth::{Auth, Oauth2};
use super::fault::{failure, root_cause};
use super::hop::{Hop, refused};
use super::policy::OWN_ADDRESS;
use super::request::{ResponseFormat, body_value};
use super::resolver::PolicyResolver;
use super::tokens::{Token, Tokens};
use super::{AddressPolicy, EffectFailure, FailureKind, HttpRequest, HttpResponse};
use crate::base::id::Id;
use crate::secrets::sensitive::{self, MASK};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest timeout of a call, in milliseconds.
pub const TIMEOUT_MS_MAX: u64 = 60_000;
const RESPONSE_BYTES_MAX: usize = 1024 * 1024;
const USER_AGENT: &str = concat!("hookflow/", env!("CARGO_PKG_VERSION"));

/// Makes external calls; clones share connections and tokens.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    /// For calls to the port that hookflow listens on: its resolver skips the addresses that hookflow listens on.
    http_own_port: reqwest::Client,
    policy: Arc<AddressPolicy>,
    tokens: Arc<Tokens>,
}

/// The client cannot be set up, for example because the system has no root certificates.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client cannot be set up: {0}")]
pub struct ClientError(String);

/// When a call times out.
#[derive(Clone, Copy)]
struct Deadline {
    at: Instant,
    timeout_ms: u64,
}

impl Client {
    /// A client that calls what `policy` allows. Loads the system's root certificates.
    pub fn new(policy: AddressPolicy) -> Result<Client, ClientError> {
        // An error means that the process already has a provider, which is fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let policy = Arc::new(policy);
        let build = |own_port: bool| {
            reqwest::Client::builder()
                .user_agent(USER_AGENT)
                .connect_timeout(CONNECT_TIMEOUT)
                .redirect(redirect::Policy::none())
                .retry(retry::never())
                .no_proxy()
                .dns_resolver(PolicyResolver { policy: Arc::clone(&policy), own_port })
                .build()
                .map_err(|error| ClientError(root_cause(&error).to_string()))
        };
        let (http, http_own_port) = (build(false)?, build(true)?);
        Ok(Client { http, http_own_port, policy, tokens: Arc::default() })
    }

    /// Makes the call, once.
    pub(super) async fn call(&self, org: Id, request: &HttpRequest) -> Result<HttpResponse, EffectFailure> {
        let deadline = Deadline::after(request.timeout_ms.min(TIMEOUT_MS_MAX));
        let Some(grant) = request.auth.as_ref().and_then(Auth::oauth2) else {
            return self.exchange(request, None, deadline).await;
        };
        let token = self.token(org, grant, deadline).await?;
        let response = self.exchange(request, Some(&token), deadline).await?;
        if response.status_code != StatusCode::UNAUTHORIZED.as_u16() {
            return Ok(response);
        }
        self.tokens.forget(org, grant, &token).await;
        if !token.was_cached {
            return Ok(response);
        }
        let token = self.token(org, grant, deadline).await?;
        self.exchange(request, Some(&token), deadline).await
    }

    async fn token(&self, org: Id, grant: &Oauth2, deadline: Deadline) -> Result<Token, EffectFailure> {
        let send = async |request: HttpRequest| self.exchange(&request, None, deadline).await;
        let token = tokio::time::timeout_at(deadline.at, self.tokens.get(org, grant, send)).await;
        token.unwrap_or_else(|_| {
            Err(EffectFailure::new(FailureKind::Timeout, format!("no token within {} ms", deadline.timeout_ms)))
        })
    }

    /// Sends the request, follows redirects, and reads the response.
    async fn exchange(
        &self,
        request: &HttpRequest,
        token: Option<&Token>,
        deadline: Deadline,
    ) -> Result<HttpResponse, EffectFailure> {
        let mut hop = Hop::first(request)?;
        let mut redirects = Vec::new();
        loop {
            let response = self.send(&hop, token, deadline).await?;
            let next = match redirects.len() < usize::from(request.redirects) {
                true => hop.redirected(&response),
                false => None,
            };
            let Some(next) = next else { return read(response, &hop, request.reading, redirects, deadline).await };
            redirects.push(sensitive::redact_url(next.url.as_str()));
            hop = next;
        }
    }

    async fn send(&self, hop: &Hop<'_>, token: Option<&Token>, deadline: Deadline) -> Result<Response, EffectFailure> {
        self.check(&hop.url)?;
        let client = match self.policy.listens_on(hop.url.port_or_known_default()) {
            true => &self.http_own_port,
            false => &self.http,
        };
        let mut url = hop.url.clone();
        if let Some(auth) = hop.auth {
            auth.add_to_url(&mut url);
        }
        let mut call = client.request(hop.method.clone(), url).headers(hop.headers.clone());
        if let Some(auth) = hop.auth {
            call = auth.add_headers(call, token.map(|token| &token.secret));
        }
        if let Some(body) = hop.body {
            call = call.body(body.to_owned());
        }
        let call = call.timeout(deadline.at.saturating_duration_since(Instant::now()));
        call.send().await.map_err(|error| failure(error, &hop.origin(), deadline.timeout_ms))
    }

    /// Whether the URL may be called, as far as this is known before resolving a name.
    fn check(&self, url: &Url) -> Result<(), EffectFailure> {
        let ip: IpAddr = match url.host() {
            Some(Host::Ipv4(ip)) => ip.into(),
            Some(Host::Ipv6(ip)) => ip.into(),
            Some(Host::Domain(_)) => return Ok(()),
            None => return Err(refused("the URL has no host")),
        };
        let verdict = match self.policy.listens_on(url.port_or_known_default()) && self.policy.is_own(ip) {
            true => Err(OWN_ADDRESS),
            false => self.policy.check_ip(ip),
        };
        verdict.map_err(|rule| refused(format!("{ip} may not be called (rule: {rule})")))
    }
}

impl Deadline {
    fn after(timeout_ms: u64) -> Deadline {
        Deadline { at: Instant::now() + Duration::from_millis(timeout_ms), timeout_ms }
    }
}

async fn read(
    mut response: Response,
    hop: &Hop<'_>,
    reading: ResponseFormat,
    redirects: Vec<String>,
    deadline: Deadline,
) -> Result<HttpResponse, EffectFailure> {
    let origin = hop.origin();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failure(error, &origin, deadline.timeout_ms))? {
        if body.len() + chunk.len() > RESPONSE_BYTES_MAX {
            let message = format!("the response from {origin} is larger than {RESPONSE_BYTES_MAX} bytes");
            return Err(EffectFailure::new(FailureKind::TooLarge, message));
        }
        body.extend_from_slice(&chunk);
    }
    let headers = masked_headers(&response);
    let body = body_value(reading, headers.get("content-type").and_then(Value::as_str), &body);
    Ok(HttpResponse { status_code: response.status().as_u16(), headers, body, redirects })
}

fn masked_headers(response: &Response) -> Map<String, Value> {
    let mut headers = Map::new();
    for name in response.headers().keys() {
        let values = response.headers().get_all(name).iter();
        let values: Vec<_> = values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        let value = if sensitive::is_header(name.as_str()) { MASK.to_owned() } else { values.join(", ") };
        headers.insert(name.as_str().to_owned(), Value::String(value));
    }
    headers
}

#[cfg(test)]
mod tests;
