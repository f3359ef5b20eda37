//! What is kept from one run to the next, as it is found again when files were damaged meanwhile.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rostream::internals::delta::head::{Head, Marks};
use rostream::internals::delta::items::What;
use rostream::internals::delta::merge::Fate;
use rostream::internals::delta::place::{Part, Place};
use rostream::internals::delta::store::{Row, Store};
use rostream::internals::state::{Entry, Folder};

/// Bytes, one by one; zeros where they have ended.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn next(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    fn below(&mut self, end: u8) -> u8 {
        self.next() % end
    }

    /// A place among so many.
    fn at(&mut self, end: usize) -> usize {
        let at = usize::from(self.next()) << 8 | usize::from(self.next());
        at % end.max(1)
    }
}

/// Hashes of the cells of a person.
type Cells = [u64; 2];

/// What an item asks for, of whom, with which values, and what becomes of it.
type Sent = (What, u8, Cells, Fate);

/// What is known of people: their cells, or that it is not known what they are.
type People = BTreeMap<u8, Option<Cells>>;

/// What the store may say: who is at the target, in which columns.
#[derive(Default)]
struct Model {
    people: People,
    marks: (u8, u8),
    /// A damaged file is lost, and what stood in it: there may be fewer people in the store.
    may_lack: bool,
}

/// What a night sent: the name of its run, its marks (columns, and what people are told apart by), its items.
#[derive(Clone)]
struct Night {
    run: String,
    marks: (u8, u8),
    sent: Vec<Sent>,
    /// Whether it is known what became of them.
    told: bool,
}

const SECRET: &[u8] = b"a secret of sixteen bytes";

fn sent(choices: &mut Choices<'_>) -> Vec<Sent> {
    let mut all: Vec<Sent> = Vec::new();
    for _ in 0..choices.below(8) {
        let (how, cells) = (choices.next(), choices.next());
        let what = [What::Create, What::Update, What::Whole, What::Delete];
        let fate = [
            Fate::Accepted,
            Fate::Refused,
            Fate::Unknown,
            Fate::Contradicted,
        ];
        let who = how & 15;
        // A body names a person once.
        if all.iter().all(|sent| sent.1 != who) {
            let cells = [u64::from(cells & 3), u64::from(cells >> 2)];
            let (what, fate) = (what[usize::from(how >> 4 & 3)], fate[usize::from(how >> 6)]);
            all.push((what, who, cells, fate));
        }
    }
    all
}

fn put(place: &Place, night: &Night) {
    let (columns, identity) = night.marks;
    let head = Head {
        marks: Marks {
            columns: [columns; 16],
            identity: [identity; 16],
            ..place.marks()
        },
        width: 2,
        ..Head::default()
    };
    let items = place.begin_items(&night.run, Part::Rows, head);
    let mut items = items.expect("a file for items");
    for (what, who, cells, _) in &night.sent {
        let mut sealed = Vec::new();
        place.key().seal(&[*who], &mut sealed);
        let person = place.key().person(&[*who]);
        let content = place.key().row(cells, &mut Vec::new());
        let whose = (person, content);
        items.push(*what, whose, cells, &sealed).expect("an item");
    }
    place
        .put_items(items, &night.run, Part::Rows)
        .expect("items");
}

impl Model {
    /// Takes in what some nights sent, of which the last one says what people and columns are.
    fn merge(&mut self, nights: &[Night]) {
        let Some(last) = nights.last() else {
            return;
        };
        let is_same = |night: &Night| night.marks.1 == last.marks.1;
        if self.marks.1 != last.marks.1 {
            self.people.clear();
        }
        if self.marks.0 != last.marks.0 || !nights.iter().all(is_same) {
            self.people.values_mut().for_each(|known| *known = None);
        }
        self.marks = last.marks;
        for night in nights.iter().filter(|night| is_same(night)) {
            for &(what, who, cells, fate) in &night.sent {
                match (if night.told { fate } else { Fate::Unknown }, what) {
                    (Fate::Refused, _) => {}
                    (Fate::Accepted | Fate::Contradicted, What::Delete) => {
                        self.people.remove(&who);
                    }
                    (Fate::Unknown, What::Delete) => {
                        self.people.entry(who).and_modify(|known| *known = None);
                    }
                    (fate, _) => {
                        let known = fate == Fate::Accepted && night.marks.0 == last.marks.0;
                        self.people.insert(who, known.then_some(cells));
                    }
                }
            }
        }
    }

