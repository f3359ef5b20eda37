//! Commands that work on data, for whoever watches them with OpenTelemetry: a trace of each, and what runs came to as
//! metrics, sent by OTLP over HTTP when the command is over. The environment alone says whether and where to, by the names
//! that every such program knows: <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>.
//!
//! | file | what it is |
//! |---|---|
//! | `settings` | what the environment says |
//! | `enabled` | the face: what is told of a command |
//! | `trace` | its spans |
//! | `heard` | steps and requests, from the log |
//! | `send` | what goes out, and within which time |
//! | `disabled` | the face of a build without the feature `otel` |

mod settings;

#[cfg(feature = "otel")]
mod enabled;
#[cfg(feature = "otel")]
mod heard;
#[cfg(feature = "otel")]
mod send;
#[cfg(feature = "otel")]
mod trace;

#[cfg(not(feature = "otel"))]
mod disabled;

#[cfg(not(feature = "otel"))]
pub(super) use disabled::{begin_part, end_part, finish, ran, start, transformed, with};
#[cfg(feature = "otel")]
pub(super) use enabled::{begin_part, end_part, finish, ran, start, transformed, with};
