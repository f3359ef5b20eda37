//! Dates of one format into another.

use super::fixed::Fixed;
use super::format::Format;

/// Dates of one format into another. Between formats whose digits have fixed places, the digits are moved as they
/// are.
#[derive(Clone, Debug)]
pub struct Rewrite {
    from: Format,
    to: Format,
    moves: Option<Moves>,
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
        let fixed = from.fixed.as_ref().zip(to.fixed.as_ref());
        Rewrite {
            moves: fixed.and_then(|(from, to)| Moves::new(from, to)),
            from,
            to,
        }
    }

    /// Reads a date and appends it to `out` in the new format, always as UTF-8. Nothing comes of a text that is no
    /// date.
    #[inline]
    pub fn apply(&self, text: &str, out: &mut Vec<u8>) -> Option<Rewritten> {
        match &self.moves {
            Some(moves) => {
                if !moves.from.has(text.as_bytes()) {
                    return None;
                }
                if moves.as_it_is {
                    return Some(Rewritten::AsItIs);
                }
                moves.write(text.as_bytes(), out);
            }
            None => self.to.write(self.from.parse(text)?, out),
        }
        Some(Rewritten::Appended)
    }
}
