//! What the section `upload` means.

use super::Meaning;
use crate::config::pipeline::Source;
use crate::rule::ValidateSpec;
use crate::settings::units::Size;
use crate::source::Input;
use crate::upload::spec::{BodyEncoding, Length, UploadSpec};

/// Smallest and largest `upload.chunk`: below, the calls cost more than the bytes; above, memory is no
/// longer bounded in any useful sense.
const CHUNK: (Size, Size) = (Size(1024), Size(16 * 1024 * 1024));

impl Meaning<'_> {
    pub(super) fn upload(
        &mut self,
        mut spec: UploadSpec,
        source: Option<&Source>,
        validate: &ValidateSpec,
    ) -> UploadSpec {
        let stdin = source.is_some_and(|source| source.inputs.contains(&Input::Stdin));
        let once = source.is_some_and(|source| source.inputs.iter().any(Input::is_once));
        // What was encrypted is decrypted twice rather than written down.
        let secret = source.is_some_and(|source| source.wrapping.decrypt.is_some());
        match spec.length {
            Some(Length::Measured) if spec.encoding == BodyEncoding::Gzip => self.problem(
                "upload.length",
                "the length of a compressed body cannot be measured beforehand",
                "write `length: spooled`, or leave `length` out",
            ),
            Some(Length::Measured) if once && !secret => self.problem(
                "upload.length",
                match stdin {
                    true => "`measured` reads the source twice, and standard input can be read only once",
                    false => "`measured` reads the source twice, and a command is run only once",
                },
                "write `length: spooled`, or leave `length` out",
            ),
            Some(Length::Chunked) if spec.attempts > 1 => self.warning(
                "upload.length",
                "`chunked` sends the body as it is made, once: an upload that breaks is not tried again",
                "write `attempts: 1` if that is intended, or `length: spooled`",
            ),
            Some(_) => {}
            None if once && !secret || spec.encoding == BodyEncoding::Gzip => {
                spec.length = Some(Length::Spooled);
            }
            None => spec.length = Some(Length::Measured),
        }
        if secret && spec.length == Some(Length::Spooled) {
            self.warning(
                "source.decrypt",
                "the source is decrypted, and the body that is made of it is written to a temporary file in the clear",
                "write `upload: { length: measured, encoding: identity }`",
            );
        }
        let key = validate.key.as_ref();
        if spec.length == Some(Length::Chunked) && key.is_some_and(|key| key.keep.can_be_late()) {
            self.problem(
                "upload.length",
                "`chunked` sends rows while they are read, and which of several rows with one key is sent shows at \
                 the end",
                "write `key: { column: NAME, keep: first }` in validate, or leave `length` out",
            );
        }
        if spec.length == Some(Length::Chunked)
            && validate.hierarchy.all.iter().any(|t| t.can_be_late())
        {
            self.problem(
                "upload.length",
                "`chunked` sends rows while they are read, and who is rejected or sent without a parent shows at the end",
                "have `validate.hierarchy` warn, stop or ignore alone, or leave `length` out",
            );
        }
        if !(CHUNK.0..=CHUNK.1).contains(&spec.chunk) {
            let message = format!("expected a size from {} to {}", CHUNK.0, CHUNK.1);
            self.problem("upload.chunk", message, "");
        }
        if spec.attempts == 0 {
            self.problem("upload.attempts", "expected at least 1", "");
        }
        spec
    }
}
