//! Published items.

use couplet::BareJid;
use serde::{Deserialize, Serialize};

use crate::timestamp::Timestamp;

/// A stored item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Item {
    pub(crate) head: ItemHead,
    /// The payload element as XML, with all its namespaces: the bytes that are sent.
    pub(crate) payload: Option<String>,
}

/// An item without its payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ItemHead {
    pub(crate) id: String,
    /// Its position in the node. Publishing it again gives it a new one: the newest item has the
    /// highest.
    pub(crate) seq: u64,
    pub(crate) publisher: BareJid,
    /// When it was last published.
    pub(crate) published: Timestamp,
    pub(crate) expires: Option<Timestamp>,
}
