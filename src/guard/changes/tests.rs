//! Tables: what an upload would do, and whether that is too much; and that more is never let through where less is not.

use proptest::prelude::*;

use super::*;
use crate::guard::spec::{ImplicitDelete, MinRowsSpec, OnExceed, OnReject};
use crate::guard::{Decided, Deletion, History, Last, Limits, Standing, Totals, decide};

fn limit(run: &str) -> LimitSpec {
    LimitSpec {
        run: Some(run.parse().unwrap()),
        ..LimitSpec::default()
    }
}

fn window(run: &str, window: &str) -> LimitSpec {
    LimitSpec {
        window: Some(window.parse().unwrap()),
        over: Some("7d".parse().unwrap()),
        ..limit(run)
    }
}

fn max_delete(limit: LimitSpec) -> GuardSpec {
    GuardSpec {
        max_delete: Some(limit),
        ..GuardSpec::default()
    }
}

fn deleting(people: Option<u64>, count: u64) -> Changes {
    Changes {
        people,
        explicit: Some(Figure::exactly(count)),
        implicit: Some(Figure::exactly(0)),
        gone: Some(Figure::exactly(0)),
        leavers: Some(Figure::exactly(0)),
        ..Changes::default()
    }
}

fn past(days: u64, deletes: u64) -> Past {
    Past {
        ago: Duration::from_secs(days * 24 * 60 * 60),
        counted: Counted {
            deletes: Some(deletes),
            ..Counted::default()
        },
    }
}

/// What exceeds a limit, in words.
fn said(guard: &GuardSpec, changes: &Changes, past: &[Past]) -> Vec<String> {
    let judged = judge(guard, changes, past);
    judged.exceeded.iter().map(ToString::to_string).collect()
}

#[track_caller]
fn check(guard: &GuardSpec, changes: &Changes, past: &[Past], expected: &[&str]) {
    assert_eq!(said(guard, changes, past), expected);
}

#[test]
fn a_number_and_a_share() {
    let five = max_delete(limit("5"));
    check(&five, &deleting(Some(1000), 5), &[], &[]);
    check(
        &five,
        &deleting(Some(1000), 6),
        &[],
        &[
            "guard.max_delete: 6 people would be deleted (6 whose rows say so), of 1000 at the target, and no more than 5 \
           may be",
        ],
    );
    // A number needs nothing to compare with, and a share does.
    check(
        &five,
        &deleting(None, 6),
        &[],
        &[
            "guard.max_delete: 6 people would be deleted (6 whose rows say so), and no more than 5 may be",
        ],
    );
    let share = max_delete(limit("2%"));
    check(&share, &deleting(None, 600), &[], &[]);
    check(&share, &deleting(Some(1000), 20), &[], &[]);
    check(
        &share,
        &deleting(Some(1000), 21),
        &[],
        &[
            "guard.max_delete: 21 people would be deleted (21 whose rows say so), of 1000 at the target, and no more than \
           2% may be, which is 20",
        ],
    );
}

#[test]
fn shares_mean_little_of_a_few_people() {
    let share = max_delete(limit("2%"));
    for (people, count, stops) in [
        (12, 5, false),
        (12, 6, true),
        (99, 5, false),
        (99, 6, true),
        (100, 2, false),
        (100, 3, true),
    ] {
        let said = said(&share, &deleting(Some(people), count), &[]);
        assert_eq!(said.len(), usize::from(stops), "{people} {count}: {said:?}");
    }
    // What nobody is deleted by has no such number.
    let guard = GuardSpec {
        max_create: Some(limit("10%")),
        ..GuardSpec::default()
    };
    for (people, stops) in [(99, false), (100, true)] {
        let changes = Changes {
            people: Some(people),
            creates: Some(Figure::at_least(50)),
            ..Changes::default()
        };
        assert_eq!(said(&guard, &changes, &[]).len(), usize::from(stops));
    }
}

#[test]
fn every_way_in_which_somebody_goes_counts() {
    let changes = Changes {
        people: Some(1000),
        explicit: Some(Figure::exactly(7)),
        implicit: Some(Figure::at_least(8)),
        leavers: Some(Figure::at_least(9)),
        ..Changes::default()
    };
    check(
        &max_delete(limit("23")),
        &changes,
        &[],
        &[
            "guard.max_delete: 24 or more people would be deleted (7 whose rows say so, 8 or more whom no row names, 9 or \
           more who turn to the status of a leaver), of 1000 at the target, and no more than 23 may be",
        ],
    );
    check(&max_delete(limit("24")), &changes, &[], &[]);
    // One of the three is not known: what is known counts.
    let changes = Changes {
        implicit: None,
        ..changes
    };
    assert_eq!(changes.deletes(), Some(Figure::at_least(16)));
    assert_eq!(Changes::default().deletes(), None);
}

