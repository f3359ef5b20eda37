//! A difference that exchanges the people at the target for others, where nobody said how many may go.
//!
//! Ids that are written in another way, such as without their leading zeros, make everybody somebody else. As many arrive as
//! go, so that the number of rows tells nothing.

use std::fmt;

use super::changes::Changes;
use super::spec::GuardSpec;
use super::{Decision, Ruling};

/// So many may go at any time.
const FEW: u64 = 5;

/// Most of the people would go, and others arrive in their place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turnover {
    gone: u64,
    people: u64,
    new: u64,
}

impl Turnover {
    /// What is exchanged, where that is more than half of the people, and `max_delete` does not say how many may go.
    pub(super) fn of(guard: &GuardSpec, changes: &Changes) -> Option<Turnover> {
        if guard.max_delete.is_some() {
            return None;
        }
        let (gone, people, new) = (changes.gone?.count, changes.people?, changes.creates?.count);
        let most = gone > FEW && gone > people / 2;
        (most && new >= gone / 2).then_some(Turnover { gone, people, new })
    }

    pub(super) fn ruling(&self) -> Ruling {
        Ruling {
            guard: "turnover".to_owned(),
            limit: "at most half of the people gone, with others in their place".to_owned(),
            count: self.gone,
            exact: true,
            of: Some(self.people),
            decision: Decision::Stopped,
        }
    }
}

impl fmt::Display for Turnover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Turnover { gone, people, new } = self;
        write!(
            f,
            "{gone} of the {people} people at the target would be deleted, and {new} others created: perhaps the key is \
             written in another way than before; `guard.max_delete` says how many may go"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::changes::Figure;
    use super::*;
    use crate::guard::limit::LimitSpec;

    #[test]
    fn most_people_gone_and_others_in_their_place() {
        let of = |people, gone, new, guard: &GuardSpec| {
            let changes = Changes {
                people: Some(people),
                gone: Some(Figure::exactly(gone)),
                creates: Some(Figure::exactly(new)),
                ..Changes::default()
            };
            Turnover::of(guard, &changes).is_some()
        };
        let unsaid = GuardSpec::default();
        for (people, gone, new, stops) in [
            (300, 300, 300, true),
            (300, 151, 75, true),
            (300, 150, 150, false),
            // Fewer people are what `min_rows` is for.
            (300, 290, 10, false),
            (6, 6, 6, true),
            (5, 5, 5, false),
            (300, 0, 300, false),
        ] {
            assert_eq!(of(people, gone, new, &unsaid), stops, "{gone} of {people}");
        }
        let said = GuardSpec {
            max_delete: Some(LimitSpec::default()),
            ..GuardSpec::default()
        };
        assert!(!of(300, 300, 300, &said));
        assert!(Turnover::of(&unsaid, &Changes::default()).is_none());
    }
}
