//! The sandbox of a build without the feature `sandbox`: it has the same face, and says why it does not start.
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "settings are read, and nothing is made of them"
)]

pub(crate) mod options;

use secrecy::SecretString;
use uuid::Uuid;

pub use options::SandboxSettings;

/// Why a sandbox can't start.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    #[error(
        "this build of rostream has no sandbox; build it with `--features sandbox`, which is the default"
    )]
    NotBuilt,
}

/// A sandbox, of which there is none.
#[derive(Debug)]
pub enum Sandbox {}

impl Sandbox {
    pub async fn start(_: SandboxSettings) -> Result<Sandbox, SandboxError> {
        Err(SandboxError::NotBuilt)
    }

    pub async fn shutdown(self) {
        match self {}
    }

    pub fn base_url(&self) -> &str {
        match *self {}
    }

    pub fn token(&self) -> &SecretString {
        match *self {}
    }

    pub fn tenant(&self) -> &str {
        match *self {}
    }

    pub fn dataset(&self) -> Uuid {
        match *self {}
    }

    pub fn item_count(&self) -> usize {
        match *self {}
    }

    pub fn imports(&self) -> u64 {
        match *self {}
    }

    pub fn uploads(&self) -> u64 {
        match *self {}
    }

    pub fn about(&self) -> String {
        match *self {}
    }
}

pub(crate) mod null {
    use secrecy::SecretString;

    use super::SandboxError;

    /// A null target, of which there is none.
    #[derive(Debug)]
    pub(crate) enum NullTarget {}

    impl NullTarget {
        pub(crate) async fn start() -> Result<NullTarget, SandboxError> {
            Err(SandboxError::NotBuilt)
        }

        pub(crate) fn base_url(&self) -> &str {
            match *self {}
        }

        pub(crate) fn token(&self) -> SecretString {
            match *self {}
        }
    }
}
