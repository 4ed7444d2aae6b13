//! JSON Web Tokens (RFC 7519) as signatures.
//!
//! The scheme fixes the algorithms before a token is looked at, and an algorithm only ever works with a key of its own
//! kind, so a token can choose neither `none` nor a public key as a shared secret. Claims are parsed once the signature
//! is verified.
//!
//! A token without a digest of the body proves who sends, not what: a person who sees it can send another body until it
//! expires.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::algorithm::Algorithm;
use super::encoding::Encoding;
use super::key::{Key, Material};
use super::public_key::PublicKey;
use super::query_hash::query_hash;
use super::request::{UnverifiedRequest, form_pairs};
use super::tolerance::Tolerance;
use super::verify::Rejection;
use crate::base::time::Timestamp;

/// How far the clocks of a sender and of this server may differ, for the start of a token's validity.
pub(super) const LEEWAY_S: i64 = 60;

/// The algorithms by their names in tokens.
pub(super) const ALGORITHMS: [(&str, Algorithm); 9] = [
    ("HS256", Algorithm::HmacSha256),
    ("HS384", Algorithm::HmacSha384),
    ("HS512", Algorithm::HmacSha512),
    ("RS256", Algorithm::RsaSha256),
    ("RS384", Algorithm::RsaSha384),
    ("RS512", Algorithm::RsaSha512),
    ("ES256", Algorithm::EcdsaP256Fixed),
    ("ES384", Algorithm::EcdsaP384Fixed),
    ("EdDSA", Algorithm::Ed25519),
];

/// Where a request carries a token, and what must be in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Jwt {
    /// The first place with a token counts.
    pub places: Vec<TokenPlace>,
    /// The names of the accepted algorithms.
    pub algorithms: Vec<&'static str>,
    pub claims: Vec<(String, Expected)>,
    pub needs_expiry: bool,
    /// The claim with the digest of the body.
    pub body: Option<BodyClaim>,
    /// Whether the claim `qsh` contains a digest of the method, path and query, as Atlassian defines it.
    pub query_hash: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TokenPlace {
    /// A header, in lower case, and what comes before the token.
    Header(String, String),
    /// A parameter of the query.
    Query(String),
}

/// The expected value of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    /// One of these values; if the claim is a list, one of its entries.
    OneOf(Vec<Value>),
    /// The URL of the hook.
    Url,
    /// The URL of the hook, if the claim is present.
    UrlIfPresent,
}

/// The claim with the SHA-256 of the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BodyClaim {
    pub claim: String,
    pub encoding: Encoding,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

/// A token before its signature is verified.
struct Token<'t> {
    header: Header,
    /// Header and claims as received.
    signed: &'t str,
    claims: &'t str,
    signature: Vec<u8>,
}

impl<'t> Token<'t> {
    fn parse(text: &'t str) -> Result<Token<'t>, Rejection> {
        let read = || {
            let (signed, signature) = text.rsplit_once('.')?;
            let (header, claims) = signed.split_once('.').filter(|(_, claims)| !claims.contains('.'))?;
            let header: Header = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
            let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
            header.crit.is_none().then_some(Token { header, signed, claims, signature })
        };
        read().ok_or(Rejection::TokenMalformed)
    }
}

impl Jwt {
    /// The parameters of the query that may contain a token.
    pub fn query_names(&self) -> impl Iterator<Item = &str> {
        self.places.iter().filter_map(|place| match place {
            TokenPlace::Query(name) => Some(name.as_str()),
            TokenPlace::Header(..) => None,
        })
    }

    /// Whether a claim contains the URL of the hook, or a digest of it.
    pub fn has_url(&self) -> bool {
        self.query_hash || self.claims.iter().any(|(_, expected)| !matches!(expected, Expected::OneOf(_)))
    }

    fn accepts(&self, start: &str) -> bool {
        self.algorithms.iter().any(|name| name.starts_with(start))
    }

    /// Parses a secret: a public key or certificate, if the algorithms use one, otherwise a shared secret.
    pub fn key(&self, secret: &str) -> Option<Key> {
        let key = |material| Some(Key { material, rule: 0, id: None });
        let has_public = self.algorithms.iter().any(|name| !name.starts_with("HS"));
        let public = PublicKey::parse(secret, Encoding::Base64).filter(|_| has_public);
        match public {
            Some(public) => key(Material::Public(public)),
            // A public key that can't be used must not become a shared secret, which everyone would know.
            None if secret.contains("-----BEGIN") && has_public => None,
            None => self.accepts("HS").then(|| key(Material::Secret(secret.as_bytes().to_vec())))?,
        }
    }

