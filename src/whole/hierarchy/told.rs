//! A hierarchy in words: faults of rows, warnings, what the report lists. Rows are told by their lines, never by what
//! stands in their cells.

use std::borrow::Cow;

use super::judge::{Finding, Hit, Judged};
use super::near::Miss;
use super::{Hierarchy, Tree};
use crate::batch::Fault;
use crate::report::run::hierarchy::{
    Cycle, Depth, Finding as FoundReport, HierarchyReport, NearMisses, Span, Spot,
};
use crate::rule::{OnSelf, Otherwise, STAGE};
use crate::text::counted;
use crate::whole::{Places, listed};

/// Lines that a message names at most.
const NAMED_LINES: usize = 5;

/// Rows that the report lists of each finding at most.
const LISTED: usize = 10_000;

/// Rows of circles that the report lists at most.
const LISTED_IN_CYCLES: usize = 100_000;

impl Finding {
    pub(super) const fn code(self) -> &'static str {
        match self {
            Finding::Own => "manager_self",
            Finding::Cycle => "manager_cycle",
            Finding::Absent => "manager_absent",
            Finding::Rejected => "manager_rejected",
            Finding::Filtered => "manager_filtered",
            Finding::Left => "manager_left",
            Finding::Root => "roots",
        }
    }

    /// What is said of so many rows.
    const fn of_rows(self, one: bool) -> &'static str {
        match (self, one) {
            (Finding::Own, true) => "names itself as its parent",
            (Finding::Own, false) => "name themselves as their parent",
            (Finding::Cycle, true) => "is in a circle",
            (Finding::Cycle, false) => "are in circles",
            (Finding::Absent, true) => "names a parent that is not in the source",
            (Finding::Absent, false) => "name a parent that is not in the source",
            (Finding::Rejected, true) => "names a parent whose row was rejected",
            (Finding::Rejected, false) => "name a parent whose row was rejected",
            (Finding::Filtered, true) => "names a parent whose row was left out",
            (Finding::Filtered, false) => "name a parent whose row was left out",
            (Finding::Left, true) => "names a parent who has left",
            (Finding::Left, false) => "name a parent who has left",
            (Finding::Root, true) => "has no parent",
            (Finding::Root, false) => "have no parent",
        }
    }
}

impl Tree {
    /// What is done about a finding.
    pub(super) fn otherwise(&self, finding: Finding, judged: &Judged) -> Otherwise {
        let spec = &self.spec;
        match finding {
            Finding::Own => spec.own.otherwise(),
            Finding::Cycle => spec.cycles,
            Finding::Absent => spec.orphans.absent,
            Finding::Rejected => spec.orphans.rejected,
            Finding::Filtered => spec.orphans.filtered,
            Finding::Left => spec
                .leavers
                .as_ref()
                .map_or(Otherwise::Warn, |l| l.otherwise),
            Finding::Root => match spec.roots {
                Some(roots) if judged.of(finding).len() as u64 == roots.expect => Otherwise::Ignore,
                // There is no row to reject.
                Some(roots)
                    if roots.otherwise == Otherwise::Reject
                        && (judged.of(finding).len() as u64) < roots.expect =>
                {
                    Otherwise::Warn
                }
                Some(roots) => roots.otherwise,
                None => Otherwise::Ignore,
            },
        }
    }

    /// `hierarchy managerID: 3 rows name ...`
    fn sentence(&self, said: &str) -> String {
        format!("hierarchy {}: {said}", self.spec.name())
    }
}

