//! Before anything else: whether the token, the tenant, the data set and its properties are what the run will need.
//!
//! What is certainly wrong ends the run here, before hours of reading. What the API does not tell can't be checked: that
//! is said once, and the run goes on.

use std::net::{IpAddr, UdpSocket};
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;

use super::prepare::Prepared;
use super::{Job, RunError};
use crate::config::{self, Pipeline, Problem, Target, nearest};
use crate::http::retry::{Failure, Outcome};
use crate::orgvue::datasets::{Dataset, Properties, Property};
use crate::orgvue::spec::{DatasetSpec, IdentifySpec};
use crate::orgvue::token::{Claims, Reach, Standing, TokenError};
use crate::orgvue::{Client, Connection, OrgvueError};
use crate::report::run::{PreflightReport, RunReport, Unchecked};
use crate::rule::ColumnType;
use crate::settings::units::Span;
use crate::text::chain;

/// The most data sets that a message lists.
const LISTED: usize = 10;

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Preflight {
    report: PreflightReport,
    warnings: Vec<String>,
    /// The data set's UUID, where the tenant lists it.
    dataset: Option<String>,
    properties: Option<Properties>,
}

impl Preflight {
    /// The UUID of the data set, for a pipeline file that has its name.
    pub(crate) fn dataset(&self) -> Option<&str> {
        self.dataset.as_deref()
    }

    /// The keys of the data set's properties, where the API tells them.
    pub(crate) fn properties(&self) -> Option<Vec<String>> {
        let keys = self.properties.as_ref()?.list.iter();
        Some(keys.map(|property| property.key.clone()).collect())
    }

    /// Whether the API has told which properties the data set has.
    pub(crate) fn knows_properties(&self) -> bool {
        self.properties.is_some()
    }

    /// Writes into the report what was found.
    pub(crate) fn tell(&self, report: &mut RunReport) {
        report.preflight = Some(self.report.clone());
        report.warnings.extend(self.warnings.iter().cloned());
    }

    fn unchecked(&mut self, what: &'static str, why: impl Into<String>) {
        let why = why.into();
        self.report.unchecked.push(Unchecked { what, why });
    }
}

/// A connection to the pipeline's target. One whose data set has a name has no data set until it is looked up.
pub(crate) fn connection(to: &config::Connection, token: &SecretString) -> Connection {
    Connection {
        base: to.base_url.clone(),
        tenant: to.tenant.clone(),
        dataset: to.dataset_id().unwrap_or_default().to_owned(),
        token: token.clone(),
        result_location: None,
        hosts: to.hosts.clone(),
    }
}

/// Looks at token, tenant, data set and properties of a pipeline that sends to Orgvue; nothing of any other. Whoever has
/// `asked` for this waits for it; a run that can do without does not wait long for a server that says nothing.
///
/// # Errors
/// What the run would certainly fail for.
pub(crate) async fn preflight(
    pipeline: &Pipeline,
    token: &SecretString,
    now: Timestamp,
    asked: bool,
) -> Result<Option<Preflight>, RunError> {
    let Target::Orgvue(to) = &pipeline.target else {
        return Ok(None);
    };
    let mut found = Preflight::default();
    let claims = Claims::of(token);
    dates(&mut found, claims.as_ref(), pipeline, now)?;
    let client = Client::new(connection(to, token), &pipeline.timeouts)?;
    networks(&mut found, claims.as_ref(), &client).await;
    let patience = match &to.dataset {
        DatasetSpec::Id(_) if !asked => Some(pipeline.timeouts.connect),
        _ => None,
    };
    let list = match within(patience, client.datasets()).await {
        Ok(list) => list,
        Err(Missed::Failed(error)) if is_certain(&error) => return Err(error.into()),
        Err(missed) => {
            let why = missed.words();
            return match &to.dataset {
                DatasetSpec::Id(_) => {
                    found.unchecked("tenant, data set and properties", why);
                    Ok(Some(found))
                }
                DatasetSpec::Name { .. } => Err(nameless(pipeline, &why)),
            };
        }
    };
    found.report.checked.push("tenant");
    let Some(dataset) = find(pipeline, &to.dataset, &list)? else {
        found.warnings.push(format!(
            "the tenant's list of data sets has none with the UUID of `target.orgvue.dataset`: unless the token may not see \
             all of it, the import will fail; it lists {}",
            listed(&list)
        ));
        found.unchecked("data set and properties", "the list does not name it");
        return Ok(Some(found));
    };
    found.report.checked.push("data set");
    found.report.dataset = Some(dataset.name.clone());
    found.dataset = Some(dataset.id.clone());
    match within(patience, client.properties(dataset)).await {
        Ok(Some(properties)) => {
            found.report.checked.push("properties");
            found.properties = Some(properties);
        }
        Ok(None) => found.unchecked("properties", "the list of data sets does not tell them"),
        Err(missed) => found.unchecked("properties", missed.words()),
    }
    Ok(Some(found))
}

/// Why something was not looked up.
enum Missed {
    Failed(OrgvueError),
    /// It took longer than this.
    Late(Span),
}

