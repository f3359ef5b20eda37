//! The graph: who is in a circle, who hangs on whom, how deep it is, and what follows for each row.
//!
//! Rows that nobody hangs on are taken away, again and again; what remains are the circles, and nothing else. The order
//! in which the others went, backwards, has everybody behind whom they report to, so that one pass over it decides what
//! becomes of a row when that of its parent is decided.
//!
//! Memory: 20 bytes a record while it works, of which 4 came from before; then 12 bytes for each row that it says
//! something of.

use std::ops::Range;

use super::links::{Gone, Links, Up};
use crate::report::run::hierarchy::Spans;
use crate::rule::{HierarchySpec, Otherwise};
use crate::whole::bits::Bits;

/// Levels that are counted one by one.
const LEVELS: usize = 64;

/// What can be said of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Finding {
    /// It names itself.
    Own,
    /// It is in a circle.
    Cycle,
    /// It names somebody who is not in the source.
    Absent,
    /// It names a row that was rejected.
    Rejected,
    /// It names a row that was left out.
    Filtered,
    /// It names somebody who has left.
    Left,
    /// It names nobody, or itself.
    Root,
}

impl Finding {
    pub(super) const ALL: [Finding; 7] = [
        Finding::Own,
        Finding::Cycle,
        Finding::Absent,
        Finding::Rejected,
        Finding::Filtered,
        Finding::Left,
        Finding::Root,
    ];
}

/// A row of which something is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hit {
    pub record: u32,
    /// How many rows hang on it, directly or not. Of a row in a circle, those outside the circle.
    pub below: u32,
    /// The row that it names; of a row in a circle, which of the members of all circles it is.
    pub about: u32,
}

/// Circles, each in the order of reporting, from its first row in the source.
#[derive(Debug, Default)]
pub(super) struct Loops {
    members: Vec<u32>,
    ends: Vec<usize>,
}

impl Loops {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn members(&self, nth: usize) -> &[u32] {
        &self.members[self.range(nth)]
    }

    fn range(&self, nth: usize) -> Range<usize> {
        let start = nth.checked_sub(1).map_or(0, |before| self.ends[before]);
        start..self.ends[nth]
    }

    /// How many are in the circle of this member, and the others of it, in the order of reporting.
    pub(super) fn others(&self, member: u32) -> (usize, impl Iterator<Item = u32> + '_) {
        let member = member as usize;
        let nth = self.ends.partition_point(|end| *end <= member);
        let Range { start, end } = self.range(nth);
        let others = (member + 1..end).chain(start..member);
        (end - start, others.map(|at| self.members[at]))
    }
}

/// How many direct reports managers have.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Spread {
    pub managers: u64,
    pub max: u32,
    pub median: u32,
    /// Managers with more than so many.
    pub over: u64,
    /// The first of those with the most.
    pub widest: Option<u32>,
    /// All of them, by how many they have.
    pub classes: Vec<Spans>,
}

/// What the graph told.
#[derive(Debug, Default)]
pub(super) struct Judged {
    /// By [`Finding`], in the order of the records.
    pub hits: [Vec<Hit>; Finding::ALL.len()],
    pub loops: Loops,
    /// Rows in the upload.
    pub people: u64,
    /// Those of them that a root is above, and roots.
    pub placed: u64,
    /// How many stand on each level, from the roots on.
    pub levels: Vec<u64>,
    /// How many stand deeper than levels are counted.
    pub deeper: u64,
    pub depth: u32,
    pub spread: Spread,
    /// Names that stand for rows with different parents, and by which somebody is named: the row that is taken, and
    /// another.
    pub shared: Vec<(u32, u32)>,
}

impl Judged {
    pub(super) fn of(&self, finding: Finding) -> &[Hit] {
        &self.hits[finding as usize]
    }

    pub(super) fn hit(&self, finding: Finding, record: u32) -> Option<&Hit> {
        let hits = self.of(finding);
        let at = hits.binary_search_by_key(&record, |hit| hit.record);
        at.ok().map(|at| &hits[at])
    }

