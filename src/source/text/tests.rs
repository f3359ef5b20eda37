//! What becomes of compressed and encoded bytes.

use super::*;
use crate::source::Source;
use async_compression::tokio::write::{BzEncoder, GzipEncoder, ZstdEncoder};
use lzma_rust2::{XzOptions, XzWriter};
use tokio::io::AsyncWriteExt;

async fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzipEncoder::new(Vec::new());
    encoder.write_all(bytes).await.unwrap();
    encoder.shutdown().await.unwrap();
    encoder.into_inner()
}

async fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZstdEncoder::new(Vec::new());
    encoder.write_all(bytes).await.unwrap();
    encoder.shutdown().await.unwrap();
    encoder.into_inner()
}

async fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = BzEncoder::new(Vec::new());
    encoder.write_all(bytes).await.unwrap();
    encoder.shutdown().await.unwrap();
    encoder.into_inner()
}

/// A window of as much memory as that level of the tool asks for.
fn xz(bytes: &[u8], level: u32) -> Vec<u8> {
    use std::io::Write;
    let options = XzOptions::with_preset(level);
    let mut encoder = XzWriter::new(Vec::new(), options).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

async fn read(bytes: Vec<u8>, encoding: Encoding) -> Result<String, String> {
    read_from(Box::new(Cursor::new(bytes)), encoding).await
}

async fn read_from(raw: Raw, encoding: Encoding) -> Result<String, String> {
    let opened = Opened::stream(raw);
    let (limits, told) = (Limits::default(), Told::default());
    let unpacked = Unpacked::open("f".into(), opened, &Wrapping::default(), &limits, told).await;
    let text = unpacked.and_then(|unpacked| Text::decoded(unpacked, encoding, Arc::default()));
    let mut text = text.map_err(|e| e.to_string())?;
    let mut buffer = Vec::new();
    let mut want = 1;
    while !text
        .fill(&mut buffer, want)
        .await
        .map_err(|e| e.to_string())?
    {
        want = buffer.len() + 3;
    }
    Ok(String::from_utf8(buffer).unwrap())
}

#[tokio::test]
async fn decompresses_by_content_and_joins_members() {
    assert_eq!(
        read(b"a,b\n".to_vec(), Encoding::Auto).await,
        Ok("a,b\n".into())
    );
    let mut two = gzip(b"a,").await;
    two.extend(gzip(b"b\n").await);
    assert_eq!(read(two, Encoding::Auto).await, Ok("a,b\n".into()));
    let mut two = zstd(b"a,").await;
    two.extend(zstd(b"b\n").await);
    assert_eq!(read(two, Encoding::Auto).await, Ok("a,b\n".into()));
    assert_eq!(read(Vec::new(), Encoding::Auto).await, Ok(String::new()));
    let mut padded = gzip(b"a,").await;
    padded.extend(gzip(b"").await);
    padded.extend(gzip(b"b\n").await);
    padded.extend([0; 1000]);
    assert_eq!(read(padded, Encoding::Auto).await, Ok("a,b\n".into()));
}

#[tokio::test]
async fn refuses_what_is_cut_off_or_damaged() {
    let whole = gzip(&b"employee,name\n".repeat(50)).await;
    for cut in [whole.len() - 1, whole.len() - 8, whole.len() / 2, 12] {
        let error = read(whole[..cut].to_vec(), Encoding::Auto)
            .await
            .unwrap_err();
        assert_eq!(
            error, "f: the gzip data is cut off or damaged; nothing from it is sent",
            "{cut}"
        );
    }
    let mut flipped = whole.clone();
    let crc = flipped.len() - 6;
    flipped[crc] ^= 1;
    assert!(read(flipped, Encoding::Auto).await.is_err());
    let whole = zstd(&b"employee,name\n".repeat(50)).await;
    assert!(
        read(whole[..whole.len() - 2].to_vec(), Encoding::Auto)
            .await
            .is_err()
    );
}

/// RFC 1952 has decompressors refuse what they may misread.
#[tokio::test]
async fn reserved_flags_of_gzip() {
    let good = gzip(b"a,b\n").await;
    for flag in [0x20, 0x40, 0x80] {
        let mut flagged = good.clone();
        flagged[3] |= flag;
        for data in [flagged.clone(), [&good[..], &flagged].concat()] {
            let error = read(data, Encoding::Auto).await.unwrap_err();
            assert!(
                error.contains("the gzip data is cut off or damaged"),
                "{error}"
            );
        }
    }
    assert_eq!(read(good, Encoding::Auto).await, Ok("a,b\n".into()));
}

#[tokio::test]
async fn decodes_to_utf8_without_a_mark() {
    assert_eq!(
        read(b"\xef\xbb\xbfZo\xc3\xab".to_vec(), Encoding::Auto).await,
        Ok("Zoë".into())
    );
    let utf16: Vec<u8> = "\u{feff}Zoë,Łukasz 𝄞\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(
        read(utf16.clone(), Encoding::Auto).await,
        Ok("Zoë,Łukasz 𝄞\n".into())
    );
    assert_eq!(
        read(utf16, Encoding::Utf16).await,
        Ok("Zoë,Łukasz 𝄞\n".into())
    );
    let big: Vec<u8> = "\u{feff}Zoë"
        .encode_utf16()
        .flat_map(u16::to_be_bytes)
        .collect();
    assert_eq!(read(big, Encoding::Auto).await, Ok("Zoë".into()));
    assert_eq!(
        read(
            b"M\xfcller \x80".to_vec(),
            Encoding::Of(encoding_rs::WINDOWS_1252)
        )
        .await,
        Ok("Müller €".into())
    );
    let lone = vec![0xff, 0xfe, b'a', 0, 0x00, 0xd8, b'b', 0];
    assert!(
        read(lone, Encoding::Auto)
            .await
            .unwrap_err()
            .starts_with("f: not UTF-16LE: ill-formed near byte")
    );
}

