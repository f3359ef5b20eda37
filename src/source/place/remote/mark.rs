//! By what a file at a server is told from what it was.

use std::time::SystemTime;

/// What a server says of the state that a file is in. Two equal marks are no proof that nothing was written, but they are
/// all that can be had without reading everything again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::source) struct Mark {
    /// Bytes.
    pub(in crate::source) size: Option<u64>,
    /// The server's own name for this state of the file, where it promises another one for every change.
    pub(in crate::source) version: Option<String>,
    /// When it was changed last, where that is a time in which it does not change any more.
    pub(in crate::source) modified: Option<SystemTime>,
}

impl Mark {
    /// Whether a change would show. Where it would not, the file can't be read in two parts, or twice.
    pub(in crate::source) fn tells(&self) -> bool {
        self.version.is_some() || (self.size.is_some() && self.modified.is_some())
    }

    /// Whether another look at the file has found it as it was: nothing speaks against it, and something for it.
    pub(in crate::source) fn is_still(&self, now: &Mark) -> bool {
        let differ = differ(&self.size, &now.size)
            || differ(&self.version, &now.version)
            || differ(&self.modified, &now.modified);
        let both = |a: bool, b: bool| a && b;
        let by_version = both(self.version.is_some(), now.version.is_some());
        let by_time = both(self.modified.is_some(), now.modified.is_some())
            && both(self.size.is_some(), now.size.is_some());
        !differ && (by_version || by_time)
    }
}

fn differ<T: PartialEq>(before: &Option<T>, now: &Option<T>) -> bool {
    matches!((before, now), (Some(before), Some(now)) if before != now)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn mark(size: Option<u64>, version: Option<&str>, modified: Option<u64>) -> Mark {
        Mark {
            size,
            version: version.map(str::to_owned),
            modified: modified.map(|at| SystemTime::UNIX_EPOCH + Duration::from_secs(at)),
        }
    }

    #[test]
    fn what_tells_a_change() {
        assert!(mark(None, Some("a"), None).tells());
        assert!(mark(Some(1), None, Some(2)).tells());
        for says_nothing in [
            mark(None, None, None),
            mark(Some(1), None, None),
            mark(None, None, Some(2)),
        ] {
            assert!(!says_nothing.tells(), "{says_nothing:?}");
            assert!(!says_nothing.is_still(&says_nothing), "{says_nothing:?}");
        }
    }

    #[test]
    fn compared() {
        let whole = mark(Some(1), Some("a"), Some(2));
        for same in [
            whole.clone(),
            mark(None, Some("a"), None),
            mark(Some(1), None, Some(2)),
        ] {
            assert!(whole.is_still(&same), "{same:?}");
        }
        for other in [
            mark(Some(2), Some("a"), Some(2)),
            mark(Some(1), Some("b"), Some(2)),
            mark(Some(1), Some("a"), Some(3)),
            // A server that says less than before may be another one.
            mark(Some(1), None, None),
            mark(None, None, Some(2)),
            Mark::default(),
        ] {
            assert!(!whole.is_still(&other), "{other:?}");
        }
    }
}
