//! A store in memory, for tests and for what may be forgotten.

use std::sync::Arc;

use crate::store::Store;

/// A new, empty store.
pub(crate) fn store() -> Arc<dyn Store> {
    unimplemented!()
}
