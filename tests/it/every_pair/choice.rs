//! As few choices as meet every pair.

use std::collections::HashSet;

/// One of each factor, by its place.
pub type Choice = [usize; 4];

/// Choices in which every pair of two factors is met that can be.
pub fn every_pair(factors: [usize; 4], can_be: impl Fn(Choice) -> bool) -> Vec<Choice> {
    let [a, b, c, d] = factors;
    let all: Vec<Choice> = (0..a * b * c * d)
        .map(|n| [n % a, n / a % b, n / (a * b) % c, n / (a * b * c)])
        .filter(|choice| can_be(*choice))
        .collect();
    let mut open: HashSet<Pair> = all.iter().flat_map(|choice| pairs(*choice)).collect();
    let mut chosen = Vec::new();
    while !open.is_empty() {
        let met = |choice: &&Choice| pairs(**choice).filter(|pair| open.contains(pair)).count();
        let best = *all.iter().max_by_key(met).unwrap();
        pairs(best).for_each(|pair| _ = open.remove(&pair));
        chosen.push(best);
    }
    chosen
}

/// Two factors, and what of them.
type Pair = [(usize, usize); 2];

fn pairs(choice: Choice) -> impl Iterator<Item = Pair> {
    (0..choice.len()).flat_map(move |one| {
        (0..one).map(move |other| [(other, choice[other]), (one, choice[one])])
    })
}

#[test]
fn all_pairs_are_met_by_few() {
    let chosen = every_pair([3, 3, 3, 2], |choice| choice[0] != 2 || choice[1] == 0);
    assert!(chosen.len() < 13, "{}", chosen.len());
    let has = |one: (usize, usize), other: (usize, usize)| {
        let met = |choice: &Choice| choice[one.0] == one.1 && choice[other.0] == other.1;
        chosen.iter().any(met)
    };
    assert!(has((0, 2), (1, 0)) && !has((0, 2), (1, 1)));
    for compression in 0..3 {
        assert!((0..3).all(|layout| has((0, layout), (2, compression))));
        assert!((0..2).all(|place| has((3, place), (2, compression))));
    }
}
