use serde_json::json;

use super::*;
use crate::rule::ValidateSpec;

fn spec(validate: serde_json::Value) -> ValidateSpec {
    serde_json::from_value(validate).unwrap()
}

#[test]
fn short_and_long() {
    let short = spec(json!({ "hierarchy": { "parent": "m", "orphans": "reject", "roots": 1 } }));
    let tree = &short.hierarchy.all[0];
    assert_eq!(tree.orphans.absent, Otherwise::Reject);
    assert_eq!(tree.orphans.rejected, Otherwise::Warn);
    let one = RootsSpec {
        expect: 1,
        otherwise: Otherwise::Warn,
    };
    assert_eq!(tree.roots, Some(one));
    assert_eq!(
        (tree.own, tree.cycles, tree.span, tree.name()),
        (OnSelf::Root, Otherwise::Reject, 20, "m")
    );
    let long = spec(json!({ "hierarchy": [
        { "parent": "m", "orphans": { "filtered": "clear" } },
        { "name": "matrix", "parent": "m", "roots": { "expect": 2, "otherwise": "stop" } },
    ] }));
    assert_eq!(long.hierarchy.all[0].orphans.filtered, Otherwise::Clear);
    assert_eq!(long.hierarchy.path(1, "roots"), ["hierarchy", "1", "roots"]);
    assert_eq!(short.hierarchy.path(0, "roots"), ["hierarchy", "roots"]);
}

#[test]
fn what_is_misspelt_is_told() {
    for (tree, message) in [
        (
            json!({ "parent": "m", "orphans": { "absnt": "warn" } }),
            "absnt",
        ),
        (json!({ "parent": "m", "orphans": "warm" }), "warm"),
        (json!({ "parent": "m", "roots": "one" }), "one"),
        (json!({ "parent": "m", "cycle": "warn" }), "cycle"),
        (json!({ "parent": "m", "self": "boss" }), "boss"),
        (json!("m"), "a list of such"),
    ] {
        let read = serde_json::from_value::<ValidateSpec>(json!({ "hierarchy": tree }));
        let error = read.unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn what_can_t_be_meant_is_told() {
    for (validate, expected) in [
        (
            json!({ "hierarchy": { "parent": "m" } }),
            "validate.hierarchy.parent: parents are named by `validate.key`, and there is none; state it, or the \
             column by which they are named: `id: positionID`",
        ),
        (
            json!({ "hierarchy": { "parent": "m", "id": "a", "parent_by": "b" } }),
            "validate.hierarchy.parent_by: `id` and `parent_by` both say by which column parents are named; state one",
        ),
        (
            json!({ "key": "m", "hierarchy": { "parent": "m" } }),
            "validate.hierarchy.parent: `m` can't name a row and its parent, too",
        ),
        (
            json!({ "key": "k", "hierarchy": { "parent": "" } }),
            "validate.hierarchy.parent: expected a column, found empty text",
        ),
        (
            json!({ "key": "k", "hierarchy": { "parent": "m", "id": "k", "ignore_case": true } }),
            "validate.hierarchy.ignore_case: parents are named by the key here, and `validate.key` says whether case \
             counts",
        ),
        (
            json!({ "key": "k", "columns": { "m": { "required": true } }, "hierarchy": { "parent": "m", "cycles": "clear" } }),
            "validate.hierarchy.cycles: `m` is required, so that it can't be cleared",
        ),
        (
            json!({ "key": "k", "hierarchy": { "parent": "m", "roots": { "expect": 1, "otherwise": "clear" } } }),
            "validate.hierarchy.roots: the parent cell of a root is empty, or names the row itself, for which there \
             is `self: clear`",
        ),
        (
            json!({ "key": "k", "hierarchy": [{ "parent": "m", "leavers": { "column": "s", "values": [] } }] }),
            "validate.hierarchy.0.leavers: the list `values` is empty",
        ),
        (
            json!({ "key": "k", "hierarchy": [{ "parent": "m" }, { "parent": "m" }] }),
            "validate.hierarchy.1.parent: two hierarchies are called `m`; give each a `name` of its own",
        ),
    ] {
        let problems = spec(validate).check();
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(problems, [expected]);
    }
}
