//! One upload: a pair of addresses, and one PUT to one of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};

use super::{Job, RunError};
use crate::orgvue::{Client, Locations};
use crate::report::run::{PublicUrl, UploadReport};
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
    client: &Client,
    length: Option<u64>,
    body: BoxStream<'static, Result<Bytes, BodyError>>,
    before: Option<Rate>,
    sending: &mut Sending,
) -> Result<Put, RunError> {
    let upload = &job.pipeline.upload;
    let (format, content_type) = match upload.format {
        UploadFormat::Json => ("json", "application/json"),
        UploadFormat::Csv => ("csv", "text/csv"),
    };
    let began = Instant::now();
    let locations = client.generate(format, encoding(upload)).await?;
    *sending.generate.get_or_insert_default() += began.elapsed();
    let told = sending.upload.get_or_insert_with(|| begun(job));
    told.attempts += 1;
    told.put_url = url::Url::parse(locations.put.expose())
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
    let paced = pace(body, upload.rate, upload.chunk.0 as usize)
        .inspect_ok(move |bytes| progress.add_bytes_sent(bytes.len() as u64));
    let sent = Arc::new(AtomicU64::new(0));
    let request = PutRequest {
        url: &locations.put,
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
    let uploader = Uploader::new(&client.connection().hosts, &job.pipeline.timeouts);
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
        put_url: None,
    }
}

fn encoding(upload: &UploadSpec) -> &'static str {
    match upload.encoding {
        BodyEncoding::Identity => "identity",
        BodyEncoding::Gzip => "gzip",
    }
}
