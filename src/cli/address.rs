//! Addresses of one's own: pre-signed, and so secrets, which stand in a variable or a file and never on a command line.

use std::path::Path;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::Failure;
use super::open::usage;
use crate::config::{process_env, secret_text};
use crate::settings::secret::PresignedUrl;
use crate::settings::secret::TokenSpec;

/// Which one of a pair is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    Get,
    Put,
}

/// A pair of addresses as `generate` writes it and the API gives it.
#[derive(Deserialize)]
struct Pair {
    get: String,
    put: String,
}

/// Whether a text is a pair of addresses, as `generate` writes it.
pub(super) fn is_pair(text: &str) -> bool {
    serde_json::from_str::<Pair>(text).is_ok_and(|pair| {
        [pair.get, pair.put]
            .iter()
            .all(|address| PresignedUrl::parse(address).is_ok())
    })
}

/// Where a secret stands, as a command line says it: `env:NAME` or `file:PATH`.
pub(super) fn spec(written: &str) -> Option<TokenSpec> {
    match written.split_once(':')? {
        ("env", name) if !name.is_empty() => Some(TokenSpec::Env(name.to_owned())),
        ("file", path) if !path.is_empty() => Some(TokenSpec::File(path.to_owned())),
        _ => None,
    }
}

/// The address behind `env:NAME` or `file:PATH`; of a pair, the half that is asked for. What is wrong is said in words
/// that quote none of it.
pub(super) fn address(flag: &str, written: &str, half: Half) -> Result<PresignedUrl, Failure> {
    // Whatever else stands there may be the address itself.
    let spec = spec(written).ok_or_else(|| {
        usage(format_args!(
            "{flag}: expected `env:NAME` or `file:PATH`, where the address stands; it is a secret, which does not belong on \
             a command line"
        ))
    })?;
    let failed = |why: String| usage(format_args!("{flag}: {why}"));
    let (text, place) =
        secret_text(&spec, Path::new(""), "address", &process_env).map_err(failed)?;
    let text = text.expose_secret().trim();
    let text = match text.starts_with('{') {
        true => {
            let pair: Pair = serde_json::from_str(text).map_err(|_| {
                failed(format!(
                    "{place} holds JSON that is not a pair of addresses, `get` and `put`"
                ))
            })?;
            SecretString::from(match half {
                Half::Get => pair.get,
                Half::Put => pair.put,
            })
        }
        false => SecretString::from(text),
    };
    PresignedUrl::parse(text.expose_secret()).map_err(|why| failed(format!("{place}: {why}")))
}
