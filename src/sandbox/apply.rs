//! What an import does to the data set, item by item: actions, identifiers, values.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::dataset::{Dataset, Item, Key, KeyKind, key_text, object, properties, quoted, upper};
use super::error::ApiError;
use super::options::{Meaning, PropertyKind, SandboxSettings, UnknownProperty};
use super::params::{IdentifyBy, ImportParams};
use super::payload::{Cell, Format, Row};

/// The actions of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Create,
    Update,
    Replace,
    Delete,
    Noop,
    CreateOrUpdate,
    CreateOrReplace,
}

impl Action {
    /// Exactly as written: the documentation shows no other case.
    fn parse(word: &str) -> Option<Action> {
        Some(match word {
            "create" => Action::Create,
            "update" => Action::Update,
            "replace" => Action::Replace,
            "delete" => Action::Delete,
            "noop" => Action::Noop,
            "createOrUpdate" => Action::CreateOrUpdate,
            "createOrReplace" => Action::CreateOrReplace,
            _ => return None,
        })
    }
}

/// What becomes of one property.
enum Change<'a> {
    /// This JSON text.
    Set(Cow<'a, str>),
    Clear,
    Keep,
}

/// Changes by name, in the payload's order.
type Changes<'a> = Vec<(Cow<'a, str>, Change<'a>)>;

/// One import at work.
pub(super) struct Applier {
    settings: Arc<SandboxSettings>,
    kinds: Option<HashMap<String, PropertyKind>>,
    params: ImportParams,
    key: KeyKind,
    /// Whether one key may mean several items.
    many: bool,
    /// Taken where items carry no `_action`: for the items of the start.
    default_action: Option<Action>,
    /// Places of the data set that the payload named: `implicitDelete` leaves them alone.
    named: Vec<bool>,
    /// What places held before, where one failure undoes everything.
    journal: Option<Vec<(u32, Option<Item>)>>,
    /// Items seen.
    pub items: u64,
    /// The first item that failed.
    pub failure: Option<ApiError>,
}

impl Applier {
    /// An import into a data set. Indexes it, which takes a while.
    pub(crate) fn new(
        settings: Arc<SandboxSettings>,
        params: ImportParams,
        dataset: &mut Dataset,
    ) -> Applier {
        let (key, many) = match &params.identify_by {
            IdentifyBy::Id => (KeyKind::Id, false),
            IdentifyBy::AutoId => (KeyKind::Property((*settings.auto_id).into()), false),
            IdentifyBy::Key(name) => (KeyKind::Property((**name).into()), false),
            IdentifyBy::MergeKey(name) => (KeyKind::Property((**name).into()), true),
        };
        dataset.index_by(&key);
        let kinds = settings
            .properties
            .as_ref()
            .map(|all| all.iter().map(|p| (p.key.clone(), p.kind)).collect());
        let undoable =
            params.on_action_validation_failure.as_ref() == Some(&settings.transaction_word);
        Applier {
            kinds,
            key,
            many,
            default_action: None,
            named: vec![false; dataset.places()],
            journal: undoable.then(Vec::new),
            items: 0,
            failure: None,
            params,
            settings,
        }
    }

    /// For items without `_action`, which are then created.
    pub(crate) fn creating(mut self) -> Applier {
        self.default_action = Some(Action::Create);
        self
    }

    /// Whether one failed item undoes the import.
    pub(crate) fn is_transaction(&self) -> bool {
        self.journal.is_some()
    }

    /// Applies one item and returns its result as JSON.
    pub(crate) fn apply(&mut self, dataset: &mut Dataset, row: Row<'_>) -> Vec<u8> {
        self.items += 1;
        let mut answer = Answer::default();
        let outcome = self.try_apply(dataset, row, &mut answer);
        let json = answer.write(outcome.as_ref().err());
        if let Err(error) = outcome {
            self.failure.get_or_insert(error);
        }
        json
    }

