//! Top-level elements that are not stanzas, or not valid ones.

use super::Kind;
use crate::{element::Tree, jid::Jid};

/// Why a top-level element of the stream cannot be handled as a stanza.
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
    /// Another element: `<handshake/>`, `<stream:error/>`, or an unknown one.
    Other(Box<Tree>),
    /// A missing or invalid `from`: the stanza cannot be answered.
    BadFrom(Kind),
    /// A missing or invalid `to`.
    BadTo {
        /// The kind of the stanza.
        kind: Kind,
        /// The attribute `type`.
        type_: Option<String>,
        /// The attribute `id`.
        id: Option<String>,
        /// The sender.
        from: Box<Jid>,
        /// Whether the attribute `to` is missing.
        absent: bool,
    },
}