#[test]
fn a_window_adds_up_the_runs_before() {
    let guard = max_delete(window("2%", "5%"));
    let runs = [past(1, 15), past(2, 15), past(3, 15), past(8, 500)];
    check(&guard, &deleting(Some(1000), 5), &runs, &[]);
    check(
        &guard,
        &deleting(Some(1000), 6),
        &runs,
        &[
            "guard.max_delete: together with the 3 accepted runs of the 7 days before it, 51 people would be deleted (6 whose \
           rows say so), of 1000 at the target, and no more than 5% may be, which is 50",
        ],
    );
    // A run that is too much by itself, and in its window.
    assert_eq!(said(&guard, &deleting(Some(1000), 60), &runs).len(), 2);
    // Where no run counts, the window is that run.
    let only = said(&guard, &deleting(Some(1000), 51), &[]);
    assert!(
        only[1].starts_with("guard.max_delete: 51 people"),
        "{only:?}"
    );
}

#[test]
fn columns() {
    let guard = GuardSpec {
        max_change: [("salary".to_owned(), limit("30%"))].into(),
        max_emptied: Some(limit("5%")),
        ..GuardSpec::default()
    };
    let column = |name: &str, changed, filled_before, emptied| ColumnChanges {
        name: name.into(),
        changed: Some(Figure::exactly(changed)),
        filled_before: Some(filled_before),
        emptied: Some(Figure::exactly(emptied)),
    };
    let changes = |columns| Changes {
        people: Some(200),
        columns,
        ..Changes::default()
    };
    let good = vec![column("salary", 60, 200, 10), column("email", 200, 99, 99)];
    check(&guard, &changes(good), &[], &[]);
    let bad = vec![column("salary", 61, 200, 11), column("email", 0, 200, 200)];
    check(
        &guard,
        &changes(bad),
        &[],
        &[
            "guard.max_change: 61 people would have another `salary`, of 200 at the target, and no more than 30% may be, \
           which is 60",
            "guard.max_emptied: 11 people would have no `salary` any more, of 200 who had one, and no more than 5% may be, \
           which is 10",
            "guard.max_emptied: 200 people would have no `email` any more, of 200 who had one, and no more than 5% may be, \
           which is 10",
        ],
    );
    let judged = judge(&guard, &changes(Vec::new()), &[]);
    assert_eq!(judged.unknown, ["max_change.salary"]);
}

fn limits(guard: GuardSpec, on_reject: OnReject) -> Limits {
    Limits {
        rejects: Some(Amount::Percent(100.0)),
        guard,
        deletes: ImplicitDelete::On(on_reject),
        lasting: true,
    }
}

/// Of 1,000 people so many are named, and so many rows are at fault.
fn decided(limits: &Limits, named: u64, rejected: u64, approved: bool) -> Decided {
    let totals = Totals {
        read: named + rejected,
        rejected,
        named,
        kept: named,
        changes: Changes {
            people: Some(1000),
            explicit: Some(Figure::exactly(0)),
            implicit: Some(Figure::at_least(1000u64.saturating_sub(named))),
            leavers: Some(Figure::exactly(0)),
            ..Changes::default()
        },
        ..Totals::default()
    };
    let history = History {
        last: Some(Last {
            named: 1000,
            standing: Standing {
                people: Some(1000),
                ..Standing::default()
            },
            ..Last::default()
        }),
        past: Vec::new(),
    };
    decide(limits, &totals, &history, approved)
}

#[test]
fn what_follows_of_too_many_deletions() {
    let stop = limits(max_delete(limit("2%")), OnReject::TurnOff);
    let rulings = |decided: &Decided| -> Vec<Decision> {
        decided
            .rulings
            .iter()
            .map(|ruling| ruling.decision)
            .collect()
    };
    // Both limits are told, and either stops.
    let both = decided(&stop, 500, 0, false);
    assert_eq!(
        rulings(&both),
        [Decision::Passed, Decision::Stopped, Decision::Stopped]
    );
    assert_eq!(both.exceeded.len(), 2);
    assert!(both.stop.is_some());
    // An approval is one for all of them.
    let approved = decided(&stop, 500, 0, true);
    assert_eq!(
        rulings(&approved),
        [Decision::Passed, Decision::Approved, Decision::Approved]
    );
    assert_eq!((approved.stop, approved.deletion), (None, Deletion::On));
    // It is none for anything but the section `guard`.
    let none = limits(GuardSpec::default(), OnReject::TurnOff);
    assert!(decided(&none, 0, 1, true).stop.is_some());
    let first = decide(
        &none,
        &Totals {
            named: 9,
            kept: 9,
            ..Totals::default()
        },
        &History::default(),
        true,
    );
    assert!(first.stop.is_some());
    // Where rows were rejected nobody is deleted, so there is nothing to be too much.
    let off = decided(&stop, 950, 1, false);
    assert_eq!((off.stop, off.deletion), (None, Deletion::Off(1)));
    // Deletion is withheld, and the rest goes; but not half an extract.
    let withhold = || {
        let guard = GuardSpec {
            on_exceed: OnExceed::WithholdDeletes,
            ..max_delete(limit("2%"))
        };
        limits(guard, OnReject::TurnOff)
    };
    let withheld = decided(&withhold(), 950, 0, false);
    assert_eq!(
        rulings(&withheld),
        [Decision::Passed, Decision::Passed, Decision::Withheld]
    );
    assert_eq!(
        (&withheld.stop, withheld.deletion),
        (&None, Deletion::Withheld(1))
    );
    assert_eq!(withheld.withholds, Some(Figure::at_least(50)));
    assert_eq!(withheld.changes.counted().deletes, Some(0));
    assert!(decided(&withhold(), 500, 0, false).stop.is_some());
    assert_eq!(decided(&withhold(), 950, 0, true).deletion, Deletion::On);
}

