//! OpenPGP: messages that are encrypted to a key, and signed by another.

use std::fmt;
use std::io::{self, BufRead, Cursor, Read};

use pgp::armor::DearmorOptions;
use pgp::composed::{
    DecryptionOptions, Deserializable, Esk, Message, SignedPublicKey, SignedSecretKey, TheRing,
};
use pgp::errors::Error;
use pgp::packet::Signature;
use pgp::types::{Password, Seipdv1ReadMode, Tag, VerifyingKey};

use super::wrong::{Unusable, Wrong};

/// This build has it.
pub(super) const MISSING: &str = "";

/// Bytes at the beginning by which a message is told from other data.
const HEAD: u64 = 64;

/// Bytes decrypted at once.
const STEP: usize = 64 * 1024;

/// Layers of compression and signatures that are taken off.
const LAYERS: usize = 8;

/// The keys that decrypt, and those that verify.
pub(crate) struct Keys {
    secret: Vec<SignedSecretKey>,
    passphrase: Password,
    /// Whoever may have signed; nothing where nobody asks.
    signers: Option<Vec<SignedPublicKey>>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}

impl Keys {
    /// Reads keys, armored or not.
    ///
    /// # Errors
    /// What is not such a key, or is locked. Never says what it holds.
    pub(crate) fn read(
        secret: &[u8],
        passphrase: Option<&str>,
        signers: Option<&[u8]>,
    ) -> Result<Keys, Unusable> {
        let secret = all::<SignedSecretKey>(secret).ok_or_else(|| {
            let what = "is not a secret PGP key, as `gpg --export-secret-keys NAME` writes it";
            Unusable::Secret(what.to_owned())
        })?;
        let password = passphrase.map_or_else(Password::empty, Password::from);
        if !secret.iter().any(|key| opens(key, &password)) {
            return Err(match passphrase {
                None => Unusable::Secret(
                    "is protected with a passphrase; say where that is: `passphrase: { env: NAME }`"
                        .to_owned(),
                ),
                Some(_) => Unusable::Passphrase("does not open the secret key".to_owned()),
            });
        }
        let signers = signers.map(|signers| {
            let signers = all::<SignedPublicKey>(signers).ok_or_else(|| {
                let what = "is not a public PGP key, as `gpg --export NAME` writes it";
                Unusable::SignedBy(what.to_owned())
            })?;
            match signers.iter().all(is_valid) {
                true => Ok(signers),
                false => Err(Unusable::SignedBy(
                    "holds a key that is revoked, or whose parts are not its own".to_owned(),
                )),
            }
        });
        Ok(Keys {
            secret,
            passphrase: password,
            signers: signers.transpose()?,
        })
    }

    /// Decrypts a message, and hands its text over piece by piece. Only once it comes back without an error is that what
    /// was encrypted and signed.
    pub(super) fn decrypt(
        &self,
        reader: impl BufRead + fmt::Debug + Send,
        mut out: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), Wrong> {
        let mut message = self.unlocked(message(reader)?)?;
        for _ in 0..LAYERS {
            if message.is_encrypted() {
                return Err(Wrong::Damaged("it is encrypted twice".to_owned()));
            }
            if message.literal_data_header().is_some() {
                break;
            }
            message = message.decompress().map_err(damaged)?;
        }
        let mut buffer = vec![0; STEP];
        loop {
            let read = message.read(&mut buffer);
            match read.map_err(broken)? {
                0 => break,
                read => out(&buffer[..read])?,
            }
        }
        match &self.signers {
            None => Ok(()),
            Some(signers) => verified(&message, signers),
        }
    }

    fn unlocked<'a>(&self, message: Message<'a>) -> Result<Message<'a>, Wrong> {
        let Message::Encrypted { esk, edata, .. } = &message else {
            return Err(Wrong::NotEncrypted);
        };
        if edata.tag() == Tag::SymEncryptedData {
            return Err(Wrong::Unprotected);
        }
        let to = recipients(esk);
        let ring = TheRing {
            secret_keys: self.secret.iter().collect(),
            key_passwords: vec![&self.passphrase],
            // What is not whole is told at its end, and nothing was sent of it by then.
            decrypt_options: DecryptionOptions::new()
                .enable_gnupg_aead()
                .set_seipdv1_read_mode(Seipdv1ReadMode::Streaming),
            ..TheRing::default()
        };
        let decrypted = message.decrypt_the_ring(ring, true);
        decrypted
            .map(|(message, _)| message)
            .map_err(|error| match error {
                Error::MissingKey if to.is_empty() => Wrong::Passphrase,
                Error::MissingKey => Wrong::Keyless(to),
                error => damaged(error),
            })
    }
}

/// A message, whose beginning has been read.
fn message<'a>(mut reader: impl BufRead + fmt::Debug + Send + 'a) -> Result<Message<'a>, Wrong> {
    let mut head = Vec::new();
    reader.by_ref().take(HEAD).read_to_end(&mut head)?;
    // The first bit of every packet is set.
    let is_binary = head.first().is_some_and(|byte| byte & 0x80 != 0);
    let is_armored = head.trim_ascii_start().starts_with(super::ARMOR);
    let reader = Cursor::new(head).chain(reader);
    let message = match (is_binary, is_armored) {
        (true, _) => Message::from_bytes(reader),
        (_, true) => {
            // So much of it is held while its first and last lines are looked for.
            let options = DearmorOptions::new().set_limit(STEP);
            Message::from_armor_with_options(reader, options).map(|(message, _)| message)
        }
        _ => return Err(Wrong::NotEncrypted),
    };
    message.map_err(damaged)
}

