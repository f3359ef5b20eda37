//! Character encodings as settings name them: by every label of the WHATWG's Encoding Standard, and by the other
//! spellings of these that programs and people use.
//!
//! A label is taken or refused. Another that looks like it is never proposed: nearly all bytes of windows-1250 are valid
//! windows-1252, and whoever follows such advice sends wrong letters without a word.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use encoding_rs as whatwg;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

/// The character encoding of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-16 where a byte order mark says so, else UTF-8.
    #[default]
    Auto,
    /// UTF-16, by its byte order mark, little-endian without one.
    Utf16,
    /// This one.
    Of(&'static whatwg::Encoding),
}

/// All that can be read, by the names of the standard.
pub(crate) static ALL: [&whatwg::Encoding; 38] = [
    &whatwg::UTF_8_INIT,
    &whatwg::UTF_16LE_INIT,
    &whatwg::UTF_16BE_INIT,
    &whatwg::WINDOWS_1250_INIT,
    &whatwg::WINDOWS_1251_INIT,
    &whatwg::WINDOWS_1252_INIT,
    &whatwg::WINDOWS_1253_INIT,
    &whatwg::WINDOWS_1254_INIT,
    &whatwg::WINDOWS_1255_INIT,
    &whatwg::WINDOWS_1256_INIT,
    &whatwg::WINDOWS_1257_INIT,
    &whatwg::WINDOWS_1258_INIT,
    &whatwg::WINDOWS_874_INIT,
    &whatwg::ISO_8859_2_INIT,
    &whatwg::ISO_8859_3_INIT,
    &whatwg::ISO_8859_4_INIT,
    &whatwg::ISO_8859_5_INIT,
    &whatwg::ISO_8859_6_INIT,
    &whatwg::ISO_8859_7_INIT,
    &whatwg::ISO_8859_8_INIT,
    &whatwg::ISO_8859_8_I_INIT,
    &whatwg::ISO_8859_10_INIT,
    &whatwg::ISO_8859_13_INIT,
    &whatwg::ISO_8859_14_INIT,
    &whatwg::ISO_8859_15_INIT,
    &whatwg::ISO_8859_16_INIT,
    &whatwg::IBM866_INIT,
    &whatwg::KOI8_R_INIT,
    &whatwg::KOI8_U_INIT,
    &whatwg::MACINTOSH_INIT,
    &whatwg::X_MAC_CYRILLIC_INIT,
    &whatwg::BIG5_INIT,
    &whatwg::EUC_JP_INIT,
    &whatwg::EUC_KR_INIT,
    &whatwg::GBK_INIT,
    &whatwg::GB18030_INIT,
    &whatwg::SHIFT_JIS_INIT,
    &whatwg::ISO_2022_JP_INIT,
];

impl Encoding {
    /// Whether the text is taken for UTF-8 where no byte order mark says otherwise.
    pub(crate) fn is_utf8(self) -> bool {
        match self {
            Encoding::Auto => true,
            Encoding::Utf16 => false,
            Encoding::Of(encoding) => encoding == whatwg::UTF_8,
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Encoding::Auto => f.write_str("auto"),
            Encoding::Utf16 => f.write_str("utf-16"),
            Encoding::Of(encoding) => f.write_str(&label(encoding)),
        }
    }
}

/// An encoding as the pipeline file calls it.
pub(crate) fn label(encoding: &'static whatwg::Encoding) -> String {
    encoding.name().to_ascii_lowercase()
}

impl FromStr for Encoding {
    type Err = String;

    fn from_str(written: &str) -> Result<Encoding, String> {
        let label = written.trim().to_ascii_lowercase();
        match label.as_str() {
            "auto" => return Ok(Encoding::Auto),
            "utf-16" | "utf16" | "utf_16" => return Ok(Encoding::Utf16),
            "ansi" => {
                return Err(
                    "`ansi` means something else on every computer: state the code page, such as \
                     windows-1252 (Western Europe) or windows-1250 (Central Europe)"
                        .to_owned(),
                );
            }
            _ => {}
        }
        let found = whatwg::Encoding::for_label(label.as_bytes())
            .or_else(|| whatwg::Encoding::for_label(respelled(&label)?.as_bytes()));
        match found {
            Some(found) if ALL.contains(&found) => Ok(Encoding::Of(found)),
            Some(_) => Err(format!(
                "`{written}` is not an encoding that text can be read in"
            )),
            None => Err(format!(
                "unknown encoding `{written}`; expected one of the WHATWG's Encoding Standard, such as utf-8, \
                 windows-1252 (Western Europe), windows-1250 (Central Europe), iso-8859-15, shift_jis or gb18030: the \
                 program that wrote the file knows which"
            )),
        }
    }
}

