//! With what a source is decrypted: looked up when the source is about to be read, and never before.

use std::fs::File;
use std::io::Read;

use secrecy::ExposeSecret;
use secrecy::zeroize::Zeroizing;

use super::io_words;
use super::pipeline::{Pipeline, secret_text, warn_of_readers};
use super::problem::Problem;
use super::yaml::substitute::Env;
use crate::settings::secret::TokenSpec;
use crate::source::{Keys, Unusable};

const AT: &str = "source.decrypt.pgp";

/// Longest key file in bytes: keys with many signatures come to some hundred thousand.
const MAX_KEY: u64 = 4 << 20;

impl Pipeline {
    /// Looks up the keys of the source, which wait for it then.
    ///
    /// # Errors
    ///
    /// Says what is wrong with a variable or file, and never what it holds.
    pub(super) fn unlock_decryption(&self, env: Env) -> Result<(), Problem> {
        let Some(decrypt) = &self.source.wrapping.decrypt else {
            return Ok(());
        };
        let Some(key) = decrypt.spec.key() else {
            return Err(self.problem(AT, "expected where the secret key is found"));
        };
        let at_key = format!("{AT}.{}", key.word());
        let at_passphrase = |found: &TokenSpec| format!("{AT}.passphrase.{}", found.word());
        let at_signer = format!("{AT}.signed_by.file");
        let secret = match &key {
            TokenSpec::File(file) => {
                warn_of_readers(&self.folder.join(file), file, "secret key");
                self.key_file(&at_key, file)?
            }
            TokenSpec::Env(_) => {
                let found = secret_text(&key, &self.folder, "secret key", env);
                let (text, _) = found.map_err(|message| self.problem(&at_key, message))?;
                Zeroizing::new(text.expose_secret().as_bytes().to_vec())
            }
        };
        let passphrase = decrypt.spec.passphrase.as_ref().map(|found| {
            let read = secret_text(found, &self.folder, "passphrase", env);
            read.map_err(|message| self.problem(&at_passphrase(found), message))
        });
        let passphrase = passphrase.transpose()?;
        // Blanks may be a part of it; the end of its line is not.
        let passphrase = (passphrase.as_ref())
            .map(|(text, _)| text.expose_secret().trim_end_matches(['\r', '\n']));
        let signer = decrypt.spec.signed_by.as_ref();
        let signer = signer.map(|by| self.key_file(&at_signer, &by.file));
        let signer = signer.transpose()?;
        let keys = Keys::read(
            &secret,
            passphrase,
            signer.as_ref().map(|key| key.as_slice()),
        );
        let place = |found: &TokenSpec| match found {
            TokenSpec::Env(name) => format!("the environment variable {name}"),
            TokenSpec::File(file) => format!("the file {file}"),
        };
        let keys = keys.map_err(|unusable| match (unusable, &decrypt.spec) {
            (Unusable::NotBuilt(message), _) => self.problem(AT, message),
            (Unusable::Secret(what), _) => self.problem(&at_key, format!("{} {what}", place(&key))),
            (Unusable::Passphrase(what), spec) => match &spec.passphrase {
                Some(found) => {
                    let message = format!("the passphrase in {} {what}", place(found));
                    self.problem(&at_passphrase(found), message)
                }
                None => self.problem(AT, what),
            },
            (Unusable::SignedBy(what), spec) => {
                let file = spec.signed_by.as_ref().map_or("", |by| &by.file);
                self.problem(&at_signer, format!("the file {file} {what}"))
            }
        })?;
        decrypt.unlock(keys);
        Ok(())
    }

    /// A key, which need not be text.
    fn key_file(&self, at: &str, file: &str) -> Result<Zeroizing<Vec<u8>>, Problem> {
        let problem = |why: String| self.problem(at, format!("the file {file} {why}"));
        let cannot =
            |error: std::io::Error| problem(format!("cannot be read: {}", io_words(&error)));
        let mut bytes = Zeroizing::new(Vec::new());
        let opened = File::open(self.folder.join(file)).map_err(cannot)?;
        let read = opened.take(MAX_KEY + 1).read_to_end(&mut bytes);
        match read.map_err(cannot)? as u64 > MAX_KEY {
            true => Err(problem(format!("is larger than {} MiB", MAX_KEY >> 20))),
            false => Ok(bytes),
        }
    }
}
