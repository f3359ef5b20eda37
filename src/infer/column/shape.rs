//! What a value looks like, without the value: runs of letters and digits, and what stands between them.
//!
//! This is for somebody to read. `drift::shape` has a closed list of what numbers and dates look like instead, which runs
//! keep and compare: from `9.9.9` here it can't be told whether the day or the month comes first.

/// Shapes that are told apart in a column; with more of them it has no shape.
const MOST: usize = 24;

/// The longest text that has a shape worth telling.
const LONGEST: usize = 64;

use std::collections::BTreeMap;

/// The shapes of a column's values, with how many have each; nothing where they are too many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shapes(Option<BTreeMap<Box<str>, u64>>);

impl Default for Shapes {
    fn default() -> Shapes {
        Shapes(Some(BTreeMap::new()))
    }
}

impl Shapes {
    pub(super) fn see(&mut self, text: &str, n: u64, buffer: &mut String) {
        let Some(shapes) = &mut self.0 else {
            return;
        };
        shape(text, buffer);
        match shapes.get_mut(buffer.as_str()) {
            Some(count) => *count += n,
            None => {
                shapes.insert(buffer.as_str().into(), n);
            }
        }
        self.settle();
    }

    pub(super) fn merge(&mut self, other: Shapes) {
        let (Some(shapes), Some(others)) = (&mut self.0, other.0) else {
            self.0 = None;
            return;
        };
        for (shape, n) in others {
            *shapes.entry(shape).or_default() += n;
        }
        self.settle();
    }

    fn settle(&mut self) {
        if self.0.as_ref().is_some_and(|shapes| shapes.len() > MOST) {
            self.0 = None;
        }
    }

    /// The commonest first; nothing where they are too many.
    pub(crate) fn list(&self) -> Option<Vec<(&str, u64)>> {
        let shapes = self.0.as_ref()?;
        let mut list: Vec<_> = shapes.iter().map(|(shape, n)| (&**shape, *n)).collect();
        list.sort_by_key(|(shape, n)| (std::cmp::Reverse(*n), *shape));
        Some(list)
    }
}

/// Runs of capital letters as `A`, of letters that begin with a small one as `a`, with a capital one as `Aa`, and of
/// digits as `9`; all else as it stands. What is too long ends with `…`.
fn shape(text: &str, out: &mut String) {
    out.clear();
    let mut last = '\0';
    for c in text.chars() {
        let class = match c {
            _ if c.is_ascii_digit() => '9',
            _ if c.is_uppercase() => 'A',
            _ if c.is_alphabetic() => 'a',
            c if c.is_whitespace() => ' ',
            c => c,
        };
        if class != last || !matches!(class, '9' | 'A' | 'a') {
            if out.len() >= LONGEST {
                out.push('…');
                return;
            }
            out.push(class);
        }
        last = class;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_shapes() {
        let mut out = String::new();
        for (text, expected) in [
            ("00012345", "9"),
            ("EMP-0012", "A-9"),
            ("Mara Novák", "Aa Aa"),
            ("CC 10/20", "A 9/9"),
            ("d.o@example.com", "a.a@a.a"),
            ("--", "--"),
            ("", ""),
        ] {
            shape(text, &mut out);
            assert_eq!(out, expected, "{text}");
        }
        shape(&".".repeat(100), &mut out);
        assert!(out.ends_with('…') && out.chars().count() == 65);
    }

    #[test]
    fn too_many_are_none() {
        let mut shapes = Shapes::default();
        let mut buffer = String::new();
        for n in 0..30 {
            shapes.see(&"-".repeat(n), 1, &mut buffer);
        }
        assert_eq!(shapes.list(), None);
        let mut other = Shapes::default();
        other.see("a", 2, &mut buffer);
        assert_eq!(other.list(), Some(vec![("a", 2)]));
        other.merge(shapes);
        assert_eq!(other.list(), None);
    }
}
