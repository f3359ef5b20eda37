//! The embedded Orgvue: API, S3-like storage and a data set in memory, on 127.0.0.1, for trying a
//! pipeline and for tests.
//!
//! **It is a sandbox and says so**: every answer carries `X-Rostream-Sandbox: 1`, errors outside
//! the documented list have names that begin with `Sandbox`, and [`Sandbox::about`] is a banner. It
//! proves that a client follows the documented contract. It does not prove that Orgvue does the
//! same wherever its public documentation is silent.
//!
//! # What the documentation says
//!
//! - `POST /api/v1/{tenant}/files/generate`, `PUT .../datasets/{dataset}/items/import` (202 and a
//!   job ticket), the list of data sets, and reading items back.
//! - `Authorization: Bearer {APIToken}`; the errors 40101, 40102, 40103, 40301, 40302, 40303,
//!   40345, 42901, 400603 and 415001; errors as `{"errors":[{name, code, message}]}`, several at
//!   once; `X-Amzn-Trace-Id` on every answer of the API.
//! - Pre-signed URLs for upload, ticket and results: no token is needed there, and none is taken.
//! - The seven actions, the query parameters of the import and that ways of identifying exclude
//!   each other, dates in `dateFormat`.
//! - A ticket's fields, and `created`, `running`, then `completed` or `failed`; then
//!   `$._links.result.url`. Callback variables `jobStatus`, `traceId`, `tenantId`.
//! - Generated files are deleted after a while, and URLs end sooner or later.
//!
//! What the storage refuses (chunked transfer, a missing length, a second auth mechanism, an
//! expired or changed URL, headers that were not signed) is what S3 refuses. Its signature is the
//! sandbox's own, and not AWS's.
//!
//! # What is a setting, because the documentation is silent
//!
//! What an empty CSV cell and JSON's `null` mean, whether tokens work in JSON, what becomes of
//! unknown properties, which word of `onActionValidationFailure` makes the job all or nothing, whether
//! an empty upload may delete everything, the order and place of results and what they repeat, when
//! a ticket appears, whether `gzip` uploads are taken, what is signed, how long URLs live. See
//! [`SandboxSettings`].
//!
//! # What the sandbox decided by itself
//!
//! - `create` fails on an existing item; `update`, `replace` and `delete` fail on a missing one.
//!   Each failure is the item's alone. `replace` drops the properties that it doesn't name.
//! - Items are applied in the payload's order; two imports run one after the other.
//! - A payload that is malformed anywhere changes nothing, and its job fails.
//! - `implicitDelete` spares every item that the payload names, even where that row failed.
//! - A cleared property is absent when items are read back.
//! - As an identifier, the text `7` and the number `7` are the same.
//! - With `mergeKey`, one row changes all its items, and its result names the first.
//! - Unknown and repeated query parameters are refused.
//! - The definition of a data set is at `.../datasets/{dataset}/metadata`, and the list links to it as `dataset:metadata`,
//!   where properties are stated; that there is such a thing is documented, and where it is is not.
//! - Access rights don't exist, so that `onPropertyAccessDenied` and `onItemAccessDenied` have no
//!   effect.

mod api;
mod apply;
mod callback;
mod dataset;
mod error;
mod head;
mod job;
pub(crate) mod null;
pub(crate) mod options;
mod params;
mod payload;
mod server;
mod shared;
mod sign;
mod storage;
mod store;
#[cfg(test)]
mod tests;
mod ticket;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rand::RngExt;
use rand::distr::Alphanumeric;
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpListener;
use uuid::Uuid;

pub use options::SandboxSettings;

use crate::settings::is_tenant;
use params::ImportParams;
use payload::{Format, Payload};
use shared::Shared;
use store::Store;

/// Why a sandbox can't start.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// A setting that can't be.
    #[error("the sandbox's {0}")]
    Settings(&'static str),
    /// The port is taken or not allowed.
    #[error("the sandbox can't listen on 127.0.0.1:{port}")]
    Bind {
        /// The port asked for.
        port: u16,
        source: io::Error,
    },
    /// The private folder can't be made.
    #[error("the sandbox can't make its private folder")]
    Folder(#[source] io::Error),
    /// The file with the first items can't be opened.
    #[error("the sandbox can't read its items from {}", path.display())]
    Items { path: PathBuf, source: io::Error },
    /// The file with the first items isn't a JSON array of items that can be created.
    #[error("the sandbox can't take the items of {}: {reason}", path.display())]
    ItemsRefused {
        path: PathBuf,
        /// What is wrong, without any value.
        reason: String,
    },
}

/// A running sandbox. It ends when it is dropped; [`Sandbox::shutdown`] also waits for the end.
pub struct Sandbox {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox")
            .field("base_url", &self.shared.base_url)
            .finish_non_exhaustive()
    }
}