    fn try_apply(
        &mut self,
        dataset: &mut Dataset,
        row: Row<'_>,
        answer: &mut Answer,
    ) -> Result<(), ApiError> {
        let mut action = None;
        let mut id = None;
        let mut members = Vec::with_capacity(row.members.len());
        let mut names = HashSet::with_capacity(row.members.len());
        let mut fault = None;
        for (name, cell) in &row.members {
            if !names.insert(name) {
                fault.get_or_insert_with(|| {
                    failed("SandboxPropertyRepeated", "400906", name, "is there twice")
                });
            }
            match &**name {
                "_action" => action = Some(cell),
                "_id" if self.key == KeyKind::Id => id = Some(cell),
                _ => members.push((name, cell)),
            }
        }

        // The identifier first, so that even a failed item says which one it was.
        let key = self.identify(id, &members, row.format, answer);
        if let Some(Cell::Text(word, _)) = action {
            answer.action = Some(word.to_string());
        }
        let slots: Vec<u32> = match &key {
            Ok(Some(key)) => dataset.find(key).to_vec(),
            _ => Vec::new(),
        };
        let is_noop = matches!(action, Some(Cell::Text(word, _)) if word == "noop");
        if self.settings.failed_names && !is_noop {
            self.name(&slots);
        }
        if let Some(item) = slots.first().and_then(|slot| dataset.get(*slot)) {
            answer.id = Some(upper(item.id));
        }

        let action = match (action, self.default_action) {
            (None, Some(action)) => action,
            (Some(Cell::Text(word, _)), _) if word.is_empty() => return Err(missing_action()),
            (None | Some(Cell::Null), _) => return Err(missing_action()),
            (Some(Cell::Text(word, _)), _) => Action::parse(word).ok_or_else(unknown_action)?,
            (Some(Cell::Raw(_)), _) => return Err(unknown_action()),
        };
        if let Some(fault) = fault {
            return Err(fault);
        }
        let key = key?;
        if slots.len() > 1 && !self.many {
            return Err(ApiError::new(
                "SandboxIdentifierNotUnique",
                "409902",
                "Several items of the data set have this identifier",
            ));
        }
        let changes = self.changes(&members, action, row.format)?;

        let settings = self.settings.clone();
        let creates = match action {
            Action::Create | Action::CreateOrUpdate | Action::CreateOrReplace => true,
            Action::Update => settings.update_creates && key.is_some(),
            Action::Replace | Action::Delete | Action::Noop => false,
        };
        match (action, key, slots.is_empty()) {
            // Only `_id` is made by the server; every other identifier comes with the item.
            (_, key, true) if creates => {
                let id = match key {
                    Some(Key::Id(id)) => id,
                    Some(Key::Text(_)) => Uuid::new_v4(),
                    None if self.key == KeyKind::Id => Uuid::new_v4(),
                    None => return Err(missing_identifier()),
                };
                let key = key.unwrap_or(Key::Id(id));
                answer.id = Some(upper(id));
                let json = changed(None, changes, false);
                let slot = dataset.insert(Item { id, json }, &key);
                self.named.push(true);
                self.note(slot, None);
            }
            (_, None, _) => return Err(missing_identifier()),
            (Action::Noop, ..) => {}
            (Action::Create, _, false) if !settings.create_updates => {
                return Err(ApiError::new(
                    "SandboxItemExists",
                    "409901",
                    "An item with this identifier exists",
                ));
            }
            (Action::Delete, _, true) if settings.delete_missing => {}
            (Action::Update | Action::Replace | Action::Delete, _, true) => {
                return Err(ApiError::new(
                    "SandboxItemNotFound",
                    "404903",
                    "No item has this identifier",
                ));
            }
            (Action::Delete, ..) => {
                for &slot in &slots {
                    let old = dataset.remove(slot);
                    self.note(slot, old);
                }
            }
            (Action::Create | Action::Update | Action::CreateOrUpdate, ..) => {
                self.change(dataset, &slots, changes, true);
            }
            (Action::Replace | Action::CreateOrReplace, ..) => {
                self.change(dataset, &slots, changes, false);
            }
        }
        if !is_noop || settings.noop_names {
            self.name(&slots);
        }
        Ok(())
    }

    /// `implicitDelete` leaves these alone.
    fn name(&mut self, slots: &[u32]) {
        for slot in slots {
            self.named[*slot as usize] = true;
        }
    }

    fn change(&mut self, dataset: &mut Dataset, slots: &[u32], changes: Changes<'_>, keep: bool) {
        // Several items can change at once only with `mergeKey`.
        let mut changes = Some(changes);
        for (n, slot) in slots.iter().enumerate() {
            let Some(item) = dataset.get(*slot) else {
                continue;
            };
            let mine = if n + 1 == slots.len() {
                changes.take().unwrap_or_default()
            } else {
                changes.iter().flatten().map(copied).collect()
            };
            let json = changed(Some(&item.json), mine, keep);
            let old = dataset.replace(*slot, json);
            self.note(*slot, old);
        }
    }

    fn note(&mut self, slot: u32, old: Option<Item>) {
        if let Some(journal) = &mut self.journal {
            journal.push((slot, old));
        }
    }

