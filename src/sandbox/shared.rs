//! What the connections and jobs of one sandbox share.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use secrecy::SecretString;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::dataset::Dataset;
use super::options::SandboxSettings;
use super::sign::Signer;
use super::store::Store;
use super::ticket::Tickets;

/// What every connection and job uses.
pub(super) struct Shared {
    pub settings: Arc<SandboxSettings>,
    pub token: SecretString,
    pub base_url: String,
    pub signer: Signer,
    pub store: Store,
    pub tickets: Tickets,
    dataset: Mutex<Dataset>,
    /// Held by the job that works; jobs wait for it in the order in which they came.
    pub job_turn: tokio::sync::Mutex<()>,
    pub calls: AtomicU64,
    pub imports: AtomicU64,
    /// Jobs that are over.
    pub jobs_over: AtomicU64,
    pub uploads: AtomicU64,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Shared {
    pub(crate) fn new(
        settings: SandboxSettings,
        token: SecretString,
        host: String,
        store: Store,
    ) -> Shared {
        Shared {
            base_url: format!("http://{host}"),
            signer: Signer::new(host),
            settings: Arc::new(settings),
            token,
            store,
            tickets: Tickets::default(),
            dataset: Mutex::default(),
            job_turn: tokio::sync::Mutex::default(),
            calls: AtomicU64::new(0),
            imports: AtomicU64::new(0),
            jobs_over: AtomicU64::new(0),
            uploads: AtomicU64::new(0),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        }
    }

    /// The data set, for a moment.
    pub(crate) fn dataset(&self) -> MutexGuard<'_, Dataset> {
        self.dataset.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a task that ends with the sandbox.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let task = self.stop.clone().run_until_cancelled_owned(task);
        self.tasks.spawn(async move {
            task.await;
        });
    }

    /// Tells every task to end.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits for the end of every task.
    pub(crate) async fn stopped(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}
