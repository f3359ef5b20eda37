//! The compressions.

use async_compression::tokio::write::{GzipEncoder, ZstdEncoder};
use tokio::io::{AsyncWrite, AsyncWriteExt};

#[derive(Clone, Copy, Debug)]
pub enum Compression {
    None,
    Gzip,
    Zstd,
}

pub const COMPRESSIONS: &[Compression] = &[Compression::None, Compression::Gzip, Compression::Zstd];

impl Compression {
    pub fn pack(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Compression::None => bytes.to_vec(),
            Compression::Gzip => through(GzipEncoder::new(Vec::new()), bytes).into_inner(),
            Compression::Zstd => through(ZstdEncoder::new(Vec::new()), bytes).into_inner(),
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
