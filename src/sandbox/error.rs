//! Answers that say no: the API's JSON errors and the storage's XML errors.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// One error of the API: also what a failed ticket and a failed item carry.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ApiError {
    pub name: &'static str,
    pub code: &'static str,
    pub message: String,
    #[serde(rename = "pathParameter", skip_serializing_if = "Option::is_none")]
    pub path_parameter: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub property: Option<String>,
}

impl ApiError {
    pub(crate) fn new(
        name: &'static str,
        code: &'static str,
        message: impl Into<String>,
    ) -> ApiError {
        ApiError {
            name,
            code,
            message: message.into(),
            path_parameter: None,
            property: None,
        }
    }

    /// The code's first three digits are its HTTP status.
    fn status(&self) -> StatusCode {
        self.code
            .get(..3)
            .and_then(|digits| digits.parse().ok())
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// An unsuccessful answer of the API: one error at least. The first decides the HTTP status.
#[derive(Debug)]
pub(super) struct ApiErrors {
    pub errors: Vec<ApiError>,
    pub retry_after: Option<Duration>,
}

impl From<ApiError> for ApiErrors {
    fn from(error: ApiError) -> ApiErrors {
        ApiErrors {
            errors: vec![error],
            retry_after: None,
        }
    }
}

impl IntoResponse for ApiErrors {
    fn into_response(self) -> Response {
        let status = match self.errors.first() {
            Some(error) => error.status(),
            None => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let mut response = json(status, &serde_json::json!({ "errors": self.errors }));
        if let Some(wait) = self.retry_after {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs()));
        }
        response
    }
}

/// A JSON answer as the API writes it.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => (
            status,
            [(header::CONTENT_TYPE, "application/json; charset=UTF-8")],
            body,
        )
            .into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// An error of the storage, in S3's words.
#[derive(Debug)]
pub(super) struct StorageError {
    pub status: StatusCode,
    pub code: &'static str,
    pub message: &'static str,
    /// One more element of the XML, by name and text.
    pub extra: Option<(&'static str, String)>,
}

impl StorageError {
    pub(crate) const fn new(
        status: StatusCode,
        code: &'static str,
        message: &'static str,
    ) -> StorageError {
        StorageError {
            status,
            code,
            message,
            extra: None,
        }
    }

    pub(crate) const fn no_such_key() -> StorageError {
        StorageError::new(
            StatusCode::NOT_FOUND,
            "NoSuchKey",
            "The specified key does not exist.",
        )
    }

    pub(crate) const fn internal() -> StorageError {
        StorageError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalError",
            "We encountered an internal error. Please try again.",
        )
    }
}

impl IntoResponse for StorageError {
    fn into_response(self) -> Response {
        let extra = match &self.extra {
            Some((name, text)) => format!("<{name}>{}</{name}>", escape_xml(text)),
            None => String::new(),
        };
        let xml = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{}</Code><Message>{}</Message>{extra}<RequestId>{:016X}</RequestId></Error>",
            self.code,
            self.message,
            rand::random::<u64>(),
        );
        (
            self.status,
            [(header::CONTENT_TYPE, "application/xml")],
            Body::from(xml),
        )
            .into_response()
    }
}

fn escape_xml(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
