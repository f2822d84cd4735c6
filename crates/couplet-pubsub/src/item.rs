//! What is published.

use couplet::BareJid;
use serde::{Deserialize, Serialize};

use crate::timestamp::Timestamp;

/// An item as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Item {
    pub(crate) head: ItemHead,
    /// The payload element as XML, complete with its namespaces: the bytes that go out.
    pub(crate) payload: Option<String>,
}

/// An item without its payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ItemHead {
    pub(crate) id: String,
    /// Its place in the node. Published again, it gets a new one: the most recent is the highest.
    pub(crate) seq: u64,
    pub(crate) publisher: BareJid,
    /// When it was last published.
    pub(crate) published: Timestamp,
    pub(crate) expires: Option<Timestamp>,
}
