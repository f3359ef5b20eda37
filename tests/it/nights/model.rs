//! What a data set must hold after a night, worked out without the program: the extract read, the plan made, the server's
//! answers, and what the store knows of them.

use std::collections::{BTreeMap, BTreeSet};

/// A person's values by column; what is empty is not there.
pub type Person = BTreeMap<&'static str, String>;
/// People by their key.
pub type People = BTreeMap<String, Person>;

/// The columns of an extract behind the key; the last one is what the filter looks at, and is not sent.
pub const COLUMNS: [&str; 4] = ["fullName", "salary", "note", "status"];
/// A number at the server.
const NUMBER: &str = "salary";
/// The one column that may be cleared.
const CLEARED: &str = "note";

/// How the server is where the contract says nothing.
#[derive(Clone, Copy, Debug)]
pub struct Server {
    pub tells_keys: bool,
    pub keeps_order: bool,
    pub noop_names: bool,
    pub failed_names: bool,
    pub create_updates: bool,
    pub update_creates: bool,
    pub delete_missing: bool,
}

/// What the pipeline does with who is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They stay.
    Keep,
    /// `implicit_delete`, with its `on_reject`.
    Implicit(&'static str),
    /// The difference.
    Delta,
}

/// An extract, row by row.
#[derive(Debug, Default)]
pub struct Extract {
    pub good: Vec<(String, Person)>,
    /// Keys of rejected rows.
    pub rejected: Vec<String>,
    /// Rejected rows whose key can't be trusted.
    pub keyless: usize,
    pub filtered: Vec<String>,
}

impl Extract {
    pub fn read(text: &str) -> Extract {
        let mut extract = Extract::default();
        let mut rows: Vec<(&str, Vec<&str>)> = Vec::new();
        for line in text.lines().skip(1) {
            let cells: Vec<&str> = line.split(',').collect();
            let [id, name, salary, note, status] = cells[..] else {
                extract.keyless += 1;
                continue;
            };
            match (id, status) {
                (id, "T") => extract.filtered.push(id.to_owned()),
                ("", _) => extract.keyless += 1,
                _ => rows.push((id, vec![name, salary, note])),
            }
        }
        let mut seen = BTreeSet::new();
        for (id, cells) in &rows {
            if !seen.insert(*id) {
                continue;
            }
            let same = rows.iter().filter(|row| row.0 == *id);
            let differs = same.clone().any(|row| row.1 != *cells);
            if differs || !cells[0].bytes().all(|byte| byte.is_ascii_lowercase()) {
                extract.rejected.push((*id).to_owned());
                continue;
            }
            let cells = COLUMNS.into_iter().zip(cells);
            let values = cells.filter(|(_, cell)| !cell.is_empty());
            let person = values.map(|(name, cell)| (name, (*cell).to_owned()));
            extract.good.push(((*id).to_owned(), person.collect()));
        }
        extract
    }

    /// Whether any row is rejected.
    pub fn has_rejects(&self) -> bool {
        self.keyless > 0 || !self.rejected.is_empty()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Create,
    Update,
    CreateOrUpdate,
    Noop,
    Delete,
}

/// What is sent of a person.
#[derive(Clone, Debug)]
pub struct Item {
    action: Action,
    id: String,
    values: Person,
    clears: bool,
    /// What the store has once it is accepted.
    known: Person,
}

impl Item {
    fn naming(action: Action, id: &str) -> Item {
        Item {
            action,
            id: id.to_owned(),
            values: Person::new(),
            clears: false,
            known: Person::new(),
        }
    }

    fn whole(id: &str, person: &Person, known: Person) -> Item {
        Item {
            values: person.clone(),
            clears: !person.contains_key(CLEARED),
            known,
            ..Item::naming(Action::CreateOrUpdate, id)
        }
    }
}

/// What a result says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    Accepted,
    Refused,
    /// The server has another idea of who is there.
    Otherwise,
}

