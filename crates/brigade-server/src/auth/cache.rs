//! Verified tokens, remembered for as long as they are good: checking a signature costs more than most reads.
//!
//! Two generations: when the young one is half of the bound it becomes the old one, and the old one is forgotten. Nothing is
//! ever searched for what has expired, so no request pays for the others. Only what was verified comes in, so nobody without a
//! key can push others out.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use brigade::data::Principal;
use sha2::{Digest as _, Sha256};

/// A token's hash: the cache holds no tokens.
type Hash = [u8; 32];

/// Whom a token showed, and until when it is good.
#[derive(Clone)]
pub struct Verified {
    pub principal: Arc<Principal>,
    /// In seconds since 1970.
    pub until: u64,
}

/// Verified tokens, by their hash.
pub struct Cache {
    generation_max: usize,
    generations: Mutex<[HashMap<Hash, Verified>; 2]>,
}

impl Cache {
    /// For at most this many tokens.
    pub fn new(tokens_max: usize) -> Self {
        Self { generation_max: tokens_max.div_ceil(2), generations: Mutex::default() }
    }

    /// The name of a token here.
    pub fn hash(token: &str) -> Hash {
        Sha256::digest(token.as_bytes()).into()
    }

    /// Whom a token showed, where it is still good.
    pub fn get(&self, hash: &Hash, now: u64) -> Option<Arc<Principal>> {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        let [young, old] = &mut *generations;
        let verified = match young.get(hash) {
            Some(verified) => verified.clone(),
            None => {
                let verified = old.remove(hash)?;
                Self::insert(&mut generations, self.generation_max, *hash, verified.clone());
                verified
            }
        };
        (now < verified.until).then_some(verified.principal)
    }

    /// Remembers a token.
    pub fn put(&self, hash: Hash, verified: Verified) {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        Self::insert(&mut generations, self.generation_max, hash, verified);
    }

    fn insert(generations: &mut [HashMap<Hash, Verified>; 2], max: usize, hash: Hash, verified: Verified) {
        let [young, old] = generations;
        if young.len() >= max {
            *old = std::mem::take(young);
        }
        young.insert(hash, verified);
    }

    /// Forgets everything: a key was taken away, and with it every word that it vouched for.
    pub fn clear(&self) {
        *self.generations.lock().unwrap_or_else(PoisonError::into_inner) = Default::default();
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.generations.lock().unwrap().iter().map(HashMap::len).sum()
    }
}
