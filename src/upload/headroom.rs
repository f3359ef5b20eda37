//! Whether an upload can be over while its address is still good.

use std::time::Duration;

use crate::settings::units::{Rate, Span};

/// What of an address's life is kept for everything but the transfer itself: a proxy that passes the body on when
/// it is whole, the storage's own work. Of short lives a tenth.
const MARGIN: Duration = Duration::from_secs(60);

/// An upload takes longer than its address lives, or is expected to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this upload needs {needed} at {}, and its address lives {life}; nothing was sent{}: {}use `upload.encoding: gzip` or \
     split the source, or set `upload.expiry: start` if the storage looks at the address at the upload's start alone",
    if *measured { format!("the {pace} of the attempt before") } else { format!("its {pace}") },
    if *measured { " this time" } else { "" },
    if *measured { "" } else { "raise `upload.rate`, " }
)]
pub struct TooSlow {
    /// How long the upload would take.
    pub needed: Span,
    /// Bytes per second.
    pub pace: Rate,
    /// Whether that is what an attempt before this one came to, and not the pipeline's limit.
    pub measured: bool,
    /// How much longer the address is good for.
    pub life: Span,
}

/// Holds an upload against the life of its address. `limit` is the pipeline's rate, `measured` the bytes per second of
/// an attempt before; where there is neither, nothing is known and nothing refused.
pub(crate) fn fits(
    length: u64,
    life: Duration,
    limit: Option<Rate>,
    measured: Option<Rate>,
) -> Result<(), TooSlow> {
    let slower = measured.filter(|m| limit.is_none_or(|l| m.0 < l.0));
    let Some(pace) = slower.or(limit) else {
        return Ok(());
    };
    let seconds = length.div_ceil(pace.0.max(1));
    let room = life - MARGIN.min(life / 10);
    if Duration::from_secs(seconds) <= room {
        return Ok(());
    }
    Err(TooSlow {
        needed: whole(seconds),
        pace,
        measured: slower.is_some(),
        life: whole(life.as_secs()),
    })
}

/// Seconds do not matter where there are many minutes.
fn whole(seconds: u64) -> Span {
    let seconds = match seconds {
        600.. => seconds / 60 * 60,
        _ => seconds,
    };
    Span(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1_000_000;

    #[test]
    fn what_can_be_done_in_time() {
        #[track_caller]
        fn check(length: u64, life: u64, rates: (Option<u64>, Option<u64>), fits_in: bool) {
            let (limit, measured) = (rates.0.map(Rate), rates.1.map(Rate));
            let found = fits(length, Duration::from_secs(life), limit, measured);
            assert_eq!(found.is_ok(), fits_in, "{found:?}");
        }
        check(u64::MAX, 900, (None, None), true);
        check(840 * MB, 900, (Some(MB), None), true);
        check(840 * MB + 1, 900, (Some(MB), None), false);
        check(840 * MB, 900, (Some(2 * MB), Some(MB)), true);
        check(841 * MB, 900, (Some(2 * MB), Some(MB)), false);
        check(841 * MB, 900, (Some(MB), Some(2 * MB)), false);
        // Short lives keep a tenth.
        check(9 * MB, 10, (Some(MB), None), true);
        check(10 * MB, 10, (Some(MB), None), false);
        check(0, 0, (Some(MB), None), true);
        check(1, 0, (Some(MB), None), false);
        check(u64::MAX, 900, (Some(1), Some(0)), false);
    }

    #[test]
    fn says_what_to_change() {
        let life = Duration::from_secs(899);
        let error = |limit, measured| fits(26_400 * MB, life, limit, measured).unwrap_err();
        assert_eq!(
            error(Some(Rate(20 * MB)), None).to_string(),
            "this upload needs 22m at its 20MB/s, and its address lives 14m; nothing was sent: raise `upload.rate`, \
             use `upload.encoding: gzip` or split the source, or set `upload.expiry: start` if the storage looks at \
             the address at the upload's start alone"
        );
        assert!(
            error(None, Some(Rate(10 * MB)))
                .to_string()
                .starts_with("this upload needs 44m at the 10MB/s of the attempt before, and its address lives 14m; nothing was sent this time: use")
        );
    }
}
