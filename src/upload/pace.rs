//! Bytes per second, held by a token bucket (GCRA).

use std::num::NonZeroU32;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, Stream, StreamExt, TryStreamExt};
use governor::clock::Clock;
use governor::{Quota, RateLimiter};
use tokio::time::Instant;

use crate::settings::units::Rate;
use crate::upload::body::chunks;

/// Besides one chunk, the bucket holds what this much time brings. A sleeper wakes late, by a millisecond on an idle
/// machine and by tens on a busy one; time that overflows the bucket would be lost to the rate for ever.
const BURST: Duration = Duration::from_millis(50);

/// A chunk is at most what this much time brings: at a low rate a large chunk would be a burst, a long silence, and
/// a connection that the storage takes for dead.
const SMOOTH: u64 = 4;

/// Cells a second at most, so 100 µs a cell at least: the limiter counts whole nanoseconds per cell. If a cell were a
/// byte, 300 MB/s would be 3.33 ns cut to 3, which is 11 % too fast; at 100 µs the error is below 0.001 %.
const CELLS_PER_SECOND: u64 = 10_000;

/// Lets a body through at no more than `rate` bytes per second (as fast as it comes where there is none), in pieces of
/// at most `chunk` bytes. In any span of time no more than `rate x time + chunk + 50 ms x rate` bytes pass,
/// give or take three cells of the limiter (0.3 ms worth).
pub(crate) fn pace<S, E>(
    inner: S,
    rate: Option<Rate>,
    chunk: usize,
) -> impl Stream<Item = Result<Bytes, E>> + Send
where
    S: Stream<Item = Result<Bytes, E>> + Send,
    E: Send,
{
    let Some(Rate(rate)) = rate else {
        return chunks(inner, chunk).left_stream();
    };
    let shape = Shape::new(rate, chunk);
    let clock = TokioClock(Instant::now());
    let limiter = RateLimiter::direct_with_clock(shape.quota(), clock);
    // The last of the state: bytes that passed without filling a cell, for which the next piece pays.
    let state = (Box::pin(chunks(inner, shape.chunk)), limiter, 0);
    stream::try_unfold(state, move |(mut inner, limiter, debt)| async move {
        let Some(bytes) = inner.try_next().await? else {
            return Ok(None);
        };
        let due = debt + bytes.len() as u64;
        if let Some(cells) = NonZeroU32::new((due / shape.cell) as u32) {
            // A piece is never more than the bucket holds, so the outer error does not arise.
            while let Ok(Err(not_yet)) = limiter.check_n(cells) {
                tokio::time::sleep_until(clock.0 + not_yet.earliest_possible()).await;
            }
        }
        Ok(Some((bytes, (inner, limiter, due % shape.cell))))
    })
    .right_stream()
}

/// The numbers behind a rate.
#[derive(Clone, Copy, Debug)]
struct Shape {
    /// Bytes in a cell.
    cell: u64,
    /// Time in which one cell is earned.
    interval: Duration,
    /// Most bytes in a piece.
    chunk: usize,
    /// Cells that the bucket holds.
    burst: NonZeroU32,
}

impl Shape {
    fn new(rate: u64, chunk: usize) -> Shape {
        let rate = rate.max(1);
        let cell = (rate / CELLS_PER_SECOND).max(1);
        let nanos = (u128::from(cell) * 1_000_000_000 + u128::from(rate) / 2) / u128::from(rate);
        let chunk = (chunk.max(1) as u64).min((rate / SMOOTH).max(1));
        let spare = (u128::from(rate) * BURST.as_nanos() / 1_000_000_000) as u64;
        // One more cell, for what the piece before left unpaid.
        let burst = chunk.div_ceil(cell) + 1 + spare / cell;
        Shape {
            cell,
            interval: Duration::from_nanos(nanos as u64),
            chunk: chunk as usize,
            burst: NonZeroU32::new(burst as u32).unwrap_or(NonZeroU32::MIN),
        }
    }

    fn quota(self) -> Quota {
        Quota::with_period(self.interval)
            .unwrap_or(Quota::per_second(NonZeroU32::MAX))
            .allow_burst(self.burst)
    }
}

/// Tokio's time, as the time since this instant.
#[derive(Clone, Copy, Debug)]
struct TokioClock(Instant);

