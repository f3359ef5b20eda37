//! Whether the server refused too much.

use crate::settings::units::Amount;

/// Why what the server refused is too much.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("the server refused {}", match sent {
        1 => "the only row that was sent".to_owned(),
        sent => format!("all {sent} rows that were sent"),
    })]
    All { sent: u64 },
    #[error(
        "the server refused {failed} of the {sent} rows that were sent, and refused.at_most is {limit}"
    )]
    TooMany {
        failed: u64,
        sent: u64,
        limit: String,
    },
}

/// Whether the server refused too much of what was sent; what it accepted stands all the same. A limit that is stated
/// holds `from` so many rows on.
pub(crate) fn refused(
    at_most: Option<Amount>,
    sent: u64,
    failed: u64,
    from: u64,
) -> Option<Refused> {
    if sent > 0 && failed == sent {
        return Some(Refused::All { sent });
    }
    let limit = at_most.filter(|limit| sent >= from && limit.is_exceeded(failed, sent))?;
    Some(Refused::TooMany {
        failed,
        sent,
        limit: limit.to_string(),
    })
}
