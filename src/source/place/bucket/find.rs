//! A bucket and its files: found by their names or by a pattern, opened, and looked at again.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use futures::{StreamExt, TryStreamExt};
use object_store::list::PaginatedListOptions;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStoreExt};

use super::address::{Address, Service, shown};
use super::requests::Requests;
use super::spec::BucketSpec;
use super::store::{Access, Store};
use super::told::{Asker, told};
use crate::http::retry::with_retries;
use crate::http::spec::TimeoutsSpec;
use crate::settings::units::Span;
use crate::source::error::SourceError;
use crate::source::place::glob;
use crate::source::place::remote::error::{RemoteError, again};
use crate::source::place::remote::mark::Mark;
use crate::source::place::remote::resumed::Reply;
use crate::source::spec::Pick;

/// A bucket. Clones share what they know.
#[derive(Clone)]
pub struct Bucket(Arc<Inner>);

struct Inner {
    service: Service,
    name: String,
    spec: BucketSpec,
    timeouts: TimeoutsSpec,
    access: OnceLock<Access>,
    store: OnceLock<Store>,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bucket").field(&self.0.name).finish()
    }
}

impl PartialEq for Bucket {
    fn eq(&self, other: &Bucket) -> bool {
        let parts = |bucket: &Bucket| {
            (
                bucket.0.service,
                bucket.0.name.clone(),
                bucket.0.spec.clone(),
            )
        };
        parts(self) == parts(other)
    }
}

impl Eq for Bucket {}

impl Bucket {
    /// The bucket of an address. Nothing is opened yet.
    pub(in crate::source) fn new(
        address: &Address,
        spec: &BucketSpec,
        timeouts: &TimeoutsSpec,
    ) -> Bucket {
        Bucket(Arc::new(Inner {
            service: address.service,
            name: address.bucket.clone(),
            spec: spec.clone(),
            timeouts: timeouts.clone(),
            access: OnceLock::new(),
            store: OnceLock::new(),
        }))
    }

    pub(in crate::source) fn service(&self) -> Service {
        self.0.service
    }

    /// Is told what the environment says of who asks, and where.
    pub(in crate::source) fn unlock(&self, access: Access) {
        let _ = self.0.access.set(access);
    }

    fn store(&self) -> Result<&Store, RemoteError> {
        if let Some(store) = self.0.store.get() {
            return Ok(store);
        }
        let Inner {
            service,
            name,
            spec,
            timeouts,
            ..
        } = &*self.0;
        let nothing = Access::new();
        let access = self.0.access.get().unwrap_or(&nothing);
        let asker = Asker {
            service: *service,
            bucket: name.clone(),
            is_known: access.iter().any(|(name, _)| says_who(name)),
        };
        let requests = Requests::new(asker, timeouts);
        let store = Store::open(*service, name, spec, access, requests)?;
        Ok(self.0.store.get_or_init(|| store))
    }

    fn object(&self, path: Path) -> Object {
        Object {
            bucket: self.clone(),
            path,
        }
    }

    /// The files whose names match, each with the time of its last change.
    async fn matching(
        &self,
        address: &Address,
        pattern: &::glob::Pattern,
    ) -> Result<Vec<(Object, Mark, SystemTime)>, RemoteError> {
        let store = self.store()?;
        let (mut found, mut page_token) = (Vec::new(), None);
        loop {
            let page = || async {
                let options = PaginatedListOptions {
                    delimiter: Some("/".into()),
                    page_token: page_token.clone(),
                    ..PaginatedListOptions::default()
                };
                let page = store
                    .listing
                    .list_paginated(Some(address.prefix()), options);
                page.await.map_err(told)
            };
            let page = with_retries(again, page).await?;
            for meta in page.result.objects {
                let name = meta.location.filename().unwrap_or_default();
                if glob::is_named(pattern, name) {
                    let (modified, mark) = (meta.last_modified.into(), mark(&meta));
                    found.push((self.object(meta.location), mark, modified));
                }
            }
            match page.page_token {
                Some(next) if page_token.as_ref() != Some(&next) => page_token = Some(next),
                Some(_) => {
                    return Err(RemoteError::Unexpected(
                        "the server's list of files does not end".to_owned(),
                    ));
                }
                None => return Ok(found),
            }
        }
    }
}

