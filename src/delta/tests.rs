//! The store and the difference against a map, with files cut off at any place.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;

use super::diff::{Baseline, Column, Diff, KeyColumn};
use super::full::Full;
use super::head::{Head, Marks};
use super::items::What;
use super::key::{EMPTY, StoreKey};
use super::merge::Fate;
use super::place::{Part, Place};
use super::store::{Lost, Row, Store};
use super::tally::Tally;
use crate::batch::{self, Batch, Kind, RowState};

const SECRET: &[u8] = b"a secret of tests";
const WIDTH: u32 = 3;

fn place(folder: &Path) -> Place {
    Place::open(folder, Some(SECRET), [7; 16]).unwrap()
}

/// What an item asks for, of whom, with which values, and what becomes of it.
type Sent = (What, u8, [u64; 3], Fate);

/// What is known of people: their cells, or that it is not known what they are.
type Model = BTreeMap<u8, Option<[u64; 3]>>;

fn send(place: &Place, run: &str, columns: u8, sent: &[Sent]) {
    send_as(place, run, (columns, 0), sent);
}

fn send_as(place: &Place, run: &str, (columns, identity): (u8, u8), sent: &[Sent]) {
    let mut head = Head {
        marks: place.marks(),
        width: WIDTH,
        ..Head::default()
    };
    head.marks.columns = [columns; 16];
    head.marks.identity = [identity; 16];
    head.full_at = 5;
    let mut items = place.begin_items(run, Part::Rows, head).unwrap();
    items
        .push(What::Delete, (1, 0), &[0; 3], b"of a first look")
        .unwrap();
    items.restart().unwrap();
    for (what, who, cells, _) in sent {
        let mut sealed = Vec::new();
        place.key().seal(&[*who], &mut sealed);
        let person = place.key().person(&[*who]);
        let content = place.key().row(cells, &mut Vec::new());
        items
            .push(*what, (person, content), cells, &sealed)
            .unwrap();
    }
    place.put_items(items, run, Part::Rows).unwrap();
}

fn fates(sent: &[Sent]) -> Vec<Fate> {
    sent.iter().map(|sent| sent.3).collect()
}

fn apply(model: &mut Model, sent: &[Sent], told: bool) {
    for &(what, who, cells, fate) in sent {
        let fate = if told { fate } else { Fate::Unknown };
        match (fate, what) {
            (Fate::Refused, _) => {}
            (Fate::Accepted | Fate::Contradicted, What::Delete) => {
                model.remove(&who);
            }
            (Fate::Unknown, What::Delete) => {
                model.entry(who).and_modify(|known| *known = None);
            }
            (Fate::Accepted, _) => {
                model.insert(who, Some(cells));
            }
            (Fate::Unknown | Fate::Contradicted, _) => {
                model.insert(who, None);
            }
        }
    }
}

#[track_caller]
fn is(store: &Store, key: &StoreKey, model: &Model) {
    assert_eq!(store.people(), model.len());
    let (mut cells, mut bytes) = (Vec::new(), Vec::new());
    for who in 0..=u8::MAX {
        let found = store.find(key.person(&[who]));
        let Some(expected) = model.get(&who) else {
            assert_eq!(found, None, "{who}");
            continue;
        };
        let at = found.unwrap();
        assert_eq!(store.key(at, key).unwrap().as_deref(), Some(&[who][..]));
        let row = match expected {
            None => Row::Pending,
            Some(known) => {
                store.cells(at, &mut cells, &mut bytes).unwrap();
                assert_eq!(&cells, known);
                Row::Known(key.row(known, &mut bytes))
            }
        };
        assert_eq!(store.row(at), row);
    }
}

fn items() -> impl Strategy<Value = Vec<Sent>> {
    let what = prop_oneof![
        Just(What::Create),
        Just(What::Update),
        Just(What::Whole),
        Just(What::Delete)
    ];
    let fate = prop_oneof![
        4 => Just(Fate::Accepted),
        1 => Just(Fate::Refused),
        1 => Just(Fate::Unknown),
        1 => Just(Fate::Contradicted),
    ];
    let cells = prop::array::uniform3(prop_oneof![Just(EMPTY), any::<u64>()]);
    let all = prop::collection::vec((what, any::<u8>(), cells, fate), 0..60);
    // A body names a person once.
    all.prop_map(|mut all| {
        let mut seen = std::collections::BTreeSet::new();
        all.retain(|sent| seen.insert(sent.1));
        all
    })
}