/// Which of a run's imports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// The canary.
    First,
    #[default]
    Rows,
    Deletes,
}

/// An import.
#[derive(Clone, Debug, Default)]
pub struct Part {
    pub stage: Stage,
    pub items: Vec<Item>,
    /// Whether whom they do not name is deleted.
    pub implicit: bool,
    /// Whether it is everything.
    is_full: bool,
}

/// A run's imports, in their order.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    pub rows: Part,
    pub deletes: Part,
}

/// What the store knows of a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Known {
    person: Person,
    is_pending: bool,
}

impl Plan {
    /// Its imports, with a canary of so many rows before the others; where those that nobody names are deleted the others
    /// are all of them.
    pub fn parts(self, first: Option<usize>) -> Vec<Part> {
        let Plan {
            mut rows,
            mut deletes,
        } = self;
        deletes.stage = Stage::Deletes;
        let good = |item: &&Item| item.action != Action::Noop;
        let count = rows.items.iter().filter(good).count();
        let (Some(first), true) = (first, rows.implicit || Some(count) > first) else {
            return vec![rows, deletes];
        };
        let items = rows.items.iter().filter(good).take(first);
        let canary = Part {
            items: items.cloned().collect(),
            stage: Stage::First,
            ..Part::default()
        };
        if !rows.implicit {
            rows.items.drain(..first);
        }
        vec![canary, rows, deletes]
    }
}

/// Server and store.
#[derive(Clone, Debug)]
pub struct Model {
    pub server: Server,
    pub mode: Mode,
    pub held: People,
    store: BTreeMap<String, Known>,
    /// Whether the store is there, and has the results of a run that sent everything.
    is_whole: bool,
    /// Whether it was there, and is gone.
    pub is_lost: bool,
}

impl Model {
    pub fn new(server: Server, mode: Mode) -> Model {
        Model {
            server,
            mode,
            held: People::new(),
            store: BTreeMap::new(),
            is_whole: false,
            is_lost: false,
        }
    }

    /// Somebody has thrown the store away.
    pub fn lose_store(&mut self) {
        self.is_lost = true;
        self.store.clear();
        self.is_whole = false;
    }

    /// What a run sends of an extract. `keeps` says that who is filtered is kept at the target, `is_full` that it is time to
    /// send everything.
    pub fn plan(&self, extract: &Extract, keeps: bool, is_full: bool) -> Plan {
        if self.mode != Mode::Delta {
            return self.whole(extract);
        }
        let is_full = is_full || !self.is_whole;
        let mut plan = Plan::default();
        plan.rows.is_full = is_full;
        for (id, person) in &extract.good {
            let known = self.store.get(id);
            let item = match known.filter(|known| !known.is_pending) {
                // What the server has can't be told, so it has what is sent.
                None if known.is_some() || is_full => Some(Item::whole(id, person, person.clone())),
                None => Some(Item {
                    values: person.clone(),
                    known: person.clone(),
                    ..Item::naming(Action::Create, id)
                }),
                Some(known) if is_full => {
                    Some(Item::whole(id, person, after(&known.person, person)))
                }
                Some(known) => update(id, &known.person, person),
            };
            plan.rows.items.extend(item);
        }
        let mut seen: BTreeSet<&String> = extract.good.iter().map(|(id, _)| id).collect();
        seen.extend(&extract.rejected);
        if keeps {
            seen.extend(&extract.filtered);
        }
        if extract.keyless == 0 {
            let gone = self.store.keys().filter(|id| !seen.contains(id));
            let deletes = &mut plan.deletes.items;
            deletes.extend(gone.map(|id| Item::naming(Action::Delete, id)));
        }
        plan
    }

    fn whole(&self, extract: &Extract) -> Plan {
        let mut plan = Plan::default();
        let rows = &mut plan.rows;
        for (id, person) in &extract.good {
            rows.items.push(Item::whole(id, person, Person::new()));
        }
        if let Mode::Implicit(on_reject) = self.mode {
            let carries = on_reject == "carry_forward";
            rows.implicit = carries || !extract.has_rejects();
            if carries {
                let named = extract.rejected.iter();
                rows.items
                    .extend(named.map(|id| Item::naming(Action::Noop, id)));
            }
        }
        plan
    }

