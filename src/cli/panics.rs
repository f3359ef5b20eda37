//! What is told of a panic: its place and nothing else. What a panic says may hold a cell's value: where a text is cut
//! within a character, it is the text.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic;
use std::path::Path;

use super::said::say_panic;
use crate::source::table::is_caught;

/// From now on, panics tell their place alone, and with `RUST_BACKTRACE=1` the way to it.
pub(super) fn tell_places_alone() {
    panic::set_hook(Box::new(|panic| {
        // Crates that read damaged files give up on some: the error that follows says so. Own code never should.
        let is_own = |at: &panic::Location<'_>| Path::new(at.file()).starts_with("src");
        let is_bug = !is_caught() || panic.location().is_none_or(is_own);
        let place = panic.location().map(ToString::to_string);
        let place = place.as_deref().unwrap_or("an unknown place");
        let trace = Backtrace::capture();
        let trace = (trace.status() == BacktraceStatus::Captured).then(|| trace.to_string());
        say_panic(is_bug.then_some(place), trace);
    }));
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    /// Only when the other test asks for it: the hook is the whole process's.
    #[test]
    #[ignore = "run by the test below, in a process of its own"]
    fn panics_with_a_value() {
        super::tell_places_alone();
        let thread = std::thread::spawn(|| panic!("cut within Zoë Example, 55000"));
        assert!(thread.join().is_err());
    }

    #[test]
    fn a_panic_tells_its_place_and_no_value() {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--ignored", "--nocapture"])
            .arg("cli::panics::tests::panics_with_a_value")
            .env_remove("RUST_BACKTRACE")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{said}");
        assert!(said.contains("1 passed"), "{said}");
        assert!(said.contains("panic at src/cli/panics.rs:"), "{said}");
        assert!(!said.contains("Zoë"), "{said}");
    }
}