/// How a run ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Told,
    /// Before its results were taken in.
    Killed,
    /// Between the next store and the end of the items that are in it.
    KilledAfterCommit,
    /// The import was never asked for.
    NotAsked,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_a_map(
        nights in prop::collection::vec(
            (items(), prop_oneof![3 => Just(End::Told), 1 => Just(End::Killed), 1 => Just(End::KilledAfterCommit), 1 => Just(End::NotAsked)]),
            1..8,
        ),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("store");
        let mut model = Model::new();
        let mut any = false;
        for (night, (sent, end)) in nights.iter().enumerate() {
            let run = format!("r{night}");
            let place = place(&folder);
            send(&place, &run, 1, sent);
            match end {
                End::Told => {
                    place.commit(&run, Part::Rows, &fates(sent)).unwrap();
                    apply(&mut model, sent, true);
                }
                End::Killed => apply(&mut model, sent, false),
                End::KilledAfterCommit => {
                    let path = folder.join(format!("items-{run}-1"));
                    let items = fs::read(&path).unwrap();
                    place.commit(&run, Part::Rows, &fates(sent)).unwrap();
                    fs::write(path, items).unwrap();
                    apply(&mut model, sent, true);
                    apply(&mut model, sent, false);
                }
                End::NotAsked => place.discard(&run, Part::Rows).unwrap(),
            }
            any |= !matches!(end, End::NotAsked);
            // Looking changes nothing, and sees the same.
            let look = Place::look(&folder, Some(SECRET), [7; 16]).unwrap();
            for place in [&look, &place, &look] {
                match place.store(None).unwrap() {
                    Ok(store) => is(&store, place.key(), &model),
                    Err(lost) => prop_assert!(lost == Lost::Missing && !any),
                }
            }
        }
    }

    /// A store that is cut off, or damaged in its entries, is lost and never another.
    #[test]
    fn a_damaged_base_is_lost(sent in items(), at in any::<prop::sample::Index>(), cut in any::<bool>()) {
        let folder = tempfile::tempdir().unwrap();
        let place = place(folder.path());
        let sent: Vec<Sent> = sent.into_iter().map(|(_, who, cells, _)| (What::Create, who, cells, Fate::Accepted)).collect();
        send(&place, "r", 1, &sent);
        place.commit("r", Part::Rows, &fates(&sent)).unwrap();
        let path = folder.path().join("base");
        let mut bytes = fs::read(&path).unwrap();
        match cut {
            true => bytes.truncate(at.index(bytes.len())),
            false => {
                let entries = 160 + sent.len() * 32;
                bytes[at.index(entries)] ^= 1;
            }
        }
        fs::write(&path, bytes).unwrap();
        let lost = match place.store(None) {
            Ok(store) => store.err(),
            // A flipped version reads as a later one.
            Err(_) => Some(Lost::Damaged),
        };
        prop_assert_eq!(lost, Some(Lost::Damaged));
        // The next run that is told of its items makes another.
        if place.store(None).is_ok() {
            send(&place, "s", 1, &sent);
            place.commit("s", Part::Rows, &fates(&sent)).unwrap();
            let mut model = Model::new();
            apply(&mut model, &sent, true);
            is(&place.store(None).unwrap().unwrap(), place.key(), &model);
        }
    }

    /// Items that are cut off or damaged make the store lost: nobody knows any more what the server has.
    #[test]
    fn damaged_items_are_lost(sent in items(), at in any::<prop::sample::Index>(), cut in any::<bool>()) {
        let folder = tempfile::tempdir().unwrap();
        let place = place(folder.path());
        send(&place, "r", 1, &sent);
        let path = folder.path().join("items-r-1");
        let mut bytes = fs::read(&path).unwrap();
        let at = at.index(bytes.len());
        match cut {
            true => bytes.truncate(at),
            false => bytes[at] ^= 4,
        }
        fs::write(&path, bytes).unwrap();
        prop_assert_eq!(place.store(None).unwrap().err(), Some(Lost::Damaged));
        send(&place, "s", 1, &sent);
        place.commit("s", Part::Rows, &fates(&sent)).unwrap();
        let mut model = Model::new();
        apply(&mut model, &sent, true);
        is(&place.store(None).unwrap().unwrap(), place.key(), &model);
    }
}

