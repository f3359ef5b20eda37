//! The compressions.

use std::io::Write;

use async_compression::tokio::write::{BzEncoder, GzipEncoder, ZstdEncoder};
use lzma_rust2::{XzOptions, XzWriter};
use tokio::io::{AsyncWrite, AsyncWriteExt};

#[derive(Clone, Copy, Debug)]
pub enum Compression {
    None,
    Gzip,
    Zstd,
    Bzip2,
    Xz,
    Zip,
}

pub const COMPRESSIONS: &[Compression] = &[
    Compression::None,
    Compression::Gzip,
    Compression::Zstd,
    Compression::Bzip2,
    Compression::Xz,
    Compression::Zip,
];

impl Compression {
    pub fn pack(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Compression::None => bytes.to_vec(),
            Compression::Gzip => through(GzipEncoder::new(Vec::new()), bytes).into_inner(),
            Compression::Zstd => through(ZstdEncoder::new(Vec::new()), bytes).into_inner(),
            Compression::Bzip2 => through(BzEncoder::new(Vec::new()), bytes).into_inner(),
            Compression::Xz => {
                let options = XzOptions::with_preset(1);
                let mut encoder = XzWriter::new(Vec::new(), options).unwrap();
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
            Compression::Zip => crate::packed::zip(&[("people", bytes)]),
        }
    }
}

fn through<E: AsyncWrite + Unpin>(mut encoder: E, bytes: &[u8]) -> E {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        encoder.write_all(bytes).await.unwrap();
        encoder.shutdown().await.unwrap();
    });
    encoder
}
