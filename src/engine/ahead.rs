//! The file at hand, read ahead of whoever cuts it into blocks.
//!
//! Blocks can only be cut one after the other. Reading a piece of the text and looking at it takes much longer than that,
//! and is done beforehand by each worker that comes for a block: the text of a plain file by several at once, any other in
//! turns. What was seen in a piece is confirmed where the blocks are cut, see [`Boundary::confirm`].

use std::collections::VecDeque;
use std::sync::{Arc, Mutex as Lock, PoisonError};

use tokio::sync::{Mutex, oneshot};

use super::EngineError;
use crate::batch::pool::{Lease, Pool};
use crate::format::block::{Boundary, Seen};
use crate::source::{SourceError, Text};
use crate::text::written::Written;

/// The file at hand; clones share it.
#[derive(Clone)]
pub(super) struct Ahead {
    shared: Arc<Shared>,
    /// Length of a piece in bytes; the last one of a file is shorter.
    piece: usize,
    buffers: Pool<Written>,
}

#[derive(Default)]
struct Shared {
    /// Held for a turn: a piece is asked for and gets its place among those that are coming.
    file: Mutex<Option<Open>>,
    coming: Lock<VecDeque<oneshot::Receiver<Result<Piece, SourceError>>>>,
}

/// A file that has pieces left.
struct Open {
    text: Text,
    boundary: Boundary,
    /// What its records begin with.
    opening: Arc<[u8]>,
}

/// A piece that was read.
pub(super) struct Piece {
    pub(super) bytes: Lease<Written>,
    /// The text ends with it.
    pub(super) ended: bool,
    /// What was seen in it, where somebody looked.
    pub(super) seen: Option<Seen>,
}

impl Ahead {
    /// Pieces of this length.
    pub(super) fn new(piece: usize) -> Ahead {
        Ahead {
            shared: Arc::default(),
            piece,
            buffers: Pool::default(),
        }
    }

    /// Goes on with another file, from where its text has been read up to; `begun` is what has been read.
    pub(super) async fn open(&self, text: Text, boundary: &Boundary, begun: &[u8]) {
        let mut file = self.shared.file.lock().await;
        self.coming().clear();
        *file = Some(Open {
            text,
            opening: boundary.opening(begun).into(),
            boundary: boundary.clone(),
        });
    }

    /// Reads the next piece of the file and looks at it, unless `most` of them are waiting to be cut.
    pub(super) async fn read(&self, most: usize) {
        let mut file = self.shared.file.lock().await;
        let Some(Open {
            text,
            boundary,
            opening,
        }) = &mut *file
        else {
            return;
        };
        if self.coming().len() >= most {
            return;
        }
        let (done, coming) = oneshot::channel();
        self.coming().push_back(coming);
        let (boundary, opening) = (boundary.clone(), opening.clone());
        let mut bytes = self.buffers.lease();
        let piece = text.piece(&mut bytes, self.piece).await;
        drop(file);
        let ended = piece.and_then(|piece| piece.read(&mut bytes));
        // Nobody waits for it where the file turned out to end before it.
        let _ = done.send(ended.map(|ended| Piece {
            seen: boundary.guess(&bytes, &opening),
            bytes,
            ended,
        }));
    }

    /// The next piece of the file, which is read now where nobody has begun to.
    ///
    /// # Errors
    /// As of the source; nothing more comes after it.
    pub(super) async fn next(&self) -> Result<Piece, EngineError> {
        if let Some(piece) = self.first().await? {
            return Ok(piece);
        }
        let mut file = self.shared.file.lock().await;
        // Somebody may have been faster.
        if let Some(piece) = self.first().await? {
            return Ok(piece);
        }
        let mut bytes = self.buffers.lease();
        let ended = match &mut *file {
            Some(Open { text, .. }) => {
                let piece = text.piece(&mut bytes, self.piece).await?;
                piece.read(&mut bytes)?
            }
            None => true,
        };
        Ok(Piece {
            bytes,
            ended,
            seen: None,
        })
    }

    /// The first of the pieces that are coming.
    async fn first(&self) -> Result<Option<Piece>, EngineError> {
        let first = self.coming().pop_front();
        match first {
            None => Ok(None),
            Some(coming) => match coming.await {
                Ok(piece) => Ok(Some(piece?)),
                // Whoever read it has died of a panic.
                Err(_) => Err(EngineError::Interrupted),
            },
        }
    }

    /// Ends the file: nothing more of it is wanted.
    pub(super) async fn close(&self) {
        *self.shared.file.lock().await = None;
        self.coming().clear();
    }

    fn coming(
        &self,
    ) -> std::sync::MutexGuard<'_, VecDeque<oneshot::Receiver<Result<Piece, SourceError>>>> {
        self.shared
            .coming
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