/// What was damaged on the disk is not taken for what the server has, however often it is carried along.
#[test]
fn damaged_cells_stay_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(folder.path());
    let one = [(What::Create, 1, [1; 3], Fate::Accepted)];
    send(&place, "a", 1, &one);
    place.commit("a", Part::Rows, &fates(&one)).unwrap();
    let path = folder.path().join("base");
    let mut bytes = fs::read(&path).unwrap();
    // A block of zeros over the cells, which would pass for empty ones.
    bytes[160 + 32 + 8..][..24].fill(0);
    fs::write(&path, bytes).unwrap();
    let two = [(What::Create, 2, [2; 3], Fate::Accepted)];
    send(&place, "b", 1, &two);
    place.commit("b", Part::Rows, &fates(&two)).unwrap();
    let store = place.store(None).unwrap().unwrap();
    let at = store.find(place.key().person(&[1])).unwrap();
    let (mut cells, mut bytes) = (Vec::new(), Vec::new());
    store.cells(at, &mut cells, &mut bytes).unwrap();
    assert_ne!(
        store.row(at),
        Row::Known(place.key().row(&cells, &mut bytes))
    );
    assert_eq!(
        store.row(at),
        Row::Known(place.key().row(&[1; 3], &mut bytes))
    );
}

#[test]
fn a_run_that_is_repeated_is_as_if_it_had_not_been() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(folder.path());
    let one = [(What::Create, 1, [1; 3], Fate::Accepted)];
    send(&place, "a", 1, &one);
    place.commit("a", Part::Rows, &fates(&one)).unwrap();
    let two = [
        (What::Update, 1, [2; 3], Fate::Refused),
        (What::Create, 2, [2; 3], Fate::Accepted),
    ];
    send(&place, "b", 1, &two);
    let store = place.store(Some("b")).unwrap().unwrap();
    is(&store, place.key(), &Model::from([(1, Some([1; 3]))]));
    // What the second import refuses, the first may have done.
    send(&place, "c", 1, &two);
    place.commit("c", Part::Rows, &fates(&two)).unwrap();
    let store = place.store(None).unwrap().unwrap();
    is(
        &store,
        place.key(),
        &Model::from([(1, None), (2, Some([2; 3]))]),
    );
}

#[test]
fn other_columns_leave_the_people_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(folder.path());
    let one = [
        (What::Create, 1, [1; 3], Fate::Accepted),
        (What::Create, 2, [1; 3], Fate::Accepted),
    ];
    send(&place, "a", 1, &one);
    place.commit("a", Part::Rows, &fates(&one)).unwrap();
    let two = [(What::Whole, 2, [2; 3], Fate::Accepted)];
    send(&place, "b", 2, &two);
    place.commit("b", Part::Rows, &fates(&two)).unwrap();
    let store = place.store(None).unwrap().unwrap();
    is(
        &store,
        place.key(),
        &Model::from([(1, None), (2, Some([2; 3]))]),
    );
}

