//! Builds schemes: how a row of the presets differs from the default scheme.

use super::algorithm::{Algorithm, KeyPrefix, Rule};
use super::encoding::Encoding;
use super::jwt::{BodyClaim, Expected, Jwt, TokenPlace};
use super::parts::{Headers, SignatureSource, SignedHeaders, TimestampSource};
use super::publisher::{PublishedAt, Publisher};
use super::scheme::Scheme;
use super::secret_place::SecretPlace;
use super::template::{Layout, Part, Template};
use super::tolerance::{DEFAULT_TOLERANCE_S, Unit};
use super::urls::UrlSpellings;

/// Standard Webhooks: two algorithms, distinguished by the key and by the version prefix of each signature.
pub(super) fn standard(scheme: Scheme, prefixes: &[&str]) -> Scheme {
    let named = |name: &str| prefixes.iter().map(|prefix| format!("{prefix}-{name}")).collect();
    let rule = |algorithm, key_prefix, signature_prefix: &str| Rule {
        algorithm,
        encoding: Encoding::Base64,
        key_prefix,
        signature_prefix: signature_prefix.to_owned(),
    };
    let mut scheme =
        scheme.list(' ', "").encoding(Encoding::Base64).text("{id}.{timestamp}.{body}").within(DEFAULT_TOLERANCE_S);
    scheme.rules = vec![
        rule(Algorithm::HmacSha256, KeyPrefix::Optional("whsec_"), "v1,"),
        rule(Algorithm::Ed25519, KeyPrefix::Required("whpk_"), "v1a,"),
    ];
    scheme.headers(|headers| Headers {
        id: named("id"),
        timestamp: TimestampSource::Headers(named("timestamp")),
        ..headers
    })
}

impl Scheme {
    /// The header contains the secret itself, after the prefix.
    pub(super) fn with_plain_secret(name: &str, header: &str, prefix: &str, encoding: Encoding) -> Scheme {
        Scheme::new(name, &[header]).algorithm(Algorithm::Token).encoding(encoding).prefix(prefix).text("")
    }

    pub(super) fn rule(mut self, change: impl FnOnce(&mut Rule)) -> Scheme {
        if let Some(rule) = self.rules.first_mut() {
            change(rule);
        }
        self
    }

    pub(super) fn headers(mut self, change: impl FnOnce(Headers) -> Headers) -> Scheme {
        if let SignatureSource::Headers(headers) = self.source {
            self.source = SignatureSource::Headers(change(headers));
        }
        self
    }

    pub(super) fn from(mut self, source: SignatureSource) -> Scheme {
        self.source = source;
        self
    }

    /// The secret itself is in the query or the body.
    pub(super) fn in_place(name: &str, place: Option<SecretPlace>) -> Scheme {
        let place = place.expect("a test reads all rows");
        Scheme::new(name, &[]).algorithm(Algorithm::Token).text("").from(SignatureSource::Secret(place))
    }

    pub(super) fn unit(mut self, unit: Unit) -> Scheme {
        self.tolerance.unit = unit;
        self
    }

    /// The keys are published.
    pub(super) fn published(mut self, source: PublishedAt, url: Option<&str>) -> Scheme {
        self.publisher = Some(Publisher { source, url: url.map(str::to_owned) });
        self
    }

    /// The header has groups, each with its own timestamp.
    pub(super) fn groups(self, separator: char) -> Scheme {
        self.headers(|headers| Headers { groups: Some(separator), ..headers })
    }

    /// The id is in this header.
    pub(super) fn id_header(self, name: &str) -> Scheme {
        self.headers(|headers| Headers { id: vec![name.to_owned()], ..headers })
    }

    /// A header that must have this value.
    pub(super) fn requires(self, name: &'static str, value: &'static str) -> Scheme {
        self.headers(|mut headers| {
            headers.required.push((name, value));
            headers
        })
    }

    /// The text ends with the separator, the signed headers, another separator and the body.
    pub(super) fn signed_headers(mut self, signed: SignedHeaders, layout: Layout, separator: char) -> Scheme {
        let separator = || Part::Literal(separator.to_string());
        self.text.0.extend([separator(), Part::SignedHeaders(layout), separator(), Part::Body]);
        self.headers(|headers| Headers { signed, ..headers })
    }

    /// A token in a header, after a prefix.
    pub(super) fn jwt(name: &str, header: &str, prefix: &str, algorithms: &[&'static str]) -> Scheme {
        let places = vec![TokenPlace::Header(header.to_owned(), prefix.to_owned())];
        let jwt = Jwt { places, algorithms: algorithms.to_vec(), ..Jwt::default() };
        Scheme::new(name, &[]).text("").from(SignatureSource::Jwt(jwt))
    }

    pub(super) fn token(mut self, change: impl FnOnce(&mut Jwt)) -> Scheme {
        if let SignatureSource::Jwt(jwt) = &mut self.source {
            change(jwt);
        }
        self
    }

    /// A claim of the token that must have one of these values.
    pub(super) fn claim(self, name: &str, expected: Expected) -> Scheme {
        self.token(|jwt| jwt.claims.push((name.to_owned(), expected)))
    }

    /// The claim with the digest of the body.
    pub(super) fn body_claim(self, claim: &str, encoding: Encoding) -> Scheme {
        self.token(|jwt| jwt.body = Some(BodyClaim { claim: claim.to_owned(), encoding }))
    }

    pub(super) fn algorithm(self, algorithm: Algorithm) -> Scheme {
        self.rule(|rule| rule.algorithm = algorithm)
    }

    pub(super) fn key_encoding(self, encoding: Encoding) -> Scheme {
        self.rule(|rule| rule.encoding = encoding)
    }

    pub(super) fn prefix(self, prefix: &str) -> Scheme {
        self.rule(|rule| rule.signature_prefix = prefix.to_owned())
    }

    pub(super) fn list(self, separator: char, prefix: &str) -> Scheme {
        self.prefix(prefix).headers(|headers| Headers { separator: Some(separator), ..headers })
    }

    pub(super) fn encoding(mut self, encoding: Encoding) -> Scheme {
        self.encoding = encoding;
        self
    }

    pub(super) fn text(mut self, template: &str) -> Scheme {
        self.text = Template::parse(template).expect("a test reads all rows");
        self
    }

    pub(super) fn url_spellings(mut self, urls: UrlSpellings) -> Scheme {
        self.urls = urls;
        self
    }

    /// The timestamp is in a header of its own.
    pub(super) fn timestamp_header(mut self, header: &str, unit: Unit) -> Scheme {
        self.tolerance.unit = unit;
        self.headers(|headers| Headers { timestamp: TimestampSource::Headers(vec![header.to_owned()]), ..headers })
    }

    /// The timestamp is an item of the signature header.
    pub(super) fn timestamp_item(self, prefix: &str) -> Scheme {
        self.headers(|headers| Headers { timestamp: TimestampSource::SignatureItem(prefix.to_owned()), ..headers })
    }

    /// The timestamp is the first item of the signature header.
    pub(super) fn timestamp_first(mut self, unit: Unit) -> Scheme {
        self.tolerance.unit = unit;
        self.headers(|headers| Headers { timestamp: TimestampSource::SignaturePosition(0), ..headers })
    }

    /// Requests may be at most this many seconds old.
    pub(super) fn max_age(mut self, seconds: i64) -> Scheme {
        self.tolerance.past_s = Some(seconds);
        self
    }

    /// Timestamps may be at most this many seconds in the past or in the future.
    pub(super) fn within(mut self, seconds: i64) -> Scheme {
        self.tolerance.future_s = Some(seconds);
        self.max_age(seconds)
    }
}
