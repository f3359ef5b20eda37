//! A file's bytes before anything is known of it: which encoding they are in, and the text that it begins and ends with.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding as Charset, UTF_16BE, UTF_16LE, WINDOWS_1251, WINDOWS_1252};

use crate::report::human::{count, counted};
use crate::settings::encoding::label;
use crate::source::spec::Encoding;
use crate::source::{Source, SourceError};
use crate::text;

/// Bytes that are read at once.
const STEP: usize = 64 * 1024;

/// How much of the beginning is looked at for how records are written, and how much of the end.
const BEGINNING: usize = 256 * 1024;
const END: usize = 64 * 1024;

/// Where so many times as many characters are UTF-8 as bytes are not, the file is UTF-8, and damaged.
const DAMAGED: u64 = 10;

/// What was found of a file's bytes.
#[derive(Clone, Debug)]
pub(crate) struct Bytes {
    /// What `source.encoding` has to be.
    pub encoding: Encoding,
    /// Characters beyond ASCII that are valid UTF-8, and bytes that are not.
    pub utf8: u64,
    pub others: u64,
    /// The text that it begins with, in whole lines, and whether that is all of it.
    pub beginning: String,
    pub is_all: bool,
    /// The text that it ends with, in whole lines.
    pub end: String,
}

/// Reads a source's first file to its end.
///
/// # Errors
/// It can't be read.
pub(crate) async fn look(source: Source) -> Result<(Source, Bytes), SourceError> {
    let mut source = source;
    for encoding in [
        Encoding::Auto,
        Encoding::Of(UTF_16LE),
        Encoding::Of(UTF_16BE),
    ] {
        source = source.encoded(encoding);
        match read(&source, encoding).await {
            // Every second byte is zero, as in the other encodings.
            Err(SourceError::Contradicted { .. }) => {}
            Err(SourceError::Encoding { .. }) if encoding != Encoding::Auto => {}
            Err(error) => return Err(error),
            Ok(mut found) => {
                found.is_text(&source)?;
                found.encoding = found.told(encoding);
                let bytes = found.bytes();
                source = source.encoded(bytes.encoding);
                return Ok((source, bytes));
            }
        }
    }
    Err(foreign(&source, "binary data".to_owned()))
}

fn foreign(source: &Source, what: String) -> SourceError {
    SourceError::Foreign {
        name: source.names(),
        what,
    }
}

/// What is collected while a file is read.
struct Reading {
    encoding: Encoding,
    utf8: Utf8,
    detector: EncodingDetector,
    beginning: Vec<u8>,
    end: Vec<u8>,
    length: u64,
}

async fn read(source: &Source, encoding: Encoding) -> Result<Reading, SourceError> {
    let mut text = source.open(0).await?;
    let mut found = Reading {
        encoding,
        utf8: Utf8::default(),
        detector: EncodingDetector::new(Iso2022JpDetection::Allow),
        beginning: Vec::new(),
        end: Vec::new(),
        length: 0,
    };
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        let ended = text.fill(&mut buffer, STEP).await?;
        found.see(&buffer);
        if ended {
            return Ok(found);
        }
    }
}

impl Reading {
    fn see(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        let room = BEGINNING.saturating_sub(self.beginning.len());
        self.beginning
            .extend_from_slice(&bytes[..room.min(bytes.len())]);
        self.end.extend_from_slice(bytes);
        let surplus = self.end.len().saturating_sub(END);
        self.end.drain(..surplus);
        let others = self.utf8.others;
        self.utf8.see(bytes);
        // What is UTF-8 throughout says nothing of what is not.
        if self.utf8.others > others {
            self.detector.feed(bytes, false);
        }
    }

    /// Refuses what is known and not a table, and what is not text at all.
    fn is_text(&self, source: &Source) -> Result<(), SourceError> {
        let known = text::foreign::known(&self.beginning).map(str::to_owned);
        let controls = || {
            let controls = text::foreign::controls(&self.beginning)?;
            Some(format!(
                "binary data ({} of its first {} stand in no text)",
                count(controls as u64),
                counted(self.beginning.len() as u64, "byte")
            ))
        };
        match known.or_else(controls) {
            Some(what) => Err(foreign(source, what)),
            None => Ok(()),
        }
    }

