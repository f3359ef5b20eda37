//! One upload: a pair of addresses, and one PUT to one of them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use sha2::{Digest, Sha256};
use url::Url;

use super::{Job, RunError};
use crate::http::hosts::Hosts;
use crate::orgvue::hosts::hosts;
use crate::orgvue::{Client, Locations};
use crate::report::run::{PublicUrl, UploadReport};
use crate::settings::secret::PresignedUrl;
use crate::settings::units::Rate;
use crate::upload::body::BodyError;
use crate::upload::gzip;
use crate::upload::headroom::fits;
use crate::upload::pace::pace;
use crate::upload::put::{PutError, PutRequest, Receipt, Uploader};
use crate::upload::spec::{BodyEncoding, Expiry, Length, UploadFormat, UploadSpec, Verify};

/// What one attempt came to.
pub(super) enum Put {
    /// The storage took the body whole.
    Stored(Locations),
    /// It did not; another attempt, with fresh addresses, may be better. The rate is that of this attempt, where it
    /// came far enough to tell.
    Failed(PutError, Option<Rate>),
}

/// Where a body goes.
#[derive(Clone, Copy)]
pub(super) enum Store<'a> {
    /// To an address that the API gives, another for every attempt.
    Given(&'a Client),
    /// To an address of the user's own.
    Own(&'a PresignedUrl),
}

impl Store<'_> {
    async fn locations(&self, format: &str, encoding: &str) -> Result<Locations, RunError> {
        Ok(match self {
            Store::Given(client) => client.generate(format, encoding).await?,
            Store::Own(address) => Locations::own(address),
        })
    }

    /// Where the addresses may lead. Whoever names a host has named it.
    fn hosts(&self) -> Result<Hosts, RunError> {
        Ok(match self {
            Store::Given(client) => client.connection().hosts.clone(),
            Store::Own(address) => {
                let address = Url::parse(address.expose());
                let address = address.map_err(|_| RunError::Defect("an address is not a URL"))?;
                hosts(&address, Vec::new(), false)
            }
        })
    }
}

/// What is known of an upload, over all its attempts.
#[derive(Debug, Default)]
pub(super) struct Sending {
    /// As the report shows it, once there was an attempt.
    pub upload: Option<UploadReport>,
    /// Asking for addresses.
    pub generate: Option<Duration>,
    /// Sending.
    pub took: Option<Duration>,
    /// Bytes handed to the connection.
    pub sent: u64,
    /// Bytes of the body, once it was taken.
    pub body: Option<u64>,
}

/// A body as the upload wants it encoded.
pub(super) fn encoded<'a, E>(
    job: &Job<'_>,
    body: BoxStream<'a, Result<Bytes, E>>,
) -> BoxStream<'a, Result<Bytes, E>>
where
    E: From<BodyError> + Send + 'a,
{
    match job.pipeline.upload.encoding {
        BodyEncoding::Identity => body,
        BodyEncoding::Gzip => gzip::compressed(body, job.workers).boxed(),
    }
}

