//! The words that a name of a column is made of.

/// The words of a name, in small letters: `employeeID` and `Employee_ID` are `employee` and `id`.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = vec![String::new()];
    let mut before = ' ';
    let mut chars = name.chars().peekable();
    while let Some(c) = chars.next() {
        let begins = c.is_uppercase()
            && (before.is_lowercase()
                || before.is_uppercase() && chars.peek().is_some_and(|next| next.is_lowercase()));
        if begins || !c.is_alphanumeric() {
            words.push(String::new());
        }
        if c.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Whether one of the words is in a list.
pub(super) fn has_word(name: &str, list: &[&str]) -> bool {
    words(name).iter().any(|word| list.contains(&&**word))
}

/// Whether a part of the name, without what stands between its words, is in a list.
pub(super) fn has_part(name: &str, list: &[&str]) -> bool {
    let joined = words(name).concat();
    list.iter().any(|part| joined.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_words() {
        for (name, expected) in [
            ("employeeID", "employee id"),
            ("Legal Name - First Name", "legal name first name"),
            ("MANAGER_ID", "manager id"),
            ("EMPNo", "emp no"),
            ("FTE %", "fte"),
            ("name.first", "name first"),
            ("Straße", "straße"),
        ] {
            assert_eq!(words(name).join(" "), expected);
        }
    }
}
