//! What is around the bytes of a source: compression, archives, encryption.

use super::Meaning;
use crate::source::spec::{Compression, DecryptSpec, PgpSpec, SourceSpec};
use crate::source::{Decrypt, Input, Wrapping};

impl Meaning<'_> {
    /// Settings that mean nothing for such a source are told.
    pub(super) fn wrapping(&mut self, spec: &SourceSpec, inputs: &[Input]) -> Wrapping {
        let may_be_zip = matches!(spec.compression, Compression::Auto | Compression::Zip);
        if spec.entry.is_some() && !may_be_zip {
            self.warning(
                "source.entry",
                "this setting has no effect: it is for `compression: zip`",
                "",
            );
        }
        if spec.keep.is_some() && !inputs.is_empty() && !inputs.iter().any(may_be_kept) {
            self.warning(
                "source.keep",
                "this setting has no effect: the source can be read as often as one likes",
                "",
            );
        }
        if let Some(DecryptSpec::Pgp(pgp)) = &spec.decrypt {
            self.pgp(pgp);
        }
        Wrapping {
            compression: spec.compression,
            entry: spec.entry.clone(),
            decrypt: (spec.decrypt.clone()).map(|DecryptSpec::Pgp(pgp)| Decrypt::new(pgp)),
            keep: spec.keep,
        }
    }

    /// Where the keys are found, which must not stand there themselves.
    fn pgp(&mut self, spec: &PgpSpec) {
        const AT: &str = "source.decrypt.pgp";
        match (spec.key(), spec.file.is_some() && spec.env.is_some()) {
            (Some(key), false) => self.secret(AT, &key, "the key itself"),
            (Some(_), true) => self.problem(
                &format!("{AT}.env"),
                "`file` and `env` are both given; keep one",
                "",
            ),
            (None, _) => self.problem(
                AT,
                "expected where the secret key is found",
                "write `pgp: { file: PATH }`, or `{ env: NAME }`",
            ),
        }
        if let Some(passphrase) = &spec.passphrase {
            let at = format!("{AT}.passphrase");
            self.secret(&at, passphrase, "the passphrase itself");
        }
        if spec.signed_by.as_ref().is_some_and(|by| by.file.is_empty()) {
            let at = format!("{AT}.signed_by.file");
            self.problem(&at, "expected the path of a file", "");
        }
    }
}

/// Whether a copy may be made: of a stream, of a path that turns out to be one, and of what a server has.
fn may_be_kept(input: &Input) -> bool {
    let is_asked_for = matches!(
        input,
        Input::Bucket(..) | Input::Https(_) | Input::Sftp(..) | Input::Sql(_)
    );
    input.is_once() || is_asked_for || matches!(input, Input::File(_))
}