/// All keys of a kind that these bytes are, if they are nothing else.
fn all<K: Deserializable>(bytes: &[u8]) -> Option<Vec<K>> {
    let (keys, _) = K::from_reader_many(bytes).ok()?;
    let keys: Vec<K> = keys.collect::<Result<_, _>>().ok()?;
    (!keys.is_empty()).then_some(keys)
}

/// Whether a passphrase opens a key, or a part of it: the first may be kept elsewhere.
fn opens(key: &SignedSecretKey, passphrase: &Password) -> bool {
    let subkeys = || {
        let mut subkeys = key.secret_subkeys.iter();
        subkeys.any(|subkey| matches!(subkey.key.unlock(passphrase, |_, _| Ok(())), Ok(Ok(()))))
    };
    subkeys()
        || matches!(
            key.primary_key.unlock(passphrase, |_, _| Ok(())),
            Ok(Ok(()))
        )
}

/// Whether a key vouches for its parts, and has not been revoked.
fn is_valid(key: &SignedPublicKey) -> bool {
    key.details.revocation_signatures.is_empty() && key.verify_bindings().is_ok()
}

/// The keys for which a message is, by their ids.
fn recipients(esk: &[Esk]) -> String {
    let ids = esk.iter().filter_map(|esk| match esk {
        Esk::PublicKeyEncryptedSessionKey(key) => Some(match key.id() {
            Ok(id) if !id.is_wildcard() => id.to_string().to_uppercase(),
            _ => "one that is not named".to_owned(),
        }),
        Esk::SymKeyEncryptedSessionKey(_) => None,
    });
    let ids: Vec<String> = ids.take(5).collect();
    ids.join(", ")
}

/// Whether one of the signatures of a message that was read to its end is by one of these.
fn verified(message: &Message<'_>, signers: &[SignedPublicKey]) -> Result<(), Wrong> {
    let Message::Signed { reader, .. } = message else {
        return Err(Wrong::Unsigned);
    };
    let mut why = Wrong::SignedByOthers;
    for at in 0..reader.num_signatures() {
        for signer in signers.iter().flat_map(signing) {
            if message.verify_nested_explicit(at, signer).is_ok() {
                return Ok(());
            }
            if reader
                .signature(at)
                .is_some_and(|s| says_it_is_by(s, signer))
            {
                why = Wrong::Forged;
            }
        }
    }
    Err(why)
}

/// The parts of a key that may sign.
fn signing(key: &SignedPublicKey) -> impl Iterator<Item = &dyn VerifyingKey> {
    let may_sign = |flags: &Signature| flags.key_flags().sign();
    let subkeys = key.public_subkeys.iter();
    let subkeys = subkeys.filter(move |subkey| subkey.signatures.iter().any(may_sign));
    let subkeys = subkeys.map(|subkey| &subkey.key as &dyn VerifyingKey);
    std::iter::once(&key.primary_key as &dyn VerifyingKey).chain(subkeys)
}

fn says_it_is_by(signature: &Signature, key: &dyn VerifyingKey) -> bool {
    let (id, print) = (key.legacy_key_id(), key.fingerprint());
    signature.issuer_key_id().contains(&&id) || signature.issuer_fingerprint().contains(&&print)
}

fn damaged(error: Error) -> Wrong {
    Wrong::Damaged(in_words(&error))
}

/// The same of what is found while it is read.
fn broken(error: io::Error) -> Wrong {
    let of_crate = error.get_ref().and_then(|source| source.downcast_ref());
    Wrong::Damaged(match (of_crate, error.kind()) {
        (Some(error), _) => in_words(error),
        (None, io::ErrorKind::UnexpectedEof) => CUT.to_owned(),
        (None, _) => INTEGRITY.to_owned(),
    })
}

const CUT: &str = "it ends before its time";
const INTEGRITY: &str = "its own check says that it is not what was encrypted";

/// What is wrong, in words that say something to whoever did not write the crate.
fn in_words(error: &Error) -> String {
    match error {
        Error::IO { source, .. } if source.kind() == io::ErrorKind::UnexpectedEof => CUT.to_owned(),
        Error::PacketIncomplete { .. } => CUT.to_owned(),
        Error::MdcError | Error::Aead { .. } | Error::ChecksumMissmatch { .. } => {
            INTEGRITY.to_owned()
        }
        Error::InvalidChecksum => "the checksum of its armor does not fit".to_owned(),
        Error::InvalidArmorWrappers => {
            "its first and last lines are not those of an armored file".to_owned()
        }
        Error::Unsupported { message, .. } | Error::Unimplemented { message, .. } => {
            format!("it has what is not supported here: {message}")
        }
        _ => "its parts are not as OpenPGP has them".to_owned(),
    }
}
