//! Counts, sizes and times as people read them: `1,234,567`, `178.6 MB`, `12.3 s`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytesize::ByteSize;
use indicatif::HumanCount;

/// A count with thousands separated by commas.
pub(crate) fn count(n: u64) -> String {
    HumanCount(n).to_string()
}

/// A count and its noun, which takes an `s` unless there is one.
pub(crate) fn counted(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(n), if n == 1 { "" } else { "s" })
}

/// `1st`, `2nd`, `3rd`, `11th`.
pub(crate) fn ordinal(n: u32) -> String {
    let ending = match (n % 10, n % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{n}{ending}")
}

/// A share. What is not all is never told to be 100 %, and what is not none never 0 %.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    let share = part as f64 * 100.0 / whole.max(1) as f64;
    match part {
        0 => "0 %".to_owned(),
        part if part == whole => "100 %".to_owned(),
        _ => format!("{:.1} %", share.clamp(0.1, 99.9)),
    }
}

/// A number of bytes in decimal units, as networks and disks are sold.
pub(crate) fn bytes(n: u64) -> String {
    ByteSize(n).display().si().to_string()
}

/// Bytes per second in decimal units.
pub(crate) fn rate(bytes_per_second: f64) -> String {
    // The cast saturates and takes what is not a number for zero.
    format!("{}/s", bytes(bytes_per_second as u64))
}

/// A time span: milliseconds below one second, tenths below a minute, then two units.
pub(crate) fn time(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0 => format!("{} ms", span.as_millis()),
        1..60 => format!("{}.{} s", seconds, span.subsec_millis() / 100),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// A file's path from the root, without detours. A path whose folder is not there stays as it is.
pub(crate) fn whole(path: &Path) -> PathBuf {
    // The file may be still to come.
    let in_folder = || {
        let name = path.file_name()?;
        let folder = match path.parent()? {
            folder if folder.as_os_str().is_empty() => Path::new("."),
            folder => folder,
        };
        Some(folder.canonicalize().ok()?.join(name))
    };
    match path.canonicalize() {
        Ok(whole) => whole,
        Err(_) => in_folder().unwrap_or_else(|| path.to_owned()),
    }
}

/// A file's path as people would write it: without detours (`pipelines/../out`), and relative where it
/// is below the current folder. A path whose folder is not there stays as it is.
pub(crate) fn path(path: &Path) -> String {
    let whole = whole(path);
    let here = std::env::current_dir().and_then(|here| here.canonicalize());
    match here.map(|here| whole.strip_prefix(here)) {
        Ok(Ok(below)) => below.display().to_string(),
        _ => whole.display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let check = |written: &str, expected: &str| assert_eq!(path(Path::new(written)), expected);
        check("src/../Cargo.toml", "Cargo.toml");
        check("./src/lib.rs", "src/lib.rs");
        check("/dev/../dev/null", "/dev/null");
        check("src/../to-come", "to-come");
        check("to-come", "to-come");
        check("no/such/../file", "no/such/../file");
    }

    #[test]
    fn what_people_read() {
        assert_eq!(count(0), "0");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(counted(1, "row"), "1 row");
        assert_eq!(counted(2_000, "row"), "2,000 rows");
        assert_eq!(bytes(17), "17 B");
        assert_eq!(bytes(178_600_000), "178.6 MB");
        assert_eq!(rate(f64::NAN), "0 B/s");
        assert_eq!(rate(22_000_000.0), "22.0 MB/s");
        for (millis, expected) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1_050, "1.0 s"),
            (12_345, "12.3 s"),
            (59_999, "59.9 s"),
            (60_000, "1m 00s"),
            (3_599_999, "59m 59s"),
            (3_660_000, "1h 01m"),
        ] {
            assert_eq!(time(Duration::from_millis(millis)), expected);
        }
    }
}
