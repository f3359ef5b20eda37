//! A reader of bytes, wherever they come from.

use std::io;

use bytes::BufMut;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Bytes that are read front to back.
pub(in crate::source) type Raw = Box<dyn AsyncRead + Send + Unpin>;

/// The first `most` bytes, or all where there are fewer, however the reader hands them out.
pub(in crate::source) async fn peek(
    reader: &mut (impl AsyncRead + Unpin),
    most: usize,
) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(most);
    while head.len() < most {
        let room = most - head.len();
        if reader.read_buf(&mut (&mut head).limit(room)).await? == 0 {
            break;
        }
    }
    Ok(head)
}
