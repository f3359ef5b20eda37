//! What only the holder of the API token can read: the addresses of a ticket, as they stand in the state.
//!
//! ChaCha20-Poly1305 under a key that HKDF-SHA-256 makes of the token and a random salt. A salt is used once, and
//! so is its key, which is why the nonce may be constant. The run's name is bound in, so that what was sealed for
//! one run opens for no other.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::aead;
use secrecy::{ExposeSecret, SecretString};

use crate::settings::derived::{Purpose, Underivable, seal_key};

const SALT: usize = 32;

/// Why a sealed text can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// It was sealed with another token, for another run, or is damaged.
    #[error("it does not open with this API token; use the token that the run was started with")]
    Closed,
    /// The library refused, which it does for lengths that never occur here.
    #[error("it can't be sealed")]
    Sealing,
    /// There is no key.
    #[error("its key {0}")]
    Key(Underivable),
}

/// Seals a text for whoever holds `token`; `run` is the run's name.
pub(crate) fn seal(text: &str, token: &SecretString, run: &str) -> Result<String, SealError> {
    let salt: [u8; SALT] = rand::random();
    let mut sealed = text.as_bytes().to_vec();
    key(token, &salt)?
        .seal_in_place_append_tag(nonce(), aead::Aad::from(run), &mut sealed)
        .map_err(|_| SealError::Sealing)?;
    Ok(BASE64.encode([&salt[..], &sealed].concat()))
}

/// Opens what [`seal`] made.
pub(crate) fn open(
    sealed: &str,
    token: &SecretString,
    run: &str,
) -> Result<SecretString, SealError> {
    let bytes = BASE64.decode(sealed).map_err(|_| SealError::Closed)?;
    let (salt, sealed) = bytes.split_at_checked(SALT).ok_or(SealError::Closed)?;
    let mut sealed = sealed.to_vec();
    let key = key(token, salt)?;
    let opened = key
        .open_in_place(nonce(), aead::Aad::from(run), &mut sealed)
        .map_err(|_| SealError::Closed)?;
    let text = String::from_utf8(opened.to_vec()).map_err(|_| SealError::Closed)?;
    Ok(SecretString::from(text))
}

fn nonce() -> aead::Nonce {
    aead::Nonce::assume_unique_for_key([0; aead::NONCE_LEN])
}

fn key(token: &SecretString, salt: &[u8]) -> Result<aead::LessSafeKey, SealError> {
    let token = token.expose_secret().as_bytes();
    seal_key(token, Purpose::TicketAddresses { salt }).map_err(SealError::Key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_for_its_token_and_run_alone() {
        let token = SecretString::from("one");
        let text = "https://a.example/t?X-Amz-Signature=CANARY";
        let sealed = seal(text, &token, "run").unwrap();
        assert_ne!(sealed, seal(text, &token, "run").unwrap());
        assert!(!sealed.contains("CANARY"));
        assert_eq!(open(&sealed, &token, "run").unwrap().expose_secret(), text);
        let closed = |sealed: &str, token: &str, run: &str| {
            let error = open(sealed, &token.into(), run).unwrap_err();
            assert_eq!(error, SealError::Closed);
        };
        closed(&sealed, "two", "run");
        closed(&sealed, "one", "other");
        closed("", "one", "run");
        closed("?", "one", "run");
        closed(&sealed[..60], "one", "run");
        let mut bytes = BASE64.decode(&sealed).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        closed(&BASE64.encode(bytes), "one", "run");
    }

    /// What was sealed before opens as it did: this was written down when keys were first derived.
    #[test]
    fn a_text_of_old_opens() {
        let token = SecretString::from("a token");
        let mut sealed = b"a text".to_vec();
        key(&token, &[7; SALT])
            .unwrap()
            .seal_in_place_append_tag(nonce(), aead::Aad::from("run"), &mut sealed)
            .unwrap();
        let old = BASE64.encode([&[7; SALT][..], &sealed].concat());
        assert_eq!(
            old,
            "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwduu4tFJp4AxcGO9f/yhvTJtmkN8Xwj"
        );
        assert_eq!(open(&old, &token, "run").unwrap().expose_secret(), "a text");
    }
}