impl Hierarchy {
    /// The fault of a row that was rejected for this.
    pub(super) fn fault_of(&self, record: u32, finding: Finding, places: &Places<'_>) -> Fault {
        let by = &self.tree.by;
        let hit = self.judged.hit(finding, record);
        let about = hit.map_or(record, |hit| hit.about);
        let seen = || places.seen_from(record, about);
        let message = match finding {
            Finding::Own => format!("the row names itself by its `{by}`"),
            Finding::Cycle => self.round(record, about, places),
            Finding::Absent => match self.near(record) {
                None => format!("no row of the source has this `{by}`"),
                Some(miss) => format!(
                    "no row of the source has this `{by}`; it differs only in {} from that of the row {}",
                    miss.apart(),
                    places.seen_from(record, miss.other)
                ),
            },
            Finding::Rejected => format!(
                "the row with this `{by}` was rejected, it stands {}",
                seen()
            ),
            Finding::Filtered => {
                format!(
                    "the row with this `{by}` was left out, it stands {}",
                    seen()
                )
            }
            Finding::Left => format!(
                "the row with this `{by}` is one of a leaver, it stands {}",
                seen()
            ),
            Finding::Root => self.other_roots(record, places),
        };
        let message = match hit {
            Some(hit) if hit.below > 0 && finding != Finding::Root => {
                format!("{message}; {} on it", hang(hit.below.into()))
            }
            _ => message,
        };
        Fault {
            row: 0,
            stage: STAGE,
            column: self.tree.parent.clone(),
            source: None,
            code: Cow::Borrowed(finding.code()),
            message: Cow::Owned(message),
        }
    }

    /// A circle, seen from one of its rows.
    fn round(&self, record: u32, member: u32, places: &Places<'_>) -> String {
        let (all, others) = self.judged.loops.others(member);
        let others: Vec<u32> = others.take(NAMED_LINES).collect();
        format!(
            "{} report to each other in a circle: this one to those {}, in this order, and the last of them to this one",
            counted(all as u64, "row"),
            lines(record, &others, all - 1, places)
        )
    }

    /// Roots that are too many, seen from one of them.
    fn other_roots(&self, record: u32, places: &Places<'_>) -> String {
        let roots = self.judged.of(Finding::Root);
        let others = roots.iter().map(|hit| hit.record);
        let others: Vec<u32> = others.filter(|r| *r != record).take(NAMED_LINES).collect();
        format!(
            "{} without a parent, expected {}{}",
            counted(roots.len() as u64, "row"),
            self.tree.spec.roots.map_or(1, |roots| roots.expect),
            match others.is_empty() {
                true => String::new(),
                false => format!(
                    "; the others stand {}",
                    lines(record, &others, roots.len() - 1, places)
                ),
            }
        )
    }

    fn near(&self, record: u32) -> Option<Miss> {
        let at = self
            .misses
            .binary_search_by_key(&record, |miss| miss.record);
        at.ok().map(|at| self.misses[at])
    }

    /// What the run warns of.
    pub(super) fn warnings(&self, places: &Places<'_>) -> Vec<String> {
        let mut warnings = Vec::new();
        for finding in Finding::ALL {
            let decided = self.tree.otherwise(finding, &self.judged);
            let said = match decided {
                Otherwise::Warn if finding == Finding::Absent && self.tree.spec.some_rows => {
                    let said = self.said(finding, places);
                    said.map(|said| {
                        format!(
                            "{said}; the parent may have been sent before, so this is sent as it is"
                        )
                    })
                }
                Otherwise::Warn => self.said(finding, places),
                Otherwise::Clear => self.said(finding, places).map(|said| {
                    let cell = if said.starts_with("1 row ") {
                        "it is"
                    } else {
                        "they are"
                    };
                    format!("{said}; {cell} sent with an empty `{}`", self.tree.parent)
                }),
                _ => None,
            };
            warnings.extend(said.map(|said| self.tree.sentence(&said)));
            if finding == Finding::Absent && decided != Otherwise::Ignore {
                let near = self.near_misses(places, NAMED_LINES).into_iter();
                warnings.extend(near.map(|near| self.tree.sentence(&near_in_words(&near))));
            }
        }
        if let Some((first, other)) = self.judged.shared.first() {
            let names = counted(self.judged.shared.len() as u64, "row");
            warnings.push(self.tree.sentence(&format!(
                "{names} with a `{}` that an earlier row has, too, and with another parent ({} and {}); who is named by it \
                 is taken to be the earlier one",
                self.tree.by,
                places.seen_from(*first, *first),
                places.seen_from(*first, *other),
            )));
        }
        warnings
    }

