//! The files that keep columns, by their first bytes.

/// What columns are kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Container {
    Parquet,
    /// Arrow IPC: the file form, and the stream.
    Arrow,
}

/// What a Parquet file begins with, and ends with.
const PARQUET: &[u8] = b"PAR1";

/// What one begins with whose footer is encrypted.
pub(super) const ENCRYPTED: &[u8] = b"PARE";

/// What Arrow's file form begins with.
pub(super) const FILE: &[u8] = b"ARROW1\0\0";

/// What every message of an Arrow stream begins with, and the kind of message that is the first.
pub(super) const CONTINUES: &[u8] = &[0xff; 4];
const SCHEMA: u8 = 1;

impl Container {
    /// What a file is that begins with these bytes.
    pub(super) fn of(head: &[u8]) -> Option<Container> {
        match () {
            () if head.starts_with(PARQUET) || head.starts_with(ENCRYPTED) => {
                Some(Container::Parquet)
            }
            () if head.starts_with(FILE) || is_stream(head) => Some(Container::Arrow),
            () => None,
        }
    }

    /// Its format, as the pipeline file calls it.
    pub(super) fn format(self) -> &'static str {
        match self {
            Container::Parquet => "parquet",
            Container::Arrow => "arrow",
        }
    }
}

/// Whether a schema comes first, as in every Arrow stream: a table of flatbuffers whose second field says what it is.
fn is_stream(head: &[u8]) -> bool {
    let number = |at: usize| -> Option<i32> {
        let bytes = head.get(at..at.checked_add(4)?)?;
        Some(i32::from_le_bytes(bytes.try_into().ok()?))
    };
    let kind = || {
        let table = usize::try_from(number(8)?).ok()?.checked_add(8)?;
        let fields = table.checked_add_signed(-(number(table)? as isize))?;
        let field = *head.get(fields.checked_add(6)?)?;
        head.get(table + usize::from(field)).copied()
    };
    head.starts_with(CONTINUES) && number(4).is_some_and(|len| len > 0) && kind() == Some(SCHEMA)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The beginning of a stream that pyarrow wrote.
    pub(super) const STREAM: &[u8] =
        b"\xff\xff\xff\xff\x70\0\0\0\x10\0\0\0\0\0\x0a\0\x0c\0\x06\0\x05\0\x08\0\x0a\0\0\0\0\x01\x04\0\x0c\0\0\0\x08\0\x08\0";

    #[test]
    fn files_are_known_by_their_first_bytes() {
        for (head, expected) in [
            (&b"PAR1\x15\x04"[..], Some(Container::Parquet)),
            (b"PARE", Some(Container::Parquet)),
            (b"ARROW1\0\0\xff\xff\xff\xff", Some(Container::Arrow)),
            (STREAM, Some(Container::Arrow)),
            (b"PAR", None),
            (b"ARROW1,a,b", None),
            (b"\xff\xff\xff\xff", None),
            (
                b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
                None,
            ),
            (b"\xff\xfea\0,\0b\0", None),
            (b"id,name\n", None),
        ] {
            assert_eq!(Container::of(head), expected, "{head:?}");
        }
        // Nothing that a stream's beginning may be cut to is read behind its end.
        for len in 0..STREAM.len() {
            Container::of(&STREAM[..len]);
        }
    }
}
