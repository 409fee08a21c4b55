//! The values of literals, of which the compiler gives the text alone.

use crate::tokens::Literal;

/// What stands between the quotes of a string literal, with its escapes; nothing for any other literal.
pub(crate) fn text(literal: &Literal) -> Option<String> {
    let written = literal.to_string();
    let raw = written.strip_prefix('r').map(|rest| rest.trim_start_matches('#'));
    let quoted = raw.unwrap_or(&written).strip_prefix('"')?;
    Some(quoted.rsplit_once('"')?.0.to_owned())
}

/// The value of an integer literal in any radix, with or without the suffix of a type.
pub(crate) fn integer(literal: &Literal) -> Option<u64> {
    const TYPES: [&str; 12] = ["u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize"];
    let written = literal.to_string().replace('_', "");
    let digits = TYPES.iter().find_map(|ty| written.strip_suffix(ty)).unwrap_or(&written);
    let (radix, digits) = match digits.get(..2) {
        Some("0x") => (16, &digits[2..]),
        Some("0o") => (8, &digits[2..]),
        Some("0b") => (2, &digits[2..]),
        _ => (10, digits),
    };
    u64::from_str_radix(digits, radix).ok()
}

/// The value of a decimal literal without the suffix of a type.
pub(crate) fn decimal(literal: &Literal) -> Option<f64> {
    let written = literal.to_string().replace('_', "");
    let is_number = written.chars().all(|char| char.is_ascii_digit() || matches!(char, '.' | 'e' | 'E' | '-' | '+'));
    written.parse().ok().filter(|_| is_number)
}

#[cfg(all(test, feature = "enabled"))]
mod tests {
    use super::*;

    #[test]
    fn literals() {
        let literal = |written: &str| written.parse::<Literal>().unwrap();
        for (written, expect) in [("\"a\"", Some("a")), ("r#\"a\"b\"#", Some("a\"b")), ("\"\"", Some(""))] {
            assert_eq!(text(&literal(written)).as_deref(), expect);
        }
        for other in ["5", "'a'", "b\"a\"", "c\"a\"", "br\"a\""] {
            assert_eq!(text(&literal(other)), None, "{other}");
        }
        for (written, expect) in [
            ("64", Some(64)),
            ("1_000u32", Some(1000)),
            ("0xFF", Some(255)),
            ("0b11usize", Some(3)),
            ("0.5", None),
            ("5f32", None),
        ] {
            assert_eq!(integer(&literal(written)), expect, "{written}");
        }
        for (written, expect) in [("99.9", Some(99.9)), ("9_9", Some(99.0)), ("1e1", Some(10.0)), ("99.9f32", None)] {
            assert_eq!(decimal(&literal(written)), expect, "{written}");
        }
    }
}