    /// What stops the run, with how many rows are the reason.
    pub(super) fn stops(&self, places: &Places<'_>) -> Option<(String, u64)> {
        let stops =
            |finding: &Finding| self.tree.otherwise(*finding, &self.judged) == Otherwise::Stop;
        let mut stopping = Finding::ALL.into_iter().filter(stops);
        stopping.find_map(|finding| {
            let said = self.said(finding, places)?;
            Some((
                self.tree.sentence(&said),
                self.judged.of(finding).len() as u64,
            ))
        })
    }

    /// A finding in words; nothing where there is none.
    fn said(&self, finding: Finding, places: &Places<'_>) -> Option<String> {
        let hits = self.judged.of(finding);
        if finding == Finding::Root {
            return self.said_of_roots(hits, places);
        }
        let from = hits.first()?.record;
        let rows = counted(hits.len() as u64, "row");
        let said = finding.of_rows(hits.len() == 1);
        let stand = match (finding, self.judged.loops.len()) {
            (Finding::Cycle, loops) => {
                let first = self.judged.loops.members(0);
                let round = lines(from, first, first.len(), places);
                match loops {
                    1 => format!("{rows} report to each other in a circle ({round}"),
                    loops => format!(
                        "{rows} {said}, of which there are {loops} (the first goes round {round}"
                    ),
                }
            }
            _ => {
                let named = hits.iter().take(NAMED_LINES).map(|hit| hit.record);
                let named: Vec<u32> = named.collect();
                format!("{rows} {said} ({}", lines(from, &named, hits.len(), places))
            }
        };
        let below: u64 = hits.iter().map(|hit| u64::from(hit.below)).sum();
        Some(match (below, finding) {
            (0, _) | (_, Finding::Left) => format!("{stand})"),
            (below, _) => format!(
                "{stand}); {} on {}",
                hang(below),
                if hits.len() == 1 { "it" } else { "them" }
            ),
        })
    }

    fn said_of_roots(&self, hits: &[Hit], places: &Places<'_>) -> Option<String> {
        let expected = self.tree.spec.roots?.expect;
        let records: Vec<u32> = hits
            .iter()
            .take(NAMED_LINES + 1)
            .map(|hit| hit.record)
            .collect();
        match records.first() {
            _ if hits.len() as u64 == expected => None,
            None => Some(format!("no row is without a parent, expected {expected}")),
            Some(first) => Some(format!(
                "{} {} ({}), expected {expected}",
                counted(hits.len() as u64, "row"),
                Finding::Root.of_rows(hits.len() == 1),
                lines(*first, &records, hits.len(), places)
            )),
        }
    }

    /// For the run report.
    pub(super) fn report(&self, places: &Places<'_>) -> HierarchyReport {
        let (judged, tree) = (&self.judged, &self.tree);
        let spread = &judged.spread;
        let (cycles, cycles_not_listed) = self.cycles(places);
        let findings = Finding::ALL
            .into_iter()
            .filter(|f| !judged.of(*f).is_empty());
        HierarchyReport {
            name: tree.spec.name().to_owned(),
            parent: tree.parent.to_string(),
            named_by: tree.by.to_string(),
            nodes: judged.people,
            in_trees: judged.placed,
            roots: judged.of(Finding::Root).len() as u64,
            depth: Depth {
                max: judged.depth,
                levels: judged.levels.clone(),
                deeper: judged.deeper,
            },
            span: Span {
                managers: spread.managers,
                max: spread.max,
                median: spread.median,
                widest: spread
                    .widest
                    .and_then(|record| spot(record, 0, None, places)),
                limit: tree.spec.span,
                wide: spread.over,
                spread: spread.classes.clone(),
            },
            findings: findings
                .map(|finding| self.found(finding, places))
                .collect(),
            cycles,
            cycles_not_listed,
            near_misses: self.near_misses(places, LISTED),
        }
    }

