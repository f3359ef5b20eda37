//! How much memory the process had.

/// The most memory that this process has had resident so far, in bytes; `None` where the system does
/// not tell.
pub(crate) fn peak_memory() -> Option<u64> {
    parse_peak(&std::fs::read_to_string("/proc/self/status").ok()?)
}

fn parse_peak(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peak_memory_is_read_from_the_system() {
        assert_eq!(
            parse_peak("Name:\tx\nVmHWM:\t   57344 kB\n"),
            Some(58_720_256)
        );
        for bad in [
            "",
            "VmHWM:",
            "VmHWM: x kB",
            "VmHWM: 1 MB",
            "VmHWM: 18446744073709551615 kB",
        ] {
            assert_eq!(parse_peak(bad), None, "{bad}");
        }
        assert_eq!(peak_memory().is_some(), cfg!(target_os = "linux"));
    }
}
