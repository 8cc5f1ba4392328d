//! Locks that are held for a moment, and never across an await.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks what no code panics with.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
