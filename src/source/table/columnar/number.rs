//! Numbers as JSON: every digit, and no exponent.

use std::io::Write;

/// Appends a number whose last digits, as many as `scale`, stand behind the point; below 0, so many zeros follow.
pub(super) fn push_decimal(digits: &str, scale: i8, out: &mut Vec<u8>) {
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", digits),
    };
    out.extend_from_slice(sign.as_bytes());
    let behind = usize::from(scale.unsigned_abs());
    if scale <= 0 {
        out.extend_from_slice(digits.as_bytes());
        if digits != "0" {
            out.resize(out.len() + behind, b'0');
        }
        return;
    }
    match digits.len().checked_sub(behind) {
        Some(before @ 1..) => {
            out.extend_from_slice(&digits.as_bytes()[..before]);
            out.push(b'.');
            out.extend_from_slice(&digits.as_bytes()[before..]);
        }
        _ => {
            out.extend_from_slice(b"0.");
            out.resize(out.len() + behind - digits.len(), b'0');
            out.extend_from_slice(digits.as_bytes());
        }
    }
}

/// Appends the fewest digits that make the same number. Returns false, and appends its name as text, where it is none.
pub(super) fn push_float<F: Float>(number: F, out: &mut Vec<u8>) -> bool {
    let finite = number.is_finite();
    let written = match finite {
        true => write!(out, "{number}"),
        false => write!(out, "\"{number}\""),
    };
    // Writing into memory never fails.
    finite && written.is_ok()
}

/// What a column has of numbers that are not exact.
pub(super) trait Float: Copy + std::fmt::Display {
    fn is_finite(self) -> bool;
}

impl Float for f32 {
    fn is_finite(self) -> bool {
        self.is_finite()
    }
}

impl Float for f64 {
    fn is_finite(self) -> bool {
        self.is_finite()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(digits: &str, scale: i8) -> String {
        let mut out = Vec::new();
        push_decimal(digits, scale, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn decimals_are_exact() {
        for (digits, scale, expected) in [
            ("5200050", 2, "52000.50"),
            ("0", 2, "0.00"),
            ("5", 2, "0.05"),
            ("-5", 3, "-0.005"),
            ("-12", 2, "-0.12"),
            ("123", 3, "0.123"),
            ("7", 0, "7"),
            ("12", -3, "12000"),
            ("0", -3, "0"),
            (
                "99999999999999999999999999999999999999",
                38,
                "0.99999999999999999999999999999999999999",
            ),
        ] {
            assert_eq!(decimal(digits, scale), expected);
        }
    }

    #[test]
    fn floats_are_the_shortest_that_are_the_same() {
        let of = |number: f64| {
            let mut out = Vec::new();
            let finite = push_float(number, &mut out);
            (String::from_utf8(out).unwrap(), finite)
        };
        for (number, expected) in [
            (0.1, "0.1"),
            (52000.5, "52000.5"),
            (52000.0, "52000"),
            (-0.0, "-0"),
            (1e21, "1000000000000000000000"),
            (1.5e-7, "0.00000015"),
        ] {
            assert_eq!(of(number), (expected.to_owned(), true));
        }
        assert_eq!(of(f64::NAN), ("\"NaN\"".to_owned(), false));
        assert_eq!(of(f64::NEG_INFINITY), ("\"-inf\"".to_owned(), false));
        let mut out = Vec::new();
        assert!(push_float(0.1f32, &mut out));
        assert_eq!(out, b"0.1");
    }
}