/// Asks for a pair of addresses and puts the body to one of them. `before` is the rate of the attempt before.
///
/// # Errors
/// What another attempt would not mend.
pub(super) async fn put(
    job: &Job<'_>,
    store: Store<'_>,
    length: Option<u64>,
    body: BoxStream<'static, Result<Bytes, BodyError>>,
    before: Option<Rate>,
    sending: &mut Sending,
) -> Result<Put, RunError> {
    let upload = &job.pipeline.upload;
    let (format, content_type) = file_type(upload);
    let began = Instant::now();
    let locations = store.locations(format, encoding(upload)).await?;
    *sending.generate.get_or_insert_default() += began.elapsed();
    let told = sending.upload.get_or_insert_with(|| begun(job));
    told.attempts += 1;
    told.put_url = Url::parse(locations.put.expose())
        .ok()
        .map(|url| PublicUrl::new(&url));
    let life = locations.remaining();
    let until_end = life.filter(|_| upload.expiry == Expiry::End);
    if let Some(life) = until_end {
        if life.is_zero() {
            return Ok(Put::Failed(PutError::Expired { sent: 0 }, before));
        }
        if let Some(length) = length {
            fits(length, life, upload.rate, before)?;
        }
    }
    let progress = job.progress.clone();
    let sha256 = match store {
        Store::Given(_) => None,
        Store::Own(_) => Some(Arc::new(Mutex::new(Sha256::new()))),
    };
    let seen = sha256.clone();
    let paced = pace(body, upload.rate, upload.chunk.0 as usize).inspect_ok(move |bytes| {
        progress.add_bytes_sent(bytes.len() as u64);
        if let Some(seen) = &seen {
            locked(seen).update(bytes);
        }
    });
    let sent = Arc::new(AtomicU64::new(0));
    let request = PutRequest {
        url: &locations.put,
        resends: told.attempts - 1,
        length,
        content_type: Some(content_type),
        verify: match upload.verify {
            Verify::Auto => locations.put.is_https(),
            Verify::Md5 => true,
            Verify::None => false,
        },
        life: until_end,
        sent: sent.clone(),
    };
    let uploader = Uploader::new(&store.hosts()?, &job.pipeline.timeouts);
    let began = Instant::now();
    let answer = uploader.put(request, paced.boxed()).await;
    let (took, sent) = (began.elapsed(), sent.load(Ordering::Relaxed));
    *sending.took.get_or_insert_default() += took;
    sending.sent += sent;
    if life.is_some_and(|life| took > life) {
        tracing::warn!(
            took_s = took.as_secs(),
            "the upload's address expired on the way"
        );
    }
    match answer {
        Ok(receipt) => {
            sending.body = Some(receipt.bytes);
            taken(told, receipt, upload.verify);
            told.sha256 = sha256.map(|hash| hex(&locked(&hash).clone().finalize()));
            Ok(Put::Stored(locations))
        }
        Err(error) => {
            let rate = rate_of(&error, sent, took);
            Ok(Put::Failed(error, rate))
        }
    }
}

/// The rate of an attempt that failed. A connection that broke or stood still says nothing of how fast it is.
fn rate_of(error: &PutError, sent: u64, took: Duration) -> Option<Rate> {
    match error {
        PutError::Expired { .. } | PutError::Refused { .. } if took.as_secs() > 0 => {
            Some(Rate(sent / took.as_secs())).filter(|rate| rate.0 > 0)
        }
        _ => None,
    }
}

fn taken(told: &mut UploadReport, receipt: Receipt, verify: Verify) {
    told.status = Some(receipt.status);
    told.etag = receipt.etag;
    told.verified = receipt.verified;
    if verify == Verify::Md5 && !receipt.verified {
        tracing::warn!("the storage states no MD5, so that of the upload was not compared");
    }
}

fn begun(job: &Job<'_>) -> UploadReport {
    UploadReport {
        length: match job.pipeline.length() {
            Length::Measured => "measured".into(),
            Length::Spooled => "spooled".into(),
            Length::Chunked => "chunked".into(),
        },
        encoding: encoding(&job.pipeline.upload).into(),
        attempts: 0,
        status: None,
        etag: None,
        verified: false,
        sha256: None,
        put_url: None,
    }
}

/// The API's word for the format, and its media type.
pub(super) fn file_type(upload: &UploadSpec) -> (&'static str, &'static str) {
    match upload.format {
        UploadFormat::Json => ("json", "application/json"),
        UploadFormat::Csv => ("csv", "text/csv"),
    }
}

fn locked(hash: &Mutex<Sha256>) -> MutexGuard<'_, Sha256> {
    hash.lock().unwrap_or_else(PoisonError::into_inner)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn encoding(upload: &UploadSpec) -> &'static str {
    match upload.encoding {
        BodyEncoding::Identity => "identity",
        BodyEncoding::Gzip => "gzip",
    }
}
