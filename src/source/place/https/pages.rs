//! Extracts that come in pages: each page is fetched whole, looked at for where the next one is, and given out; the
//! records of all of them follow each other as those of documents do.
//!
//! A page is held in memory, and nothing of it is given out before all of it is there: one that breaks off is simply asked
//! for again.

use std::collections::HashSet;
use std::io;

use bytes::Bytes;
use futures::stream::{self, TryStreamExt};
use reqwest::header::HeaderMap;
use tokio_util::io::StreamReader;
use url::Url;
use xxhash_rust::xxh3::xxh3_128;

use super::spec::Paging;
use super::{Request, answer, next};
use crate::http::retry::with_retries;
use crate::settings::units::Size;
use crate::source::bytes::raw::Raw;
use crate::source::place::remote::error::{RemoteError, again};
use crate::source::place::remote::mark::Mark;
use crate::source::place::remote::resumed::{Pieces, Reply};

/// The largest page, in bytes: many times what any of these services puts into one.
const LARGEST: Size = Size(64 << 20);

/// Reads all pages from the first on, of which the answer may be there already.
pub(in crate::source) fn read(request: Request, paging: Paging, first: Option<Reply>) -> Raw {
    let reading = Reading {
        next: Some(request.0.url.clone()),
        request,
        paging,
        first: first.map(|reply| reply.bytes),
        number: 0,
        seen: HashSet::new(),
    };
    let pages = stream::try_unfold(reading, |mut reading| async move {
        let page = reading.page().await.map_err(io::Error::other)?;
        Ok::<_, io::Error>(page.map(|page| (page, reading)))
    });
    Box::new(StreamReader::new(Box::pin(pages)))
}

struct Reading {
    request: Request,
    paging: Paging,
    /// The answer to the first request.
    first: Option<Pieces>,
    /// The page to be read next.
    next: Option<Url>,
    /// Pages so far.
    number: u64,
    /// The hashes of their addresses.
    seen: HashSet<u128>,
}

impl Reading {
    async fn page(&mut self) -> Result<Option<Bytes>, RemoteError> {
        let Some(url) = self.next.take() else {
            return Ok(None);
        };
        self.number += 1;
        let number = self.number;
        let page = self.fetch(&url).await.map_err(|why| RemoteError::Page {
            number,
            why: Box::new(why),
        })?;
        Ok(Some(page))
    }

    async fn fetch(&mut self, url: &Url) -> Result<Bytes, RemoteError> {
        if !self.seen.insert(xxh3_128(url.as_str().as_bytes())) {
            return Err(RemoteError::Unexpected(
                "the page before it leads to one that was read already".to_owned(),
            ));
        }
        let mut first = self.first.take();
        let request = &self.request;
        let ask = || {
            let first = first.take();
            async move {
                match first {
                    Some(bytes) => whole(request, bytes).await,
                    None => {
                        let (answer, url) = request.ask(url, HeaderMap::new()).await?;
                        let nothing = Mark::default();
                        let reply = answer::opened(request, answer, &url, 0, &nothing).await?;
                        whole(request, reply.bytes).await
                    }
                }
            }
        };
        let mut page = with_retries(again, ask).await?;
        self.next = next::behind(self.paging, &page, url)?;
        page.push(b'\n');
        Ok(page.into())
    }
}

/// All of a page.
async fn whole(request: &Request, mut bytes: Pieces) -> Result<Vec<u8>, RemoteError> {
    let after = request.stalled();
    let mut page = Vec::new();
    loop {
        let piece = tokio::time::timeout(after.0, bytes.try_next());
        let piece = piece.await.map_err(|_| RemoteError::Stalled { after })??;
        let Some(piece) = piece else {
            return Ok(page);
        };
        if page.len() + piece.len() > LARGEST.bytes() {
            return Err(RemoteError::Unexpected(format!(
                "it has more than {LARGEST}: ask for smaller pages in source.path"
            )));
        }
        page.extend_from_slice(&piece);
    }
}