impl Sandbox {
    /// Starts a sandbox on tasks of the current runtime. It answers as soon as this returns.
    pub async fn start(settings: SandboxSettings) -> Result<Sandbox, SandboxError> {
        if !is_tenant(&settings.tenant) {
            return Err(SandboxError::Settings(
                "tenant must be a capital letter and up to 29 capitals, digits and underscores",
            ));
        }
        let token = settings.token.clone().unwrap_or_else(random_token);
        let plain = token.expose_secret();
        if plain.is_empty() || !plain.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(SandboxError::Settings(
                "token must be visible ASCII characters without blanks",
            ));
        }
        let port = settings.port;
        let bind = |source| SandboxError::Bind { port, source };
        let listener = TcpListener::bind(("127.0.0.1", port)).await.map_err(bind)?;
        let host = listener.local_addr().map_err(bind)?.to_string();
        let store = Store::new(settings.folder.as_deref(), settings.file_life)
            .map_err(SandboxError::Folder)?;
        let items = settings.items.clone();
        let shared = Arc::new(Shared::new(settings, token, host, store));
        if let Some(path) = items {
            load(&shared, path).await?;
        }
        shared.spawn(server::accept(shared.clone(), listener));
        Ok(Sandbox { shared })
    }

    /// Ends the sandbox at once and waits until its tasks are gone. Uploads that are under way are
    /// cut off, jobs stop where they are; the private folder is deleted.
    pub async fn shutdown(self) {
        self.shared.stop();
        self.shared.stopped().await;
    }

    /// `http://127.0.0.1:port`.
    pub fn base_url(&self) -> &str {
        &self.shared.base_url
    }

    pub fn token(&self) -> &SecretString {
        &self.shared.token
    }

    pub fn tenant(&self) -> &str {
        &self.shared.settings.tenant
    }

    /// The data set's id.
    pub fn dataset(&self) -> Uuid {
        self.shared.settings.dataset
    }

    /// All items as they would be read back, sorted by the identifying property and then by `_id`: the JSON text
    /// that each is, which shows the order of properties and the digits of numbers.
    pub fn item_texts(&self) -> Vec<String> {
        let dataset = self.shared.dataset();
        let mut items: Vec<_> = dataset
            .iter()
            .map(|item| (item.key_text(&self.shared.settings.auto_id), item))
            .collect();
        items.sort_by(|(a, x), (b, y)| a.cmp(b).then(x.id.cmp(&y.id)));
        items
            .into_iter()
            .map(|(_, item)| {
                let mut text = Vec::new();
                item.write(&mut text);
                String::from_utf8_lossy(&text).into_owned()
            })
            .collect()
    }

    /// How many items the data set holds.
    pub fn item_count(&self) -> usize {
        self.shared.dataset().len()
    }

    /// How many imports were accepted, whatever came of them.
    pub fn imports(&self) -> u64 {
        self.shared.imports.load(Ordering::Relaxed)
    }

    /// How many import jobs are over.
    pub fn jobs_over(&self) -> u64 {
        self.shared.jobs_over.load(Ordering::Relaxed)
    }

    /// How many complete uploads were stored.
    pub fn uploads(&self) -> u64 {
        self.shared.uploads.load(Ordering::Relaxed)
    }

    /// Where the last complete upload lies, until it is deleted.
    pub fn last_upload(&self) -> Option<PathBuf> {
        self.shared.store.last_upload()
    }

    /// A banner for people: what this is, where it is, and what it isn't. Holds no secret.
    pub fn about(&self) -> String {
        format!(
            "rostream sandbox: an imitation of Orgvue's import API, in this process. Nothing leaves this machine,\n\
             and everything is forgotten when it ends. Where Orgvue's public documentation is silent, it follows\n\
             its settings, and Orgvue may do otherwise.\n\
             \n\
             base_url: {}\n\
             tenant:   {}\n\
             dataset:  {}",
            self.base_url(),
            self.tenant(),
            dataset::upper(self.dataset()),
        )
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.shared.stop();
    }
}

/// A token with the looks of a JWT, which real ones are.
fn random_token() -> SecretString {
    const HEAD_AND_CLAIMS: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJzYW5kYm94In0.";
    let mut token = String::from(HEAD_AND_CLAIMS);
    token.extend(
        rand::rng()
            .sample_iter(Alphanumeric)
            .take(43)
            .map(char::from),
    );
    token.into()
}

/// Creates the items that the data set holds at the start.
async fn load(shared: &Arc<Shared>, path: PathBuf) -> Result<(), SandboxError> {
    let file = match tokio::fs::File::open(&path).await {
        Ok(file) => file,
        Err(source) => return Err(SandboxError::Items { path, source }),
    };
    let refused = |reason: String| SandboxError::ItemsRefused {
        path: path.clone(),
        reason,
    };
    let mut applier = job::applier(shared, ImportParams::default())
        .await
        .map_err(|e| refused(e.message))?
        .creating();
    let mut payload = Payload::new(Format::Json, Box::new(file));
    let mut first_failure = None;
    while payload
        .next_batch(&mut |row| {
            applier.apply(&mut shared.dataset(), row);
            if let Some(failure) = applier.failure.take() {
                let item = applier.items;
                first_failure.get_or_insert_with(|| format!("item {item}: {}", failure.message));
            }
        })
        .await
        .map_err(|e| refused(e.to_string()))?
    {}
    match first_failure {
        None => Ok(()),
        Some(reason) => Err(refused(reason)),
    }
}
