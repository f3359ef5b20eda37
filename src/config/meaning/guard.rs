//! What the section `guard` means, and whether its limits can be held.

use super::Meaning;
use crate::guard::limit::LimitSpec;
use crate::guard::spec::{
    GuardSpec, ImplicitDelete, LeaversSpec, MinRowsSpec, OnExceed, OnReject, RelativeSpec,
};
use crate::orgvue::spec::{Action, ActionSpec, IdentifySpec, ImportSpec};
use crate::rule::KeySpec;
use crate::settings::units::Amount;
use crate::upload::spec::{Length, UploadSpec};

/// What to do where a guard needs to know what every item was before.
const NEEDS_ITEMS: &str =
    "leave it out, or state an `action` that says of every row what it asks for";

impl Meaning<'_> {
    /// A limit that is written down, and says nothing, would limit nothing.
    pub(super) fn guards(
        &mut self,
        guard: &GuardSpec,
        rejects: Option<Amount>,
        refused: Option<Amount>,
    ) {
        let nothing = [
            ("guard.min_rows", guard.min_rows.is_none()),
            ("rejects.at_most", rejects.is_none()),
            ("refused.at_most", refused.is_none()),
        ];
        for (path, is_none) in nothing {
            if is_none && self.places.contains(path) {
                self.problem(
                    path,
                    "expected a limit, found nothing",
                    "state it, or leave the line out",
                );
            }
        }
        if guard.min_rows == Some(MinRowsSpec::Relative(RelativeSpec::default())) {
            self.problem(
                "guard.min_rows",
                "expected `first` or `of_last`, found neither",
                "such as `min_rows: { first: 5000, of_last: 90% }`",
            );
        }
    }

    /// The limits on what becomes of people: whether they are limits, and whether they can be held with what is stated.
    pub(super) fn changes(
        &mut self,
        guard: &GuardSpec,
        target: &str,
        import: &ImportSpec,
        key: Option<&KeySpec>,
    ) {
        for (path, limit) in limits(guard) {
            if let Some((message, help)) = limit.check() {
                self.problem(&path, message, help);
            }
        }
        for name in ["max_delete", "max_create", "max_update", "max_emptied"] {
            let path = format!("guard.{name}");
            if self.places.contains(&path) && !limits(guard).any(|(known, _)| known == path) {
                self.problem(
                    &path,
                    "expected a limit, found nothing",
                    "state it, or leave the line out",
                );
            }
        }
        if let Some(leavers) = &guard.leavers {
            self.leavers(leavers, guard);
        }
        let unknown = import.action.leaves_it_open();
        if guard.max_update.is_some() && unknown {
            self.problem(
                "guard.max_update",
                "how many people are changed is not known: `createOrUpdate` leaves it to the server what is new",
                NEEDS_ITEMS,
            );
        }
        let compared = import.action.delta().is_some();
        for name in guard.max_change.keys().filter(|_| key.is_none()) {
            self.problem(
                &format!("guard.max_change.{name}"),
                "in how many people a column changes is not known without `validate.key`: people are compared by it",
                "name the column that identifies people: `validate: { key: employeeID }`",
            );
        }
        let deletes = import.implicit_delete.is_on()
            || compared
            || guard.leavers.is_some()
            || matches!(
                import.action,
                ActionSpec::Constant(Action::Delete) | ActionSpec::Column { .. }
            );
        if guard.max_delete.is_some() && !deletes && self.is_whole(target) {
            self.warning(
                "guard.max_delete",
                "nothing here deletes anybody, so that this limits nothing",
                "where leavers are still sent, say how their rows are known: `leavers: { column: status, values: [Terminated] }`",
            );
        }
        if guard.on_exceed == OnExceed::WithholdDeletes && guard.max_delete.is_none() {
            self.problem(
                "guard.on_exceed",
                "`withhold_deletes` is what becomes of a run that exceeds `max_delete`, and that is not stated",
                "state `max_delete`, or leave `on_exceed` out",
            );
        }
        if compared && guard.max_delete.is_none() && self.is_whole(target) {
            self.warning(
                &format!("{target}.action"),
                "a difference deletes who is gone, and `guard.max_delete` is not stated: ids that are written in another way make \
                 everybody somebody else",
                "state how many may go, such as `guard: { max_delete: 2% }`; without it a run is stopped where more than half \
                 would",
            );
        }
        self.carry_forward(target, import, key);
    }

    fn leavers(&mut self, leavers: &LeaversSpec, guard: &GuardSpec) {
        if leavers.column.is_empty() {
            self.problem(
                "guard.leavers.column",
                "expected a column, found empty text",
                "",
            );
        }
        if leavers.values.is_empty() {
            self.problem(
                "guard.leavers.values",
                "expected at least one value that says that somebody has left",
                "such as `values: [Terminated]`",
            );
        }
        if guard.max_delete.is_none() {
            self.warning(
                "guard.leavers",
                "leavers count in `max_delete`, and that is not stated",
                "state it, such as `max_delete: 2%`",
            );
        }
    }

    /// Whether rows at fault can be named in the upload all the same.
    fn carry_forward(&mut self, target: &str, import: &ImportSpec, key: Option<&KeySpec>) {
        if import.implicit_delete != ImplicitDelete::On(OnReject::CarryForward) {
            return;
        }
        let path = format!("{target}.implicit_delete");
        self.warning(
            &path,
            "what a `noop` names is not documented: whether the server keeps people who are carried forward is not proven",
            "try it on a data set of your own; `on_reject: turn_off` never deletes a person whose row is at fault",
        );
        let same = match (&import.identify_by, key) {
            (Some(IdentifySpec::IdKey(by)), Some(key)) => *by == key.column,
            _ => false,
        };
        if !same && self.is_whole(target) && self.is_whole("validate") {
            self.problem(
                &path,
                "`carry_forward` names people by their key: `identify_by: { id_key: NAME }` and `validate.key` have to be the \
                 same column",
                "state both, or write `on_reject: turn_off`",
            );
        }
    }

    /// What is on its way can't be held back.
    pub(super) fn withholds(&mut self, guard: &GuardSpec, upload: &UploadSpec) {
        if guard.on_exceed == OnExceed::WithholdDeletes && upload.length == Some(Length::Chunked) {
            self.problem(
                "guard.on_exceed",
                "`upload.length: chunked` sends rows before it is known how many delete somebody, so that none can be \
                 withheld",
                "leave `upload.length` out, or write `on_exceed: stop`",
            );
        }
    }
}

/// Every limit on what becomes of people, with its path.
fn limits(guard: &GuardSpec) -> impl Iterator<Item = (String, LimitSpec)> {
    let people = [
        ("guard.max_delete", guard.max_delete),
        ("guard.max_create", guard.max_create),
        ("guard.max_update", guard.max_update),
        ("guard.max_emptied", guard.max_emptied),
    ];
    let people = people
        .into_iter()
        .filter_map(|(path, limit)| Some((path.to_owned(), limit?)));
    let columns = guard.max_change.iter();
    people.chain(columns.map(|(name, limit)| (format!("guard.max_change.{name}"), *limit)))
}
