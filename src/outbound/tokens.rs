//! OAuth 2.0 tokens, asked for once and kept until shortly before they end.
//!
//! A token belongs to an org and to all that decides about it: where it was asked for, by whom, with what secret, for what
//! scope and audience. Whoever needs one while another call is asking for it waits for that one. Tokens are in memory only;
//! each process asks for its own.
//!
//! Limits: [`TOKENS_MAX`] tokens are kept. One that does not say how long it is good for is kept for [`LIFETIME_DEFAULT`].

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use super::auth::{Auth, ClientAuth, Oauth2, Secret};
use super::request::Reading;
use super::{Failure, FailureKind, HttpAnswer, HttpRequest};
use crate::base::id::Id;

const TOKENS_MAX: usize = 1_000;
const LIFETIME_DEFAULT: Duration = Duration::from_secs(300);
const LIFETIME_MAX: Duration = Duration::from_secs(24 * 3_600);
/// How long before its end a token is not used any more, or a tenth of its lifetime if that is less.
const MARGIN: Duration = Duration::from_secs(30);

/// A token that may be used.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) secret: Secret,
    /// Whether it was there already, so that it may have been withdrawn since.
    pub(super) was_kept: bool,
}

/// All tokens of this process.
#[derive(Default)]
pub(super) struct Tokens {
    kept: std::sync::Mutex<HashMap<Key, TokenCell>>,
}

type Key = [u8; 32];
/// Locked by whoever asks for the token.
type TokenCell = Arc<Mutex<Option<CachedToken>>>;

struct CachedToken {
    secret: Secret,
    until: Instant,
}

impl Tokens {
    /// The token of `grant`: the one that is kept, or else the one that `ask` brings.
    pub(super) async fn get<F>(&self, org: Id, grant: &Oauth2, ask: F) -> Result<Token, Failure>
    where
        F: AsyncFnOnce(HttpRequest) -> Result<HttpAnswer, Failure>,
    {
        let place = self.place(key(org, grant));
        let mut place = place.lock().await;
        if let Some(kept) = place.as_ref().filter(|kept| kept.until > Instant::now()) {
            return Ok(Token { secret: kept.secret.clone(), was_kept: true });
        }
        *place = None;
        let asked_at = Instant::now();
        let (secret, lifetime) = read(&ask(request(grant)).await?, grant)?;
        *place = Some(CachedToken { secret: secret.clone(), until: asked_at + lifetime - MARGIN.min(lifetime / 10) });
        Ok(Token { secret, was_kept: false })
    }

    /// Drops a token that was not accepted, unless there is another one by now.
    pub(super) async fn forget(&self, org: Id, grant: &Oauth2, refused: &Token) {
        let place = self.place(key(org, grant));
        let mut place = place.lock().await;
        if place.as_ref().is_some_and(|kept| kept.secret == refused.secret) {
            *place = None;
        }
    }

    fn place(&self, key: Key) -> TokenCell {
        let mut kept = self.kept.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if kept.len() >= TOKENS_MAX && !kept.contains_key(&key) {
            // Whoever is asking for one holds its place, and keeps it.
            kept.retain(|_, place| Arc::strong_count(place) > 1);
        }
        kept.entry(key).or_default().clone()
    }
}

/// All that decides about a token, as one number. The secret is part of it, so that knowing the rest is not enough.
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

/// The call that asks for a token.
fn request(grant: &Oauth2) -> HttpRequest {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials");
    let optional = [("scope", &grant.scope), ("audience", &grant.audience)];
    for (name, value) in optional.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
        form.append_pair(name, value);
    }
    let auth = match grant.client_auth {
        ClientAuth::Basic => Some(Auth::Basic {
            username: encoded(&grant.client_id),
            password: Secret::new(encoded(grant.client_secret.reveal())),
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
        reading: Reading::Json,
    }
}

/// RFC 6749, section 2.3.1: both are encoded as in a form before they are joined.
fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn read(answer: &HttpAnswer, grant: &Oauth2) -> Result<(Secret, Duration), Failure> {
    let origin =
        url::Url::parse(&grant.token_url).map_or_else(|_| String::new(), |url| url.origin().ascii_serialization());
    let none = |reason: String| Failure {
        kind: FailureKind::Token,
        message: format!("no token from {origin}: {reason}"),
        retryable: super::asks_for_retry(answer.status_code),
        status_code: None,
    };
    if answer.status_code != 200 {
        // Only what looks like one of the codes of RFC 6749: some servers send back what they were sent.
        let is_code =
            |code: &&str| code.len() <= 40 && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        let error = answer.body.get("error").and_then(Value::as_str).filter(is_code);
        let error = error.map(|code| format!(" with `{code}`")).unwrap_or_default();
        return Err(none(format!("it answered {}{error}", answer.status_code)));
    }
    let token = answer.body.get("access_token").and_then(Value::as_str).filter(|token| !token.is_empty());
    let token = token.ok_or_else(|| none("its answer has no `access_token`".into()))?;
    let seconds = answer.body.get("expires_in").and_then(|value| match value {
        // Some servers write the number as text.
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    });
    let lifetime = seconds.map_or(LIFETIME_DEFAULT, Duration::from_secs).min(LIFETIME_MAX);
    Ok((Secret::new(token), lifetime))
}
