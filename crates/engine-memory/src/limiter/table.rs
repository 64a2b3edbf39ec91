//! States by hash, in slots of equal size: an index of four bytes an entry over slabs that grow piece by piece, so that
//! neither growing nor a half empty table costs what a map of states would.

use hashbrown::HashTable;

/// Slots of one slab.
const SLAB: usize = 256;

/// Words before a state: the hash, and what is known of the slot.
const HEAD: usize = 5;
const MARKS: usize = 4;

/// The slot holds a state.
const USED: u32 = 1;
/// It was changed since it was last written down.
const CHANGED: u32 = 2;

/// Who is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hash(pub u128);

impl Hash {
    /// One of so many shares. Bits that the index does not use.
    pub fn share(self, of: usize) -> usize {
        ((self.0 >> 64) as u64 % of as u64) as usize
    }

    pub fn words(self) -> [u32; 4] {
        [0, 32, 64, 96].map(|shift| (self.0 >> shift) as u32)
    }

    pub fn from_words(words: [u32; 4]) -> Self {
        Self(words.iter().rev().fold(0, |hash, word| hash << 32 | u128::from(*word)))
    }

    fn low(self) -> u64 {
        self.0 as u64
    }
}

/// The states of one share of all identifiers.
pub struct Table {
    /// Words of a slot.
    stride: usize,
    index: HashTable<u32>,
    slabs: Vec<Box<[u32]>>,
    /// Slots that were ever used, from the first on.
    filled: u32,
    free: Vec<u32>,
    changed: Vec<u32>,
    /// Where looking for idle ones goes on.
    hand: u32,
}

impl Table {
    pub fn new(words: usize) -> Self {
        Self {
            stride: HEAD + words,
            index: HashTable::new(),
            slabs: Vec::new(),
            filled: 0,
            free: Vec::new(),
            changed: Vec::new(),
            hand: 0,
        }
    }

    /// Slots that were ever used.
    pub fn slots(&self) -> usize {
        self.filled as usize
    }

    /// Where somebody's state is.
    pub fn find(&self, hash: Hash) -> Option<u32> {
        let words = hash.words();
        self.index.find(hash.low(), |&slot| self.slot(slot)[..MARKS] == words).copied()
    }

    /// A state of all zeros for somebody who has none.
    pub fn insert(&mut self, hash: Hash) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.filled += 1;
            self.filled - 1
        });
        if slot as usize / SLAB == self.slabs.len() {
            self.slabs.push(vec![0; SLAB * self.stride].into());
        }
        let words = self.slot_mut(slot);
        // Of who was here before: the slot may still stand among the changed ones.
        let changed = words[MARKS] & CHANGED;
        words.fill(0);
        words[..MARKS].copy_from_slice(&hash.words());
        words[MARKS] = USED | changed;
        let (slabs, stride) = (&self.slabs, self.stride);
        self.index.insert_unique(hash.low(), slot, |&other| hash_of(slabs, stride, other).low());
        slot
    }

    /// A state as it was written down.
    pub fn state(&mut self, slot: u32) -> &mut [u32] {
        &mut self.slot_mut(slot)[HEAD..]
    }

    /// A state to be changed.
    pub fn change(&mut self, slot: u32) -> &mut [u32] {
        if self.slot(slot)[MARKS] & CHANGED == 0 {
            self.slot_mut(slot)[MARKS] |= CHANGED;
            self.changed.push(slot);
        }
        &mut self.slot_mut(slot)[HEAD..]
    }

    /// Looks at so many slots further on and drops the states that are not to be kept.
    pub fn retain(&mut self, looks: usize, keep: impl Fn(&[u32]) -> bool) -> usize {
        let mut dropped = 0;
        for _ in 0..looks.min(self.slots()) {
            let slot = self.hand % self.filled;
            self.hand = slot + 1;
            let words = self.slot(slot);
            if words[MARKS] & USED != 0 && !keep(&words[HEAD..]) {
                self.drop_slot(slot);
                dropped += 1;
            }
        }
        if self.index.is_empty() && dropped > 0 {
            *self = Self::new(self.stride - HEAD);
        }
        dropped
    }

    fn drop_slot(&mut self, slot: u32) {
        let hash = hash_of(&self.slabs, self.stride, slot);
        if let Ok(entry) = self.index.find_entry(hash.low(), |&other| other == slot) {
            entry.remove();
        }
        // It may stand among the changed ones: the mark that it is there stays, and nothing else.
        self.slot_mut(slot)[MARKS] &= CHANGED;
        self.free.push(slot);
    }

    /// Hash and state of those that changed since the last time, or of all, one after the other.
    pub fn take_changed(&mut self, all: bool) -> Vec<u32> {
        let changed = std::mem::take(&mut self.changed);
        for &slot in &changed {
            self.slot_mut(slot)[MARKS] &= !CHANGED;
        }
        let slots: Box<dyn Iterator<Item = u32>> =
            if all { Box::new(0..self.filled) } else { Box::new(changed.into_iter()) };
        let mut out = Vec::new();
        for slot in slots {
            let words = self.slot(slot);
            if words[MARKS] & USED != 0 {
                out.extend_from_slice(&words[..MARKS]);
                out.extend_from_slice(&words[HEAD..]);
            }
        }
        out
    }

    fn slot(&self, slot: u32) -> &[u32] {
        let at = slot as usize % SLAB * self.stride;
        &self.slabs[slot as usize / SLAB][at..at + self.stride]
    }

    fn slot_mut(&mut self, slot: u32) -> &mut [u32] {
        let at = slot as usize % SLAB * self.stride;
        &mut self.slabs[slot as usize / SLAB][at..at + self.stride]
    }
}

fn hash_of(slabs: &[Box<[u32]>], stride: usize, slot: u32) -> Hash {
    let at = slot as usize % SLAB * stride;
    let words = &slabs[slot as usize / SLAB][at..at + MARKS];
    Hash::from_words([words[0], words[1], words[2], words[3]])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn it_holds_what_a_map_holds() {
        let mut table = Table::new(3);
        let mut map: BTreeMap<u128, u32> = BTreeMap::new();
        let mut number = 7u64;
        for round in 0..20_000u32 {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let hash = Hash(u128::from(number >> 54) * 0x1234_5678_9abc_def1_0000_0001_0000_0003);
            let slot = table.find(hash).unwrap_or_else(|| table.insert(hash));
            table.change(slot)[0] = round;
            map.insert(hash.0, round);
            if round % 50 == 0 {
                let oldest = round.saturating_sub(700);
                let before = map.len();
                map.retain(|_, at| *at >= oldest);
                assert_eq!(table.retain(usize::MAX, |state| state[0] >= oldest), before - map.len());
            }
            assert_eq!(table.find(hash).map(|slot| table.slot(slot)[HEAD]), Some(round));
        }
        let whole = table.take_changed(true);
        let held: BTreeMap<u128, u32> = whole
            .chunks(7)
            .map(|record| (Hash::from_words([record[0], record[1], record[2], record[3]]).0, record[4]))
            .collect();
        assert_eq!(held, map);
        assert!(table.slots() < 1_500, "dropped slots are used again: {}", table.slots());
        assert!(table.take_changed(false).is_empty());
        table.retain(usize::MAX, |_| false);
        assert!(table.slabs.is_empty(), "an empty table costs nothing");
    }
}