impl Missed {
    fn words(&self) -> String {
        match self {
            Missed::Failed(error) => chain(error),
            Missed::Late(patience) => format!("no answer came within {patience}"),
        }
    }
}

/// Looks something up, with whatever is tried again, within a time where one is stated.
async fn within<T>(
    patience: Option<Span>,
    look: impl Future<Output = Result<T, OrgvueError>>,
) -> Result<T, Missed> {
    let Some(patience) = patience else {
        return look.await.map_err(Missed::Failed);
    };
    match tokio::time::timeout(patience.0, look).await {
        Ok(found) => found.map_err(Missed::Failed),
        Err(_) => Err(Missed::Late(patience)),
    }
}

/// The token's own dates, held against now and the longest that the job is waited for.
fn dates(
    found: &mut Preflight,
    claims: Option<&Claims>,
    pipeline: &Pipeline,
    now: Timestamp,
) -> Result<(), TokenError> {
    let Some(claims) = claims else {
        found.unchecked("token dates", "the token is not a JWT");
        return Ok(());
    };
    let at_most = pipeline.wait.at_most;
    match claims.standing(now, at_most.0) {
        Standing::Expired(at) => return Err(TokenError::Expired(at)),
        Standing::NotBefore(at) => return Err(TokenError::NotBefore(at)),
        Standing::NoDates => {
            found.unchecked("token dates", "the token states none");
            return Ok(());
        }
        Standing::EndsAt(at) => {
            let left = at.duration_since(now).unsigned_abs().as_secs();
            let left = Span(Duration::from_secs(left));
            found.warnings.push(format!(
                "the API token ends at {at}, in {left}, and the job may be waited for until later (`wait.at_most` is \
                 {at_most}): make a new one on the tenant's Tokens page"
            ));
        }
        Standing::Good => {}
    }
    found.report.checked.push("token dates");
    Ok(())
}

/// The token's own networks, held against the address that this machine has towards the API.
async fn networks(found: &mut Preflight, claims: Option<&Claims>, client: &Client) {
    let Some(claims) = claims else {
        return;
    };
    if claims.reach(None) == Reach::Anywhere {
        return;
    }
    match claims.reach(own_address(client).await) {
        Reach::Anywhere | Reach::Within => found.report.checked.push("token subnets"),
        Reach::Outside => found.warnings.push(
            "this machine's own address is in none of the token's subnets: unless a gateway gives it another, the API \
             will refuse the token"
                .to_owned(),
        ),
        Reach::Unknown => found.unchecked(
            "token subnets",
            "this machine's address is one of a private network, and the API sees another",
        ),
    }
}

/// The address of this machine that a connection to the API would have; nothing is sent for it.
async fn own_address(client: &Client) -> Option<IpAddr> {
    let base = &client.connection().base;
    let host = (base.host_str()?, base.port_or_known_default()?);
    let to = tokio::net::lookup_host(host).await.ok()?.next()?;
    let any = match to.is_ipv4() {
        true => "0.0.0.0:0",
        false => "[::]:0",
    };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(to).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// Whether what ends this would end the run, too: nobody is there, or the token is refused in the API's own words. A
/// list that is not there, or not for this token, is no reason.
fn is_certain(error: &OrgvueError) -> bool {
    match error {
        OrgvueError::Api { status, errors, .. } => {
            matches!(status, 401 | 403) && errors.iter().any(|error| error.advice().is_some())
        }
        error => matches!(error.outcome(), Outcome::Unreachable | Outcome::Untrusted),
    }
}

/// The data set that is meant; nothing where the list does not name its UUID. The API does not say that it lists
/// everything, so only a UUID that is misspelt is certainly wrong.
fn find<'a>(
    pipeline: &Pipeline,
    wanted: &DatasetSpec,
    list: &'a [Dataset],
) -> Result<Option<&'a Dataset>, RunError> {
    let names = || list.iter().map(|dataset| &*dataset.name);
    match wanted {
        DatasetSpec::Id(id) => {
            let same = |set: &&Dataset| set.id.eq_ignore_ascii_case(id);
            if let Some(found) = list.iter().find(same) {
                return Ok(Some(found));
            }
            match list.iter().find(|set| is_slip(&set.id, id)) {
                None => Ok(None),
                Some(near) => Err(unbound(
                    pipeline,
                    "target.orgvue.dataset",
                    format!(
                        "the tenant lists no data set with this UUID; did you mean {} ({})? It lists {}. If the list is \
                         not whole, write `preflight: off`",
                        near.id,
                        near.name,
                        listed(list)
                    ),
                )),
            }
        }
        DatasetSpec::Name { name } => {
            let same: Vec<&Dataset> = list
                .iter()
                .filter(|set| set.name.trim() == name.trim())
                .collect();
            let message = match same[..] {
                [only] => return Ok(Some(only)),
                [] => {
                    let near = match nearest(name, names()) {
                        Some(near) => format!("; did you mean `{near}`?"),
                        None => ";".to_owned(),
                    };
                    format!(
                        "the tenant has no data set of this name{near} It lists {}",
                        listed(list)
                    )
                }
                _ => {
                    let ids: Vec<&str> = same.iter().map(|set| &*set.id).collect();
                    format!(
                        "the tenant has {} data sets of this name; write the UUID of the one that is meant: {}",
                        ids.len(),
                        ids.join(", ")
                    )
                }
            };
            Err(unbound(pipeline, "target.orgvue.dataset.name", message))
        }
    }
}