/// The standard's label for another spelling of it: without its hyphens (`windows1250`, `latin-1`, `utf_8`), or a code
/// page of Windows by its number (`cp65001`, `win1252`).
fn respelled(label: &str) -> Option<Cow<'static, str>> {
    let plain = |label: &str| label.replace(['-', '_', ' '], "");
    let wanted = plain(label);
    if let Some(found) = ALL.iter().find(|e| plain(&self::label(e)) == wanted) {
        return Some(found.name().into());
    }
    let pages = ["windows", "win", "codepage", "cp"];
    if let Some(page) = pages.iter().find_map(|word| wanted.strip_prefix(word)) {
        return Some(match page {
            "65001" => "utf-8".into(),
            "932" => "shift_jis".into(),
            "936" => "gbk".into(),
            "949" => "euc-kr".into(),
            "950" => "big5".into(),
            page => format!("windows-{page}").into(),
        });
    }
    Some(match wanted.as_str() {
        "utf8sig" | "utf8bom" => "utf-8".into(),
        "latin9" => "iso-8859-15".into(),
        "macroman" => "macintosh".into(),
        _ => match wanted.strip_prefix("iso8859") {
            Some(part) => format!("iso-8859-{part}").into(),
            None => wanted.into(),
        },
    })
}

impl<'de> Deserialize<'de> for Encoding {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Encoding {
    fn schema_name() -> Cow<'static, str> {
        "Encoding".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names = ALL.iter().map(|encoding| label(encoding));
        let examples: Vec<String> = ["auto".to_owned(), "utf-16".to_owned()]
            .into_iter()
            .chain(names)
            .collect();
        json_schema!({
            "type": "string",
            "description": "A character encoding: `auto`, `utf-16` by its mark, or a label of the WHATWG's Encoding Standard.",
            "examples": examples
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(written: &str, expected: Result<&str, &str>) {
        let found: Result<Encoding, String> = written.parse();
        let found = found.map(|encoding| encoding.to_string());
        match (&found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{written}"),
            (Err(found), Err(expected)) => assert!(found.starts_with(expected), "{found}"),
            _ => panic!("{written}: {found:?}"),
        }
    }

    #[test]
    fn labels() {
        for encoding in ALL {
            let name = label(encoding);
            check(&name, Ok(&name));
            check(&encoding.name().to_ascii_uppercase(), Ok(&name));
            check(&name.replace(['-', '_'], ""), Ok(&name));
        }
        for (written, expected) in [
            ("auto", "auto"),
            ("UTF-16", "utf-16"),
            ("utf16", "utf-16"),
            ("utf8", "utf-8"),
            ("UTF_8", "utf-8"),
            ("utf-8-sig", "utf-8"),
            ("cp65001", "utf-8"),
            ("cp1252", "windows-1252"),
            ("win1252", "windows-1252"),
            ("Windows 1252", "windows-1252"),
            ("iso-8859-1", "windows-1252"),
            ("iso8859_1", "windows-1252"),
            ("latin1", "windows-1252"),
            ("Latin-1", "windows-1252"),
            ("us-ascii", "windows-1252"),
            ("cp1250", "windows-1250"),
            ("cp-1250", "windows-1250"),
            ("windows1250", "windows-1250"),
            ("latin2", "iso-8859-2"),
            ("iso 8859-2", "iso-8859-2"),
            ("iso-8859-9", "windows-1254"),
            ("latin-9", "iso-8859-15"),
            ("sjis", "shift_jis"),
            ("cp932", "shift_jis"),
            ("cp936", "gbk"),
            ("cp950", "big5"),
            ("euckr", "euc-kr"),
            ("koi8r", "koi8-r"),
            ("MacRoman", "macintosh"),
        ] {
            check(written, Ok(expected));
        }
    }

    #[test]
    fn nothing_is_proposed_for_what_is_not_known() {
        for written in [
            "cp850",
            "cp437",
            "windows-1259",
            "iso-8859-12",
            "utf-7",
            "utf-32",
            "ebcdic",
            "",
            "windows-125",
        ] {
            check(
                written,
                Err(&format!("unknown encoding `{written}`; expected one of")),
            );
        }
        for written in ["replacement", "iso-2022-kr", "hz-gb-2312", "x-user-defined"] {
            check(written, Err(&format!("`{written}` is not an encoding")));
        }
        check("ANSI", Err("`ansi` means something else"));
    }
}
