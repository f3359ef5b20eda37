//! What the stages mean: each by itself, and what their expressions can come to.

use super::Meaning;
use crate::batch::Columns;
use crate::batch::kinds::Kinds;
use crate::config::pipeline::Source;
use crate::rule::ValidateSpec;
use crate::source::Input;
use crate::source::spec::SourceFormat;
use crate::stage::StageSpec;
use crate::text::dates::Zone;
use crate::whole::as_of::spec::AsOfSpec;

impl Meaning<'_> {
    pub(super) fn stages(
        &mut self,
        stages: &[StageSpec],
        as_of: Option<&AsOfSpec>,
        validate: &ValidateSpec,
        source: Option<&Source>,
        time_zone: Option<&Zone>,
    ) {
        let mut good = self.is_whole("stages");
        for (i, stage) in stages.iter().enumerate() {
            let in_zone = || time_zone.map_or(Ok(()), |zone| stage.check_in(zone));
            if let Err(message) = stage.check().and_then(|()| in_zone()) {
                self.stage_problem(i, stage.name(), &message);
                good = false;
            }
        }
        // Behind a stage that can't be read, nobody knows what the columns hold.
        if good {
            self.kinds(stages, as_of, validate, source);
        }
    }

    fn stage_problem(&mut self, i: usize, name: &str, message: &str) {
        let section = self.written(&format!("stages.{i}.{name}"));
        if self.is_whole(&section) {
            let place = self.places.find_quoted(&section, message);
            let at = self.nth_left("stages", i) + 1;
            self.findings
                .problem(place, format!("stage {at} ({name}): {message}"), "");
        }
    }

    /// Goes through the expressions with what is known of the columns before the source is opened.
    fn kinds(
        &mut self,
        stages: &[StageSpec],
        as_of: Option<&AsOfSpec>,
        validate: &ValidateSpec,
        source: Option<&Source>,
    ) {
        let mut columns = Columns::unknown(match source.is_some_and(is_csv) {
            true => Kinds::TEXT,
            false => Kinds::CELL,
        })
        .with_dots(source.is_none_or(may_have_dots));
        for (i, stage) in stages.iter().enumerate() {
            match stage.foresee(&mut columns) {
                Ok(remarks) => {
                    let name = stage.name();
                    for remark in remarks {
                        let message = format!("stage {} ({name}): {remark}", i + 1);
                        self.warning(&format!("stages.{i}.{name}"), message, "");
                    }
                }
                Err(Some(message)) => {
                    self.stage_problem(i, stage.name(), &message);
                    // What only keeps rows or not leaves the columns as they are.
                    if !stage.may_drop_rows() {
                        return;
                    }
                }
                Err(None) => return,
            }
        }
        if let Some(as_of) = as_of {
            self.days_of(as_of, &columns);
        }
        let (problems, warnings) = validate.foresee(&columns);
        for problem in problems {
            self.problem(&problem.path.join("."), problem.message, "");
        }
        for warning in warnings {
            self.warning(&warning.path.join("."), warning.message, "");
        }
    }
}

/// Whether it is certain that a source is CSV or TSV. A sample is, unless another format is stated.
fn is_csv(source: &Source) -> bool {
    let sample = matches!(source.inputs[..], [Input::Sample(_)]);
    source.is_csv() || source.format == SourceFormat::Auto && sample
}

/// Whether a column may have a dot in its name: not where objects stay whole, unless a member has it in its own.
fn may_have_dots(source: &Source) -> bool {
    let json = &source.json;
    let states = |columns: &Vec<String>| columns.iter().any(|column| column.contains('.'));
    !matches!(source.format, SourceFormat::Json | SourceFormat::Ndjson)
        || json.flatten.as_deref() == Some(".")
        || json.columns.as_ref().is_some_and(states)
}
