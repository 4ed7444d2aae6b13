//! Code shared by the actions that make HTTP calls: their params, and how a request is built from them.

use serde_json::{Map, Value};

use super::Call;
use crate::objects::{Problem, unknown};
use crate::outbound::{
    ATTEMPTS_MAX, Auth, HttpRequest, REDIRECTS_MAX, RequestPart, ResponseFormat, Retry, TIMEOUT_MS_MAX,
};
use crate::workflow::{OutputSpec, ParamKind, ParamSpec, output, param};

/// The default time-out of a call.
const TIMEOUT_MS_DEFAULT: u64 = 30_000;
/// The largest request body, in bytes.
const BODY_BYTES_MAX: usize = 2 * 1024 * 1024;

pub const URI: ParamSpec = param("uri", ParamKind::Url, "The absolute URL.").required();
pub const METHOD: ParamSpec = param("method", ParamKind::Text, "Defaults to GET.");
pub const HEADERS: ParamSpec = param("headers", ParamKind::Headers, "Request headers.");
pub const QS: ParamSpec = param("qs", ParamKind::Fields, "Query parameters to append.");
pub const FORM: ParamSpec = param("form", ParamKind::Fields, "The body, sent as form fields.");
pub const AUTH: ParamSpec = param("auth", ParamKind::Auth, "Credentials of type bearer, basic, api-key or oauth2.");
pub const TIMEOUT_MS: ParamSpec = param(
    "timeoutMs",
    ParamKind::Number,
    "Timeout of the whole call, in milliseconds; defaults to 30,000, at most 60,000.",
);
pub const REDIRECTS: ParamSpec =
    param("redirects", ParamKind::Number, "How many redirects to follow; defaults to 0, at most 5.");
pub const RETRY: ParamSpec =
    param("retry", ParamKind::Object, "`attempts`, from 1 to 8, and `on`: `default`, or `never` for a single attempt.");

/// Part of the output of every call.
pub const RESPONSE: OutputSpec =
    output("response", ParamKind::Object, "`statusCode` and `headers` of the last response.")
        .with_fields(&["statusCode", "headers"]);

/// A request body and its content type.
pub struct Body {
    pub text: String,
    pub content_type: &'static str,
}

/// The request and retries built from the common params.
pub struct Common {
    pub request: HttpRequest,
    pub retry: Retry,
}

impl Common {
    /// Reads the params and adds all errors to `problems`. `defaults` are headers that the step's own override.
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
            problem("/body", format!("larger than {BODY_BYTES_MAX} bytes, which is the limit"));
        }
        let defaults = defaults.iter().copied().chain(body.iter().map(|body| ("content-type", body.content_type)));
        let headers = headers(defaults, params.get("headers"));
        let auth = params.get("auth").filter(|auth| !auth.is_null());
        if auth.is_some() && headers.iter().any(|(name, _)| name == "authorization") {
            problem("/auth", "give either `auth` or the header `Authorization`".to_owned());
        }
        // The param's kind guarantees that this succeeds; the error is not shown, since it might quote a value.
        let auth: Option<Auth> = auth.and_then(|auth| match serde_json::from_value(auth.clone()) {
            Ok(auth) => Some(auth),
            Err(_) => {
                problem("/auth", "invalid credentials".to_owned());
                None
            }
        });
        let mut within = |name: &str, default: u64, lowest: u64, highest: u64| {
            let value = params.get(name).and_then(Value::as_f64).map_or(default, |value| value as u64);
            if !(lowest..=highest).contains(&value) {
                problem(&format!("/{name}"), format!("must be from {lowest} to {highest}"));
            }
            value
        };
        let timeout_ms = within("timeoutMs", TIMEOUT_MS_DEFAULT, 1, TIMEOUT_MS_MAX);
        let redirects = within("redirects", 0, 0, REDIRECTS_MAX.into());
        let retry = retry(params.get("retry")).unwrap_or_else(|problem| {
            problems.push(problem);
            Retry::default()
        });
        let redirects = u8::try_from(redirects).unwrap_or(REDIRECTS_MAX);
        let (body, reading) = (body.map(|body| body.text), ResponseFormat::default());
        let request = HttpRequest { method, uri, headers, body, timeout_ms, auth, redirects, reading };
        Common { request, retry }
    }
}

/// The problems of a call with these params. If the URL is not known, the rest of the request is.
pub fn check(mut params: Map<String, Value>) -> Vec<Problem> {
    const ANY_URL: &str = "https://host.invalid/";
    let has_url = params.contains_key("uri");
    params.entry("uri").or_insert_with(|| Value::from(ANY_URL));
    let mut problems = Vec::new();
    let Common { request, .. } = Common::read(&mut params, &[], None, &mut problems);
    if let Err((part, message)) = request.check() {
        let name = match part {
            RequestPart::Url => "uri",
            RequestPart::Method => "method",
            RequestPart::Headers => "headers",
        };
        if has_url || part != RequestPart::Url {
            problems.push(Problem::new(format!("/{name}"), message));
        }
    }
    problems
}

/// Reads the param `retry`.
pub fn retry(param: Option<&Value>) -> Result<Retry, Problem> {
    let Some(Value::Object(param)) = param else { return Ok(Retry::default()) };
    let mut retry = Retry::default();
    for (name, value) in param.iter().filter(|(_, value)| !value.is_null()) {
        let problem = |message: String| Problem::new(format!("/retry/{name}"), message);
        match name.as_str() {
            "attempts" => {
                let attempts = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok());
                let attempts = attempts.filter(|attempts| (1.0..=ATTEMPTS_MAX as f64).contains(attempts));
                let attempts = attempts.ok_or_else(|| problem(format!("must be from 1 to {ATTEMPTS_MAX}")))?;
                retry.attempts = retry.attempts.min(attempts as usize);
            }
            "on" => match value.as_str() {
                Some("default") => {}
                Some("never") => retry = Retry::NEVER,
                _ => return Err(problem("must be `default` or `never`".to_owned())),
            },
            other => return Err(Problem::new("/retry", unknown("field", other, ["attempts", "on"]))),
        }
    }
    Ok(retry)
}

/// Encodes form fields; a list yields a field for each item, and null is omitted.
pub fn form(fields: &Map<String, Value>) -> Body {
    let mut encoded = url::form_urlencoded::Serializer::new(String::new());
    encoded.extend_pairs(pairs(fields));
    Body { text: encoded.finish(), content_type: "application/x-www-form-urlencoded" }
}

fn headers<'d>(defaults: impl Iterator<Item = (&'d str, &'d str)>, param: Option<&Value>) -> Vec<(String, String)> {
    let mut headers: Vec<(String, String)> =
        defaults.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    if let Some(Value::Object(param)) = param {
        for (name, value) in param {
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

/// A value as a header, query parameter or field: strings verbatim, anything else as JSON.
pub fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

impl Call<'_> {
    /// Removes and returns a param unless it is null.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.params.shift_remove(name).filter(|value| !value.is_null())
    }
}
