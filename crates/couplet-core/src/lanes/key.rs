//! The name of a lane: one conversation between two bare addresses.
//!
//! Deliberately absent: preparing addresses, which [`Jid`](crate::jid::Jid) does.

use std::sync::Arc;

/// One conversation, as [`write_key`] writes it; cheap to clone.
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
/// Use one buffer for all stanzas: it is emptied first and nothing is allocated once it has grown.
/// The key is the bare addresses, whatever their resources (RFC 7622, 3.4: what follows the first
/// slash), with a NUL between. Give it the prepared addresses; a missing address is an empty one.
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

/// Whose lane this is: what stands before the NUL.
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
