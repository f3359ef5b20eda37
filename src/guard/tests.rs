//! Tables: what goes in, and whether it is stopped.

use super::limit::LimitSpec;
use super::spec::RelativeSpec;
use super::*;

fn none() -> Limits {
    Limits {
        rejects: None,
        guard: GuardSpec::default(),
        deletes: ImplicitDelete::Off,
        lasting: true,
    }
}

fn deletes() -> Limits {
    Limits {
        deletes: ImplicitDelete::On(OnReject::TurnOff),
        ..none()
    }
}

fn guarded(limits: Limits, min_rows: MinRowsSpec) -> Limits {
    Limits {
        guard: GuardSpec {
            min_rows: Some(min_rows),
            ..limits.guard
        },
        ..limits
    }
}

fn totals(read: u64, rejected: u64, named: u64) -> Totals {
    Totals {
        read,
        rejected,
        named,
        kept: named,
        commonest: Some("`salary` (type_number)".into()),
        ..Totals::default()
    }
}

fn last(named: u64) -> Option<Last> {
    Some(Last {
        named,
        deletion_off: 2,
        ..Last::default()
    })
}

/// What guards decide of a run that nobody approved.
fn decided(limits: &Limits, totals: &Totals, last: Option<Last>) -> Decided {
    let history = History {
        last,
        past: Vec::new(),
    };
    decide(limits, totals, &history, false)
}

#[track_caller]
fn check(limits: Limits, totals: Totals, last: Option<Last>, expected: Option<&str>) {
    let decided = decided(&limits, &totals, last);
    let stop = decided.stop.map(|stop| stop.to_string());
    match (&stop, expected) {
        (Some(stop), Some(words)) => assert!(stop.contains(words), "{stop}"),
        (stop, expected) => assert_eq!(stop.as_deref(), expected),
    }
}

#[test]
fn rejects_have_a_limit() {
    let stated = |limit| Limits {
        rejects: Some(limit),
        ..none()
    };
    check(none(), totals(99, 98, 1), None, None);
    check(none(), totals(100, 5, 95), None, None);
    check(
        none(),
        totals(100, 6, 94),
        None,
        Some("6 of 100 rows were rejected, and no more than 5% may be"),
    );
    check(
        stated(Amount::Percent(100.0)),
        totals(100, 99, 1),
        None,
        None,
    );
    check(
        stated(Amount::Rows(0)),
        totals(9, 1, 8),
        None,
        Some("rejects.at_most is 0"),
    );
}

#[test]
fn nothing_left_is_never_success() {
    let any = || Limits {
        rejects: Some(Amount::Percent(100.0)),
        ..none()
    };
    check(
        any(),
        totals(9, 9, 0),
        None,
        Some("9 of 9 rows were rejected, most often for `salary` (type_number)"),
    );
    check(
        any(),
        totals(9, 1, 0),
        None,
        Some("1 of 9 rows were rejected"),
    );
    check(any(), totals(9, 0, 0), None, None);
    check(
        deletes(),
        totals(9, 0, 0),
        last(9),
        Some("would delete every item"),
    );
}

#[test]
fn deletion_needs_enough_rows() {
    let relative = |first, of_last| {
        let spec = RelativeSpec { first, of_last };
        guarded(deletes(), MinRowsSpec::Relative(spec))
    };
    let rows = |rows| guarded(deletes(), MinRowsSpec::Rows(rows));
    let of = |named| totals(named, 0, named);
    // The first run.
    check(deletes(), of(500), None, Some("first: N"));
    check(relative(Some(100), None), of(100), None, None);
    check(
        relative(Some(100), None),
        of(99),
        None,
        Some("asks for 100 at least"),
    );
    check(
        relative(None, Some(Amount::Percent(50.0))),
        of(9),
        None,
        Some("first: N"),
    );
    // Those after it.
    check(deletes(), of(180), last(200), None);
    check(
        deletes(),
        of(179),
        last(200),
        Some("so that 21 would be deleted: 180 at least"),
    );
    check(deletes(), of(8), last(200), Some("--set guard.min_rows=8"));
    check(deletes(), of(300), last(200), None);
    check(relative(Some(1000), None), of(190), last(200), None);
    check(
        relative(None, Some(Amount::Percent(50.0))),
        of(100),
        last(200),
        None,
    );
    check(
        relative(None, Some(Amount::Rows(150))),
        of(149),
        last(200),
        Some("150 at least"),
    );
    // Shares of a few rows mean little.
    check(deletes(), of(94), last(99), None);
    check(deletes(), of(93), last(99), Some("no more than 5 fewer"));
    check(deletes(), of(3), last(6), None);
    check(deletes(), of(2), last(6), Some("3 at least"));
    // A number holds in every run.
    check(rows(8), of(8), last(200), None);
    check(rows(8), of(8), None, None);
    check(rows(9), of(8), last(8), Some("asks for 9 at least"));
    // Nothing outlives the embedded sandbox.
    check(
        Limits {
            lasting: false,
            ..deletes()
        },
        of(1),
        None,
        None,
    );
    // Without deletion it holds where it is stated.
    check(none(), of(1), last(200), None);
    let stated = || Limits {
        deletes: ImplicitDelete::Off,
        ..relative(None, Some(Amount::Percent(90.0)))
    };
    check(stated(), of(1), None, None);
    check(stated(), of(1), last(200), Some("180 at least"));
}