    /// What the item is found by; nothing where it states no `_id`.
    fn identify(
        &self,
        id: Option<&Cell<'_>>,
        members: &[(&Cow<'_, str>, &Cell<'_>)],
        format: Format,
        answer: &mut Answer,
    ) -> Result<Option<Key>, ApiError> {
        match &self.key {
            KeyKind::Id => match id {
                None | Some(Cell::Null) => Ok(None),
                Some(Cell::Text(text, _)) if text.is_empty() => Ok(None),
                Some(Cell::Text(text, _)) => match Uuid::try_parse(text) {
                    Ok(id) => {
                        answer.id = Some(upper(id));
                        Ok(Some(Key::Id(id)))
                    }
                    Err(_) => Err(invalid_id()),
                },
                Some(Cell::Raw(_)) => Err(invalid_id()),
            },
            KeyKind::Property(name) => {
                let Some((name, cell)) = members.iter().find(|(n, _)| ***n == **name) else {
                    return Err(missing_identifier());
                };
                let Change::Set(raw) = self.value(name, cell, format)? else {
                    return Err(missing_identifier());
                };
                if self.settings.echo_identifier {
                    answer.identifier = Some((quoted(name), raw.clone().into_owned()));
                }
                match key_text(&raw) {
                    Some(text) if !text.is_empty() => Ok(Some(Key::Text(text.into()))),
                    _ => Err(missing_identifier()),
                }
            }
        }
    }

    /// What the members ask for, where the action uses them; their names are checked in any case.
    fn changes<'a>(
        &self,
        members: &[(&'a Cow<'a, str>, &'a Cell<'a>)],
        action: Action,
        format: Format,
    ) -> Result<Changes<'a>, ApiError> {
        let uses_values = !matches!(action, Action::Delete | Action::Noop);
        let mut changes = Vec::with_capacity(members.len());
        for (name, cell) in members {
            if name.starts_with('_') || name.is_empty() {
                return Err(failed(
                    "SandboxPropertyReserved",
                    "400905",
                    name,
                    "is the system's own",
                ));
            }
            if let Some(kinds) = &self.kinds
                && !kinds.contains_key(&***name)
                && self.settings.unknown_property == UnknownProperty::Fail
            {
                return Err(failed(
                    "SandboxPropertyUnknown",
                    "400904",
                    name,
                    "is not one of the data set's",
                ));
            }
            if uses_values {
                let change = self.value(name, cell, format)?;
                changes.push((Cow::Borrowed(&***name), change));
            }
        }
        Ok(changes)
    }

    /// What one value means.
    fn value<'a>(
        &self,
        name: &str,
        cell: &'a Cell<'a>,
        format: Format,
    ) -> Result<Change<'a>, ApiError> {
        let absent = |meaning: Meaning, as_it_is: &'static str| match meaning {
            Meaning::NoChange => Change::Keep,
            Meaning::Clear => Change::Clear,
            Meaning::Keep => Change::Set(as_it_is.into()),
        };
        if let Cell::Text(text, _) = cell {
            if format == Format::Csv || self.settings.tokens_in_json {
                if self.params.noop_token.as_deref() == Some(&**text) {
                    return Ok(Change::Keep);
                }
                if self.params.clear_tokens.iter().any(|token| token == text) {
                    return Ok(Change::Clear);
                }
            }
            if format == Format::Csv && text.is_empty() {
                return Ok(absent(self.settings.empty_cell, "\"\""));
            }
        }
        let kind = self
            .kinds
            .as_ref()
            .and_then(|kinds| kinds.get(name))
            .copied()
            .unwrap_or(PropertyKind::Text);
        let wrong = |expected| failed("SandboxPropertyTypeInvalid", "400907", name, expected);
        let raw = match (kind, cell) {
            (_, Cell::Null) => return Ok(absent(self.settings.json_null, "null")),
            (PropertyKind::Text, Cell::Text(_, Some(raw)) | Cell::Raw(raw)) => Cow::Borrowed(*raw),
            (PropertyKind::Text, Cell::Text(text, None)) => Cow::Owned(quoted(text)),
            (PropertyKind::Number, Cell::Raw(raw)) if is_number(raw) => Cow::Borrowed(*raw),
            (PropertyKind::Number, Cell::Text(text, _)) if is_number(text) => {
                Cow::Borrowed(&**text)
            }
            (PropertyKind::Number, _) => return Err(wrong("is not a number")),
            (PropertyKind::Boolean, Cell::Raw(raw @ ("true" | "false"))) => Cow::Borrowed(*raw),
            (PropertyKind::Boolean, Cell::Text(text, _)) if matches!(&**text, "true" | "false") => {
                Cow::Borrowed(&**text)
            }
            (PropertyKind::Boolean, _) => return Err(wrong("is neither true nor false")),
            (PropertyKind::Date, Cell::Text(text, _)) => self
                .params
                .date_format
                .to_iso(text)
                .map(|date| Cow::Owned(quoted(&date)))
                .ok_or_else(|| wrong("is not a date of the stated format"))?,
            (PropertyKind::Date, Cell::Raw(_)) => {
                return Err(wrong("is not a date of the stated format"));
            }
        };
        Ok(Change::Set(raw))
    }

    /// Deletes what the payload didn't name. Returns the results of it, should anyone ask.
    pub(crate) fn delete_unnamed(&mut self, dataset: &mut Dataset) -> Vec<Vec<u8>> {
        let mut results = Vec::new();
        for slot in 0..self.named.len() {
            if self.named[slot] {
                continue;
            }
            let Some(item) = dataset.remove(slot as u32) else {
                continue;
            };
            if self.settings.implicit_delete_results {
                let answer = Answer {
                    id: Some(upper(item.id)),
                    action: Some("delete".into()),
                    identifier: None,
                };
                results.push(answer.write(None));
            }
            self.note(slot as u32, Some(item));
        }
        results
    }

    /// Undoes everything, where the import is a transaction.
    pub(crate) fn roll_back(&mut self, dataset: &mut Dataset) {
        if let Some(journal) = self.journal.take() {
            dataset.roll_back(journal);
        }
    }
}

