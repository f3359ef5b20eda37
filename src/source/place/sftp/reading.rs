//! The bytes of a file, asked for far ahead: a question and its answer at a time would wait for the network most of the time.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite};

use super::error::SftpError;
use super::packet::{Answer, Ask, Malformed, State};
use super::session::{Session, is_end, refused};

/// Bytes that are asked for at once: what every server gives.
const PIECE: u32 = 32 * 1024;

/// Questions under way at first, of which there are more with every answer: whoever looks at the beginning of a file alone
/// does not want megabytes.
const FIRST: usize = 8;

/// Questions under way at most, as many as OpenSSH's own client has. What they ask for is held in memory.
const MOST: usize = 64;

/// A file that is read from some offset to its end.
pub(super) struct Reading<S> {
    session: Session<S>,
    handle: Bytes,
    /// What it was when it was opened.
    opened: State,
    /// Where the next question begins.
    at: u64,
    /// Where the file ends.
    end: u64,
    /// In the order of the file.
    under_way: VecDeque<Question>,
    most: usize,
    /// As much as the server gives at once.
    piece: u32,
}

struct Question {
    id: u32,
    at: u64,
    count: u32,
    answer: Option<Bytes>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Reading<S> {
    /// Opens a file at an offset.
    pub(super) async fn open(
        mut session: Session<S>,
        path: &[u8],
        at: u64,
    ) -> Result<Reading<S>, SftpError> {
        let (handle, opened) = session.open(path).await?;
        let Some(end) = opened.size else {
            return Err(Malformed("it does not say how large a file is").into());
        };
        Ok(Reading {
            session,
            handle,
            opened,
            at,
            end,
            under_way: VecDeque::new(),
            most: FIRST,
            piece: PIECE,
        })
    }

    /// What it was when it was opened.
    pub(super) fn state(&self) -> &State {
        &self.opened
    }

    /// The next bytes; none at the end. Before the last ones are given out, the file is looked at once more.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, SftpError> {
        self.ask_ahead().await?;
        loop {
            let Some(first) = self.under_way.front_mut() else {
                return Ok(None);
            };
            if let Some(bytes) = first.answer.take() {
                self.under_way.pop_front();
                if self.at == self.end && self.under_way.is_empty() {
                    self.still().await?;
                }
                return Ok(Some(bytes));
            }
            self.answered().await?;
        }
    }

    /// Sends questions, many at a time.
    async fn ask_ahead(&mut self) -> Result<(), SftpError> {
        if self.under_way.len() > self.most / 2 {
            return Ok(());
        }
        let mut questions = BytesMut::new();
        while self.under_way.len() < self.most && self.at < self.end {
            let left = u32::try_from(self.end - self.at).unwrap_or(u32::MAX);
            let question = self.question(self.at, left.min(self.piece), &mut questions);
            self.at += u64::from(question.count);
            self.under_way.push_back(question);
        }
        match questions.is_empty() {
            true => Ok(()),
            false => self.session.send(&questions).await,
        }
    }

    fn question(&mut self, at: u64, count: u32, out: &mut BytesMut) -> Question {
        let handle = &self.handle;
        let id = self.session.write(Ask::Read { handle, at, count }, out);
        Question {
            id,
            at,
            count,
            answer: None,
        }
    }

    /// Waits for an answer, whichever it is.
    async fn answered(&mut self) -> Result<(), SftpError> {
        let (id, answer) = self.session.next().await?;
        let mut waiting = self.under_way.iter().enumerate();
        let found = waiting.find(|(_, question)| question.id == id && question.answer.is_none());
        let Some((place, &Question { at, count, .. })) = found else {
            return Err(Malformed("an answer to what was not asked").into());
        };
        let bytes = match answer {
            Answer::Data(bytes) => bytes,
            // It was longer when it was opened.
            answer if is_end(&answer) => return Err(SftpError::Changed),
            answer => return Err(refused(answer)),
        };
        let got = match u32::try_from(bytes.len()) {
            Ok(got) if (1..=count).contains(&got) => got,
            _ => return Err(Malformed("more or less than was asked for").into()),
        };
        self.under_way[place].answer = Some(bytes);
        self.most = (self.most + 1).min(MOST);
        if got == count {
            return Ok(());
        }
        // A server may give less than was asked for. From now on it is not asked for more than that.
        self.piece = self.piece.min(got);
        let mut rest = BytesMut::new();
        let question = self.question(at + u64::from(got), count - got, &mut rest);
        self.under_way.insert(place + 1, question);
        self.session.send(&rest).await
    }

    /// Whether the file is what it was when it was opened.
    async fn still(&mut self) -> Result<(), SftpError> {
        match self.session.look(&self.handle).await? == self.opened {
            true => Ok(()),
            false => Err(SftpError::Changed),
        }
    }
}
