//! What actions that make HTTP calls have in common: their params, and how a request is made of them.

use serde_json::{Map, Value};

use super::Call;
use crate::objects::{Problem, unknown};
use crate::outbound::{ATTEMPTS_MAX, Auth, HttpRequest, REDIRECTS_MAX, Reading, Retry, TIMEOUT_MS_MAX};
use crate::workflow::{OutputSpec, ParamKind, ParamSpec, output, param};

/// How long a call may take if the step does not say.
const TIMEOUT_MS_DEFAULT: u64 = 30_000;
/// How large the body of a call may be, in bytes.
const BODY_BYTES_MAX: usize = 2 * 1024 * 1024;

pub const URI: ParamSpec = param("uri", ParamKind::Url, "The absolute URL.").required();
pub const METHOD: ParamSpec = param("method", ParamKind::Text, "GET if not given.");
pub const HEADERS: ParamSpec = param("headers", ParamKind::Headers, "Request headers.");
pub const QS: ParamSpec = param("qs", ParamKind::Fields, "Query parameters to append.");
pub const FORM: ParamSpec = param("form", ParamKind::Fields, "The body, sent as the fields of a form.");
pub const AUTH: ParamSpec = param("auth", ParamKind::Auth, "Credentials of the type bearer, basic, api-key or oauth2.");
pub const TIMEOUT_MS: ParamSpec =
    param("timeoutMs", ParamKind::Number, "Milliseconds for the whole call; 30,000 if not given, at most 60,000.");
pub const REDIRECTS: ParamSpec =
    param("redirects", ParamKind::Number, "How many redirects to follow; none if not given, at most 5.");
pub const RETRY: ParamSpec =
    param("retry", ParamKind::Object, "`attempts`, from 1 to 8, and `on`: `default`, or `never` for one attempt.");

/// In the output of every call.
pub const RESPONSE: OutputSpec =
    output("response", ParamKind::Object, "`statusCode` and `headers` of the last answer.");

/// What is sent, and what its type is.
pub struct Body {
    pub text: String,
    pub content_type: &'static str,
}

/// What the common params come to; all that is wrong with them is added to `problems`.
pub struct Common {
    pub request: HttpRequest,
    pub retry: Retry,
}

impl Common {
    /// Reads the params. `defaults` are headers that the step's own win over.
    pub fn read(
        params: &mut Map<String, Value>,
        defaults: &[(&str, &str)],
        body: Option<Body>,
        problems: &mut Vec<Problem>,
    ) -> Common {
        let mut problem = |pointer: &str, message: String| problems.push(Problem::new(pointer, message));
        let text = |name: &str| params.get(name).and_then(Value::as_str);
        let method = text("method").unwrap_or("GET").trim().to_uppercase();
        let mut uri = text("uri").unwrap_or_default().trim().to_owned();
        if let Some(Value::Object(query)) = params.get("qs") {
            match with_query(&uri, query) {
                Ok(with_query) => uri = with_query,
                Err(message) => problem("/uri", message),
            }
        }
        if body.as_ref().is_some_and(|body| body.text.len() > BODY_BYTES_MAX) {
            problem("/body", format!("larger than {BODY_BYTES_MAX} bytes as it is sent, which is the limit"));
        }
        let defaults = defaults.iter().copied().chain(body.iter().map(|body| ("content-type", body.content_type)));
        let headers = headers(defaults, params.get("headers"));
        let auth = params.get("auth").filter(|auth| !auth.is_null());
        if auth.is_some() && headers.iter().any(|(name, _)| name == "authorization") {
            problem("/auth", "give either `auth` or the header `Authorization`".to_owned());
        }
        // The kind of the param has seen to it that this can be read; its error might quote a value.
        let auth: Option<Auth> = auth.and_then(|auth| match serde_json::from_value(auth.clone()) {
            Ok(auth) => Some(auth),
            Err(_) => {
                problem("/auth", "can't be read".to_owned());
                None
            }
        });
        let mut within = |name: &str, default: u64, lowest: u64, highest: u64| {
            let given = params.get(name).and_then(Value::as_f64).map_or(default, |given| given as u64);
            if !(lowest..=highest).contains(&given) {
                problem(&format!("/{name}"), format!("has to be from {lowest} to {highest}"));
            }
            given
        };
        let timeout_ms = within("timeoutMs", TIMEOUT_MS_DEFAULT, 1, TIMEOUT_MS_MAX);
        let redirects = within("redirects", 0, 0, REDIRECTS_MAX.into());
        let retry = retry(params.get("retry")).unwrap_or_else(|wrong| {
            problems.push(wrong);
            Retry::default()
        });
        let redirects = u8::try_from(redirects).unwrap_or(REDIRECTS_MAX);
        let (body, reading) = (body.map(|body| body.text), Reading::default());
        let request = HttpRequest { method, uri, headers, body, timeout_ms, auth, redirects, reading };
        Common { request, retry }
    }
}