    /// What the setting has to be, where the file was read with this one.
    fn told(&mut self, read: Encoding) -> Encoding {
        if self.utf8.others == 0 || self.utf8.characters / DAMAGED > self.utf8.others {
            return read;
        }
        self.detector.feed(b"", true);
        let guess = match self.detector.guess(None, Utf8Detection::Deny) {
            // A short text of Cyrillic names is taken for Western letters.
            guess if guess == WINDOWS_1252 && are_words(&self.beginning) => WINDOWS_1251,
            guess => guess,
        };
        let reads = |charset: &'static Charset| {
            let end = charset.decode_without_bom_handling(&self.end);
            let beginning = charset.decode_without_bom_handling(&self.beginning);
            self.length > (BEGINNING + END) as u64 || !(end.1 || beginning.1)
        };
        Encoding::Of(if reads(guess) { guess } else { WINDOWS_1252 })
    }

    fn bytes(self) -> Bytes {
        let charset = match (self.encoding, self.utf8.others) {
            (Encoding::Of(charset), 1..) => charset,
            // It was decoded on the way, or is UTF-8.
            _ => encoding_rs::UTF_8,
        };
        let is_all = self.length <= BEGINNING as u64;
        let (beginning, end) = (&self.beginning[..], &self.end[..]);
        let whole_lines = match (is_all, memchr::memrchr(b'\n', beginning)) {
            (false, Some(at)) => &beginning[..=at],
            _ => beginning,
        };
        let last_lines = match (self.length > END as u64, memchr::memchr(b'\n', end)) {
            (true, Some(at)) => &end[at + 1..],
            _ => end,
        };
        let text = |bytes: &[u8]| {
            let text = charset.decode_without_bom_handling(bytes).0.into_owned();
            text.trim_start_matches('\u{feff}').to_owned()
        };
        Bytes {
            encoding: self.encoding,
            utf8: self.utf8.characters,
            others: self.utf8.others,
            beginning: text(whole_lines),
            is_all,
            end: text(last_lines),
        }
    }
}

/// Whether most bytes beyond ASCII are letters in both encodings and stand in runs, as Cyrillic does. In Western words such
/// letters stand alone.
fn are_words(bytes: &[u8]) -> bool {
    let runs = bytes.split(|byte| *byte < 0xc0).map(<[u8]>::len);
    let in_runs: usize = runs.filter(|length| *length > 2).sum();
    let beyond = bytes.iter().filter(|byte| **byte >= 0x80).count();
    in_runs * 2 > beyond
}

impl Bytes {
    /// The name of the encoding, where it has to be stated.
    pub(crate) fn stated(&self) -> Option<String> {
        match self.encoding {
            Encoding::Auto => None,
            Encoding::Utf16 => Some("utf-16".to_owned()),
            Encoding::Of(charset) => Some(label(charset)),
        }
    }
}

/// Counts what is UTF-8 in a file that is read piece by piece.
#[derive(Default)]
struct Utf8 {
    /// A character that has begun.
    begun: Vec<u8>,
    characters: u64,
    others: u64,
}

impl Utf8 {
    fn see(&mut self, bytes: &[u8]) {
        if self.begun.is_empty() && bytes.is_ascii() {
            return;
        }
        let joined;
        let mut rest = match self.begun.is_empty() {
            true => bytes,
            false => {
                joined = [&std::mem::take(&mut self.begun)[..], bytes].concat();
                &joined
            }
        };
        loop {
            let (valid, bad) = match std::str::from_utf8(rest) {
                Ok(_) => (rest.len(), 0),
                Err(error) => match error.error_len() {
                    Some(bad) => (error.valid_up_to(), bad),
                    None => {
                        self.begun = rest[error.valid_up_to()..].to_vec();
                        (error.valid_up_to(), 0)
                    }
                },
            };
            // All but the first byte of a character begin with the bits 10.
            let firsts = rest[..valid].iter().filter(|b| **b >= 0xc0).count();
            self.characters += firsts as u64;
            self.others += bad as u64;
            if bad == 0 {
                return;
            }
            rest = &rest[valid + bad..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn of(pieces: &[&[u8]]) -> Bytes {
        let pieces = pieces.iter().map(|piece| piece.to_vec().into());
        look(Source::of_pieces("f", pieces)).await.unwrap().1
    }

    #[tokio::test]
    async fn encodings_are_told() {
        let names = "id;name\n1;Jürgen Müller\n2;Zoë\n".repeat(20);
        let (western, ..) = WINDOWS_1252.encode(&names);
        let people = "id;name\n1;Анна Петрова\n2;Олег\n";
        let cyrillic = WINDOWS_1251.encode(people).0;
        let found = of(&[&cyrillic]).await;
        assert_eq!(found.stated().as_deref(), Some("windows-1251"));
        assert_eq!(found.beginning, people);
        for (bytes, expected) in [
            (names.as_bytes().to_vec(), None),
            (western.to_vec(), Some("windows-1252")),
            (b"plain\n".to_vec(), None),
            (
                names.encode_utf16().flat_map(u16::to_le_bytes).collect(),
                Some("utf-16le"),
            ),
        ] {
            for cut in [0, 1, 9, 13, bytes.len()] {
                let (one, other) = bytes.split_at(cut.min(bytes.len()));
                let found = of(&[one, other]).await;
                assert_eq!(found.stated().as_deref(), expected);
                if expected != Some("utf-16le") && bytes.len() > 10 {
                    assert_eq!(found.beginning, names);
                    assert_eq!(found.end, names);
                }
            }
        }
    }

    #[tokio::test]
    async fn damage_is_not_another_encoding() {
        let text = ["1;Jürgen Müller\n".repeat(20).as_bytes(), b"2;M\xfcller\n"].concat();
        let found = of(&[&text]).await;
        assert_eq!((found.stated(), found.utf8, found.others), (None, 40, 1));
    }
}
