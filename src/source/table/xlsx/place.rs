//! What the places of a sheet are called: `B7`.

pub(super) use crate::format::sheet::{MOST_COLUMNS, letters};

/// The number of a column by its letters, from 1.
pub(super) fn number_of(letters: &str) -> Option<usize> {
    if !(1..=3).contains(&letters.len()) {
        return None;
    }
    let digit = |b: u8| usize::from(b.to_ascii_uppercase() - b'A') + 1;
    let number = letters.bytes().fold(0, |number, b| number * 26 + digit(b));
    (number <= MOST_COLUMNS).then_some(number)
}

pub(super) fn cell_name(column: usize, row: u64) -> String {
    format!("{}{row}", letters(column))
}

/// A cell's column, from 0, and its row.
pub(super) fn place(name: &str) -> Option<(usize, u64)> {
    let name = name.trim_start_matches('$');
    let letters = name.find(|c: char| !c.is_ascii_alphabetic())?;
    let (letters, row) = name.split_at(letters);
    Some((
        number_of(letters)? - 1,
        row.trim_start_matches('$').parse().ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_columns() {
        for (column, name) in [
            (0, "A"),
            (25, "Z"),
            (26, "AA"),
            (701, "ZZ"),
            (702, "AAA"),
            (16383, "XFD"),
        ] {
            assert_eq!(letters(column), name);
            assert_eq!(number_of(name), Some(column + 1));
            assert_eq!(place(&cell_name(column, 7)), Some((column, 7)));
        }
        assert_eq!(number_of("XFE"), None);
        assert_eq!(number_of("AAAA"), None);
        assert_eq!(number_of(""), None);
        assert_eq!(place("$B$3"), Some((1, 3)));
        assert_eq!(place("B"), None);
    }
}
