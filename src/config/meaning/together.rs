//! What the settings of several sections mean together.

use super::Meaning;
use super::target::Aim;
use crate::config::pipeline::{Source, Target};
use crate::config::spec::PipelineSpec;
use crate::guard::spec::{ImplicitDelete, OnReject};
use crate::stage::StageSpec;
use crate::text::dates::Zone;
use crate::upload::spec::Length;

impl Meaning<'_> {
    /// What is done to the rows, and what they must satisfy.
    pub(super) fn rows(
        &mut self,
        spec: &PipelineSpec,
        source: Option<&Source>,
        time_zone: Option<&Zone>,
    ) {
        if spec.validate.key_column() == Some("") {
            self.problem("validate.key", "expected a column, found empty text", "");
        }
        for problem in spec.validate.check() {
            self.problem(&problem.path.join("."), problem.message, "");
        }
        if spec.as_of.is_none() && self.places.contains("as_of") {
            self.problem("as_of", "expected `key` and `from`, found nothing", "");
        }
        if let Some(as_of) = &spec.as_of {
            self.as_of(as_of, &spec.validate, &spec.stages);
        }
        self.stages(
            &spec.stages,
            spec.as_of.as_ref(),
            &spec.validate,
            source,
            time_zone,
        );
    }

    /// Where the rows go, and what becomes of those that are there.
    pub(super) fn sent(
        &mut self,
        spec: &PipelineSpec,
        source: Option<&Source>,
        target: Option<&Aim>,
    ) {
        if let Some(target) = target {
            self.import_of(spec, target);
            self.deleting(spec, target);
        }
        if let (Some(source), Some(target)) = (source, target) {
            let deletes = target.import.implicit_delete.is_on();
            self.nothing(source.nothing, target.section, deletes);
            self.cut_unnoticed(source, &spec.guard, target.section, deletes);
        }
        if spec.as_of.is_some() && spec.upload.length == Some(Length::Chunked) {
            self.problem(
                "upload.length",
                "`chunked` sends rows while they are read, and which row of a key is in force shows at the end",
                "leave `length` out",
            );
        }
        let compared = target.is_some_and(|target| target.import.action.delta().is_some());
        self.rehires(&spec.validate, compared);
        let import = target.map(|target| &target.import);
        self.aliases(spec.aliases.as_ref(), &spec.validate, &spec.stages, import);
        if let Some(Aim {
            section, import, ..
        }) = target
        {
            let key = spec.validate.key.as_ref();
            self.changes(&spec.guard, section, import, key);
            self.cleared(&spec.validate, section, import);
        }
    }

    /// The import, with what it can't stand beside.
    fn import_of(&mut self, spec: &PipelineSpec, target: &Aim) {
        let Aim {
            section: name,
            to,
            import,
        } = target;
        if let Some(Target::Orgvue(to)) = to
            && to.result_location.is_some()
            && import.action.delta().is_some()
        {
            self.problem(
                &format!("{name}.result_location"),
                "the difference is taken to what the server accepted last, and there the results are not ours to read",
                "leave one of the two out",
            );
        }
        if matches!(to, Some(Target::Sandbox)) && self.places.contains("source.drift") {
            self.warning(
                "source.drift",
                "this setting has no effect: of a run into the sandbox inside this program nothing is kept, and there is \
                 nothing to compare the next one with",
                "",
            );
        }
        let filters: Vec<usize> = (0..spec.stages.len())
            .filter(|i| spec.stages[*i].may_drop_rows())
            .collect();
        self.import(name, import, &spec.guard, &filters, spec.upload.format);
        self.clear(name, import);
        if let Some(delta) = import.action.delta() {
            self.delta(name, delta, import, &spec.validate, &spec.upload);
        }
    }

    /// What a deletion of whoever the upload does not name asks of the other sections.
    fn deleting(&mut self, spec: &PipelineSpec, target: &Aim) {
        let Aim {
            section: name,
            import,
            ..
        } = target;
        if !import.implicit_delete.is_on() {
            return;
        }
        let kept = spec.stages.iter().position(StageSpec::keeps_at_target);
        if let Some(kept) = kept {
            self.problem(
                &format!("stages.{kept}"),
                "with `implicit_delete` the server deletes whoever the upload does not name, and nobody can be kept \
                 at the target",
                "leave `keep_at_target` out, or delete by name: `action: { delta: PATH }`",
            );
        }
        if import.implicit_delete == ImplicitDelete::On(OnReject::CarryForward)
            && spec.as_of.is_some()
        {
            self.problem(
                &format!("{name}.implicit_delete"),
                "a row at fault is carried forward by its key, and with `as_of` several rows have the same",
                "write `on_reject: turn_off` or `block`",
            );
        }
        if spec.as_of.is_some() {
            self.warning(
                "as_of",
                "with `implicit_delete` the server deletes the items of the keys that have no row in force",
                "",
            );
        }
        if spec.validate.key.is_none() {
            self.warning(
                &format!("{name}.implicit_delete"),
                "without `validate.key` a person who is listed twice counts twice, and guards count rows rather than people",
                "name the column that identifies people: `validate: { key: employeeID }`",
            );
        }
    }
}
