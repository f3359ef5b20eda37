//! The sample as a source: a thread makes it, a bounded channel hands it over.

use std::io::{self, Write};

use bytes::Bytes;
use futures::stream;
use tokio::sync::mpsc;
use tokio_util::io::StreamReader;

use crate::source::bytes::raw::Raw;
use crate::source::place::sample::Sample;

/// Pieces (of some 64 KiB) that the thread may be ahead of the reader.
const AHEAD: usize = 4;

/// Starts to make a sample. The thread ends when all is made, or as soon as the reader is dropped.
pub(in crate::source) fn open(sample: Sample) -> Raw {
    let (sender, mut pieces) = mpsc::channel(AHEAD);
    let maker = tokio::task::spawn_blocking(move || sample.write(Pieces(sender)));
    let pieces = stream::poll_fn(move |cx| pieces.poll_recv(cx).map(|piece| piece.map(Ok)));
    // Where the thread fails, the channel closes too: that must not pass for the sample's end.
    let end = stream::once(async move {
        match maker.await {
            Ok(Ok(_)) => Ok(Bytes::new()),
            Ok(Err(error)) => Err(error),
            Err(failed) => Err(io::Error::other(failed)),
        }
    });
    Box::new(StreamReader::new(Box::pin(futures::StreamExt::chain(
        pieces, end,
    ))))
}

/// Writes into a channel.
struct Pieces(mpsc::Sender<Bytes>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .blocking_send(Bytes::copy_from_slice(bytes))
            .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;
    use crate::source::Input;
    use crate::source::Source;
    use crate::source::place::sample::Format;
    use crate::source::spec::{Compression, Encoding};

    const SAMPLE: Sample = Sample {
        rows: 20_000,
        seed: 3,
        errors_per_million: 10_000,
        format: Format::Csv,
    };

    #[tokio::test]
    async fn every_reading_has_the_bytes_that_are_written_to_a_file() {
        let mut expected = Vec::new();
        SAMPLE.write(&mut expected).unwrap();
        let source = Source::find(
            &[Input::Sample(SAMPLE)],
            Compression::Auto,
            Encoding::Auto,
            crate::settings::limits::Limits::default(),
        )
        .await
        .unwrap();
        assert!(source.can_repeat());
        assert_eq!(source.size(), None);
        assert_eq!(source.origins()[0].name, "sample (20,000 rows, seed 3)");
        for _ in 0..2 {
            let mut text = source.open(0).await.unwrap();
            let mut got = Vec::new();
            while !text.fill(&mut got, usize::MAX).await.unwrap() {}
            assert!(got == expected);
            assert_eq!(source.origins()[0].bytes(), expected.len() as u64);
        }
    }

    #[test]
    fn a_reader_that_stops_early_ends_the_thread() {
        // Dropping the runtime waits for its blocking threads: one that hung would hang the test.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            let endless = Sample {
                rows: u64::MAX,
                ..SAMPLE
            };
            let mut reader = open(endless);
            let mut head = [0; 11];
            reader.read_exact(&mut head).await.unwrap();
            assert_eq!(&head, b"Employee ID");
            drop(reader);
            drop(open(endless));
        });
    }
}
