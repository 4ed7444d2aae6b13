//! The spellings of a hook's URL: senders sign what they were given, proxies change it, and libraries write it their way.

use std::borrow::Cow;

use super::request::UnverifiedRequest;
use super::scheme::Scheme;

/// The spellings of a URL that a sender may have signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UrlSpellings {
    AsReceived,
    /// As received, and with the port added or removed.
    Ports,
    /// As received, and with some characters unescaped.
    Unescaped,
}

impl Scheme {
    /// The spellings of the request's URL that the sender may have signed.
    pub(super) fn urls<'r>(&'r self, received: &'r UnverifiedRequest<'_>) -> Vec<Cow<'r, str>> {
        let query = UnverifiedRequest::query(received.path);
        let url: Cow<'r, str> = match &self.url {
            None => format!("{}{}", received.origin, received.path).into(),
            Some(url) if url.contains('?') || query.is_empty() => url.into(),
            Some(url) => format!("{url}?{query}").into(),
        };
        let other = match self.urls {
            UrlSpellings::AsReceived => None,
            UrlSpellings::Ports => with_other_port(&url),
            UrlSpellings::Unescaped => Some(unescaped(&url)).filter(|unescaped| *unescaped != url),
        };
        std::iter::once(url).chain(other.map(Cow::Owned)).collect()
    }
}

/// The URL without its port or, if it has none, with the default port.
fn with_other_port(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    // Colons before these belong to a user and password, or to an IPv6 address.
    let host_end = authority.rfind(['@', ']']).map_or(0, |end| end + 1);
    Some(match authority[host_end..].rfind(':') {
        Some(colon) => format!("{scheme}://{}{path}", &authority[..host_end + colon]),
        None => format!("{scheme}://{authority}:{}{path}", if scheme == "https" { 443 } else { 80 }),
    })
}

/// The URL with the characters unescaped that HubSpot does not escape.
fn unescaped(url: &str) -> String {
    const ESCAPES: [(&str, char); 12] = [
        ("3a", ':'),
        ("2f", '/'),
        ("3f", '?'),
        ("40", '@'),
        ("21", '!'),
        ("24", '$'),
        ("27", '\''),
        ("28", '('),
        ("29", ')'),
        ("2a", '*'),
        ("2c", ','),
        ("3b", ';'),
    ];
    let mut pieces = url.split('%');
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let is_escape = |hex: &str| piece.get(..2).is_some_and(|digits| digits.eq_ignore_ascii_case(hex));
        match ESCAPES.iter().find(|(hex, _)| is_escape(hex)) {
            Some((_, character)) => {
                text.push(*character);
                text.push_str(&piece[2..]);
            }
            None => {
                text.push('%');
                text.push_str(piece);
            }
        }
    }
    text
}
