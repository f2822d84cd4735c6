//! What a top-level element is that is no stanza, or none to handle.

use super::Kind;
use crate::{element::Tree, jid::Jid};

/// Why a top-level element of the stream is not a stanza to handle.
///
/// # Examples
///
/// ```
/// use couplet_core::{element::{Scope, Tree}, stanza::{NotAStanza, Stanza}};
///
/// let tree = Tree::parse("<handshake/>", &Scope::component()).unwrap();
/// assert!(matches!(Stanza::read(tree), Err(NotAStanza::Other(_))));
/// ```
#[derive(Debug)]
pub enum NotAStanza {
    /// Something else: `<handshake/>`, `<stream:error/>`, or what nobody knows.
    Other(Box<Tree>),
    /// It has no sender, or one that is no JID: it cannot be answered.
    BadFrom(Kind),
    /// It has no recipient, or one that is no JID.
    BadTo {
        /// What it is.
        kind: Kind,
        /// Its type.
        type_: Option<String>,
        /// Its id.
        id: Option<String>,
        /// Who sent it.
        from: Box<Jid>,
        /// There was no `to` at all.
        absent: bool,
    },
}
