//! Which files a source is: from what the pipeline names to where each of them is.

use super::origin::Origin;
use super::place::bucket::address::Address;
use super::place::bucket::{self, Bucket};
use super::place::https::Request;
use super::place::remote::error::RemoteError;
use super::place::remote::{Found, Remote};
use super::place::{glob, sftp};
use super::spec::{Encoding, Keep, Pick};
use super::{Input, Source, SourceError, Wrapping};
use crate::files::on_disk::on_disk;
use crate::settings::limits::Limits;

impl Source {
    /// Finds the files of a source. Patterns are expanded in alphabetical order.
    ///
    /// # Errors
    /// A file that isn't there or is a directory, a pattern that matches nothing; [`SourceError::Nothing`] where
    /// there is nothing at all.
    pub async fn find(
        inputs: &[Input],
        wrapping: impl Into<Wrapping>,
        encoding: Encoding,
        limits: Limits,
    ) -> Result<Source, SourceError> {
        let wrapping = wrapping.into();
        let keep = wrapping.keep;
        let mut origins = Vec::new();
        let mut missing = None;
        for input in inputs {
            match find(input, keep).await {
                Ok(found) => origins.extend(found),
                Err(error @ (SourceError::NotFound(_) | SourceError::NoMatch(_))) => {
                    missing.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        for (at, origin) in origins.iter().enumerate() {
            if let Some(other) = origins[..at].iter().find(|other| other.is_same(origin)) {
                return Err(SourceError::Twice {
                    name: other.name.clone(),
                    other: origin.name.clone(),
                });
            }
        }
        match missing {
            None => Ok(Source {
                wrapping,
                encoding,
                limits,
                ..Source::over(origins)
            }),
            Some(error) if origins.is_empty() => Err(SourceError::Nothing(Box::new(error))),
            Some(error) => Err(error),
        }
    }
}

/// The origins that one entry of the list stands for.
async fn find(input: &Input, stated: Option<Keep>) -> Result<Vec<Origin>, SourceError> {
    let keep = stated.unwrap_or_default();
    match input.clone() {
        Input::Stdin => Ok(vec![Origin::stdin(keep)]),
        Input::Command(command) => Ok(vec![Origin::command(command, keep)]),
        Input::Sample(sample) => Ok(vec![Origin::sample(sample)]),
        Input::Sql(query) => Ok(vec![Origin::query(query, keep)]),
        Input::Https(request) => at_server(request, stated).await,
        Input::Sftp(server, address, pick) => {
            let found = sftp::find(&server, &address, pick).await?.into_iter();
            let found = found.map(|(file, mark)| Found::new(Remote::Sftp(file), mark));
            Ok(found.map(|found| Origin::remote(found, stated)).collect())
        }
        Input::Bucket(bucket, address, pick) => in_bucket(&bucket, &address, pick, stated).await,
        Input::File(path) => looked(move || Ok(vec![Origin::at(path, keep)?])).await,
        Input::Glob(pattern, pick) => {
            let files = move || {
                let files = glob::find(&pattern, pick)?.into_iter();
                files.map(|path| Origin::at(path, keep)).collect()
            };
            looked(files).await
        }
    }
}

/// What a web server has at an address.
async fn at_server(request: Request, keep: Option<Keep>) -> Result<Vec<Origin>, SourceError> {
    let name = request.to_string();
    match request.find().await {
        Ok(reply) => {
            let found = Found::opened(Remote::Https(request), reply);
            Ok(vec![Origin::remote(found, keep)])
        }
        Err(RemoteError::Gone) => Err(SourceError::NotFound(name)),
        Err(source) => Err(SourceError::Remote { name, source }),
    }
}

/// What stands in a bucket.
async fn in_bucket(
    bucket: &Bucket,
    address: &Address,
    pick: Pick,
    keep: Option<Keep>,
) -> Result<Vec<Origin>, SourceError> {
    let files = bucket::find(bucket, address, pick).await?.into_iter();
    let found = files.map(|(object, mark, reply)| match reply {
        Some(reply) => Found::opened(Remote::Bucket(object), reply),
        None => Found::new(Remote::Bucket(object), mark),
    });
    Ok(found.map(|found| Origin::remote(found, keep)).collect())
}

/// What a look at the disk says.
async fn looked<T: Send + 'static>(
    look: impl FnOnce() -> Result<T, SourceError> + Send + 'static,
) -> Result<T, SourceError> {
    on_disk(look).await.unwrap_or_else(|source| {
        Err(SourceError::Io {
            name: "the source".to_owned(),
            source,
        })
    })
}