/// The import of a run is repeated after its pipeline was changed.
#[test]
fn what_is_repeated_may_have_had_other_columns_or_other_people() {
    let one = [
        (What::Create, 1, [1; 3], Fate::Accepted),
        (What::Create, 2, [1; 3], Fate::Accepted),
    ];
    let two = [(What::Whole, 2, [2; 3], Fate::Accepted)];
    // People that are told apart by another column are not there any more, and nobody is deleted for one of them.
    for (marks, expected) in [
        ((2, 0), vec![(1, None), (2, Some([2; 3]))]),
        ((1, 1), vec![(2, Some([2; 3]))]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let place = place(folder.path());
        send(&place, "a", 1, &one);
        assert!(place.store(Some("a")).unwrap().is_err());
        send_as(&place, "b", marks, &two);
        place.commit("b", Part::Rows, &fates(&two)).unwrap();
        let store = place.store(None).unwrap().unwrap();
        is(&store, place.key(), &Model::from_iter(expected));
    }
}

/// What was sent of people that were told apart by something else may have been about any of these.
#[test]
fn what_was_sent_of_others_leaves_nothing_known() {
    let folder = tempfile::tempdir().unwrap();
    let one = [
        (What::Create, 1, [1; 3], Fate::Accepted),
        (What::Create, 2, [1; 3], Fate::Accepted),
    ];
    let two = [(What::Whole, 2, [2; 3], Fate::Accepted)];
    let place = place(folder.path());
    send(&place, "a", 1, &one);
    place.commit("a", Part::Rows, &fates(&one)).unwrap();
    send_as(&place, "b", (1, 1), &two);
    assert!(place.store(Some("b")).unwrap().is_ok());
    send(&place, "c", 1, &two);
    place.commit("c", Part::Rows, &fates(&two)).unwrap();
    let store = place.store(None).unwrap().unwrap();
    let expected = Model::from([(1, None), (2, Some([2; 3]))]);
    is(&store, place.key(), &expected);
}

#[test]
fn nobody_has_sent_all_of_people_that_are_told_apart_by_another_column() {
    let folder = tempfile::tempdir().unwrap();
    let one = [(What::Create, 1, [1; 3], Fate::Accepted)];
    let place = place(folder.path());
    send(&place, "a", 1, &one);
    place.commit("a", Part::Rows, &fates(&one)).unwrap();
    let full_at = || place.store(None).unwrap().unwrap().head().full_at;
    assert_eq!(full_at(), 5);
    send_as(&place, "b", (1, 1), &one);
    assert_eq!(full_at(), 0);
}

#[test]
fn a_store_is_its_owners() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("store");
    let own = Place::open(&folder, None, [7; 16]).unwrap();
    let sent = [(What::Create, 1, [1; 3], Fate::Accepted)];
    send(&own, "a", 1, &sent);
    own.commit("a", Part::Rows, &fates(&sent)).unwrap();
    send(&own, "b", 1, &sent);
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", path.display());
    }
    own.discard("b", Part::Rows).unwrap();
    // The same key the next time, and no other.
    let again = Place::open(&folder, None, [7; 16]).unwrap();
    is(
        &again.store(None).unwrap().unwrap(),
        again.key(),
        &Model::from([(1, Some([1; 3]))]),
    );
    let words = |place: Result<Place, _>| match place.and_then(|place| place.store(None)) {
        Ok(_) => panic!("it opens"),
        Err(error) => error.to_string(),
    };
    let other = words(Place::open(&folder, Some(SECRET), [7; 16]));
    assert!(other.contains("was written with another key"), "{other}");
    let other = words(Place::look(&folder, None, [8; 16]));
    assert!(
        other.contains("belongs to another tenant or data set"),
        "{other}"
    );
    fs::remove_file(folder.join("key")).unwrap();
    let gone = words(Place::open(&folder, None, [7; 16]));
    assert!(gone.contains("was written with another key"), "{gone}");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    assert!(Place::open(&folder, Some(SECRET), [7; 16]).is_err());
}

#[test]
fn memory_is_25_bytes_a_person() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(folder.path());
    let mut head = Head {
        marks: place.marks(),
        width: 1,
        ..Head::default()
    };
    head.marks.columns = [1; 16];
    let mut items = place.begin_items("a", Part::Rows, head).unwrap();
    let people = 200_000u32;
    for who in 0..people {
        let person = place.key().person(&who.to_le_bytes());
        items
            .push(What::Create, (person, 7), &[u64::from(who) + 1], b"sealed")
            .unwrap();
    }
    place.put_items(items, "a", Part::Rows).unwrap();
    place
        .commit("a", Part::Rows, &vec![Fate::Accepted; people as usize])
        .unwrap();
    let store = place.store(None).unwrap().unwrap();
    assert_eq!(store.people(), people as usize);
    let each = store.bytes() as f64 / f64::from(people);
    assert!(each <= 25.5, "{each}");
    for who in (0..people).step_by(97) {
        assert!(store.find(place.key().person(&who.to_le_bytes())).is_some());
        assert_eq!(
            store.find(place.key().person(&(who + people).to_le_bytes())),
            None
        );
    }
}

