//! Files in buckets of S3, Google Cloud Storage and Azure Blob Storage, and of servers that speak their protocols.
//!
//! | file | what it is |
//! |---|---|
//! | `spec` | what the pipeline file says |
//! | `address` | `s3://bucket/folder/file` |
//! | `requests` | the crate's requests, over the HTTP client that is here already |
//! | `told` | what the service's refusals mean |
//! | `find` | the face: a bucket, and the files that an address stands for |
//! | `disabled` | the face of a build without the feature `buckets` |

pub(crate) mod address;
pub(crate) mod spec;

#[cfg(feature = "buckets")]
mod find;
#[cfg(feature = "buckets")]
mod requests;
#[cfg(feature = "buckets")]
mod store;
#[cfg(feature = "buckets")]
mod told;

#[cfg(not(feature = "buckets"))]
mod disabled;

#[cfg(not(feature = "buckets"))]
pub(in crate::source) use disabled::{Bucket, Object, find};
#[cfg(feature = "buckets")]
pub(in crate::source) use find::{Bucket, Object, find};