    /// An import: what becomes of the data set, and what the server says.
    pub fn import(&mut self, part: &Part) -> Vec<Said> {
        let mut named = BTreeSet::new();
        let mut said = Vec::new();
        for item in &part.items {
            let outcome = self.one(item);
            let names = match (outcome, item.action) {
                (_, Action::Noop) => self.server.noop_names,
                (Said::Accepted, _) => true,
                _ => self.server.failed_names,
            };
            if names {
                named.insert(item.id.clone());
            }
            said.push(outcome);
        }
        if part.implicit {
            self.held.retain(|id, _| named.contains(id));
        }
        said
    }

    fn one(&mut self, item: &Item) -> Said {
        let Server {
            create_updates,
            update_creates,
            delete_missing,
            ..
        } = self.server;
        let exists = self.held.contains_key(&item.id);
        let salary = item.values.get(NUMBER);
        if salary.is_some_and(|salary| salary.parse::<u32>().is_err()) {
            return Said::Refused;
        }
        match (item.action, exists) {
            (Action::Noop, _) => return Said::Accepted,
            (Action::Create, true) if !create_updates => return Said::Otherwise,
            (Action::Update, false) if !update_creates => return Said::Otherwise,
            (Action::Delete, false) if !delete_missing => return Said::Otherwise,
            (Action::Delete, _) => {
                self.held.remove(&item.id);
                return Said::Accepted;
            }
            _ => {}
        }
        let person = self.held.entry(item.id.clone()).or_default();
        person.extend(item.values.clone());
        if item.clears {
            person.remove(CLEARED);
        }
        Said::Accepted
    }

    /// Takes in what the server said of an import; without it nothing is known.
    pub fn take_in(&mut self, part: &Part, said: Option<&[Said]>) {
        if self.mode != Mode::Delta {
            return;
        }
        self.is_lost = false;
        self.is_whole |= part.is_full && said.is_some();
        // Whose a result is, is known by its key, or does not matter.
        let alike =
            |said: &&[Said]| part.stage == Stage::Deletes || said.iter().all(|one| *one == said[0]);
        let said = said.filter(|said| self.server.tells_keys || alike(said));
        for (at, item) in part.items.iter().enumerate() {
            let deletes = item.action == Action::Delete;
            match said.map(|said| said[at]) {
                Some(Said::Refused) => {}
                Some(_) if deletes => {
                    self.store.remove(&item.id);
                }
                Some(Said::Accepted) => {
                    let known = Known {
                        person: item.known.clone(),
                        is_pending: false,
                    };
                    self.store.insert(item.id.clone(), known);
                }
                Some(Said::Otherwise) | None => {
                    self.store.entry(item.id.clone()).or_default().is_pending = true;
                }
            }
        }
    }
}

/// What the server has of a person once it was told of the changes: that a value became empty, only of one column.
fn after(before: &Person, now: &Person) -> Person {
    let mut after = now.clone();
    for (name, value) in before.iter().filter(|(name, _)| **name != CLEARED) {
        after.entry(name).or_insert_with(|| value.clone());
    }
    after
}

/// What is sent of somebody who has changed, if there is anything to be said.
fn update(id: &str, before: &Person, now: &Person) -> Option<Item> {
    let differs = |(name, value): &(&&'static str, &String)| before.get(*name) != Some(*value);
    let changed = now.iter().filter(differs);
    let values: Person = changed
        .map(|(name, value)| (*name, value.clone()))
        .collect();
    let clears = before.contains_key(CLEARED) && !now.contains_key(CLEARED);
    (clears || !values.is_empty()).then(|| Item {
        values,
        clears,
        known: after(before, now),
        ..Item::naming(Action::Update, id)
    })
}