#[test]
fn rows_at_fault_that_are_carried_forward() {
    let carry = limits(max_delete(limit("2%")), OnReject::CarryForward);
    assert_eq!(decided(&carry, 1000, 3, false).deletion, Deletion::On);
    let totals = Totals {
        read: 9,
        rejected: 2,
        keyless: 1,
        named: 8,
        kept: 7,
        ..Totals::default()
    };
    let history = History {
        last: Some(Last {
            named: 9,
            ..Last::default()
        }),
        past: Vec::new(),
    };
    let stop = decide(&carry, &totals, &history, true)
        .stop
        .unwrap()
        .to_string();
    assert!(
        stop.starts_with("1 of 2 rows were at fault without a key"),
        "{stop}"
    );
}

proptest! {
    /// More deletions never pass where fewer are stopped, whatever the limits are, and whoever went before.
    #[test]
    fn more_never_passes_where_less_does_not(
        run in prop_oneof![(0u64..200).prop_map(Amount::Rows), (0f64..100.0).prop_map(Amount::Percent)],
        wide in prop_oneof![(0u64..400).prop_map(Amount::Rows), (0f64..100.0).prop_map(Amount::Percent)],
        people in proptest::option::of(0u64..2000),
        before in proptest::collection::vec((0u64..10, 0u64..50), 0..6),
        (explicit, implicit, leavers) in (0u64..300, 0u64..300, 0u64..300),
        more in 0u64..100,
        which in 0usize..3,
    ) {
        let guard = max_delete(LimitSpec {
            run: Some(run),
            window: Some(wide),
            over: Some("7d".parse().unwrap()),
        });
        let mut past: Vec<Past> = before.iter().map(|(days, deletes)| past(*days, *deletes)).collect();
        let changes = |counts: [u64; 3]| Changes {
            people,
            explicit: Some(Figure::exactly(counts[0])),
            implicit: Some(Figure::at_least(counts[1])),
            leavers: Some(Figure::at_least(counts[2])),
            ..Changes::default()
        };
        let mut counts = [explicit, implicit, leavers];
        let fewer = judge(&guard, &changes(counts), &past).exceeded.len();
        counts[which] += more;
        let many = judge(&guard, &changes(counts), &past).exceeded.len();
        prop_assert!(many >= fewer);
        // And so it is where the runs before deleted more.
        if let Some(earlier) = past.first_mut() {
            earlier.counted.deletes = earlier.counted.deletes.map(|deletes| deletes + more);
        }
        prop_assert!(judge(&guard, &changes(counts), &past).exceeded.len() >= many);
    }

    /// The same of an extract that names fewer: what is not there is deleted.
    #[test]
    fn fewer_rows_never_pass_where_more_do_not(
        run in prop_oneof![(0u64..200).prop_map(Amount::Rows), (0f64..100.0).prop_map(Amount::Percent)],
        of_last in prop_oneof![(0u64..900).prop_map(Amount::Rows), (0f64..100.0).prop_map(Amount::Percent)],
        named in 1u64..1000,
        fewer in 0u64..999,
    ) {
        let relative = crate::guard::spec::RelativeSpec { first: None, of_last: Some(of_last) };
        let guard = GuardSpec { min_rows: Some(MinRowsSpec::Relative(relative)), ..max_delete(LimitSpec { run: Some(run), ..LimitSpec::default() }) };
        let limits = limits(guard, OnReject::TurnOff);
        let whole = decided(&limits, named, 0, false);
        let short = decided(&limits, named.saturating_sub(fewer), 0, false);
        prop_assert!(whole.stop.is_none() || short.stop.is_some());
    }
}