/// What every reader of bytes has to bear: characters that are cut by the end of what was read.
#[tokio::test]
async fn every_encoding_is_read_as_it_is_written() {
    let texts = [
        "Zoë Müller, Århus",
        "Łucja Żak, Plzeň",
        "Пётр Иванов",
        "Γιώργος",
        "İzmir Şahin",
        "דוד",
        "محمد",
        "สมชาย",
        "Nguyễn",
        "Ģirts Čākste",
        "山田太郎",
        "金민수 김",
        "张伟",
    ];
    let mut read_at_all = 0;
    for encoding in crate::settings::encoding::ALL {
        for text in texts {
            let text = format!("ID,Name\r\n1,{text}\r\n").repeat(20);
            let (bytes, _, lossy) = encoding.encode(&text);
            // The standard's encoders know no UTF-16, and write UTF-8 in its place.
            if lossy || encoding.output_encoding() != encoding {
                continue;
            }
            // Three bytes at a time: characters are cut at every place that they have.
            let pieces = bytes
                .chunks(3)
                .map(|piece| Ok::<_, std::io::Error>(piece.to_vec()));
            let pieces: Vec<_> = pieces
                .map(|piece| piece.map(std::io::Cursor::new))
                .collect();
            let stream = tokio_util::io::StreamReader::new(futures::stream::iter(pieces));
            let found = read_from(Box::new(stream), Encoding::Of(encoding)).await;
            assert!(found.as_deref() == Ok(&text), "{}", encoding.name());
            read_at_all += 1;
        }
    }
    assert!(read_at_all > 50, "{read_at_all}");
}

/// A stated encoding is not believed against the bytes.
#[tokio::test]
async fn bytes_that_contradict_what_is_stated() {
    let windows = Encoding::Of(encoding_rs::WINDOWS_1252);
    assert_eq!(
        read(b"\xef\xbb\xbfID;Name\n".to_vec(), windows).await,
        Err(
            "f: the file begins with the byte order mark of UTF-8, and source.encoding is windows-1252; set it to \
             utf-8, or leave it out"
                .to_owned()
        )
    );
    let error = read(
        b"ID;Stra\xdfe;\xff\n".to_vec(),
        Encoding::Of(encoding_rs::WINDOWS_1253),
    )
    .await;
    assert!(error.unwrap_err().contains("Then set source.encoding"));
}

