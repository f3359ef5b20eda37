//! Dates of one format into another.

use super::calendar::{Date, DateTime, USUAL_YEARS};
use super::fixed::{Fixed, Look};
use super::format::Format;

/// Dates of one format into another. Between formats whose digits have fixed places, the digits are moved as they
/// are.
#[derive(Clone, Debug)]
pub struct Rewrite {
    from: Format,
    to: Format,
    moves: Option<Moves>,
    drops_time: bool,
}

/// Dates by which systems say that there is none.
const SENTINELS: [Date; 5] = [
    Date::MIN,
    Date::certain(1753, 1, 1),
    Date::certain(2999, 12, 31),
    Date::certain(4712, 12, 31),
    Date::certain(9999, 12, 31),
];

/// What dates had that may not have been meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many had a time of day other than midnight, which was dropped.
    pub times: u64,
    /// How many are in years that are far off.
    pub far: u64,
    /// Which sentinels are among them, a bit each.
    pub sentinels: u8,
}

impl Tally {
    /// The sentinels that were among the dates.
    pub(crate) fn sentinels(self) -> impl Iterator<Item = Date> {
        let seen = move |at: &usize| self.sentinels & (1 << at) != 0;
        (0..SENTINELS.len()).filter(seen).map(|at| SENTINELS[at])
    }

    #[inline]
    fn see(&mut self, when: DateTime, drops_time: bool) {
        if drops_time && !when.is_midnight() {
            self.times += 1;
        }
        if !USUAL_YEARS.contains(&when.date.year()) {
            self.far += 1;
            let sentinel = SENTINELS.iter().position(|date| *date == when.date);
            self.sentinels |= sentinel.map_or(0, |at| 1 << at);
        }
    }
}

/// What [`Rewrite::apply`] made of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rewritten {
    /// It is written in the new format already.
    AsItIs,
    /// The new text was appended.
    Appended,
}

/// Where pairs of digits are, and where they go.
#[derive(Clone, Debug)]
struct Moves {
    from: Fixed,
    template: Box<[u8]>,
    pairs: Box<[(u8, u8)]>,
    as_it_is: bool,
}

impl Moves {
    fn new(from: &Fixed, to: &Fixed) -> Option<Moves> {
        let mut pairs = Vec::new();
        for (from, to) in from.at.iter().zip(to.at) {
            if let Some(to) = to {
                pairs.push(((*from)?, to));
            }
        }
        let (from_year, to_year) = *pairs.first()?;
        pairs.push((from_year + 2, to_year + 2));
        Some(Moves {
            as_it_is: from.template == to.template && from.at == to.at,
            from: from.clone(),
            template: to.template.clone(),
            pairs: pairs.into(),
        })
    }

    #[inline]
    fn write(&self, text: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.template);
        let new = &mut out[start..];
        for &(from, to) in &self.pairs {
            let (from, to) = (usize::from(from), usize::from(to));
            new[to..to + 2].copy_from_slice(&text[from..from + 2]);
        }
    }
}

impl Rewrite {
    /// `to` has no field that `from` doesn't have.
    pub fn new(from: Format, to: Format) -> Rewrite {
        let fixed = from.fixed().zip(to.fixed());
        Rewrite {
            moves: fixed.and_then(|(from, to)| Moves::new(from, to)),
            drops_time: to.time_fields() == 0,
            from,
            to,
        }
    }

    /// The format that is read.
    pub(crate) fn from(&self) -> &Format {
        &self.from
    }

    /// Reads a date and appends it to `out` in the new format, always as UTF-8. Nothing comes of a text that is not a
    /// date.
    #[inline]
    pub fn apply(&self, text: &str, out: &mut Vec<u8>, tally: &mut Tally) -> Option<Rewritten> {
        let Some(moves) = &self.moves else {
            let when = self.from.parse(text)?;
            tally.see(when, self.drops_time);
            self.to.write(when, out);
            return Some(Rewritten::Appended);
        };
        match moves.from.look(text.as_bytes()) {
            Look::None => return None,
            Look::Usual => {}
            Look::Date(when) => tally.see(when, self.drops_time),
        }
        if moves.as_it_is {
            return Some(Rewritten::AsItIs);
        }
        moves.write(text.as_bytes(), out);
        Some(Rewritten::Appended)
    }
}
