//! Gzip made by several threads, as one stream that every decoder reads.
//!
//! Runs of deflate can be put one behind the other where each ends in a sync flush, which brings it to a whole byte
//! and says nothing of an end. So the body is cut to pieces, every piece is compressed by itself, as pigz does it, and
//! the runs stand in the body's order between one header and one trailer: a single member of RFC 1952, as there are
//! readers that take the first member for all.
//!
//! The same pieces make the same bytes, whichever thread compressed them, and however many there are.

use bytes::Bytes;
use flate2::{Compress, Compression, Crc, FlushCompress};
use futures::{Stream, StreamExt, TryStreamExt, stream};

use crate::batch::pool::{Pool, Reuse};
use crate::upload::body::{BodyError, chunks};

/// How hard deflate tries. Of rostream's JSON, level 5 of zlib-rs leaves 11.8 %, which is what `gzip -6` leaves, at
/// more than twice its speed on one thread. Level 4 is hardly faster and leaves 7 % more; level 6 takes half as long
/// again and leaves 2 % less.
const LEVEL: u32 = 5;

/// The most bytes that are compressed by themselves. A run knows nothing of the text before it, which costs about half
/// a per cent of the size with pieces of 1 MiB, and six with an eighth of that.
const PIECE: usize = 1024 * 1024;

/// Pieces under way for every worker: one that is compressed and one more, as a run that is done early waits for those
/// before it, and the task that hands pieces out waits for a core like any other. With one a fifth of two cores was
/// idle.
const UNDER_WAY: usize = 2;

/// Magic number, deflate, no flags, no time, nothing said of the level, and an unknown system (RFC 1952, 2.3): the
/// stream does not depend on where and when it was made.
const HEADER: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// The last block of deflate, with nothing in it: the runs before it have none.
const LAST_BLOCK: [u8; 2] = [0x03, 0x00];

/// What a compressor takes, in bytes and about: window, hash chains and what is pending (`windowBits` 15, `memLevel` 8).
const STATE: usize = 384 * 1024;

/// Compresses a body on its way, on blocking threads. For each of `workers`, two pieces of at most 1 MiB and their runs
/// are held, and the compressors. Where the body fails so does this, and then it has no trailer: nothing takes it for
/// whole.
pub(crate) fn compressed<S, E>(
    body: S,
    workers: usize,
) -> impl Stream<Item = Result<Bytes, E>> + Send
where
    S: Stream<Item = Result<Bytes, E>> + Send,
    E: From<BodyError> + Send,
{
    let pools = Pools::default();
    let runs = chunks(body, PIECE)
        .map(move |piece| {
            let pools = pools.clone();
            async move {
                let piece = piece?;
                let made = tokio::task::spawn_blocking(move || pools.deflate(&piece)).await;
                Ok::<Run, E>(made.map_err(|died| BodyError::Source(died.into()))??)
            }
        })
        .buffered(UNDER_WAY * workers.max(1));
    let rest = stream::try_unfold(
        (Box::pin(runs), Some(Crc::new())),
        |(mut runs, checksum)| async move {
            let Some(mut checksum) = checksum else {
                return Ok(None);
            };
            Ok(Some(match runs.try_next().await? {
                Some(run) => {
                    checksum.combine(&run.checksum);
                    (run.bytes, (runs, Some(checksum)))
                }
                None => (end(&checksum), (runs, None)),
            }))
        },
    );
    stream::iter([Ok(Bytes::from_static(HEADER))]).chain(rest)
}

/// The end of the stream: the last block, then the checksum and the length modulo 2^32 of all that was compressed.
fn end(checksum: &Crc) -> Bytes {
    let (sum, length) = (checksum.sum(), checksum.amount());
    [&LAST_BLOCK[..], &sum.to_le_bytes(), &length.to_le_bytes()]
        .concat()
        .into()
}

/// A piece, compressed.
struct Run {
    bytes: Bytes,
    /// Of the piece as it was.
    checksum: Crc,
}

/// What is used again from piece to piece.
#[derive(Clone, Default)]
struct Pools {
    deflaters: Pool<Deflater>,
    buffers: Pool<Vec<u8>>,
}

impl Pools {
    fn deflate(&self, piece: &[u8]) -> Result<Run, BodyError> {
        let mut deflater = self.deflaters.take();
        let mut bytes = self.buffers.lease();
        // All that zlib's own bound allows for, and more. A buffer that could become full would have a say in where
        // blocks end; one that can't leaves the run to the piece alone.
        bytes.reserve(piece.len() + piece.len() / 4 + 64);
        deflater
            .0
            .compress_vec(piece, &mut bytes, FlushCompress::Sync)
            .map_err(|error| BodyError::Source(error.into()))?;
        if deflater.0.total_in() != piece.len() as u64 || bytes.len() == bytes.capacity() {
            return Err(BodyError::Source(
                "deflate needs more room than it ever should".into(),
            ));
        }
        self.deflaters.put(deflater);
        let mut checksum = Crc::new();
        checksum.update(piece);
        Ok(Run {
            bytes: Bytes::from_owner(bytes),
            checksum,
        })
    }
}

/// A compressor, which begins anew with every piece.
struct Deflater(Compress);

impl Default for Deflater {
    fn default() -> Self {
        Deflater(Compress::new(Compression::new(LEVEL), false))
    }
}

impl Reuse for Deflater {
    fn clear(&mut self) {
        self.0.reset();
    }