#[tokio::test]
async fn a_frame_to_be_skipped_before_the_first() {
    let mut data = b"\x53\x2a\x4d\x18\x04\0\0\0skip".to_vec();
    data.extend(zstd(b"a,b\n").await);
    data.extend(b"\x50\x2a\x4d\x18\x04\0\0\0skip");
    data.extend(zstd(b"1,2\n").await);
    assert_eq!(read(data, Encoding::Auto).await, Ok("a,b\n1,2\n".into()));
}

/// A window is asked for by the frame's header, whatever the frame comes to. The limit holds for every frame.
#[tokio::test]
async fn a_window_that_is_too_large() {
    // No content size, no checksum; the window's exponent is 10 more than this; one raw block, the last.
    let frame = |exponent: u8, text: &[u8]| {
        let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0, (exponent - 10) << 3];
        let header = 1 | (text.len() as u32) << 3;
        frame.extend(&header.to_le_bytes()[..3]);
        frame.extend(text);
        frame
    };
    let allowed = [frame(23, b"a,b\n"), frame(23, b"1,2\n")].concat();
    assert_eq!(read(allowed, Encoding::Auto).await, Ok("a,b\n1,2\n".into()));
    for data in [
        frame(24, b"a,b\n"),
        [frame(10, b"a,b\n"), frame(27, b"1,2\n")].concat(),
    ] {
        assert_eq!(
            read(data, Encoding::Auto).await.unwrap_err(),
            "f: the zstd data needs a window of more than 8MiB of memory (limits.zstd_window); \
             compress it without --long and --ultra, or raise the limit"
        );
    }
}

/// Streams of bzip2 and of xz one after another, as parallel compressors write them, and zeros at the end, as tapes and
/// the format have them.
#[tokio::test]
async fn streams_of_bzip2_and_xz() {
    let streams = [
        [bzip2(b"a,").await, bzip2(b"").await, bzip2(b"b\n").await],
        [xz(b"a,", 1), xz(b"", 6), xz(b"b\n", 0)],
    ];
    for streams in streams {
        let mut two = streams.concat();
        assert_eq!(read(two.clone(), Encoding::Auto).await, Ok("a,b\n".into()));
        two.extend([0; 1000]);
        assert_eq!(read(two.clone(), Encoding::Auto).await, Ok("a,b\n".into()));
        for more in [&b"more"[..], b"BZ", b"\xfd7zX"] {
            let data = [streams.concat(), more.to_vec()].concat();
            let error = read(data, Encoding::Auto).await.unwrap_err();
            assert!(error.contains("data is cut off or damaged"), "{error}");
        }
    }
}

#[tokio::test]
async fn bzip2_and_xz_that_are_cut_off_or_damaged() {
    let text = b"employee,name\n".repeat(50);
    for (kind, whole) in [("bzip2", bzip2(&text).await), ("xz", xz(&text, 6))] {
        for cut in 10..whole.len() {
            let error = read(whole[..cut].to_vec(), Encoding::Auto)
                .await
                .unwrap_err();
            let expected =
                format!("f: the {kind} data is cut off or damaged; nothing from it is sent");
            assert_eq!(error, expected, "{cut}");
        }
        // Without the letters that it begins with, it is something else. The last bits of bzip2 mean nothing.
        for at in 10..whole.len() - 1 {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            let read = read(changed, Encoding::Auto).await;
            assert!(read.is_err(), "{kind} at {at}");
        }
    }
}

/// What a text may begin with, too.
#[tokio::test]
async fn texts_that_begin_with_letters_of_bzip2_and_zip() {
    for text in ["BZh9,name\n", "BZ", "BZh", "PK,name\n"] {
        assert_eq!(read(text.into(), Encoding::Auto).await, Ok(text.into()));
    }
}

#[tokio::test]
async fn memory_that_xz_may_ask_for() {
    let nine = xz(b"a,b\n", 9);
    assert_eq!(read(nine.clone(), Encoding::Auto).await, Ok("a,b\n".into()));
    let limits = Limits {
        xz_memory: crate::settings::units::Size(64 << 20),
        ..Limits::default()
    };
    let source = Source::of_pieces("f", [nine.into()]);
    let Err(error) = source.within(limits).open(0).await else {
        panic!("it is read");
    };
    assert_eq!(
        error.to_string(),
        "f: the xz data needs more than 64MiB of memory (limits.xz_memory); compress it with a level up to 9, or raise the \
         limit"
    );
}
