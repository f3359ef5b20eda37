//! Rows as they are written, of which some may be left out, or others put among them.

use crate::batch::pool::Lease;
use crate::text::written::Written;

/// The encoded rows of one block.
#[derive(Debug, Default)]
pub struct Encoded {
    /// The rows, one after the other, without what opens and closes the body; nothing where they were only measured.
    pub bytes: Lease<Written>,
    /// Which row of the batch each one is.
    pub rows: Vec<u32>,
    /// Where each one ends in `bytes`, or would.
    pub ends: Vec<u32>,
    /// A control character of ASCII is among what was written. Only cells that are not known to be plain are looked at.
    pub controls: bool,
}

impl Encoded {
    /// Bytes of all rows.
    pub fn len(&self) -> usize {
        self.ends.last().map_or(0, |end| *end as usize)
    }

    /// Whether there are rows that were not written, only measured.
    fn is_measured(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Leaves out rows of the batch: `drop` is asked of every encoded one, in order.
    pub fn leave_out(&mut self, mut drop: impl FnMut(u32) -> bool) {
        let measured = self.is_measured();
        let Encoded {
            bytes, rows, ends, ..
        } = self;
        let (mut from, mut to, mut kept) = (0usize, 0usize, 0usize);
        for row in 0..rows.len() {
            let end = ends[row] as usize;
            if !drop(rows[row]) {
                if !measured {
                    bytes.copy_within(from..end, to);
                }
                to += end - from;
                rows[kept] = rows[row];
                ends[kept] = to as u32;
                kept += 1;
            }
            from = end;
        }
        bytes.truncate(to);
        rows.truncate(kept);
        ends.truncate(kept);
    }

    /// Puts the rows of `others` in their places, by their numbers.
    pub fn take_in(&mut self, others: &Encoded) {
        let mut all = Encoded::default();
        let (mut own, mut other) = (self.each().peekable(), others.each().peekable());
        loop {
            let next = match (own.peek(), other.peek()) {
                (Some(a), Some(b)) if a.0 < b.0 => own.next(),
                (_, Some(_)) => other.next(),
                _ => own.next(),
            };
            let Some((row, len, bytes)) = next else {
                break;
            };
            all.bytes.extend(bytes);
            all.rows.push(row);
            all.ends.push((all.len() + len) as u32);
        }
        all.controls = self.controls;
        drop((own, other));
        *self = all;
    }

    /// Each row's number, length and bytes; no bytes where rows were only measured.
    pub(super) fn each(&self) -> impl Iterator<Item = (u32, usize, &[u8])> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let rows = self.rows.iter().zip(starts.zip(&self.ends));
        rows.map(|(&row, (start, &end))| {
            let (start, end) = (start as usize, end as usize);
            (
                row,
                end - start,
                self.bytes.get(start..end).unwrap_or_default(),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_put_in_their_places() {
        let encoded = |text: &str, rows: &[u32]| {
            let mut bytes = Written::default();
            bytes.extend(text.as_bytes());
            Encoded {
                bytes: bytes.into(),
                rows: rows.to_vec(),
                ends: (1..=rows.len() as u32).collect(),
                controls: false,
            }
        };
        let check = |own: (&str, &[u32]), others: (&str, &[u32]), expected: &str| {
            let mut all = encoded(own.0, own.1);
            all.take_in(&encoded(others.0, others.1));
            assert_eq!(all.bytes[..], *expected.as_bytes());
            assert!(all.rows.is_sorted());
            assert_eq!(
                all.ends.last().copied().unwrap_or(0) as usize,
                expected.len()
            );
        };
        check(("ace", &[0, 2, 4]), ("bd", &[1, 3]), "abcde");
        check(("bc", &[1, 2]), ("ad", &[0, 9]), "abcd");
        check(("", &[]), ("ab", &[0, 1]), "ab");
        check(("ab", &[0, 1]), ("", &[]), "ab");
        check(("", &[]), ("", &[]), "");
    }

    #[test]
    fn rows_can_be_left_out() {
        let mut bytes = Written::default();
        bytes.extend(b"aabbbc");
        let mut encoded = Encoded {
            bytes: bytes.into(),
            rows: vec![0, 2, 5],
            ends: vec![2, 5, 6],
            controls: false,
        };
        encoded.leave_out(|row| row == 2);
        assert_eq!(
            (&encoded.bytes[..], encoded.rows, encoded.ends),
            (&b"aac"[..], vec![0, 5], vec![2, 3])
        );
    }
}