/// Whether two UUIDs differ in so little that one is the other misspelt.
fn is_slip(one: &str, other: &str) -> bool {
    let pairs = one.bytes().zip(other.bytes());
    one.len() == other.len() && pairs.filter(|(a, b)| !a.eq_ignore_ascii_case(b)).count() <= 2
}

fn listed(list: &[Dataset]) -> String {
    if list.is_empty() {
        return "none that this token may see".to_owned();
    }
    let shown = list.iter().take(LISTED);
    let mut text: Vec<String> = shown
        .map(|set| format!("{} ({})", set.name, set.id))
        .collect();
    if list.len() > LISTED {
        text.push(format!("and {} more", list.len() - LISTED));
    }
    text.join(", ")
}

fn nameless(pipeline: &Pipeline, why: &str) -> RunError {
    let message = format!(
        "a data set can't be found by its name, as the tenant's list of them could not be read ({why}); write its UUID"
    );
    unbound(pipeline, "target.orgvue.dataset.name", message)
}

fn unbound(pipeline: &Pipeline, path: &str, message: String) -> RunError {
    RunError::Unbound {
        problems: vec![pipeline.problem(path, message)],
    }
}

/// Holds the columns that will be sent against the data set's properties, where these are known.
///
/// # Errors
/// Columns that are no properties: the API takes none of them.
pub(super) fn columns(
    job: &Job<'_>,
    prepared: &Prepared,
    report: &mut RunReport,
) -> Result<(), RunError> {
    let known = job.preflight.and_then(|found| found.properties.as_ref());
    let Some(properties) = known else {
        return Ok(());
    };
    let pipeline = job.pipeline;
    let engine = &prepared.engine;
    let keys = || properties.list.iter().map(|property| &*property.key);
    let mean = |name: &str| match nearest(name, keys()) {
        Some(near) => format!("; did you mean `{near}`?"),
        None => String::new(),
    };
    let mut problems = Vec::new();
    let told = engine.sent_names();
    for ((name, told), number) in engine.sent().zip(told).zip(1..) {
        // Of the system's own properties the definition need not tell.
        if name.starts_with('_') {
            continue;
        }
        let property = properties
            .list
            .iter()
            .find(|property| *property.key == **name);
        match (property, told) {
            (Some(property), _) => {
                report.warnings.extend(other_kind(pipeline, name, property));
            }
            (None, Some(name)) => problems.push(format!(
                "the data set has no property `{name}`, which would be sent{}",
                mean(&name)
            )),
            (None, None) => problems.push(format!(
                "the data set has no property of the name of column {number}, which would be sent"
            )),
        }
    }
    let at = "target.orgvue.dataset";
    let mut problems: Vec<Problem> = problems
        .into_iter()
        .map(|message| pipeline.problem(at, message))
        .collect();
    if let (Some(IdentifySpec::AutoId(true)), Some(auto_id)) =
        (&pipeline.import.identify_by, &properties.auto_id)
        && !engine.sent().any(|name| **name == **auto_id)
    {
        let message = format!(
            "the data set tells its items apart by `{auto_id}`, and no column of that name would be sent"
        );
        let path = "target.orgvue.identify_by.auto_id";
        problems.push(pipeline.problem(path, message));
    }
    match problems.is_empty() {
        true => Ok(()),
        false => Err(RunError::Unbound { problems }),
    }
}

/// What to say of a column whose rule says that it holds something else than its property does.
fn other_kind(pipeline: &Pipeline, name: &str, property: &Property) -> Option<String> {
    let rule = pipeline.validate.columns.get(name)?.kind?;
    let kind = property.kind.as_deref()?;
    let fits = match (kind, rule) {
        // Text may be written as anything.
        (_, ColumnType::Text) => true,
        ("number", rule) => matches!(rule, ColumnType::Number | ColumnType::Integer),
        ("date", rule) => rule == ColumnType::Date,
        ("boolean", rule) => rule == ColumnType::Boolean,
        // A property of text takes everything, and of other types nothing is known.
        _ => true,
    };
    (!fits).then(|| {
        format!(
            "`validate.columns.{name}` says that its type is {}, and the data set's property is a {kind}",
            rule.word()
        )
    })
}

/// The tenant's data sets, as `rostream datasets` lists them.
///
/// # Errors
/// No list can be read.
pub(crate) async fn datasets(
    pipeline: &Pipeline,
    token: &SecretString,
) -> Result<Vec<Dataset>, RunError> {
    let Target::Orgvue(to) = &pipeline.target else {
        return Ok(Vec::new());
    };
    let client = Client::new(connection(to, token), &pipeline.timeouts)?;
    Ok(client.datasets().await?)
}
