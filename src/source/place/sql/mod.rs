//! What a query of PostgreSQL gives.
//!
//! | file | what it is |
//! |---|---|
//! | `spec` | what the pipeline file says |
//! | `address` | `postgres://user:password@host/database`, and how its server is trusted |
//! | `reading` | the query, from the connection to the end of its transaction |
//! | `rows` | rows as JSON, one a line |
//! | `told` | what the server's errors mean |
//! | `disabled` | the face of a build without the feature `sql` |

pub(crate) mod spec;

#[cfg(feature = "sql")]
mod address;
#[cfg(feature = "sql")]
mod reading;
#[cfg(feature = "sql")]
mod rows;
#[cfg(feature = "sql")]
mod told;

#[cfg(not(feature = "sql"))]
mod disabled;

use std::fmt;
use std::sync::{Arc, OnceLock};

use secrecy::SecretString;

use crate::http::spec::TimeoutsSpec;
#[cfg(feature = "sql")]
use crate::settings::units::Span;
use crate::source::bytes::raw::Raw;
use spec::SqlSpec;

/// A query, and of whom it is asked. Clones share what they know.
#[derive(Clone)]
pub struct Query(Arc<Inner>);

#[cfg_attr(
    not(feature = "sql"),
    expect(dead_code, reason = "without the feature no query is asked")
)]
struct Inner {
    spec: SqlSpec,
    timeouts: TimeoutsSpec,
    access: OnceLock<Access>,
}

/// What is looked up when the query is about to be asked.
#[cfg_attr(
    not(feature = "sql"),
    expect(dead_code, reason = "without the feature no query is asked")
)]
pub(crate) struct Access {
    pub(crate) url: SecretString,
    pub(crate) query: String,
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Query").field(&self.0.spec).finish()
    }
}

impl PartialEq for Query {
    fn eq(&self, other: &Query) -> bool {
        self.0.spec == other.0.spec
    }
}

impl Eq for Query {}

impl Query {
    /// Nothing is opened yet.
    pub(in crate::source) fn new(spec: &SqlSpec, timeouts: &TimeoutsSpec) -> Query {
        Query(Arc::new(Inner {
            spec: spec.clone(),
            timeouts: timeouts.clone(),
            access: OnceLock::new(),
        }))
    }

    pub(in crate::source) fn spec(&self) -> &SqlSpec {
        &self.0.spec
    }

    /// Is told what the query is, and of whom it is asked.
    pub(in crate::source) fn unlock(&self, access: Access) {
        let _ = self.0.access.set(access);
    }

    /// As it is called in messages: the database, and nobody who asks.
    pub(in crate::source) fn name(&self) -> String {
        let access = self.0.access.get();
        let named = access.and_then(|access| name(&access.url));
        named.unwrap_or_else(|| "source.sql".to_owned())
    }

    /// Asks it; the rows come as JSON, one a line.
    pub(in crate::source) fn read(&self) -> Raw {
        read(self.clone())
    }

    /// How long the statement may take in all.
    #[cfg(feature = "sql")]
    fn timeout(&self) -> Option<Span> {
        self.0.spec.timeout
    }
}

#[cfg(not(feature = "sql"))]
use disabled::{name, read};
#[cfg(feature = "sql")]
use {address::name, reading::read};
