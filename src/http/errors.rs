//! Errors as HTTP answers, from one table of codes.
//!
//! The body is `{"errors": [{"status", "code", "title", "detail", "source": {"pointer" | "parameter"}}]}`. Codes are
//! promises; titles and details are for people. What went wrong inside is logged, and never shown to the caller.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

use crate::objects::Problem;
use crate::store::{StoreError, chain};
use crate::workflow::Diagnostic;

macro_rules! codes {
    ($($code:ident = $status:literal $word:literal $title:literal, $detail:literal;)+) => {
        /// Every kind of error that a caller can get.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code { $($code),+ }

        impl Code {
            /// All of them.
            pub const ALL: [Code; [$(Code::$code),+].len()] = [$(Code::$code),+];

            /// The HTTP status, the code as answers show it, and its title.
            pub fn row(self) -> (u16, &'static str, &'static str) {
                match self { $(Code::$code => ($status, $word, $title)),+ }
            }

            /// A detail as an example.
            pub fn example_detail(self) -> &'static str {
                match self { $(Code::$code => $detail),+ }
            }

            /// The HTTP status.
            pub fn status(self) -> StatusCode {
                StatusCode::from_u16(self.row().0).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    };
}

// Status, code, title, and what a detail looks like.
codes! {
    BadRequest = 400 "bad_request" "Bad request", "malformed path";
    BadParameter = 400 "bad_parameter" "Invalid query parameter", "`pageSize` must be an integer from 1 to 500";
    MalformedJson = 400 "malformed_json" "Malformed JSON", "expected `,` or `}` at line 1 column 17";
    MalformedBody = 400 "malformed_body" "Malformed body", "the form ends within a field";
    NestingTooDeep = 400 "nesting_too_deep" "Nesting too deep", "the JSON is nested more than 100 levels deep";
    BodyIncomplete = 400 "body_incomplete" "Incomplete body", "the body ended early";
    Unauthorized = 401 "unauthorized" "Unauthorized", "unknown API key";
    NotVerified = 401 "not_verified" "Verification failed", "the signature does not match";
    AddressNotAllowed = 401 "address_not_allowed" "Address not allowed", "203.0.113.7 is not among the allowed addresses";
    Forbidden = 403 "forbidden" "Forbidden", "this needs a key with the role `org.admin`";
    ChallengeFailed = 403 "challenge_failed" "Challenge failed", "the token does not match";
    NotHuman = 403 "not_human" "Captcha not solved", "the captcha was not solved";
    NotFound = 404 "not_found" "Not found", "unknown run `6b03e07737db00a02c000001`";
    UnknownHook = 404 "unknown_hook" "Unknown hook", "no hook has this address";
    MethodNotAllowed = 405 "method_not_allowed" "Method not allowed", "PUT is not allowed here; see the `Allow` header";
    BodyTooSlow = 408 "body_too_slow" "Request timeout", "the body took longer than 30 seconds";
    Conflict = 409 "conflict" "Conflict", "the run has ended";
    Taken = 409 "taken" "Already taken", "a hook named `orders` already exists";
    HookDeleted = 410 "hook_deleted" "Hook deleted", "the hook was deleted";
    BodyTooLarge = 413 "body_too_large" "Payload too large", "the body has more than 400000 bytes";
    UnsupportedMediaType = 415 "unsupported_media_type" "Unsupported media type", "unsupported content encoding `zstd`";
    Invalid = 422 "invalid" "Validation failed", "unknown attribute `emial`; did you mean `email`?";
    RateLimited = 429 "rate_limited" "Too many requests", "more requests than the hook accepts; try again in 2 seconds";
    TooManyAtOnce = 429 "too_many_at_once" "Too many concurrent requests", "more concurrent requests than the hook accepts; try again";
    HeadersTooLarge = 431 "headers_too_large" "Request headers too large", "too many headers, or headers too long";
    RunFailed = 500 "run_failed" "Run failed", "the run failed at step `3`: the customer has no email address";
    Internal = 500 "internal" "Internal server error", "see the server's log";
    CaptchaUnavailable = 503 "captcha_unavailable" "Captcha service unavailable", "the captcha cannot be verified at the moment; try again";
    HookDisabled = 503 "hook_disabled" "Hook disabled", "the hook is disabled";
    KeysUnavailable = 503 "keys_unavailable" "Public keys unavailable", "the sender's public keys cannot be fetched at the moment; try again";
    Overloaded = 503 "overloaded" "Overloaded", "too many writes are queued; try again";
    Unavailable = 503 "unavailable" "Service unavailable", "the database is unavailable; see /readyz";
}

/// The detail of a failure inside.
const SEE_LOG: &str = "see the server's log";

/// One error of an answer.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = Error)]
pub struct Item {
    /// The HTTP status.
    #[schema(example = "404")]
    status: String,
    /// Stable.
    #[schema(schema_with = code_schema)]
    code: &'static str,
    /// The same for each code; for people.
    #[schema(value_type = String, example = "Not found")]
    title: &'static str,
    /// What is wrong, where, and what would be right; for people.
    #[schema(example = "unknown run `6b03e07737db00a02c000001`")]
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    source: Option<ErrorSource>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    meta: Option<ErrorPlace>,
}

/// Where the error is: in the body or in the query.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ErrorSource {
    /// A JSON pointer into the body.
    Pointer(String),
    /// The name of a query parameter.
    Parameter(String),
}

