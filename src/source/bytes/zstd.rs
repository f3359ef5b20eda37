//! Zstandard: one frame after the other, each in a window of bounded size.

use std::io;

use async_compression::tokio::bufread::ZstdDecoder;
use async_compression::zstd::DParameter;
use tokio::io::AsyncBufRead;

use crate::settings::units::Size;

/// Exponents of the windows that the decoder can be told of.
const EXPONENTS: std::ops::RangeInclusive<u32> = 10..=30;

/// What the decoder says of a frame that asks for a larger window.
const TOO_LARGE: &str = "Frame requires too much memory for decoding";

/// Whether data begins as a frame does; parallel compressors write one to be skipped before every other.
pub(super) fn is_frame(head: &[u8]) -> bool {
    matches!(
        head,
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..]
    )
}

/// The text of all frames. None of them gets more memory than the largest power of two that is not above `window`.
pub(super) fn frames<R: AsyncBufRead>(reader: R, window: Size) -> ZstdDecoder<R> {
    let exponent = window.0.checked_ilog2().unwrap_or_default();
    let exponent = exponent.clamp(*EXPONENTS.start(), *EXPONENTS.end());
    let mut decoder = ZstdDecoder::with_params(reader, &[DParameter::window_log_max(exponent)]);
    decoder.multiple_members(true);
    decoder
}

/// Whether a frame was refused because of its window.
pub(super) fn is_window(error: &io::Error) -> bool {
    error.to_string().contains(TOO_LARGE)
}