impl Clock for TokioClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    /// Seconds that `total` bytes, which come in pieces of `piece`, take at `rate`; and the bytes out.
    async fn timed(total: u64, piece: usize, rate: u64, chunk: usize) -> (f64, u64) {
        let source = stream::iter((0..total.div_ceil(piece as u64)).map(move |i| {
            let length = (piece as u64).min(total - i * piece as u64) as usize;
            Ok::<_, Infallible>(Bytes::from(vec![0; length]))
        }));
        let begun = Instant::now();
        let mut paced = std::pin::pin!(pace(source, Some(Rate(rate)), chunk));
        let mut out = 0;
        let burst = (chunk as f64) + rate as f64 * 0.05 + 3.0 * (rate as f64 / 10_000.0).max(1.0);
        while let Some(Ok(bytes)) = paced.next().await {
            out += bytes.len() as u64;
            let allowed = begun.elapsed().as_secs_f64() * rate as f64 * 1.0001 + burst;
            assert!(out as f64 <= allowed, "{out} bytes, {allowed} allowed");
        }
        (begun.elapsed().as_secs_f64(), out)
    }

    #[tokio::test(start_paused = true)]
    async fn the_rate_is_kept() {
        for (total, piece, rate, chunk) in [
            (2_000, 100, 100, 262_144),
            (20_000, 7, 999, 64),
            (40_000_000, 1 << 20, 2_000_000, 262_144),
            (60_000_000, 1000, 3_333_333, 65_536),
            (3_000_000_000, 8 << 20, 299_999_999, 262_144),
        ] {
            let (seconds, out) = timed(total, piece, rate, chunk).await;
            assert_eq!(out, total);
            let expected = total as f64 / rate as f64;
            let error = (seconds - expected).abs() / expected;
            assert!(error < 0.04, "{rate} B/s: {seconds} s, not {expected} s");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_reader_does_not_get_more_than_the_burst() {
        let source =
            stream::iter((0..1000).map(|_| Ok::<_, Infallible>(Bytes::from(vec![0; 1000]))));
        let mut paced = std::pin::pin!(pace(source, Some(Rate(10_000)), 1000));
        paced.next().await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        let begun = Instant::now();
        let mut at_once = 0;
        while begun.elapsed().is_zero() && paced.next().await.is_some() {
            at_once += 1000;
        }
        assert!(at_once <= 2500, "{at_once} bytes at once");
    }

    /// From a byte a second to more than any network: exact, and with no more wake-ups than pieces.
    #[tokio::test(start_paused = true)]
    async fn rates_at_the_edges() {
        const PIECE: &[u8] = &[0; 1 << 20];
        const CHUNK: usize = 256 * 1024;
        for (rate, total) in [
            (1, 100),
            (3, 100),
            // Far less than a chunk.
            (1_000, 100_000),
            (CHUNK as u64 - 1, 10 << 20),
            (1_000_000_000_000, 100 << 30),
        ] {
            let left = std::iter::successors(Some(total), |left| Some(left - (*left).min(1 << 20)));
            let source = left.take_while(|left| *left > 0).map(|left| {
                Ok::<_, Infallible>(Bytes::from_static(&PIECE[..left.min(1 << 20) as usize]))
            });
            let begun = Instant::now();
            let mut paced = std::pin::pin!(pace(stream::iter(source), Some(Rate(rate)), CHUNK));
            let (mut out, mut pieces, mut polls) = (0, 0, 0);
            while let Some(Ok(bytes)) = std::future::poll_fn(|cx| {
                polls += 1;
                paced.as_mut().poll_next(cx)
            })
            .await
            {
                out += bytes.len() as u64;
                pieces += 1;
            }
            assert_eq!(out, total);
            let shape = Shape::new(rate, CHUNK);
            let burst = shape.cell * u64::from(shape.burst.get());
            let (least, most) = (
                (total - burst) as f64 / rate as f64,
                total as f64 / rate as f64,
            );
            let took = begun.elapsed().as_secs_f64();
            // Tokio's time goes by milliseconds.
            assert!(
                (least - 0.002..most + 0.002).contains(&took),
                "{rate} B/s: {took} s"
            );
            assert!(polls <= 2 * pieces + 1, "{polls} polls for {pieces} pieces");
        }
    }

    #[tokio::test]
    async fn without_a_rate_it_only_cuts() {
        let source = stream::iter([Ok::<_, Infallible>(Bytes::from(vec![0; 10]))]);
        let out: Vec<_> = pace(source, None, 4)
            .map(|b| b.map(|b| b.len()))
            .collect()
            .await;
        assert_eq!(out, [Ok(4), Ok(4), Ok(2)]);
    }

    proptest! {
        #[test]
        fn the_shape_of_any_rate(rate in prop_oneof![1u64..100_000, 1u64..20_000_000_000, any::<u64>()], chunk in 0usize..1 << 40) {
            let shape = Shape::new(rate, chunk);
            let rate = rate.max(1);
            let found = shape.cell as f64 / shape.interval.as_secs_f64();
            prop_assert!((found / rate as f64 - 1.0).abs() < 1e-4, "{found} for {rate}");
            // The largest piece, with the largest debt, fits the bucket.
            prop_assert!((shape.chunk as u64).div_ceil(shape.cell) <= u64::from(shape.burst.get()));
            prop_assert!(shape.chunk >= 1 && shape.chunk <= chunk.max(1));
            shape.quota();
        }
    }
}