/// A file in a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::source) struct Object {
    bucket: Bucket,
    path: Path,
}

impl Object {
    /// As it is called in messages.
    pub(in crate::source) fn name(&self) -> String {
        shown(
            self.bucket.0.service,
            &self.bucket.0.name,
            self.path.as_ref(),
        )
    }

    /// How long a byte is waited for.
    pub(in crate::source) fn stalled(&self) -> Span {
        self.bucket.0.timeouts.stalled
    }

    /// Opens it at an offset, in the state that it was in where that is known.
    pub(in crate::source) async fn open(&self, at: u64, was: &Mark) -> Result<Reply, RemoteError> {
        let options = GetOptions {
            range: (at > 0).then_some(GetRange::Offset(at)),
            if_match: was.version.as_ref().map(|tag| format!("\"{tag}\"")),
            ..GetOptions::default()
        };
        let objects = &self.bucket.store()?.objects;
        let got = objects.get_opts(&self.path, options).await.map_err(told)?;
        Ok(Reply {
            mark: mark(&got.meta),
            bytes: got.into_stream().map_err(told).boxed(),
        })
    }

    /// Its state now.
    pub(in crate::source) async fn look(&self) -> Result<Mark, RemoteError> {
        let objects = &self.bucket.store()?.objects;
        let meta = objects.head(&self.path).await.map_err(told)?;
        Ok(mark(&meta))
    }
}

/// Whether a variable says who asks, and not where.
fn says_who(name: &str) -> bool {
    let words = ["CREDENTIALS", "IDENTITY", "KEY", "SECRET", "SKIP", "TOKEN"];
    words.iter().any(|word| name.contains(word))
}

/// What a service says of a file's state. Lists have fractions of seconds, and answers have none; one service leaves the
/// quotes of a tag out in its lists.
fn mark(meta: &ObjectMeta) -> Mark {
    let since = meta.last_modified.timestamp();
    let modified = u64::try_from(since).ok().filter(|since| *since > 0);
    let tag = meta.e_tag.as_deref().filter(|tag| !tag.starts_with("W/"));
    Mark {
        size: Some(meta.size),
        version: tag.map(|tag| tag.trim_matches('"').to_owned()),
        modified: modified.map(|since| SystemTime::UNIX_EPOCH + Duration::from_secs(since)),
    }
}

/// The files that an address stands for, in alphabetical order, or those of them that are picked; with the answer where
/// one was found by opening it.
///
/// # Errors
/// There is none; more than may match; one of them looks unfinished; the service's word.
pub(in crate::source) async fn find(
    bucket: &Bucket,
    address: &Address,
    pick: Pick,
) -> Result<Vec<(Object, Mark, Option<Reply>)>, SourceError> {
    let name = address.to_string();
    let failed = |source| SourceError::Remote {
        name: name.clone(),
        source,
    };
    let Some(pattern) = &address.pattern else {
        let odd = |_| RemoteError::Setting("this key can't be asked for".to_owned());
        let path = Path::parse(&address.key).map_err(odd).map_err(failed)?;
        let object = bucket.object(path);
        let nothing = Mark::default();
        return match with_retries(again, || object.open(0, &nothing)).await {
            Ok(reply) => Ok(vec![(object, reply.mark.clone(), Some(reply))]),
            Err(RemoteError::Gone) => Err(SourceError::NotFound(name)),
            Err(error) => Err(failed(error)),
        };
    };
    let mut found = match bucket.matching(address, pattern).await {
        Err(RemoteError::Gone) => return Err(SourceError::NoMatch(name)),
        found => found.map_err(failed)?,
    };
    found.sort_by(|(a, ..), (b, ..)| a.path.as_ref().cmp(b.path.as_ref()));
    let called = |(object, ..): &(Object, Mark, SystemTime)| object.name();
    let picked = glob::picked(&name, found, pick, called, |(.., at)| Ok(*at))?;
    let picked = picked.into_iter();
    Ok(picked
        .map(|(object, mark, _)| (object, mark, None))
        .collect())
}
