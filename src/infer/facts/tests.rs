use proptest::prelude::*;

use super::*;
use crate::infer::tests::batch;

fn facts(values: &[&str], formats: &Formats) -> Facts {
    Facts::of(&batch(values), 1, formats)
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9]{1,2}/[0-9]{1,2}/20[0-9]{2}",
        "[0-3][0-9]\\.[01][0-9]\\.(19|20)[0-9]{2}( [0-2][0-9]:[0-5][0-9])?",
        "-?[0-9]{1,3}[.,][0-9]{1,4}",
        "[0-9]{1,3}(,[0-9]{3}){1,2}(\\.[0-9]{2})?",
        "0{0,3}[0-9]{1,6}",
        "[ \u{a0}]?[A-Z]{1,3}[-_ ]?[0-9]{0,4}[ \u{200b}]?",
        "(3|15) (March|März|mars|Dez) 20[0-9]{2}",
        Just("N/A".to_owned()),
        Just("31.12.9999".to_owned()),
        Just(String::new()),
        "[a-z@.é]{0,40}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    /// What comes of all is the same however it is cut into blocks.
    #[test]
    fn facts_of_parts_are_those_of_the_whole(
        values in proptest::collection::vec(value(), 0..120),
        cuts in proptest::collection::vec(0..120usize, 0..5),
    ) {
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let formats = Formats::default();
        let whole = facts(&values, &formats);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(values.len())).collect();
        cuts.extend([0, values.len()]);
        cuts.sort_unstable();
        let mut parts = Facts::default();
        for cut in cuts.windows(2) {
            parts.merge(facts(&values[cut[0]..cut[1]], &formats));
        }
        prop_assert_eq!(parts, whole);
    }
}

#[test]
fn cells_are_counted_by_what_they_are() {
    let found = facts(&["a", "", " ", "\u{a0}b", "N/A", "a"], &Formats::default());
    let column = &found.columns[0];
    assert_eq!((found.records, column.filled(), column.empty), (6, 4, 2));
    assert_eq!(
        (
            column.blanks,
            column.sentinels(),
            column.distinct.count().count
        ),
        (2, 1, 3)
    );
}