/// The param `retry`.
pub fn retry(given: Option<&Value>) -> Result<Retry, Problem> {
    let Some(Value::Object(given)) = given else { return Ok(Retry::default()) };
    let mut retry = Retry::default();
    for (name, value) in given.iter().filter(|(_, value)| !value.is_null()) {
        let problem = |message: String| Problem::new(format!("/retry/{name}"), message);
        match name.as_str() {
            "attempts" => {
                let attempts = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok());
                let attempts = attempts.filter(|attempts| (1.0..=ATTEMPTS_MAX as f64).contains(attempts));
                let attempts = attempts.ok_or_else(|| problem(format!("has to be from 1 to {ATTEMPTS_MAX}")))?;
                retry.attempts = retry.attempts.min(attempts as usize);
            }
            "on" => match value.as_str() {
                Some("default") => {}
                Some("never") => retry = Retry::NEVER,
                _ => return Err(problem("is `default` or `never`".to_owned())),
            },
            other => return Err(Problem::new("/retry", unknown("field", other, ["attempts", "on"]))),
        }
    }
    Ok(retry)
}

/// The fields of a form, encoded; lists give a field for each item, null ones are left out.
pub fn form(fields: &Map<String, Value>) -> Body {
    let mut encoded = url::form_urlencoded::Serializer::new(String::new());
    encoded.extend_pairs(pairs(fields));
    Body { text: encoded.finish(), content_type: "application/x-www-form-urlencoded" }
}

fn headers<'d>(defaults: impl Iterator<Item = (&'d str, &'d str)>, given: Option<&Value>) -> Vec<(String, String)> {
    let mut headers: Vec<(String, String)> =
        defaults.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    if let Some(Value::Object(given)) = given {
        for (name, value) in given {
            let name = name.to_ascii_lowercase();
            headers.retain(|(present, _)| *present != name);
            if !value.is_null() {
                headers.push((name, plain(value)));
            }
        }
    }
    headers
}

fn with_query(uri: &str, query: &Map<String, Value>) -> Result<String, String> {
    let mut url = url::Url::parse(uri).map_err(|error| format!("not an absolute URL: {error}"))?;
    url.query_pairs_mut().extend_pairs(pairs(query));
    Ok(url.into())
}

fn pairs(fields: &Map<String, Value>) -> impl Iterator<Item = (&str, String)> {
    fields.iter().flat_map(|(name, value)| {
        let values = match value {
            Value::Array(items) => items.as_slice(),
            one => std::slice::from_ref(one),
        };
        values.iter().filter(|value| !value.is_null()).map(|value| (name.as_str(), plain(value)))
    })
}

/// A value as a header, query parameter or field: text as it is, anything else as JSON.
pub fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

impl Call<'_> {
    /// A param that is there and not null, taken out.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.params.shift_remove(name).filter(|value| !value.is_null())
    }
}