#[test]
fn rejected_rows_turn_deletion_off() {
    let deletion = |limits: Limits, rejected, last| {
        decided(&limits, &totals(200, rejected, 200 - rejected), last).deletion
    };
    assert_eq!(deletion(none(), 1, None), Deletion::NotAsked);
    assert_eq!(deletion(deletes(), 0, last(200)), Deletion::On);
    assert_eq!(deletion(deletes(), 1, last(200)), Deletion::Off(3));
    assert_eq!(deletion(deletes(), 1, None), Deletion::Off(1));
    let block = || Limits {
        deletes: ImplicitDelete::On(OnReject::Block),
        ..none()
    };
    check(
        block(),
        totals(200, 1, 199),
        last(200),
        Some("on_reject: block"),
    );
    check(block(), totals(200, 0, 200), last(200), None);
}

#[test]
fn too_much_refused() {
    let check = |at_most, sent, failed, expected: Option<&str>| {
        let refused =
            refused(at_most, sent, failed, SHARES_FROM).map(|refused| refused.to_string());
        assert_eq!(refused.as_deref(), expected);
    };
    let five = Some(Amount::Percent(5.0));
    check(None, 0, 0, None);
    check(
        None,
        3,
        3,
        Some("the server refused all 3 rows that were sent"),
    );
    check(
        None,
        1,
        1,
        Some("the server refused the only row that was sent"),
    );
    check(None, 1000, 999, None);
    check(five, 99, 98, None);
    check(five, 100, 5, None);
    check(
        five,
        100,
        6,
        Some("the server refused 6 of the 100 rows that were sent, and refused.at_most is 5%"),
    );
}

/// What is lost stops a run where one was accepted before it, and a limit can't be counted for that or it is lost
/// altogether.
#[test]
fn what_is_lost_stops() {
    let check = |stops: bool, asked: bool, last: Option<Last>, expected: Option<&str>| {
        let mut limits = none();
        if asked {
            let limit = LimitSpec {
                run: Some(Amount::Rows(5)),
                ..LimitSpec::default()
            };
            limits.guard.max_create = Some(limit);
            limits.guard.max_emptied = Some(limit);
        }
        let mut totals = totals(200, 0, 200);
        totals.changes.lost = Some(changes::Lost {
            why: "it is gone".to_owned(),
            stops,
        });
        let history = History {
            last,
            past: Vec::new(),
        };
        let found = decide(&limits, &totals, &history, false);
        let stop = found.stop.as_ref().map(ToString::to_string);
        assert_eq!(stop.as_deref(), expected);
        // A limit that was not looked at is told in one way or the other.
        assert_eq!(found.warnings.is_empty(), expected.is_some() || !asked);
        let approved = decide(&limits, &totals, &history, true);
        assert_eq!(
            (approved.stop, approved.warnings.len()),
            (None, found.warnings.len())
        );
        let ruled = approved.rulings.iter().map(|ruling| ruling.decision);
        let rulings: Vec<Decision> = ruled.collect();
        assert_eq!(rulings.contains(&Decision::Approved), expected.is_some());
    };
    let gone =
        "it is gone, though a run was accepted before this one: what would change can't be counted";
    let asked = format!("{gone}, which guard.max_create, guard.max_emptied asks for");
    for (stops, limited, last, expected) in [
        (true, false, last(200), Some(gone)),
        (true, true, last(200), Some(&*asked)),
        (false, true, last(200), Some(&*asked)),
        (false, false, last(200), None),
        (true, true, None, None),
    ] {
        check(stops, limited, last, expected);
    }
}

#[test]
fn rules_with_limits_of_their_own() {
    let rule = |rows: u64, at_most: Amount, warns: bool| Broken {
        what: "the rules of `grade`".to_owned(),
        setting: "validate.columns.grade.at_most".to_owned(),
        at_most,
        warns,
        rows,
        few: false,
    };
    let with = |broken: Vec<Broken>| Totals {
        broken,
        ..totals(1000, 60, 940)
    };
    let five = Amount::Percent(5.0);
    let at = Limits {
        rejects: Some(Amount::Percent(10.0)),
        ..none()
    };
    check(at.clone(), with(vec![rule(50, five, true)]), None, None);
    let told =
        "51 of 1000 rows break the rules of `grade`, and validate.columns.grade.at_most is 5%";
    check(
        at.clone(),
        with(vec![rule(51, five, true)]),
        None,
        Some(told),
    );
    check(at, with(vec![rule(0, Amount::Rows(0), false)]), None, None);
    // Of two limits, that of the rule tells more.
    let one = rule(1, Amount::Rows(0), false);
    check(
        none(),
        with(vec![one.clone()]),
        None,
        Some("1 of 1000 rows breaks"),
    );
    let few = Broken { few: true, ..one };
    let decided = decided(&none(), &with(vec![few]), None);
    let ruling = &decided.rulings[0];
    assert_eq!((ruling.count, ruling.exact), (1, false));
    let stop = decided.stop.unwrap().to_string();
    assert!(stop.starts_with("fewer than 5 rows break"), "{stop}");
}
