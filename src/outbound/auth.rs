//! Credentials of external calls.
//!
//! They are kept apart from the rest of a request, so that whatever shows a request does not have to look for them, and are
//! put in only when it is made.

use std::fmt;

use reqwest::{RequestBuilder, Url};
use serde::{Deserialize, Serialize};

use crate::secrets::sensitive::MASK;

/// A text that is not shown: printing it for debugging gives a mask.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

/// How a call proves who makes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Auth {
    /// `Authorization: Bearer …`
    Bearer { token: Secret },
    /// `Authorization: Basic …`
    Basic { username: String, password: Secret },
    /// A header, or a query parameter, of a name that the API chose.
    ApiKey {
        #[serde(rename = "in", default)]
        place: KeyPlace,
        name: String,
        value: Secret,
    },
    /// A token that is asked for first, with the grant for client credentials.
    Oauth2(Oauth2),
}

/// Where an API key is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyPlace {
    #[default]
    Header,
    Query,
}

/// OAuth 2.0 with client credentials (RFC 6749, section 4.4).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Oauth2 {
    pub token_url: String,
    pub client_id: String,
    pub client_secret: Secret,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    #[serde(default)]
    pub client_auth: ClientAuth,
}

/// How the client proves who it is when it asks for a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientAuth {
    /// In the header `Authorization`, which every server has to understand.
    #[default]
    Basic,
    /// As fields of the form.
    Body,
}

impl Secret {
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(MASK)
    }
}

impl Auth {
    /// The URL with the key in it, if that is where it goes.
    pub(super) fn in_url(&self, url: &mut Url) {
        if let Auth::ApiKey { place: KeyPlace::Query, name, value } = self {
            url.query_pairs_mut().append_pair(name, value.reveal());
        }
    }

    /// The call with the credentials in its headers; `token` is the one that was asked for.
    pub(super) fn in_headers(&self, call: RequestBuilder, token: Option<&Secret>) -> RequestBuilder {
        match self {
            Auth::Bearer { token } => call.bearer_auth(token.reveal()),
            Auth::Basic { username, password } => call.basic_auth(username, Some(password.reveal())),
            Auth::ApiKey { place: KeyPlace::Header, name, value } => call.header(name, value.reveal()),
            Auth::ApiKey { place: KeyPlace::Query, .. } => call,
            Auth::Oauth2(_) => match token {
                Some(token) => call.bearer_auth(token.reveal()),
                None => call,
            },
        }
    }

    /// The part that nobody else may know.
    pub(super) fn secret(&self) -> &Secret {
        match self {
            Auth::Bearer { token } => token,
            Auth::Basic { password, .. } => password,
            Auth::ApiKey { value, .. } => value,
            Auth::Oauth2(grant) => &grant.client_secret,
        }
    }

    /// The grant, if a token has to be asked for.
    pub(super) fn oauth2(&self) -> Option<&Oauth2> {
        match self {
            Auth::Oauth2(grant) => Some(grant),
            _ => None,
        }
    }
}