    fn room(&self) -> usize {
        STATE
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::bufread::GzDecoder;
    use proptest::prelude::*;

    use super::*;

    type Item = Result<Bytes, BodyError>;

    /// What comes out, and the error if it ended in one.
    fn pack(body: Vec<Item>, workers: usize) -> (Vec<u8>, Option<BodyError>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut out = Vec::new();
            let mut stream = Box::pin(compressed(stream::iter(body), workers));
            while let Some(item) = stream.next().await {
                match item {
                    Ok(bytes) => out.extend_from_slice(&bytes),
                    Err(error) => {
                        assert!(stream.next().await.is_none());
                        return (out, Some(error));
                    }
                }
            }
            (out, None)
        })
    }

    fn packed(pieces: &[Bytes], workers: usize) -> Vec<u8> {
        let (out, error) = pack(pieces.iter().cloned().map(Ok).collect(), workers);
        assert!(error.is_none());
        out
    }

    /// Reads the one member, which must be all that there is.
    fn unpacked(packed: &[u8]) -> Vec<u8> {
        let mut decoder = GzDecoder::new(packed);
        let mut text = Vec::new();
        decoder.read_to_end(&mut text).unwrap();
        assert!(decoder.into_inner().is_empty());
        text
    }

    /// Text that is new at every place and compresses well.
    fn text(length: usize) -> Bytes {
        let mut text = Vec::with_capacity(length + 64);
        for id in 0u64.. {
            if text.len() >= length {
                break;
            }
            let salary = id.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 44;
            text.extend_from_slice(
                format!("{{\"employeeID\":\"{id:08}\",\"salary\":{salary}}},\n").as_bytes(),
            );
        }
        text.truncate(length);
        text.into()
    }

    #[test]
    fn an_empty_body_is_an_empty_member() {
        let written = [HEADER, &[3, 0, 0, 0, 0, 0, 0, 0, 0, 0]].concat();
        assert_eq!(packed(&[], 2), written);
        assert_eq!(packed(&[Bytes::new(), Bytes::new()], 2), written);
        assert_eq!(unpacked(&written), b"");
    }

    #[test]
    fn pieces_of_any_size_make_one_member() {
        for length in [1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 7] {
            let text = text(length);
            let packed = packed(std::slice::from_ref(&text), 3);
            assert!(unpacked(&packed) == text, "{length}");
            assert!(length == 1 || packed.len() < length / 3, "{length}");
        }
        // What can't be made smaller becomes hardly larger.
        let noise: Bytes = (0..2 * PIECE as u64)
            .map(|i| (xxhash_rust::xxh3::xxh3_64(&i.to_le_bytes()) >> 20) as u8)
            .collect();
        let packed = packed(std::slice::from_ref(&noise), 3);
        assert!(unpacked(&packed) == noise);
        assert!(packed.len() < noise.len() + noise.len() / 1000);
    }

    #[test]
    fn the_same_pieces_make_the_same_bytes() {
        let text = text(3 * PIECE);
        // Sizes that make compressors and buffers come to pieces unlike those that they had before.
        let mut rest = text.clone();
        let mut pieces = Vec::new();
        for size in [1, 700_000, 30, 100_000].into_iter().cycle() {
            if rest.is_empty() {
                break;
            }
            pieces.push(rest.split_to(size.min(rest.len())));
        }
        let once = packed(&pieces, 1);
        assert!(unpacked(&once) == text);
        for workers in [0, 3] {
            assert!(packed(&pieces, workers) == once, "{workers}");
        }
    }

    #[test]
    fn a_body_that_fails_has_no_trailer() {
        let text = text(2 * PIECE);
        let body = vec![Ok(text.clone()), Err(BodyError::Longer { declared: 1 })];
        let (out, error) = pack(body, 2);
        assert!(matches!(error, Some(BodyError::Longer { declared: 1 })));
        let mut read = Vec::new();
        assert!(GzDecoder::new(&out[..]).read_to_end(&mut read).is_err());
        assert!(read == text);
    }

    #[tokio::test]
    async fn no_more_pieces_are_under_way_than_stated() {
        let mut asked = 0;
        let body = stream::iter((0..100).map(|_| {
            asked += 1;
            Ok::<_, BodyError>(Bytes::from_static(b"{}"))
        }));
        let mut stream = Box::pin(compressed(body, 3));
        // The header and one run.
        stream.next().await.unwrap().unwrap();
        stream.next().await.unwrap().unwrap();
        drop(stream);
        assert!((1..=3 * UNDER_WAY + 1).contains(&asked), "{asked}");
    }

    #[test]
    fn the_trailers_length_begins_again_at_4_gib() {
        let sum = |text: &[u8]| {
            let mut sum = Crc::new();
            sum.update(text);
            sum
        };
        let mut four_gib = sum(&[b'x'; 1 << 16]);
        for _ in 0..16 {
            let mut twice = Crc::new();
            twice.combine(&four_gib);
            twice.combine(&four_gib);
            four_gib = twice;
        }
        let mut whole = sum(b"[");
        whole.combine(&four_gib);
        whole.combine(&sum(b"]"));
        // The checksum is that of zlib for the whole text.
        let checksum = 0x6D94_C6F4_u32.to_le_bytes();
        assert_eq!(
            end(&whole),
            [&[3, 0], &checksum[..], &[2, 0, 0, 0]].concat()
        );
    }

    proptest! {
        #[test]
        fn any_cutting_gives_the_text_back(
            pieces in prop::collection::vec(prop::collection::vec(b'a'..b'e', 0..400), 0..30),
            workers in 1usize..5,
        ) {
            let pieces: Vec<Bytes> = pieces.into_iter().map(Bytes::from).collect();
            let out = packed(&pieces, workers);
            prop_assert_eq!(unpacked(&out), pieces.concat());
            prop_assert!(packed(&pieces, 1) == out);
        }
    }
}
