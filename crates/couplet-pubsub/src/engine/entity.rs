//! Requests of entities. (XEP-0060, 5.6, 5.7, 6)

pub(super) mod items;
pub(super) mod own;
pub(super) mod subscribe;
pub(super) mod unsubscribe;
pub(super) mod options;
mod select;
