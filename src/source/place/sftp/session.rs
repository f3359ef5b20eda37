//! Questions and answers of SFTP over a channel.

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::error::SftpError;
use super::packet::{self, Answer, Ask, Entry, Malformed, State};
use crate::settings::units::Span;
use crate::text::shown::shown_within;

/// Bytes that are read at once.
const PIECE: usize = 64 * 1024;

/// Files in a folder beyond which something is wrong: the list is held in memory.
const MOST_FILES: usize = 1_000_000;

/// What a status says.
mod code {
    pub(super) const OK: u32 = 0;
    pub(super) const END: u32 = 1;
    pub(super) const NO_SUCH_FILE: u32 = 2;
    pub(super) const DENIED: u32 = 3;
    pub(super) const UNSUPPORTED: u32 = 8;
}

/// One channel of SFTP.
pub(super) struct Session<S> {
    channel: S,
    /// What came and was not taken yet.
    bytes: BytesMut,
    asked: u32,
    /// How long an answer is waited for.
    patience: Span,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// Begins a session.
    pub(super) async fn begin(channel: S, patience: Span) -> Result<Session<S>, SftpError> {
        let mut session = Session {
            channel,
            bytes: BytesMut::new(),
            asked: 0,
            patience,
        };
        let mut hello = BytesMut::new();
        packet::hello(&mut hello);
        session.send(&hello).await?;
        loop {
            match packet::version(&mut session.bytes)? {
                Some(packet::VERSION..) => return Ok(session),
                Some(_) => {
                    return Err(Malformed("it speaks an older version than 3").into());
                }
                None => session.more().await?,
            }
        }
    }

    pub(super) async fn send(&mut self, questions: &[u8]) -> Result<(), SftpError> {
        self.channel.write_all(questions).await?;
        Ok(self.channel.flush().await?)
    }

    /// Writes a question without sending it. Its number is what its answer is known by.
    pub(super) fn write(&mut self, ask: Ask<'_>, out: &mut BytesMut) -> u32 {
        self.asked = self.asked.wrapping_add(1);
        ask.write(self.asked, out);
        self.asked
    }

    /// The next answer, and the number of its question.
    pub(super) async fn next(&mut self) -> Result<(u32, Answer), SftpError> {
        loop {
            if let Some(answer) = packet::answer(&mut self.bytes)? {
                return Ok(answer);
            }
            self.more().await?;
        }
    }

    /// Waits for more bytes.
    async fn more(&mut self) -> Result<(), SftpError> {
        self.bytes.reserve(PIECE);
        let read = timeout(self.patience.0, self.channel.read_buf(&mut self.bytes));
        match read.await {
            Err(_) => Err(SftpError::Unanswered {
                after: self.patience,
            }),
            Ok(Ok(0)) => Err(SftpError::Ended),
            Ok(read) => Ok(read.map(drop)?),
        }
    }

    /// Asks one question, with no other one under way.
    async fn ask(&mut self, ask: Ask<'_>) -> Result<Answer, SftpError> {
        let mut question = BytesMut::new();
        let id = self.write(ask, &mut question);
        self.send(&question).await?;
        match self.next().await? {
            (of, answer) if of == id => Ok(answer),
            _ => Err(unasked()),
        }
    }

    async fn handle(&mut self, ask: Ask<'_>) -> Result<Bytes, SftpError> {
        match self.ask(ask).await? {
            Answer::Handle(handle) => Ok(handle),
            answer => Err(refused(answer)),
        }
    }

    async fn state(&mut self, ask: Ask<'_>) -> Result<State, SftpError> {
        match self.ask(ask).await? {
            Answer::State(state) => Ok(state),
            answer => Err(refused(answer)),
        }
    }

    /// The state of what has this path.
    pub(super) async fn stat(&mut self, path: &[u8]) -> Result<State, SftpError> {
        self.state(Ask::Stat(path)).await
    }

    /// The state of an open file.
    pub(super) async fn look(&mut self, handle: &[u8]) -> Result<State, SftpError> {
        self.state(Ask::Look(handle)).await
    }

    /// The full path of a file, where the server tells it.
    pub(super) async fn real_path(&mut self, path: &[u8]) -> Result<Bytes, SftpError> {
        match self.ask(Ask::RealPath(path)).await? {
            Answer::Names(names) => match <[Entry; 1]>::try_from(names) {
                Ok([entry]) => Ok(entry.name),
                Err(_) => Err(unasked()),
            },
            answer => Err(refused(answer)),
        }
    }

    /// Opens a file for reading, and its state then.
    pub(super) async fn open(&mut self, path: &[u8]) -> Result<(Bytes, State), SftpError> {
        let handle = self.handle(Ask::Open(path)).await?;
        let state = self.look(&handle).await?;
        Ok((handle, state))
    }

    /// What is in a folder.
    pub(super) async fn list(&mut self, folder: &[u8]) -> Result<Vec<Entry>, SftpError> {
        let handle = self.handle(Ask::OpenFolder(folder)).await?;
        let mut entries = Vec::new();
        loop {
            match self.ask(Ask::ReadFolder(&handle)).await? {
                Answer::Names(names) if !names.is_empty() => entries.extend(names),
                Answer::Status {
                    code: code::END, ..
                } => break,
                answer => return Err(refused(answer)),
            }
            if entries.len() > MOST_FILES {
                return Err(Malformed("a folder without an end").into());
            }
        }
        self.ask(Ask::Close(&handle)).await?;
        Ok(entries)
    }
}

pub(super) fn is_end(answer: &Answer) -> bool {
    matches!(answer, Answer::Status { code, .. } if *code == code::END)
}

fn unasked() -> SftpError {
    Malformed("an answer to what was not asked").into()
}

/// An answer that is not what was asked for.
pub(super) fn refused(answer: Answer) -> SftpError {
    /// Of what a server says, as much as is told.
    const WIDTH: usize = 200;
    match answer {
        Answer::Status { code, said } => match code {
            code::NO_SUCH_FILE => SftpError::Gone,
            code::OK | code::END => unasked(),
            code => SftpError::Refused(match (said.is_empty(), code) {
                (false, _) => shown_within(&said, WIDTH),
                (true, code::DENIED) => "permission denied".to_owned(),
                (true, code::UNSUPPORTED) => "operation unsupported".to_owned(),
                (true, code) => format!("SFTP status {code}"),
            }),
        },
        _ => unasked(),
    }
}
