//! OAuth 2.0 tokens, requested once and cached until shortly before they expire.
//!
//! A token is cached by org and by everything else that determines it: token URL, client, secret, scope and audience.
//! Calls that need a token while it is being requested wait for that request. Tokens are in memory only; each process
//! requests its own.
//!
//! Limits: [`TOKENS_MAX`] cached tokens. A token without an expiry time is cached for [`LIFETIME_DEFAULT`].

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use super::auth::{Auth, ClientAuth, Oauth2, Secret};
use super::request::ResponseFormat;
use super::{EffectFailure, FailureKind, HttpRequest, HttpResponse};
use crate::base::id::Id;

const TOKENS_MAX: usize = 1_000;
const LIFETIME_DEFAULT: Duration = Duration::from_secs(300);
const LIFETIME_MAX: Duration = Duration::from_secs(24 * 3_600);
/// How long before it expires a token is no longer used; a tenth of its lifetime if that is less.
const MARGIN: Duration = Duration::from_secs(30);

/// A usable token.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) secret: Secret,
    /// Whether it came from the cache, so that it may have been revoked since.
    pub(super) was_cached: bool,
}

/// All tokens of this process.
#[derive(Default)]
pub(super) struct Tokens {
    cells: std::sync::Mutex<HashMap<Key, TokenCell>>,
}

type Key = [u8; 32];
/// Locked while the token is being requested.
type TokenCell = Arc<Mutex<Option<CachedToken>>>;

struct CachedToken {
    secret: Secret,
    expires_at: Instant,
}

impl Tokens {
    /// The token for `grant`: from the cache, or else requested with `send`.
    pub(super) async fn get<F>(&self, org: Id, grant: &Oauth2, send: F) -> Result<Token, EffectFailure>
    where
        F: AsyncFnOnce(HttpRequest) -> Result<HttpResponse, EffectFailure>,
    {
        let cell = self.cell(key(org, grant));
        let mut cell = cell.lock().await;
        if let Some(cached) = cell.as_ref().filter(|cached| cached.expires_at > Instant::now()) {
            return Ok(Token { secret: cached.secret.clone(), was_cached: true });
        }
        *cell = None;
        let requested_at = Instant::now();
        let (secret, lifetime) = read(&send(request(grant)).await?, grant)?;
        *cell = Some(CachedToken {
            secret: secret.clone(),
            expires_at: requested_at + lifetime - MARGIN.min(lifetime / 10),
        });
        Ok(Token { secret, was_cached: false })
    }

    /// Drops a token that was rejected, unless it has been replaced meanwhile.
    pub(super) async fn forget(&self, org: Id, grant: &Oauth2, rejected: &Token) {
        let cell = self.cell(key(org, grant));
        let mut cell = cell.lock().await;
        if cell.as_ref().is_some_and(|cached| cached.secret == rejected.secret) {
            *cell = None;
        }
    }

    fn cell(&self, key: Key) -> TokenCell {
        let mut cells = self.cells.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if cells.len() >= TOKENS_MAX && !cells.contains_key(&key) {
            // A token that is being requested has another reference to its cell, and keeps it.
            cells.retain(|_, cell| Arc::strong_count(cell) > 1);
        }
        cells.entry(key).or_default().clone()
    }
}

/// A digest of everything that determines a token, including the secret, so that knowing the rest is not enough.
fn key(org: Id, grant: &Oauth2) -> Key {
    let mut digest = Sha256::new();
    let parts: [&str; 7] = [
        &org.to_string(),
        &grant.token_url,
        &grant.client_id,
        grant.client_secret.reveal(),
        grant.scope.as_deref().unwrap_or_default(),
        grant.audience.as_deref().unwrap_or_default(),
        if grant.client_auth == ClientAuth::Basic { "basic" } else { "body" },
    ];
    for part in parts {
        digest.update(part.len().to_le_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

/// The request for a token.
fn request(grant: &Oauth2) -> HttpRequest {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials");
    let optional = [("scope", &grant.scope), ("audience", &grant.audience)];
    for (name, value) in optional.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
        form.append_pair(name, value);
    }
    let auth = match grant.client_auth {
        ClientAuth::Basic => Some(Auth::Basic {
            username: form_encode(&grant.client_id),
            password: Secret::new(form_encode(grant.client_secret.reveal())),
        }),
        ClientAuth::Body => {
            form.append_pair("client_id", &grant.client_id);
            form.append_pair("client_secret", grant.client_secret.reveal());
            None
        }
    };
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    HttpRequest {
        method: "POST".into(),
        uri: grant.token_url.clone(),
        headers: vec![
            header("accept", "application/json"),
            header("content-type", "application/x-www-form-urlencoded"),
        ],
        body: Some(form.finish()),
        timeout_ms: super::TIMEOUT_MS_MAX,
        auth,
        redirects: 0,
        reading: ResponseFormat::Json,
    }
}

/// RFC 6749, section 2.3.1: id and secret are form-encoded before they are joined.
fn form_encode(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn read(response: &HttpResponse, grant: &Oauth2) -> Result<(Secret, Duration), EffectFailure> {
    let origin =
        url::Url::parse(&grant.token_url).map_or_else(|_| String::new(), |url| url.origin().ascii_serialization());
    let failure = |reason: String| EffectFailure {
        kind: FailureKind::Token,
        message: format!("no token from {origin}: {reason}"),
        retryable: super::is_retryable_status(response.status_code),
        status_code: None,
    };
    if response.status_code != 200 {
        // Only texts that look like an error code of RFC 6749: some servers echo the request.
        let is_code =
            |code: &&str| code.len() <= 40 && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        let error = response.body.get("error").and_then(Value::as_str).filter(is_code);
        let error = error.map(|code| format!(" with `{code}`")).unwrap_or_default();
        return Err(failure(format!("it answered {}{error}", response.status_code)));
    }
    let token = response.body.get("access_token").and_then(Value::as_str).filter(|token| !token.is_empty());
    let token = token.ok_or_else(|| failure("the response has no `access_token`".into()))?;
    let seconds = response.body.get("expires_in").and_then(|value| match value {
        // Some servers send the number as a string.
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    });
    let lifetime = seconds.map_or(LIFETIME_DEFAULT, Duration::from_secs).min(LIFETIME_MAX);
    Ok((Secret::new(token), lifetime))
}
