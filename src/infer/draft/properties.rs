//! Columns and the properties of the data set that they are for, by their names.

use std::sync::Arc;

use crate::config::nearest;
use crate::infer::words::words;

/// Which column is which property.
pub(super) struct Renames<'a> {
    /// Columns and properties whose names differ in nothing but case and what stands between words.
    pub(super) certain: Vec<(&'a str, &'a str)>,
    /// Those whose names are nearly the same: somebody has to say.
    pub(super) near: Vec<(&'a str, &'a str)>,
    /// Columns that no property is like.
    pub(super) none: Vec<&'a str>,
}

impl<'a> Renames<'a> {
    /// Looks for a property for every column; for none where the properties are not known.
    pub(super) fn of(columns: &'a [Arc<str>], properties: Option<&'a [String]>) -> Renames<'a> {
        let mut found = Renames {
            certain: Vec::new(),
            near: Vec::new(),
            none: Vec::new(),
        };
        let Some(properties) = properties else {
            return found;
        };
        let mut free: Vec<&str> = properties.iter().map(String::as_str).collect();
        let mut others: Vec<&str> = Vec::new();
        // What is certain is taken before anything else may be near it.
        for column in columns.iter().map(|column| &**column) {
            let plain = words(column).concat();
            let same = free.iter().position(|key| *key == column);
            let same = same.or_else(|| free.iter().position(|key| words(key).concat() == plain));
            match same {
                Some(at) => found.certain.push((column, free.remove(at))),
                None => others.push(column),
            }
        }
        for column in others {
            match nearest(column, free.iter().copied()) {
                Some(key) => found.near.push((column, key)),
                None => found.none.push(column),
            }
        }
        found
    }

    /// The name under which a column is sent.
    pub(super) fn sent<'n>(&'n self, column: &'n str) -> &'n str {
        let renamed = self.certain.iter().find(|(name, _)| *name == column);
        renamed.map_or(column, |(_, key)| key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_told_by_their_names() {
        let columns: Vec<Arc<str>> = [
            "Employee ID",
            "manager_id",
            "Salary (EUR)",
            "Locaton",
            "Shoe Size",
        ]
        .map(Arc::from)
        .into();
        let properties =
            ["employeeID", "managerID", "salary", "location", "fullName"].map(str::to_owned);
        let found = Renames::of(&columns, Some(&properties));
        assert_eq!(
            found.certain,
            [("Employee ID", "employeeID"), ("manager_id", "managerID")]
        );
        assert_eq!(
            found.near,
            [("Salary (EUR)", "salary"), ("Locaton", "location")]
        );
        assert_eq!(found.none, ["Shoe Size"]);
        assert_eq!(
            (found.sent("manager_id"), found.sent("Locaton")),
            ("managerID", "Locaton")
        );
        assert!(Renames::of(&columns, None).none.is_empty());
    }
}
