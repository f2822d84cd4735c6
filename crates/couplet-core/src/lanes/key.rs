//! The key of a lane: one conversation between two bare addresses.
//!
//! Addresses are prepared by [`Jid`](crate::jid::Jid), not here.

use std::sync::Arc;

/// The key of one conversation, as [`write_key`] writes it; cheap to clone.
///
/// # Examples
///
/// ```
/// use couplet_core::lanes::{Key, write_key};
///
/// let key = Key::from(write_key(&mut String::new(), "a@b/c", "d"));
/// assert_eq!(&*key, "a@b\0d");
/// ```
pub type Key = Arc<str>;

/// Writes the key of the conversation between two addresses into a buffer, and returns it.
///
/// Use one buffer for all stanzas: it is cleared first, and no allocation happens once it has
/// grown. The key consists of the bare addresses (RFC 7622, 3.4: without what follows the first
/// slash), separated by a NUL. Pass prepared addresses, and an empty one for a missing address.
///
/// # Examples
///
/// ```
/// use couplet_core::lanes::write_key;
///
/// let mut key = String::new();
/// assert_eq!(
///     write_key(&mut key, "alice@localhost/phone/2", "echo.localhost"),
///     "alice@localhost\0echo.localhost",
/// );
/// ```
pub fn write_key<'k>(into: &'k mut String, from: &str, to: &str) -> &'k str {
    into.clear();
    into.push_str(bare(from));
    into.push('\0');
    into.push_str(bare(to));
    into
}

/// Returns the sender of a lane: the part of the key before the NUL.
pub(super) fn sender_of(key: &str) -> &str {
    key.split_once('\0').map_or(key, |(sender, _)| sender)
}

fn bare(address: &str) -> &str {
    address.split_once('/').map_or(address, |(bare, _)| bare)
}

#[cfg(test)]
mod tests {
    use super::write_key;

    #[test]
    fn resources_do_not_divide_a_conversation() {
        let mut key = String::from("what was here before");
        let bare = write_key(&mut key, "a@b", "c@d").to_owned();
        assert_eq!(write_key(&mut key, "a@b/r@x/y", "c@d/"), bare);
        assert_ne!(write_key(&mut key, "c@d", "a@b"), bare);
        assert_eq!(write_key(&mut key, "", "c@d"), "\0c@d");
    }
}