    /// The expected form of a secret, for error messages.
    pub fn expected_secret(&self) -> String {
        match self.accepts("HS") {
            true => "text, or a public key or certificate as PEM".to_owned(),
            false => "a public key or certificate as PEM, or a JSON Web Key".to_owned(),
        }
    }

    fn token<'r>(&self, received: &'r UnverifiedRequest<'_>) -> Result<Cow<'r, str>, Rejection> {
        let found = self.places.iter().find_map(|place| match place {
            TokenPlace::Header(name, prefix) => {
                let value = std::str::from_utf8(received.header(name)?).ok()?;
                let (start, token) = value.split_at_checked(prefix.len())?;
                start.eq_ignore_ascii_case(prefix).then_some(Cow::Borrowed(token.trim()))
            }
            TokenPlace::Query(name) => {
                let mut pairs = form_pairs(UnverifiedRequest::query(received.path).as_bytes());
                let (_, value) = pairs.find(|(found, _)| found == name.as_bytes())?;
                String::from_utf8(value).ok().map(Cow::Owned)
            }
        });
        found.filter(|token| !token.is_empty()).ok_or_else(|| match self.places.first() {
            Some(TokenPlace::Query(name)) => Rejection::SecretMissing(format!("query parameter `{name}`")),
            Some(TokenPlace::Header(name, _)) => Rejection::HeaderMissing(name.clone()),
            None => Rejection::TokenMalformed,
        })
    }

    /// The id of the key that the token is signed with, if it names one.
    pub fn key_id(&self, received: &UnverifiedRequest<'_>) -> Result<Option<String>, Rejection> {
        let token = self.token(received)?;
        let token = Token::parse(&token)?;
        self.algorithm(&token)?;
        Ok(token.header.kid)
    }

    fn algorithm(&self, token: &Token<'_>) -> Result<Algorithm, Rejection> {
        let allowed = self.algorithms.iter().find(|name| **name == token.header.alg);
        let found = allowed.and_then(|allowed| ALGORITHMS.iter().find(|(name, _)| name == allowed));
        found.map(|(_, algorithm)| *algorithm).ok_or(Rejection::TokenAlgorithm)
    }

