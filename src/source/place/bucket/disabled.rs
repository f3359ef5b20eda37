//! Buckets in a build without the feature `buckets`: they have the same face, and say why nothing is read from them.

use super::address::{Address, Service};
use super::spec::BucketSpec;
use crate::http::spec::TimeoutsSpec;
use crate::settings::units::Span;
use crate::source::error::SourceError;
use crate::source::place::remote::error::RemoteError;
use crate::source::place::remote::mark::Mark;
use crate::source::place::remote::resumed::Reply;
use crate::source::spec::Pick;

/// A bucket that nobody can look into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    service: Service,
}

impl Bucket {
    pub(in crate::source) fn new(address: &Address, _: &BucketSpec, _: &TimeoutsSpec) -> Bucket {
        Bucket {
            service: address.service,
        }
    }

    pub(in crate::source) fn service(&self) -> Service {
        self.service
    }

    pub(in crate::source) fn unlock(&self, _: Vec<(&'static str, String)>) {}
}

/// A file in a bucket, of which there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::source) enum Object {}

impl Object {
    pub(in crate::source) fn name(&self) -> String {
        match *self {}
    }

    pub(in crate::source) fn stalled(&self) -> Span {
        match *self {}
    }

    pub(in crate::source) async fn open(&self, _: u64, _: &Mark) -> Result<Reply, RemoteError> {
        match *self {}
    }

    pub(in crate::source) async fn look(&self) -> Result<Mark, RemoteError> {
        match *self {}
    }
}

/// # Errors
/// Always: it is not in this build.
pub(in crate::source) async fn find(
    _: &Bucket,
    address: &Address,
    _: Pick,
) -> Result<Vec<(Object, Mark, Option<Reply>)>, SourceError> {
    let why = "this build of rostream has no buckets: build it with `--features buckets`";
    Err(SourceError::Remote {
        name: address.to_string(),
        source: RemoteError::Setting(why.to_owned()),
    })
}