/// Where in the text of a document the error is, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub struct ErrorPlace {
    line: usize,
    column: usize,
}

fn code_schema() -> Object {
    let words = Code::ALL.map(|code| code.row().1);
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).build()
}

/// An error answer: a status, and one or more errors.
#[derive(Debug)]
pub struct ApiError {
    code: Code,
    items: Vec<Item>,
    meta: Option<Value>,
}

/// The body of an error answer, as it is described.
#[derive(ToSchema)]
#[schema(as = Errors)]
#[allow(dead_code, reason = "describes what `Body` writes")]
pub struct ErrorsView {
    errors: Vec<Item>,
    /// Beside a `run_failed`: the run.
    #[schema(value_type = Option<Object>, nullable = false)]
    meta: Option<Value>,
}

/// The body of an error answer.
#[derive(Serialize)]
struct Body<'a> {
    errors: &'a [Item],
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<&'a Value>,
}

/// What a handler returns.
pub type ApiResult = Result<HttpResponse, ApiError>;

impl ApiError {
    pub fn new(code: Code, detail: impl Into<String>) -> ApiError {
        ApiError { code, items: vec![Item::new(code, detail, None, None)], meta: None }
    }

    /// A query parameter that is not valid.
    pub fn parameter(name: &str, detail: impl Into<String>) -> ApiError {
        let code = Code::BadParameter;
        ApiError {
            code,
            items: vec![Item::new(code, detail, Some(ErrorSource::Parameter(name.into())), None)],
            meta: None,
        }
    }

    /// One field of the body that is not valid.
    pub fn pointer(code: Code, pointer: &str, detail: impl Into<String>) -> ApiError {
        ApiError {
            code,
            items: vec![Item::new(code, detail, Some(ErrorSource::Pointer(pointer.into())), None)],
            meta: None,
        }
    }

