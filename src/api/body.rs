//! Bodies of admin calls: limited in size, and parsed as JSON regardless of their content type.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest};
use serde_json::Value;

use crate::door;
use crate::http::errors::{ApiError, Code};

/// The largest body of an admin call, in bytes.
pub const ADMIN_BODY_MAX: usize = 4 * 1024 * 1024;

/// A complete body.
pub struct Body(pub Bytes);

impl Body {
    /// The body as JSON.
    pub fn json(&self) -> Result<Value, ApiError> {
        door::body::parse_json(&self.0).map_err(ApiError::from)
    }
}

impl Body {
    /// The body as JSON; an empty object if there is none.
    pub fn json_or_nothing(&self) -> Result<Value, ApiError> {
        if self.0.is_empty() { Ok(Value::Object(Default::default())) } else { self.json() }
    }
}

impl FromRequest for Body {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Body, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let reading = Bytes::from_request(request, payload);
        Box::pin(async move { reading.await.map(Body).map_err(|error| refuse(&error)) })
    }
}

fn refuse(error: &actix_web::Error) -> ApiError {
    match error.as_error() {
        Some(PayloadError::Overflow) => {
            ApiError::new(Code::BodyTooLarge, format!("the body is larger than {ADMIN_BODY_MAX} bytes"))
        }
        _ => ApiError::new(Code::BodyIncomplete, format!("the body ended early: {error}")),
    }
}
