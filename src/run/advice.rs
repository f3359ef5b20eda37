//! What of a pipeline is slow, and what does the same and is faster.

use serde::Serialize;

use super::bench::unique;
use crate::config::Pipeline;
use crate::expr::Expr;
use crate::expr::faster::plain;
use crate::rule::Rule;
use crate::stage::StageSpec;

/// What takes less of the time is not slow.
const SLOW: f64 = 0.1;

/// Of fewer rows, times say little.
const ROWS: u64 = 10_000;

/// A part of a pipeline that takes much of the time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Slow {
    /// A stage by its name, or a rule: `column grade`, `row rule leaves_before_hired`.
    pub part: String,
    /// Of the time of one thread, from 0 to 1.
    pub share: f64,
    /// What to write instead; nothing where nothing faster is known.
    pub instead: Vec<String>,
}

/// Stages and rules that are slow, the slowest first. `shares` are those of the time by the names of steps and of rules.
pub(crate) fn slow(pipeline: &Pipeline, rows: u64, shares: &[(String, f64)]) -> Vec<Slow> {
    if rows < ROWS {
        return Vec::new();
    }
    let names = unique(pipeline.stages.iter().map(|stage| stage.value.name()));
    let stages = names.into_iter().zip(
        pipeline
            .stages
            .iter()
            .map(|stage| faster_stage(&stage.value)),
    );
    let columns = pipeline.validate.columns.iter().map(|(name, rules)| {
        let instead = rules.pattern.as_deref().and_then(faster_pattern);
        (Rule::Column(name).to_string(), Vec::from_iter(instead))
    });
    let asserts = pipeline.validate.rows.iter().map(|row| {
        (
            Rule::Row(&row.code).to_string(),
            faster_expression(&row.assert),
        )
    });
    let mut slow: Vec<Slow> = (stages.chain(columns).chain(asserts))
        .filter_map(|(part, instead)| {
            let (_, share) = shares.iter().find(|(name, _)| *name == part)?;
            (*share >= SLOW).then_some(Slow {
                part,
                share: *share,
                instead,
            })
        })
        .collect();
    slow.sort_by(|a, b| b.share.total_cmp(&a.share));
    slow
}

fn faster_stage(stage: &StageSpec) -> Vec<String> {
    match stage {
        StageSpec::Filter(filter) => faster_expression(filter.when()),
        StageSpec::Set(set) => set.expressions().flat_map(faster_expression).collect(),
        _ => Vec::new(),
    }
}

fn faster_expression(source: &str) -> Vec<String> {
    Expr::compile(source).map_or_else(|_| Vec::new(), |expr| expr.faster())
}

/// A pattern that is a list of words and nothing else.
fn faster_pattern(pattern: &str) -> Option<String> {
    let inner = pattern.strip_prefix('^')?.strip_suffix('$')?;
    let inner = inner
        .strip_prefix("(?:")
        .or_else(|| inner.strip_prefix('('));
    let words: Option<Vec<String>> = inner?.strip_suffix(')')?.split('|').map(plain).collect();
    let words = words.filter(|words| words.len() > 1)?;
    Some(format!(
        "`one_of` with these {} values is faster than a `pattern` of them",
        words.len()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_that_are_lists() {
        let instead = "`one_of` with these 3 values is faster than a `pattern` of them";
        for pattern in ["^(A|B|C)$", "^(?:On Leave|Active|N\\.A\\.)$"] {
            assert_eq!(
                faster_pattern(pattern).as_deref(),
                Some(instead),
                "{pattern}"
            );
        }
        for pattern in [
            "^A|B|C$",
            "(A|B|C)",
            "^(A|B)+$",
            "^(A|[BC])$",
            "^(A)$",
            r"^(\d|x)$",
            "^(A|)$",
        ] {
            assert_eq!(faster_pattern(pattern), None, "{pattern}");
        }
    }
}