    /// The answer to a failure inside. The cause is logged and not shown: it may contain what a caller sent, or a secret.
    pub fn internal(error: &(dyn std::error::Error + 'static)) -> ApiError {
        log::error!(err:% = chain(error); "a request could not be served");
        ApiError::new(Code::Internal, SEE_LOG)
    }

    /// The same, with a description of something else that answers show beside their errors.
    pub fn with_meta(self, meta: Value) -> ApiError {
        ApiError { meta: Some(meta), ..self }
    }
}

impl Item {
    fn new(code: Code, detail: impl Into<String>, source: Option<ErrorSource>, meta: Option<ErrorPlace>) -> Item {
        let (status, word, title) = code.row();
        Item { status: status.to_string(), code: word, title, detail: detail.into(), source, meta }
    }
}

impl From<Vec<Problem>> for ApiError {
    fn from(problems: Vec<Problem>) -> ApiError {
        let item = |problem: Problem| {
            Item::new(Code::Invalid, problem.message, Some(ErrorSource::Pointer(problem.pointer)), None)
        };
        ApiError { code: Code::Invalid, items: problems.into_iter().map(item).collect(), meta: None }
    }
}

/// What is wrong with a workflow document, each with its line and column in `meta`.
impl From<Vec<Diagnostic>> for ApiError {
    fn from(diagnostics: Vec<Diagnostic>) -> ApiError {
        let item = |diagnostic: Diagnostic| {
            let detail = match &diagnostic.help {
                Some(help) => format!("{}; {help}", diagnostic.message),
                None => diagnostic.message,
            };
            let place = ErrorPlace { line: diagnostic.line, column: diagnostic.column };
            Item::new(Code::Invalid, detail, Some(ErrorSource::Pointer(diagnostic.pointer)), Some(place))
        };
        ApiError { code: Code::Invalid, items: diagnostics.into_iter().map(item).collect(), meta: None }
    }
}

/// What a failure of the store means to a caller: the one translation, for the API and for senders of hooks. Logs what
/// only an operator may see.
pub fn store_failure(error: &StoreError) -> (Code, &'static str) {
    let logged = |code: Code, detail: &'static str| {
        log::error!(err:% = chain(error); "a request could not be served");
        (code, detail)
    };
    match error {
        StoreError::Busy => (Code::Overloaded, "too many writes are queued; try again"),
        StoreError::DiskFull => (Code::Unavailable, "the disk is full; writes resume when there is room"),
        StoreError::Failed(_) | StoreError::Closed | StoreError::Locked | StoreError::Connection(_) => {
            logged(Code::Unavailable, "the database is unavailable; see /readyz")
        }
        StoreError::Fenced | StoreError::Conflict { .. } => {
            (Code::Conflict, "changed by another request meanwhile; read it again and retry")
        }
        StoreError::Unstorable { .. } => {
            (Code::Invalid, "a string contains the character U+0000, which can't be stored")
        }
        StoreError::Corrupt { .. } | StoreError::DryRun | StoreError::Panicked(_) | StoreError::Query { .. } => {
            logged(Code::Internal, SEE_LOG)
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> ApiError {
        let (code, detail) = store_failure(&error);
        ApiError::new(code, detail)
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let details: Vec<&str> = self.items.iter().map(|item| item.detail.as_str()).collect();
        formatter.write_str(&details.join("; "))
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.code.status()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        match self.code {
            Code::Overloaded => drop(response.insert_header((RETRY_AFTER, "1"))),
            Code::HookDisabled => drop(response.insert_header((RETRY_AFTER, "60"))),
            _ if self.code.row().0 == 503 => drop(response.insert_header((RETRY_AFTER, "5"))),
            Code::Unauthorized => drop(response.insert_header((WWW_AUTHENTICATE, "Bearer"))),
            _ => {}
        }
        // The rest of a refused body is not worth reading: the connection ends with the answer.
        if matches!(self.code, Code::BodyTooLarge | Code::BodyTooSlow | Code::BodyIncomplete) {
            response.force_close();
        }
        response.json(Body { errors: &self.items, meta: self.meta.as_ref() })
    }
}

/// The answer for an address that does not exist.
pub async fn no_such_address(request: HttpRequest) -> HttpResponse {
    let detail = format!("no resource at {}", without_secrets(request.path()));
    ApiError::new(Code::NotFound, detail).error_response()
}

/// The answer for a method that an address does not take; `methods` are those that it does.
pub async fn method_not_allowed(request: HttpRequest, methods: String) -> HttpResponse {
    let detail = format!("{} is not allowed here; see the `Allow` header", request.method());
    let mut response = ApiError::new(Code::MethodNotAllowed, detail).error_response();
    if let Ok(methods) = HeaderValue::from_str(&methods) {
        response.headers_mut().insert(ALLOW, methods);
    }
    response
}

/// A path without what may be a hook's secret.
fn without_secrets(path: &str) -> &str {
    if path.starts_with("/v1/hooks/") { "this address below /v1/hooks" } else { path }
}
