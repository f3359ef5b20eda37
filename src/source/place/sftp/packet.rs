//! The packets of SFTP, version 3, that reading takes (draft-ietf-secsh-filexfer-02): plain functions.
//!
//! The crates for it hold what must not be touched as text: a handle is bytes of the server's own choice, and so is a file's
//! name.

use std::time::{Duration, SystemTime};

use bytes::{Buf, BufMut, Bytes, BytesMut, TryGetError};

/// The version that every server speaks.
pub(super) const VERSION: u32 = 3;

/// More than any server sends in one packet: OpenSSH's own limit.
const LONGEST: usize = 256 * 1024;

/// A question to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask<'a> {
    Open(&'a [u8]),
    Close(&'a [u8]),
    Read {
        handle: &'a [u8],
        at: u64,
        count: u32,
    },
    /// The state of an open file.
    Look(&'a [u8]),
    OpenFolder(&'a [u8]),
    ReadFolder(&'a [u8]),
    /// The full path of a file.
    RealPath(&'a [u8]),
    /// The state of what has this path.
    Stat(&'a [u8]),
}

/// What the server answers.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    Status { code: u32, said: String },
    Handle(Bytes),
    Data(Bytes),
    Names(Vec<Entry>),
    State(State),
}

/// A file in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub(super) name: Bytes,
    pub(super) state: State,
}

/// What a server says of a file, as far as it does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    pub(super) size: Option<u64>,
    /// In seconds.
    pub(super) modified: Option<u32>,
    mode: Option<u32>,
}

/// Bytes that are not a packet of this protocol.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("what the server sends is not SFTP ({0})")]
pub struct Malformed(pub(super) &'static str);

impl From<TryGetError> for Malformed {
    fn from(_: TryGetError) -> Malformed {
        Malformed("a packet is shorter than it says")
    }
}

impl State {
    const KIND: u32 = 0o170_000;

    fn is(&self, kind: u32) -> bool {
        self.mode.is_some_and(|mode| mode & State::KIND == kind)
    }

    pub(super) fn is_folder(&self) -> bool {
        self.is(0o040_000)
    }

    pub(super) fn is_link(&self) -> bool {
        self.is(0o120_000)
    }

    pub(super) fn modified(&self) -> Option<SystemTime> {
        let since = Duration::from_secs(self.modified?.into());
        SystemTime::UNIX_EPOCH.checked_add(since)
    }
}

/// What a connection begins with.
pub(super) fn hello(out: &mut BytesMut) {
    out.put_u32(5);
    out.put_u8(1);
    out.put_u32(VERSION);
}

/// The version in the server's answer to [`hello`], once it is there.
pub(super) fn version(bytes: &mut BytesMut) -> Result<Option<u32>, Malformed> {
    let Some(mut packet) = packet(bytes)? else {
        return Ok(None);
    };
    match packet.try_get_u8()? {
        2 => Ok(Some(packet.try_get_u32()?)),
        _ => Err(Malformed("it does not say its version")),
    }
}

impl Ask<'_> {
    /// Writes the packet.
    pub(super) fn write(self, id: u32, out: &mut BytesMut) {
        let start = out.len();
        out.put_u32(0);
        let (kind, subject) = match self {
            Ask::Open(path) => (3, path),
            Ask::Close(handle) => (4, handle),
            Ask::Read { handle, .. } => (5, handle),
            Ask::Look(handle) => (8, handle),
            Ask::OpenFolder(path) => (11, path),
            Ask::ReadFolder(handle) => (12, handle),
            Ask::RealPath(path) => (16, path),
            Ask::Stat(path) => (17, path),
        };
        out.put_u8(kind);
        out.put_u32(id);
        out.put_u32(length(subject));
        out.put_slice(subject);
        match self {
            // For reading, and without attributes.
            Ask::Open(_) => out.put_slice(&[0, 0, 0, 1, 0, 0, 0, 0]),
            Ask::Read { at, count, .. } => {
                out.put_u64(at);
                out.put_u32(count);
            }
            _ => {}
        }
        let written = length(&out[start + 4..]);
        out[start..start + 4].copy_from_slice(&written.to_be_bytes());
    }
}

/// Paths and handles are far shorter than this.
fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

/// The next answer and the number of its question, once all of it is there.
pub fn answer(bytes: &mut BytesMut) -> Result<Option<(u32, Answer)>, Malformed> {
    let Some(mut packet) = packet(bytes)? else {
        return Ok(None);
    };
    let kind = packet.try_get_u8()?;
    let id = packet.try_get_u32()?;
    let answer = match kind {
        101 => Answer::Status {
            code: packet.try_get_u32()?,
            // Older servers say nothing more.
            said: text(&mut packet)
                .map(|said| String::from_utf8_lossy(&said).into_owned())
                .unwrap_or_default(),
        },
        102 => Answer::Handle(text(&mut packet)?),
        103 => Answer::Data(text(&mut packet)?),
        104 => Answer::Names(names(&mut packet)?),
        105 => Answer::State(state(&mut packet)?),
        _ => return Err(Malformed("an answer of an unknown kind")),
    };
    Ok(Some((id, answer)))
}

/// Takes the next whole packet off the bytes, without its length.
fn packet(bytes: &mut BytesMut) -> Result<Option<Bytes>, Malformed> {
    let Ok(length) = bytes.as_ref().try_get_u32() else {
        return Ok(None);
    };
    let length = length as usize;
    if length > LONGEST {
        return Err(Malformed("a packet is longer than any that was asked for"));
    }
    if bytes.len() < 4 + length {
        bytes.reserve(4 + length - bytes.len());
        return Ok(None);
    }
    bytes.advance(4);
    Ok(Some(bytes.split_to(length).freeze()))
}

fn text(packet: &mut Bytes) -> Result<Bytes, Malformed> {
    let length = packet.try_get_u32()? as usize;
    match length <= packet.len() {
        true => Ok(packet.split_to(length)),
        false => Err(Malformed("a packet is shorter than it says")),
    }
}

fn names(packet: &mut Bytes) -> Result<Vec<Entry>, Malformed> {
    let count = packet.try_get_u32()?;
    let mut names = Vec::new();
    // No room is made for what was only announced.
    for _ in 0..count {
        let name = text(packet)?;
        // As `ls -l` writes it: for people.
        text(packet)?;
        let state = state(packet)?;
        names.push(Entry { name, state });
    }
    Ok(names)
}

fn state(packet: &mut Bytes) -> Result<State, Malformed> {
    let flags = packet.try_get_u32()?;
    let has = |flag: u32| flags & flag != 0;
    let mut state = State::default();
    if has(1) {
        state.size = Some(packet.try_get_u64()?);
    }
    if has(2) {
        // The owner and the group.
        packet.try_get_u64()?;
    }
    if has(4) {
        state.mode = Some(packet.try_get_u32()?);
    }
    if has(8) {
        // When it was read last.
        packet.try_get_u32()?;
        state.modified = Some(packet.try_get_u32()?);
    }
    if has(1 << 31) {
        for _ in 0..packet.try_get_u32()? {
            text(packet)?;
            text(packet)?;
        }
    }
    Ok(state)
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A question as a server reads it: its number, its kind, what it is about, and the rest.
    pub(crate) fn asked(bytes: &mut BytesMut) -> Option<(u32, u8, Bytes, Bytes)> {
        let mut packet = packet(bytes).unwrap()?;
        let (kind, id) = (packet.get_u8(), packet.get_u32());
        let subject = text(&mut packet).unwrap();
        Some((id, kind, subject, packet))
    }

    /// An answer as a server writes it.
    pub(crate) fn answered(id: u32, answer: &Answer) -> Vec<u8> {
        let mut body = BytesMut::new();
        let put = |body: &mut BytesMut, text: &[u8]| {
            body.put_u32(text.len() as u32);
            body.put_slice(text);
        };
        let put_state = |body: &mut BytesMut, state: &State| {
            let has = |on: bool, flag: u32| if on { flag } else { 0 };
            body.put_u32(
                has(state.size.is_some(), 1)
                    | has(state.mode.is_some(), 4)
                    | has(state.modified.is_some(), 8),
            );
            state.size.inspect(|size| body.put_u64(*size));
            state.mode.inspect(|mode| body.put_u32(*mode));
            if let Some(modified) = state.modified {
                body.put_u32(0);
                body.put_u32(modified);
            }
        };
        let kind = match answer {
            Answer::Status { code, said } => {
                body.put_u32(*code);
                put(&mut body, said.as_bytes());
                put(&mut body, b"en");
                101
            }
            Answer::Handle(handle) => {
                put(&mut body, handle);
                102
            }
            Answer::Data(data) => {
                put(&mut body, data);
                103
            }
            Answer::Names(names) => {
                body.put_u32(names.len() as u32);
                for entry in names {
                    put(&mut body, &entry.name);
                    put(&mut body, b"-rw-r--r-- 1 hr hr");
                    put_state(&mut body, &entry.state);
                }
                104
            }
            Answer::State(state) => {
                put_state(&mut body, state);
                105
            }
        };
        let mut out = Vec::new();
        out.put_u32(body.len() as u32 + 5);
        out.put_u8(kind);
        out.put_u32(id);
        out.extend_from_slice(&body);
        out
    }

    pub(crate) fn file(size: u64, modified: u32) -> State {
        State {
            size: Some(size),
            modified: Some(modified),
            mode: Some(0o100_640),
        }
    }

    pub(crate) fn of_mode(mode: u32) -> State {
        State {
            mode: Some(mode),
            ..State::default()
        }
    }

    #[test]
    fn questions() {
        let check = |ask: Ask<'_>, expected: &[u8]| {
            let mut out = BytesMut::new();
            ask.write(7, &mut out);
            assert_eq!(out, expected, "{ask:?}");
        };
        check(
            Ask::Open(b"/a"),
            b"\0\0\0\x13\x03\0\0\0\x07\0\0\0\x02/a\0\0\0\x01\0\0\0\0",
        );
        check(
            Ask::Read {
                handle: b"\xff\0",
                at: 1 << 32,
                count: 32768,
            },
            b"\0\0\0\x17\x05\0\0\0\x07\0\0\0\x02\xff\0\0\0\0\x01\0\0\0\0\0\0\x80\0",
        );
        check(Ask::Stat(b""), b"\0\0\0\x09\x11\0\0\0\x07\0\0\0\0");
    }

    #[test]
    fn states() {
        // With owner, times and an extension.
        let bytes =
            b"\x80\0\0\x0f\0\0\0\0\0\0\0\x05\0\0\0\x01\0\0\0\x02\0\0\x41\xed\0\0\0\x09\0\0\0\x0a\
            \0\0\0\x01\0\0\0\x01a\0\0\0\0";
        let mut packet = Bytes::from_static(bytes);
        let state = state(&mut packet).unwrap();
        assert!(packet.is_empty());
        assert_eq!((state.size, state.modified), (Some(5), Some(10)));
        assert!(state.is_folder() && !state.is_link());
        assert!(of_mode(0o120_777).is_link());
        assert!(!file(1, 2).is_folder() && !file(1, 2).is_link());
    }

    #[test]
    fn what_is_not_sftp() {
        let check = |bytes: &[u8], expected: Result<Option<()>, &str>| {
            let got = answer(&mut BytesMut::from(bytes));
            let got = got.map(|some| some.map(drop)).map_err(|Malformed(why)| why);
            assert_eq!(got, expected, "{bytes:?}");
        };
        check(b"", Ok(None));
        check(b"\0\0\0", Ok(None));
        check(b"\0\0\0\x09\x66", Ok(None));
        check(b"\0\0\0\0", Err("a packet is shorter than it says"));
        check(
            b"\0\0\0\x09\x67\0\0\0\x01\0\0\0\x01",
            Err("a packet is shorter than it says"),
        );
        check(
            b"\0\0\0\x09\x68\0\0\0\x01\xff\xff\xff\xff",
            Err("a packet is shorter than it says"),
        );
        check(
            b"\0\0\0\x05\x01\0\0\0\x01",
            Err("an answer of an unknown kind"),
        );
        // Whoever is greeted by a shell's profile.
        check(
            b"Welcome!",
            Err("a packet is longer than any that was asked for"),
        );
    }

    fn an_answer() -> impl Strategy<Value = Answer> {
        let bytes = || proptest::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from);
        let state = || {
            (
                any::<Option<u64>>(),
                any::<Option<u32>>(),
                any::<Option<u32>>(),
            )
                .prop_map(|(size, modified, mode)| State {
                    size,
                    modified,
                    mode,
                })
        };
        let entry = (bytes(), state()).prop_map(|(name, state)| Entry { name, state });
        prop_oneof![
            (any::<u32>(), "[a-zé ]{0,9}").prop_map(|(code, said)| Answer::Status { code, said }),
            bytes().prop_map(Answer::Handle),
            bytes().prop_map(Answer::Data),
            proptest::collection::vec(entry, 0..4).prop_map(Answer::Names),
            state().prop_map(Answer::State),
        ]
    }

    proptest! {
        #[test]
        fn answers_in_pieces(
            answers in proptest::collection::vec((any::<u32>(), an_answer()), 0..5),
            cuts in proptest::collection::vec(1usize..20, 0..200),
        ) {
            let bytes: Vec<u8> = answers.iter().flat_map(|(id, a)| answered(*id, a)).collect();
            let mut buffer = BytesMut::new();
            let mut got = Vec::new();
            let mut rest = &bytes[..];
            let mut cuts = cuts.into_iter().chain(std::iter::repeat(7));
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(cuts.next().unwrap_or(1).min(rest.len()));
                buffer.extend_from_slice(piece);
                rest = after;
                while let Some(one) = answer(&mut buffer).unwrap() {
                    got.push(one);
                }
            }
            prop_assert_eq!(got, answers);
        }

        #[test]
        fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let mut buffer = BytesMut::from(&bytes[..]);
            while let Ok(Some(_)) = answer(&mut buffer) {}
        }
    }
}
