//! The pipeline file as written: one field a section, each the spec type of its step.

use schemars::JsonSchema;
use serde::Deserialize;

use super::cases::TestSpec;
use super::profile::ProfileSpec;
use crate::guard::spec::{GuardSpec, RefusedSpec};
use crate::http::spec::TimeoutsSpec;
use crate::orgvue::spec::{PreflightSpec, TargetSpec, WaitSpec};
use crate::report::spec::{RejectsSpec, ReportSpec, ResultsSpec, StateSpec};
use crate::rule::ValidateSpec;
use crate::settings::limits::Limits;
use crate::source::spec::SourceSpec;
use crate::stage::StageSpec;
use crate::stage::aliases::AliasesSpec;
use crate::upload::spec::UploadSpec;
use crate::whole::as_of::spec::AsOfSpec;

/// A pipeline: source, stages, rules, target.
///
/// What must be there is an `Option` all the same, so that the other sections are still looked at
/// where one is wrong.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PipelineSpec {
    /// Version of this format: 1.
    #[schemars(required, range(min = 1, max = 1))]
    pub version: Option<u32>,
    /// A name for reports; without it, the file's own.
    pub name: Option<String>,
    /// Presets of a known source, below what stands here: where its records are, its sentinels, date formats, effective
    /// dates and the statuses of leavers, for the sections and stages that are here. `rostream lint` tells what it sets.
    pub profile: Option<ProfileSpec>,
    /// Whose day `today` is, and moments become days in, as the time zone database names it: `Europe/London`. Without
    /// it, `today` is UTC's, and a moment keeps the day that is written.
    pub time_zone: Option<String>,
    /// Where the records come from.
    #[schemars(required)]
    pub source: Option<SourceSpec>,
    /// What is done to the records, in order.
    #[serde(default)]
    pub stages: Vec<StageSpec>,
    /// People whose id is another one now: their rows go out under the id that the target knows.
    pub aliases: Option<AliasesSpec>,
    /// Of an extract in which every row holds for a time: the one row a key that is in force on a day.
    pub as_of: Option<AsOfSpec>,
    /// What every record, and the whole file, must satisfy.
    #[serde(default)]
    pub validate: ValidateSpec,
    /// Where rejected rows go, and how many are too many.
    #[serde(default)]
    pub rejects: RejectsSpec,
    /// What stops a run before anything is sent.
    #[serde(default)]
    pub guard: GuardSpec,
    /// Columns of which reports and plans tell no count of one to four people: "1 person changed gender" says who that is.
    #[serde(default)]
    pub sensitive: Vec<String>,
    /// How much of an upload the server may refuse.
    #[serde(default)]
    pub refused: RefusedSpec,
    /// Where the records go.
    #[schemars(required)]
    pub target: Option<TargetSpec>,
    /// Whether a run looks at token, tenant, data set and properties before anything else: `on` or `off`.
    #[serde(default)]
    pub preflight: PreflightSpec,
    /// How the body is written and sent.
    #[serde(default)]
    pub upload: UploadSpec,
    /// How long the job is waited for.
    #[serde(default)]
    pub wait: WaitSpec,
    /// How long the network is waited for.
    #[serde(default)]
    pub timeouts: TimeoutsSpec,
    /// How much is taken of what comes from elsewhere.
    #[serde(default)]
    pub limits: Limits,
    /// Where the results of the import go.
    #[serde(default)]
    pub results: ResultsSpec,
    /// Where the run report goes.
    #[serde(default)]
    pub report: ReportSpec,
    /// Where a run writes down how far it came.
    #[serde(default)]
    pub state: StateSpec,
    /// Cases for `rostream test`: rows in, and what is to become of them. They may stand in `P_test.yaml` beside
    /// `P.yaml`, too.
    #[serde(default)]
    pub tests: Vec<TestSpec>,
}
