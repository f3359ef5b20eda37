//! Buffers that are used again: a run's memory is that of a few blocks, however long the run is.
//!
//! Without this, every block would ask the allocator for the same megabytes anew on one thread and give
//! them back on another, which allocators answer by keeping ever more of them.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

use crate::text::written::Written;

/// Buffers kept at most. A run has as many in use as there are blocks under way.
const KEPT: usize = 64;

/// A kind of buffer that can be emptied and used again.
pub trait Reuse: Default {
    /// Empties it and keeps its room.
    fn clear(&mut self);
    /// The room that it has, in bytes.
    fn room(&self) -> usize;
}

impl Reuse for Written {
    fn clear(&mut self) {
        self.truncate(0);
    }

    fn room(&self) -> usize {
        Written::room(self)
    }
}

impl Reuse for Vec<u8> {
    fn clear(&mut self) {
        Vec::clear(self);
    }

    fn room(&self) -> usize {
        self.capacity()
    }
}

/// Largest buffer kept, in bytes: what one huge record needed is given back.
const MAX_ROOM: usize = 16 * 1024 * 1024;

/// A store of empty buffers; clones share it.
#[derive(Debug)]
pub struct Pool<T>(Arc<Mutex<Vec<T>>>);

impl<T> Clone for Pool<T> {
    fn clone(&self) -> Self {
        Pool(self.0.clone())
    }
}

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Pool(Arc::default())
    }
}

impl<T: Reuse> Pool<T> {
    pub fn take(&self) -> T {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop()
            .unwrap_or_default()
    }

    /// An empty buffer that comes back by itself.
    pub fn lease(&self) -> Lease<T> {
        Lease {
            value: self.take(),
            home: Some(self.clone()),
        }
    }

    /// Gives a buffer back.
    pub fn put(&self, mut buffer: T) {
        let room = buffer.room();
        if room == 0 || room > MAX_ROOM {
            return;
        }
        buffer.clear();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT {
            kept.push(buffer);
        }
    }
}

/// A buffer that goes back to its pool when it is dropped.
#[derive(Debug)]
pub struct Lease<T: Reuse> {
    value: T,
    home: Option<Pool<T>>,
}

impl<T: Reuse> Default for Lease<T> {
    fn default() -> Self {
        Lease::from(T::default())
    }
}

/// A buffer that belongs to no pool.
impl<T: Reuse> From<T> for Lease<T> {
    fn from(value: T) -> Self {
        Lease { value, home: None }
    }
}

impl<T: Reuse> Deref for Lease<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Reuse> DerefMut for Lease<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: Reuse> Drop for Lease<T> {
    fn drop(&mut self) {
        if let Some(home) = self.home.take() {
            home.put(std::mem::take(&mut self.value));
        }
    }
}

impl<T: Reuse + Deref<Target = [u8]>> AsRef<[u8]> for Lease<T> {
    fn as_ref(&self) -> &[u8] {
        &self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_comes_back_empty_with_its_room() {
        let pool = Pool::<Vec<u8>>::default();
        let mut lease = pool.lease();
        lease.extend_from_slice(&[1; 1000]);
        drop(bytes::Bytes::from_owner(lease));
        let again = pool.take();
        assert!(again.is_empty() && again.capacity() >= 1000);
        pool.put(Vec::with_capacity(MAX_ROOM + 1));
        assert_eq!(pool.take().capacity(), 0);
    }
}
