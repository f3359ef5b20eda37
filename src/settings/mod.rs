//! What settings are made of: values with a unit, regular expressions, how bytes are stored, limits, shards, secrets and
//! the keys that are derived from them.

pub(crate) mod compression;
pub(crate) mod derived;
pub(crate) mod encoding;
pub(crate) mod entry;
pub(crate) mod limits;
pub(crate) mod pattern;
pub(crate) mod secret;
pub(crate) mod shard;
pub(crate) mod short;
pub(crate) mod units;

/// The name by which a setting asks for the digits of a number as they were written: read as a newtype of this name,
/// a plain number is given as bytes, and anything else as what it is. A float would keep neither `1.0` nor `0.80`.
pub(crate) const EXACT_NUMBER: &str = "rostream::exact_number";

/// Whether a text may be the name of a tenant: `^[A-Z][A-Z0-9_]{0,29}$`.
pub(crate) fn is_tenant(name: &str) -> bool {
    name.len() <= 30
        && name.starts_with(|c: char| c.is_ascii_uppercase())
        && name
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

/// Whether a text is a UUID as the API asks for it: with hyphens, and nothing around it.
pub(crate) fn is_uuid(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenants() {
        for (name, good) in [
            ("ACME", true),
            ("A", true),
            ("A_1", true),
            ("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123", true),
            ("ABCDEFGHIJKLMNOPQRSTUVWXYZ01234", false),
            ("acme", false),
            ("1A", false),
            ("_A", false),
            ("A-B", false),
            ("", false),
            ("ÄB", false),
        ] {
            assert_eq!(is_tenant(name), good, "{name}");
        }
    }
}