    pub(super) fn bytes(&self) -> usize {
        let hits: usize = self.hits.iter().map(Vec::capacity).sum();
        hits * size_of::<Hit>()
            + self.loops.members.capacity() * size_of::<u32>()
            + self.loops.ends.capacity() * size_of::<usize>()
            + self.shared.capacity() * size_of::<(u32, u32)>()
    }
}

/// No place under a root.
const UNPLACED: u32 = 0;

/// Rejected for what is found here.
const REJECTED: u32 = u32::MAX;

struct Judge<'a> {
    spec: &'a HierarchySpec,
    left: &'a Bits,
    up: Vec<u32>,
    below: Vec<u32>,
    /// 1 for a root, [`UNPLACED`], or [`REJECTED`].
    depth: Vec<u32>,
    judged: Judged,
    /// What is done about roots, where they are too many.
    roots: Otherwise,
    /// Told of every row that is rejected or sent without its parent.
    tell: &'a mut dyn FnMut(u32, Finding, Otherwise),
}

/// Judges all rows. `left` are those who have left. `tell` is told of every row that is rejected or sent without its
/// parent.
pub(super) fn judge(
    spec: &HierarchySpec,
    links: Links,
    left: &Bits,
    tell: &mut dyn FnMut(u32, Finding, Otherwise),
) -> Judged {
    let Links { up, mut shared } = links;
    let mut reports = reports(&up);
    shared.retain(|(first, _)| reports[*first as usize] > 0);
    let mut judge = Judge {
        spec,
        left,
        judged: Judged {
            people: nodes(&up).count() as u64,
            spread: spread(&reports, spec.span),
            shared,
            ..Judged::default()
        },
        roots: Otherwise::Ignore,
        below: vec![0; up.len()],
        depth: Vec::new(),
        up,
        tell,
    };
    let order = judge.take_away(&mut reports);
    judge.find_loops(&mut reports);
    drop(reports);
    judge.depth = vec![UNPLACED; judge.up.len()];
    judge.count_roots();
    judge.decide_loops();
    for record in order.into_iter().rev() {
        judge.decide(record);
    }
    for hits in &mut judge.judged.hits {
        hits.sort_unstable_by_key(|hit| hit.record);
    }
    judge.measure();
    judge.judged
}

/// The records that are in the upload.
fn nodes(up: &[u32]) -> impl Iterator<Item = u32> + '_ {
    let is_in = |code: u32| !matches!(Up::of(code), Up::Out(_));
    (0..)
        .zip(up)
        .filter(move |(_, code)| is_in(**code))
        .map(|(record, _)| record)
}

/// The record in the upload that this one names, unless it is itself.
fn parent(up: &[u32], record: u32) -> Option<u32> {
    match Up::of(up[record as usize]) {
        Up::To(parent) if !matches!(Up::of(up[parent as usize]), Up::Out(_)) => Some(parent),
        _ => None,
    }
}

/// How many name each record.
fn reports(up: &[u32]) -> Vec<u32> {
    let mut reports = vec![0; up.len()];
    for parent in nodes(up).filter_map(|record| parent(up, record)) {
        reports[parent as usize] += 1;
    }
    reports
}

fn spread(reports: &[u32], wide: u32) -> Spread {
    let mut managers: Vec<u32> = reports.iter().copied().filter(|n| *n > 0).collect();
    managers.sort_unstable();
    let max = managers.last().copied().unwrap_or(0);
    let widest = reports.iter().position(|n| max > 0 && *n == max);
    Spread {
        managers: managers.len() as u64,
        max,
        median: managers.get(managers.len() / 2).copied().unwrap_or(0),
        over: managers.iter().filter(|n| **n > wide).count() as u64,
        widest: widest.map(|record| record as u32),
        classes: Spans::of(&managers),
    }
}

