//! A bit for every record, an eighth of a byte each; nothing behind the last one that is set.

/// Records of which something holds.
#[derive(Debug, Default)]
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    #[cfg(test)]
    pub(crate) const fn new() -> Bits {
        Bits(Vec::new())
    }

    pub(crate) fn set(&mut self, record: u32) {
        let word = record as usize / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (record % 64);
    }

    pub(crate) fn get(&self, record: u32) -> bool {
        let word = self.0.get(record as usize / 64);
        word.is_some_and(|word| word & (1 << (record % 64)) != 0)
    }

    /// Takes in the values of a block that begins with this record; there are none where none is set.
    pub(crate) fn take_in(&mut self, first: u32, values: &[u64]) {
        for (record, value) in (first..).zip(values) {
            if *value != 0 {
                self.set(record);
            }
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.0.capacity() * size_of::<u64>()
    }
}