/// Texts of a small alphabet: the first is an empty cell.
const TEXTS: [&str; 4] = ["", "a", "b", "c"];

/// Key, two columns of which the second may be cleared.
type Cells = [usize; 2];

fn batch(rows: &[(u8, Cells)]) -> Batch {
    let mut batch = Batch::new(String::new(), 3);
    for _ in rows {
        batch.push_row(batch::Row {
            line: 0,
            start: 0,
            end: 0,
        });
    }
    for column in 0..3 {
        let text = |(key, cells): &(u8, Cells)| match column {
            0 => key.to_string(),
            column => TEXTS[cells[column - 1]].to_owned(),
        };
        let cells = rows.iter().map(|row| batch.append(&text(row), Kind::Text));
        let cells = cells.collect();
        batch.put_column(column, cells);
    }
    batch
}

/// A difference to the store of a place.
fn diff(place: Place, full: Option<Full>) -> Arc<Diff> {
    let store = place.store(None).unwrap().ok();
    let column = |name: &str, slot, tells_empty| Column {
        name: name.into(),
        slot,
        tells_empty,
        tells_missing: false,
        keeps_null: false,
    };
    let columns = vec![
        column("id", 0, false),
        column("kept", 1, false),
        column("cleared", 2, true),
    ];
    let baseline = Baseline {
        place,
        store,
        full,
        now: 1,
        is_part: false,
    };
    let key = KeyColumn {
        slot: 0,
        ignore_case: false,
    };
    Arc::new(Diff::new(
        Arc::new(baseline),
        columns,
        key,
        Marks::default(),
    ))
}