    /// Verifies a request; returns the index of the key.
    pub fn verify(
        &self,
        keys: &[Key],
        received: &UnverifiedRequest<'_>,
        urls: &[Cow<'_, str>],
        (tolerance, now): (Tolerance, Timestamp),
    ) -> Result<usize, Rejection> {
        let token = self.token(received)?;
        let token = Token::parse(&token)?;
        let algorithm = self.algorithm(&token)?;
        let text = [Cow::Borrowed(token.signed.as_bytes())];
        let signatures = [token.signature];
        let is_key_used = |key: &Key| {
            let is_named = key.id.is_none() || token.header.kid.is_none() || key.id == token.header.kid;
            let is_valid = key.public().is_none_or(|public| public.is_valid_at(now));
            is_named && is_valid && algorithm.matches(key, &text, &signatures)
        };
        let key = keys.iter().position(is_key_used).ok_or(Rejection::NoMatch)?;
        let claims = URL_SAFE_NO_PAD.decode(token.claims).map_err(|_| Rejection::TokenMalformed)?;
        let claims: Map<String, Value> = serde_json::from_slice(&claims).map_err(|_| Rejection::TokenMalformed)?;
        self.check_times(&claims, tolerance, now)?;
        self.check_claims(&claims, urls)?;
        self.check_digests(&claims, received, urls)?;
        Ok(key)
    }

    fn check_times(&self, claims: &Map<String, Value>, tolerance: Tolerance, now: Timestamp) -> Result<(), Rejection> {
        let now_s = now.0.div_euclid(1_000_000);
        // RFC 7519 allows fractions.
        let time = |name: &str| match claims.get(name) {
            None => Ok(None),
            Some(value) => value.as_f64().map(|seconds| Some(seconds as i64)).ok_or(Rejection::TimestampMalformed),
        };
        match time("exp")? {
            Some(expires_s) if expires_s <= now_s => return Err(Rejection::Stale),
            None if self.needs_expiry => return Err(Rejection::ClaimMissing("exp".to_owned())),
            _ => {}
        }
        if time("nbf")?.is_some_and(|from_s| from_s > now_s + LEEWAY_S) {
            return Err(Rejection::Early);
        }
        let issued_s = time("iat")?;
        if tolerance.past_s.is_some() && issued_s.is_none() {
            return Err(Rejection::ClaimMissing("iat".to_owned()));
        }
        let Some(issued_s) = issued_s else { return Ok(()) };
        tolerance.check(issued_s.to_string().as_bytes(), now)
    }

    fn check_claims(&self, claims: &Map<String, Value>, urls: &[Cow<'_, str>]) -> Result<(), Rejection> {
        for (name, expected) in &self.claims {
            let found = match claims.get(name) {
                None if *expected == Expected::UrlIfPresent => continue,
                None => return Err(Rejection::ClaimMissing(name.clone())),
                Some(Value::Array(entries)) => entries.as_slice(),
                Some(value) => std::slice::from_ref(value),
            };
            let without_query = |url: &'_ str| url.split('?').next().unwrap_or_default().to_owned();
            let matches = match expected {
                Expected::OneOf(values) => found.iter().any(|value| values.contains(value)),
                Expected::Url | Expected::UrlIfPresent => found
                    .iter()
                    .filter_map(Value::as_str)
                    .any(|claim| urls.iter().any(|url| **url == *claim || without_query(url) == *claim)),
            };
            if !matches {
                return Err(Rejection::ClaimUnexpected(name.clone()));
            }
        }
        Ok(())
    }

    fn check_digests(
        &self,
        claims: &Map<String, Value>,
        received: &UnverifiedRequest<'_>,
        urls: &[Cow<'_, str>],
    ) -> Result<(), Rejection> {
        let claim = |name: &str| claims.get(name).and_then(Value::as_str);
        // Senders leave out the digest of an empty body.
        if let Some(body) = self.body.as_ref().filter(|_| !received.body().is_empty()) {
            let digest = claim(&body.claim).ok_or_else(|| Rejection::ClaimMissing(body.claim.clone()))?;
            if body.encoding.signature(digest.as_bytes()).as_deref() != Some(&Sha256::digest(received.body())[..]) {
                return Err(Rejection::BodyNotSigned);
            }
        }
        if self.query_hash {
            let hash = claim("qsh").ok_or_else(|| Rejection::ClaimMissing("qsh".to_owned()))?;
            let token: Vec<&str> = self.query_names().collect();
            if !urls.iter().any(|url| query_hash(received.method, url, &token) == hash) {
                return Err(Rejection::ClaimUnexpected("qsh".to_owned()));
            }
        }
        Ok(())
    }

    /// A request's token, as senders with a shared secret make it: the name and value of the header or parameter.
    pub fn sign(
        &self,
        key: &Key,
        (method, url): (&str, &str),
        body: &[u8],
        now: Timestamp,
    ) -> Option<(TokenPlace, String)> {
        const LIFETIME_S: i64 = 300;
        let (name, algorithm) = ALGORITHMS.iter().find(|(name, _)| self.algorithms.contains(name))?;
        let now_s = now.0.div_euclid(1_000_000);
        let mut claims =
            Map::from_iter([("iat".to_owned(), now_s.into()), ("exp".to_owned(), (now_s + LIFETIME_S).into())]);
        for (claim, expected) in &self.claims {
            let value = match expected {
                Expected::OneOf(values) => values.first().cloned().unwrap_or_default(),
                Expected::Url | Expected::UrlIfPresent => url.split('?').next().into(),
            };
            claims.insert(claim.clone(), value);
        }
        if let Some(digest) = &self.body {
            claims.insert(digest.claim.clone(), digest.encoding.write(&Sha256::digest(body)).into());
        }
        if self.query_hash {
            claims.insert("qsh".to_owned(), query_hash(method, url, &[]).into());
        }
        let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(serde_json::json!({ "typ": "JWT", "alg": name })), encode(claims.into()));
        let signature = algorithm.sign(key, &[signed.as_bytes().into()])?;
        Some((self.places.first()?.clone(), format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))))
    }
}
