//! Credentials of external calls.
//!
//! They are kept apart from the rest of a request, so that code which shows a request need not look for them, and are
//! added only when the request is sent.

use std::fmt;

use reqwest::{RequestBuilder, Url};
use serde::{Deserialize, Serialize};

use crate::secrets::sensitive::MASK;

/// A secret string, masked in debug output.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

/// How a call authenticates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Auth {
    /// `Authorization: Bearer …`
    Bearer { token: Secret },
    /// `Authorization: Basic …`
    Basic { username: String, password: Secret },
    /// A header or a query parameter with a name that the API chose.
    ApiKey {
        #[serde(rename = "in", default)]
        location: KeyLocation,
        name: String,
        value: Secret,
    },
    /// A token that is requested first, by the client credentials grant.
    Oauth2(Oauth2),
}

/// Where an API key is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyLocation {
    #[default]
    Header,
    Query,
}

/// OAuth 2.0 client credentials grant (RFC 6749, section 4.4).
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

/// How the client authenticates to the token server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientAuth {
    /// In the header `Authorization`, which every server must support.
    #[default]
    Basic,
    /// As form fields.
    Body,
}

impl Secret {
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The secret itself.
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
    /// Adds the API key to the URL's query, if that is where it goes.
    pub(super) fn add_to_url(&self, url: &mut Url) {
        if let Auth::ApiKey { location: KeyLocation::Query, name, value } = self {
            url.query_pairs_mut().append_pair(name, value.reveal());
        }
    }

    /// Adds the credentials to the headers of the call; `token` is the OAuth 2.0 token, if there is one.
    pub(super) fn add_headers(&self, call: RequestBuilder, token: Option<&Secret>) -> RequestBuilder {
        match self {
            Auth::Bearer { token } => call.bearer_auth(token.reveal()),
            Auth::Basic { username, password } => call.basic_auth(username, Some(password.reveal())),
            Auth::ApiKey { location: KeyLocation::Header, name, value } => call.header(name, value.reveal()),
            Auth::ApiKey { location: KeyLocation::Query, .. } => call,
            Auth::Oauth2(_) => match token {
                Some(token) => call.bearer_auth(token.reveal()),
                None => call,
            },
        }
    }

    /// The secret part of the credentials.
    pub(super) fn secret(&self) -> &Secret {
        match self {
            Auth::Bearer { token } => token,
            Auth::Basic { password, .. } => password,
            Auth::ApiKey { value, .. } => value,
            Auth::Oauth2(grant) => &grant.client_secret,
        }
    }

    /// The grant, if the call needs an OAuth 2.0 token.
    pub(super) fn oauth2(&self) -> Option<&Oauth2> {
        match self {
            Auth::Oauth2(grant) => Some(grant),
            _ => None,
        }
    }
}
