//! Queries in a build without the feature `sql`: nobody is asked, and why is said where the answer would be read.

use std::io;

use futures::stream;
use secrecy::SecretString;
use tokio_util::io::StreamReader;

use super::Query;
use crate::source::bytes::raw::Raw;
use crate::source::place::remote::error::RemoteError;

pub(super) fn name(_: &SecretString) -> Option<String> {
    None
}

pub(super) fn read(_: Query) -> Raw {
    let why = "this build of rostream has no SQL: build it with `--features sql`";
    let error = io::Error::other(RemoteError::Setting(why.to_owned()));
    let end = stream::iter([Err::<bytes::Bytes, _>(error)]);
    Box::new(StreamReader::new(end))
}