impl Judge<'_> {
    /// Takes rows away that nobody hangs on, and counts them below whom they report to. Returns their order; those that
    /// are left have somebody in `waiting`.
    fn take_away(&mut self, waiting: &mut [u32]) -> Vec<u32> {
        let mut order = Vec::with_capacity(self.judged.people as usize);
        order.extend(nodes(&self.up).filter(|record| waiting[*record as usize] == 0));
        let mut next = 0;
        while let Some(&record) = order.get(next) {
            next += 1;
            let Some(parent) = parent(&self.up, record) else {
                continue;
            };
            self.below[parent as usize] += self.below[record as usize] + 1;
            waiting[parent as usize] -= 1;
            if waiting[parent as usize] == 0 {
                order.push(parent);
            }
        }
        order
    }

    /// Goes round each circle once.
    fn find_loops(&mut self, waiting: &mut [u32]) {
        for first in nodes(&self.up) {
            let mut at = first;
            let known = self.judged.loops.members.len();
            while std::mem::take(&mut waiting[at as usize]) > 0 {
                self.judged.loops.members.push(at);
                match parent(&self.up, at) {
                    Some(parent) => at = parent,
                    None => break,
                }
            }
            let members = self.judged.loops.members.len();
            if members > known {
                self.judged.loops.ends.push(members);
            }
        }
    }

    /// Counts the roots, and decides what becomes of them where they are too many.
    fn count_roots(&mut self) {
        let own = self.spec.own.otherwise();
        let is_root = |record: &u32| match Up::of(self.up[*record as usize]) {
            Up::Root => true,
            Up::Own => own != Otherwise::Reject,
            _ => false,
        };
        let roots = nodes(&self.up).filter(is_root).count() as u64;
        if let Some(expected) = self.spec.roots
            && roots > expected.expect
        {
            self.roots = expected.otherwise;
        }
    }

    fn decide_loops(&mut self) {
        for at in 0..self.judged.loops.members.len() {
            let record = self.judged.loops.members[at];
            self.found(record, Finding::Cycle, at as u32, self.spec.cycles);
        }
    }

    /// Decides on a record that is in no circle, after whom it names.
    fn decide(&mut self, record: u32) {
        let orphans = self.spec.orphans;
        match Up::of(self.up[record as usize]) {
            Up::Out(_) => {}
            Up::Root => self.root(record),
            Up::Own => {
                let own = self.spec.own.otherwise();
                self.found(record, Finding::Own, record, own);
                if own != Otherwise::Reject {
                    self.root(record);
                }
            }
            Up::Absent => self.found(record, Finding::Absent, record, orphans.absent),
            Up::To(parent) => match (
                Up::of(self.up[parent as usize]),
                self.depth[parent as usize],
            ) {
                (Up::Out(Gone::Filtered), _) => {
                    self.found(record, Finding::Filtered, parent, orphans.filtered);
                }
                (Up::Out(Gone::Rejected), _) | (_, REJECTED) => {
                    self.found(record, Finding::Rejected, parent, orphans.rejected);
                }
                (_, depth) => {
                    self.depth[record as usize] = match depth {
                        UNPLACED => UNPLACED,
                        depth => depth + 1,
                    };
                    if let Some(leavers) = &self.spec.leavers
                        && self.left.get(parent)
                    {
                        self.found(record, Finding::Left, parent, leavers.otherwise);
                    }
                }
            },
        }
    }

    fn root(&mut self, record: u32) {
        self.depth[record as usize] = 1;
        self.found(record, Finding::Root, record, self.roots);
    }

    /// Notes a finding, and does what is done about it.
    fn found(&mut self, record: u32, finding: Finding, about: u32, otherwise: Otherwise) {
        self.hit(record, finding, about);
        match otherwise {
            Otherwise::Reject => self.depth[record as usize] = REJECTED,
            Otherwise::Clear => self.depth[record as usize] = 1,
            Otherwise::Warn | Otherwise::Stop | Otherwise::Ignore => return,
        }
        (self.tell)(record, finding, otherwise);
    }

    fn hit(&mut self, record: u32, finding: Finding, about: u32) {
        self.judged.hits[finding as usize].push(Hit {
            record,
            below: self.below[record as usize],
            about,
        });
    }

    fn measure(&mut self) {
        let judged = &mut self.judged;
        for &depth in &self.depth {
            if matches!(depth, UNPLACED | REJECTED) {
                continue;
            }
            judged.placed += 1;
            judged.depth = judged.depth.max(depth);
            let level = depth as usize - 1;
            if level >= LEVELS {
                judged.deeper += 1;
                continue;
            }
            if judged.levels.len() <= level {
                judged.levels.resize(level + 1, 0);
            }
            judged.levels[level] += 1;
        }
    }
}