    fn found(&self, finding: Finding, places: &Places<'_>) -> FoundReport {
        let hits = self.judged.of(finding);
        // Those in circles are listed circle by circle.
        let own_list = if finding == Finding::Cycle { &[] } else { hits };
        let listed = own_list.iter().take(LISTED).filter_map(|hit| {
            let parent = match finding {
                Finding::Rejected | Finding::Filtered | Finding::Left => Some(hit.about),
                _ => None,
            };
            spot(hit.record, hit.below, parent, places)
        });
        FoundReport {
            code: finding.code(),
            decision: match (finding, self.tree.spec.own) {
                (Finding::Own, OnSelf::Root) => "root",
                _ => self.tree.otherwise(finding, &self.judged).word(),
            },
            rows: hits.len() as u64,
            below: match finding {
                // Those below one are below another, too.
                Finding::Left => 0,
                _ => hits.iter().map(|hit| u64::from(hit.below)).sum(),
            },
            listed: listed.collect(),
            not_listed: own_list.len().saturating_sub(LISTED) as u64,
        }
    }

    /// The circles, and how many of their rows are not listed.
    fn cycles(&self, places: &Places<'_>) -> (Vec<Cycle>, u64) {
        let (mut cycles, mut listed, mut not_listed) = (Vec::new(), 0, 0);
        for nth in 0..self.judged.loops.len() {
            let members = self.judged.loops.members(nth);
            if listed > 0 && listed + members.len() > LISTED_IN_CYCLES {
                not_listed += members.len() as u64;
                continue;
            }
            listed += members.len();
            let below = |record: u32| {
                self.judged
                    .hit(Finding::Cycle, record)
                    .map_or(0, |h| h.below)
            };
            let rows = members.iter();
            cycles.push(Cycle {
                rows: rows
                    .filter_map(|&r| spot(r, below(r), None, places))
                    .collect(),
                below: members.iter().map(|r| u64::from(below(*r))).sum(),
            });
        }
        (cycles, not_listed)
    }

    /// Near misses, by what the names differ in.
    fn near_misses(&self, places: &Places<'_>, most: usize) -> Vec<NearMisses> {
        let mut kinds: Vec<NearMisses> = Vec::new();
        for &miss in &self.misses {
            let differ_in = miss.apart();
            let at = kinds.iter().position(|kind| kind.differ_in == differ_in);
            let at = at.unwrap_or_else(|| {
                kinds.push(NearMisses {
                    differ_in,
                    rows: 0,
                    listed: Vec::new(),
                    not_listed: 0,
                });
                kinds.len() - 1
            });
            let kind = &mut kinds[at];
            kind.rows += 1;
            match kind.listed.len() < most {
                true => kind
                    .listed
                    .extend(spot(miss.record, 0, Some(miss.other), places)),
                false => kind.not_listed += 1,
            }
        }
        kinds
    }
}

fn spot(record: u32, below: u32, parent: Option<u32>, places: &Places<'_>) -> Option<Spot> {
    let place = places.lines.place(record)?;
    let parent = parent.and_then(|parent| places.lines.place(parent));
    Some(Spot {
        file: (places.files.len() > 1).then(|| places.files[place.file as usize].clone()),
        line: place.line,
        below,
        parent_line: parent.map(|parent| parent.line),
    })
}

fn near_in_words(near: &NearMisses) -> String {
    let differ = if near.rows == 1 { "differs" } else { "differ" };
    let lines = near.listed.iter().map(|spot| {
        let other = spot
            .parent_line
            .map_or(String::new(), |line| format!(" -> line {line}"));
        format!("line {}{other}", spot.line)
    });
    let mut lines: Vec<String> = lines.collect();
    if near.not_listed > 0 {
        lines.push(format!("{} more", near.not_listed));
    }
    format!(
        "{} of these {differ} only in {} from one that is there: {}",
        near.rows,
        near.differ_in,
        listed(&lines)
    )
}

/// `4 rows hang`.
fn hang(rows: u64) -> String {
    format!(
        "{} {}",
        counted(rows, "row"),
        if rows == 1 { "hangs" } else { "hang" }
    )
}

/// `on line 5, on line 9 and 3 more`, of so many in all.
fn lines(from: u32, records: &[u32], all: usize, places: &Places<'_>) -> String {
    let named = records.iter().take(NAMED_LINES);
    let mut named: Vec<String> = named
        .map(|&record| places.seen_from(from, record))
        .collect();
    if all > named.len() {
        named.push(format!("{} more", all - named.len()));
    }
    listed(&named)
}