/// Sends a night's rows, and has all of them accepted. Returns what was sent of whom, with its action, and who is gone.
fn night(
    folder: &Path,
    run: &str,
    rows: &BTreeMap<u8, Cells>,
    full: Option<Full>,
) -> (Vec<String>, usize) {
    let diff = diff(place(folder), full);
    let rows: Vec<(u8, Cells)> = rows.iter().map(|(key, cells)| (*key, *cells)).collect();
    let place = &diff.baseline.place;
    let items = place.begin_items(run, Part::Rows, diff.head()).unwrap();
    let mut tally = Tally::new(diff.clone(), Some(items));
    let mut sent = Vec::new();
    for rows in rows.chunks(3) {
        let mut batch = batch(rows);
        let judged = diff.judge(&mut batch).unwrap();
        tally.absorb(&judged, &batch, &[]).unwrap();
        for (row, choice) in judged.choices.rows.iter().enumerate() {
            assert_eq!(choice.is_none(), batch.state(row) == RowState::Unchanged);
            let Some(choice) = choice else { continue };
            let columns = match &choice.columns {
                None => "all".to_owned(),
                Some(range) => format!("{:?}", &judged.choices.columns[range.clone()]),
            };
            sent.push(format!("{} {} {columns}", rows[row].0, choice.action));
        }
    }
    assert_eq!(rows.len() - sent.len(), tally.unchanged() as usize);
    let gone = tally.deletes().places;
    place
        .put_items(tally.into_items().unwrap(), run, Part::Rows)
        .unwrap();
    place
        .commit(run, Part::Rows, &vec![Fate::Accepted; sent.len()])
        .unwrap();
    let mut items = place
        .begin_items(run, Part::Deletions, diff.head())
        .unwrap();
    for &at in &gone {
        let store = diff.store().unwrap();
        let key = store.key(at, place.key()).unwrap().unwrap();
        assert_eq!(place.key().person(&key[1..]), store.person(at));
        items
            .push(What::Delete, (store.person(at), 0), &[0; 3], &[])
            .unwrap();
    }
    place.put_items(items, run, Part::Deletions).unwrap();
    place
        .commit(run, Part::Deletions, &vec![Fate::Accepted; gone.len()])
        .unwrap();
    (sent, gone.len())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// What is sent is what a map of what the server has says.
    #[test]
    fn the_difference_is_that_of_a_map(
        nights in prop::collection::vec(
            (prop::collection::btree_map(0u8..12, prop::array::uniform2(0usize..4), 0..12), prop::bool::weighted(0.2)),
            1..6,
        ),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut server: BTreeMap<u8, Cells> = BTreeMap::new();
        for (number, (rows, full)) in nights.iter().enumerate() {
            let mut expected = Vec::new();
            for (key, cells) in rows {
                let before = server.get(key);
                let mut after = *cells;
                // The first column keeps what it had where it becomes empty.
                if let (Some(before), 0) = (before, cells[0]) {
                    after[0] = before[0];
                }
                let picked: Vec<usize> = match before {
                    None => (0..2).filter(|at| cells[*at] > 0).collect(),
                    Some(before) => (0..2).filter(|at| after[*at] != before[*at]).collect(),
                };
                let picked: Vec<usize> = [0].into_iter().chain(picked.iter().map(|at| at + 1)).collect();
                match before {
                    _ if *full => expected.push(format!("{key} createOrUpdate all")),
                    None => expected.push(format!("{key} create {picked:?}")),
                    Some(_) if picked.len() == 1 => {}
                    Some(_) => expected.push(format!("{key} update {picked:?}")),
                }
                server.insert(*key, after);
            }
            let gone = server.len() - rows.len();
            server.retain(|key, _| rows.contains_key(key));
            let full = full.then_some(Full::NeverWhole);
            let found = night(folder.path(), &format!("r{number}"), rows, full);
            prop_assert_eq!(found, (expected, gone));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Without a difference only what an accepted run has sent counts, whenever somebody looks at it; and where the last
    /// accepted run has kept nothing, nothing does.
    #[test]
    fn guards_compare_with_the_last_accepted_run(
        nights in prop::collection::vec((items(), any::<bool>(), any::<bool>(), prop::bool::weighted(0.2)), 1..8),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("columns");
        let (mut model, mut last) = (None, None);
        for (night, (sent, accepted, looks, forgets)) in nights.iter().enumerate() {
            let place = place(&folder);
            // Right before a run, which takes in what was accepted.
            let found = place.accepted(last.as_deref()).unwrap();
            match (&model, found) {
                (Some(model), Ok(store)) => is(&store, place.key(), model),
                (None, Err(Lost::Missing)) => {}
                (model, found) => panic!("{model:?} {found:?}"),
            }
            let run = format!("r{night}");
            let sent: Vec<Sent> = sent
                .iter()
                .map(|(what, who, cells, _)| (*what, *who, *cells, Fate::Accepted))
                .collect();
            send(&place, &run, 1, &sent);
            if *accepted {
                last = Some(run);
                apply(model.get_or_insert_default(), &sent, true);
            }
            if *forgets {
                (model, last) = (None, None);
            }
            if *looks {
                let look = Place::look(&folder, Some(SECRET), [7; 16]).unwrap();
                match (&model, look.accepted(last.as_deref()).unwrap()) {
                    (Some(model), Ok(store)) => is(&store, place.key(), model),
                    (None, Err(Lost::Missing)) => {}
                    (model, found) => panic!("{model:?} {found:?}"),
                }
            }
        }
    }
}

/// A cell that is emptied after the comparison is compared as an empty one.
#[test]
fn a_cell_that_is_cleared_late() {
    let folder = tempfile::tempdir().unwrap();
    let rows: BTreeMap<u8, Cells> = (0..4).map(|key| (key, [1, 2])).collect();
    night(folder.path(), "r0", &rows, None);
    let diff = diff(place(folder.path()), None);
    // 0 and 2 are as they were, and 1 has another value.
    let mut batch = batch(&[(0, [1, 2]), (1, [3, 2]), (2, [1, 2])]);
    let mut judged = diff.judge(&mut batch).unwrap();
    diff.clear(&mut judged, &batch, &[(1, 1), (2, 2), (0, 1)]);
    let mut tally = Tally::new(diff, None);
    tally.absorb(&judged, &batch, &[]).unwrap();
    let columns = tally.changes(0).columns;
    let emptied: Vec<_> = columns
        .iter()
        .map(|column| (column.changed, column.emptied))
        .collect();
    assert_eq!(emptied, [(0, 0), (2, 2), (1, 1)]);
}
