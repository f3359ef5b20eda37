//! People with several ids, of which the target knows some: nobody of them is gone while a row of any of the ids is there
//! and at fault.

use std::collections::HashMap;

use super::store::Store;

/// Where in the store the ids of each are.
#[derive(Debug, Default)]
pub(super) struct SeveralIds {
    /// Whose each id is.
    whose: HashMap<u128, u32>,
    /// Where the ids of each are in the store.
    places: Vec<Vec<u32>>,
}

impl SeveralIds {
    /// Those of whom the store has somebody; `people` are the hashes of each one's ids.
    pub(super) fn of(people: impl Iterator<Item = Vec<u128>>, store: Option<&Store>) -> SeveralIds {
        let mut several = SeveralIds::default();
        for ids in people {
            let find = |id: &u128| store.and_then(|store| store.find(*id));
            let places: Vec<u32> = ids.iter().filter_map(find).collect();
            if !places.is_empty() {
                let number = several.places.len() as u32;
                several.whose.extend(ids.into_iter().map(|id| (id, number)));
                several.places.push(places);
            }
        }
        several
    }

    /// Where the owner of an id is, under this id and the others.
    pub(super) fn places_of(&self, id: u128) -> &[u32] {
        let whose = self.whose.get(&id);
        whose.map_or(&[], |number| &self.places[*number as usize])
    }
}