/// What the result says of the item.
#[derive(Default)]
struct Answer {
    id: Option<String>,
    action: Option<String>,
    /// Name and value of the identifying property, both as JSON.
    identifier: Option<(String, String)>,
}

impl Answer {
    fn write(&self, error: Option<&ApiError>) -> Vec<u8> {
        let mut members = Vec::with_capacity(5);
        if let Some(id) = &self.id {
            members.push(format!("\"_id\":\"{id}\""));
        }
        if let Some((name, value)) = &self.identifier {
            members.push(format!("{name}:{value}"));
        }
        if let Some(action) = &self.action {
            members.push(format!("\"_action\":{}", quoted(action)));
        }
        match error {
            None => members.push("\"_status\":\"success\"".into()),
            Some(error) => {
                members.push("\"_status\":\"failed\"".into());
                if let Ok(error) = serde_json::to_string(error) {
                    members.push(format!("\"errors\":[{error}]"));
                }
            }
        }
        format!("{{{}}}", members.join(",")).into_bytes()
    }
}

/// An item's properties after changes. Without `keep` what the changes don't name is gone.
fn changed(old: Option<&str>, changes: Changes<'_>, keep: bool) -> Box<str> {
    let Some(old) = old else {
        // A new item: names are known to be different, so nothing needs to be looked up.
        return object(changes.iter().filter_map(|(name, change)| match change {
            Change::Set(raw) => Some((&**name, &**raw)),
            Change::Clear | Change::Keep => None,
        }));
    };
    let mut old = properties(old);
    let mut new = if keep {
        std::mem::take(&mut old)
    } else {
        IndexMap::with_capacity(changes.len())
    };
    for (name, change) in changes {
        match change {
            Change::Set(raw) => {
                new.insert(name, raw);
            }
            Change::Clear => {
                new.shift_remove(&name);
            }
            Change::Keep => {
                // A replaced item keeps this value, as the payload says.
                if let Some(raw) = old.swap_remove(&name) {
                    new.insert(name, raw);
                }
            }
        }
    }
    object(new.iter().map(|(name, raw)| (&**name, &**raw)))
}

fn copied<'a>((name, change): &'a (Cow<'_, str>, Change<'_>)) -> (Cow<'a, str>, Change<'a>) {
    let change = match change {
        Change::Set(raw) => Change::Set(Cow::Borrowed(raw)),
        Change::Clear => Change::Clear,
        Change::Keep => Change::Keep,
    };
    (Cow::Borrowed(name), change)
}

/// Whether text is a number in JSON's grammar, with nothing around it.
fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c == '-' || c.is_ascii_digit())
        && text.ends_with(|c: char| c.is_ascii_digit())
        && serde_json::from_str::<&RawValue>(text).is_ok()
}

fn failed(name: &'static str, code: &'static str, property: &str, fault: &str) -> ApiError {
    ApiError {
        property: Some(property.to_owned()),
        ..ApiError::new(name, code, format!("The property {property} {fault}"))
    }
}

fn missing_action() -> ApiError {
    ApiError::new("SandboxActionMissing", "400901", "The item has no _action")
}

fn unknown_action() -> ApiError {
    ApiError::new(
        "SandboxActionUnknown",
        "400902",
        "The item's _action is none of create, update, replace, delete, noop, createOrUpdate, createOrReplace",
    )
}

fn missing_identifier() -> ApiError {
    ApiError::new(
        "SandboxIdentifierMissing",
        "400903",
        "The item has no identifier",
    )
}

fn invalid_id() -> ApiError {
    ApiError::new(
        "SandboxIdentifierInvalid",
        "400908",
        "The item's _id is not a UUID",
    )
}