    /// A store says no more than what is known: whoever it has is at the target, and may be deleted by name; what it has
    /// of them is what the server has.
    fn allows(&self, store: &Store, place: &Place, damaged: bool) {
        let (mut cells, mut bytes) = (Vec::new(), Vec::new());
        let mut found = 0;
        for who in 0..16 {
            let Some(at) = store.find(place.key().person(&[who])) else {
                let lacks = self.people.contains_key(&who);
                assert!(!lacks || self.may_lack, "{who} is not in the store");
                continue;
            };
            found += 1;
            let Some(expected) = self.people.get(&who) else {
                panic!("{who} is not at the target, and would be deleted");
            };
            match store.key(at, place.key()) {
                Ok(Some(key)) => assert_eq!(key, [who], "another would be deleted"),
                Ok(None) | Err(_) => assert!(damaged, "a key that does not open"),
            }
            let Row::Known(hash) = store.row(at) else {
                assert!(
                    damaged || self.may_lack || expected.is_none(),
                    "{who} was known"
                );
                continue;
            };
            let expected = expected.expect("what nobody knows is known");
            assert_eq!(hash, place.key().row(&expected, &mut bytes));
            let read = store.cells(at, &mut cells, &mut bytes);
            // Cells that are not those of the row are not looked at.
            if read.is_ok() && place.key().row(&cells, &mut bytes) == hash {
                assert_eq!(cells, expected);
            }
        }
        assert_eq!(store.people(), found, "people that nobody knows");
    }
}

/// Damages a file as disks do.
fn damage(path: &Path, choices: &mut Choices<'_>) {
    let mut bytes = fs::read(path).expect("a file");
    if bytes.is_empty() {
        return;
    }
    let at = choices.at(bytes.len());
    let end = bytes.len().min(at + 1 + choices.at(64));
    match choices.below(5) {
        0 => bytes[at] ^= choices.next().max(1),
        1 => bytes.truncate(at),
        2 => bytes[at..end].fill(0),
        3 => bytes.extend_from_within(at..end),
        _ => {
            let part = bytes[at..end].to_vec();
            let to = choices.at(bytes.len() - part.len() + 1);
            bytes[to..][..part.len()].copy_from_slice(&part);
        }
    }
    fs::write(path, bytes).expect("a file");
}

/// A folder of this process alone, which is empty.
fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("rostream-fuzz-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// The store of a difference: whatever was damaged in its folder, nobody is in it who is not at the target, and nothing
/// that the server does not have.
pub fn store(data: &[u8]) {
    let mut choices = Choices(data);
    let folder = folder("store");
    let mut model = Model::default();
    // Nights whose results are not taken in.
    let mut open: Vec<Night> = Vec::new();
    let mut damaged = false;
    for number in 0..1 + choices.below(4) {
        let place = Place::open(&folder, Some(SECRET), [7; 16]).expect("a folder");
        // The last of those may be repeated, as if it had not been.
        let repeated = open.last().filter(|_| choices.below(2) == 0).cloned();
        match place.store(repeated.as_ref().map(|night| &*night.run)) {
            Ok(Ok(store)) => {
                open.truncate(open.len() - usize::from(repeated.is_some()));
                model.merge(&open);
                open = repeated.into_iter().collect();
                model.allows(&store, &place, damaged);
            }
            Ok(Err(_)) => model.may_lack |= damaged,
            Err(error) => return assert!(damaged, "{error}"),
        }
        let mut night = Night {
            run: format!("r{number}"),
            marks: [(0, 0), (0, 0), (1, 0), (0, 1)][usize::from(choices.below(4))],
            sent: sent(&mut choices),
            told: choices.below(4) > 0,
        };
        put(&place, &night);
        let fates: Vec<Fate> = night.sent.iter().map(|sent| sent.3).collect();
        if night.told {
            // What is damaged now was not when the run began: fewer are known from here on.
            model.may_lack |= damaged;
            match place.commit(&night.run, Part::Rows, &fates) {
                Ok(()) => {
                    open.push(night);
                    model.merge(&std::mem::take(&mut open));
                }
                // Nobody knows what became of them, then.
                Err(error) => {
                    assert!(damaged, "{error}");
                    night.told = false;
                    open.push(night);
                }
            }
        } else {
            open.push(night);
        }
        if choices.below(2) == 0 {
            let listed = fs::read_dir(&folder).expect("a folder");
            let files = listed.map(|entry| entry.expect("a file").path());
            let mut files: Vec<PathBuf> = files.filter(|path| path.is_file()).collect();
            files.sort();
            damage(&files[choices.at(files.len())], &mut choices);
            damaged = true;
        }
    }
}

/// The file of a run in the state folder: it is read and says the same when it is written again, or it is an error that
/// names the file.
pub fn ledger(data: &[u8]) {
    let folder = folder("ledger");
    fs::write(folder.join("run-r.json"), data).expect("a file");
    let entries = match Folder::new(&folder).entries() {
        Ok(entries) => entries,
        Err(error) => return assert!(error.to_string().contains("run-r.json"), "{error}"),
    };
    for entry in entries {
        let text = serde_json::to_string(&entry).expect("an entry");
        let again: Entry = serde_json::from_str(&text).expect("an entry");
        assert_eq!(serde_json::to_string(&again).expect("an entry"), text);
        let counts = &entry.counts;
        let most = u128::from(counts.read) + u128::from(counts.carried);
        assert!(counts.check().is_err() || u128::from(counts.named()) <= most);
        assert!(!entry.today().to_string().is_empty());
        assert!(!entry.went_well() || entry.ended.is_some());
        let token = "a-token-of-0.1".into();
        match entry.open_ticket(&token) {
            Ok(ticket) => assert_eq!(ticket.is_some(), entry.ticket.is_some()),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}
