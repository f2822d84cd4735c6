//! The ids of sent stanzas, generated for those that have none.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicU64, Ordering},
};

use uuid::{Builder, fmt::Hyphenated};

/// The id of a sent stanza, to which receipts, corrections, reactions and errors refer. (RFC 6120,
/// 8.1.3; XEP-0184, XEP-0308, XEP-0444)
///
/// It is the id that the program set, or else a UUID, because some clients only track UUIDs.
///
/// # Examples
///
/// ```
/// use couplet::{Incoming, Message, Outgoing, SendError};
/// use xmpp_parsers::{message::Id, message_correct::Replace};
///
/// async fn count(chat: Incoming<Message>) -> Result<(), SendError> {
///     let id = chat.reply("1").await?;
///     let two = Outgoing::chat(chat.from(), "2").payload(&Replace { id: Id(id.into()) });
///     chat.handle().send(two).await?;
///     Ok(())
/// }
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SentId(Text);

/// Length of a UUID in characters.
pub(crate) const LENGTH: usize = Hyphenated::LENGTH;

#[derive(Clone, PartialEq, Eq, Hash)]
enum Text {
    Made([u8; LENGTH]),
    Given(Box<str>),
}

impl SentId {
    /// Wraps the id that [`SentIds::write`] wrote.
    pub(crate) fn made(buffer: [u8; LENGTH]) -> SentId {
        SentId(Text::Made(buffer))
    }

    pub(crate) fn given(id: &str) -> SentId {
        SentId(Text::Given(id.into()))
    }

    /// Returns the characters of the id.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::SentId;
    ///
    /// fn is_receipt_for(sent: &SentId, received: &str) -> bool {
    ///     sent.as_str() == received
    /// }
    /// ```
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Text::Made(text) => str::from_utf8(text).unwrap_or_default(),
            Text::Given(text) => text,
        }
    }
}

impl fmt::Display for SentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for SentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SentId").field(&self.as_str()).finish()
    }
}

impl From<SentId> for String {
    fn from(id: SentId) -> String {
        id.as_str().to_owned()
    }
}

/// Lets a handler end with the return value of `reply` or `send`.
impl From<SentId> for () {
    fn from(_sent: SentId) {}
}

/// A series of UUIDs that cannot be predicted from each other: a keyed hash of a counter.
#[derive(Debug, Default)]
pub(crate) struct SentIds {
    key: RandomState,
    count: AtomicU64,
}

impl SentIds {
    /// Returns the number of the next id.
    pub(crate) fn next_number(&self) -> u64 {
        self.count.fetch_add(2, Ordering::Relaxed)
    }

    /// Writes the id with this number into `buffer`, for [`SentId::made`].
    pub(crate) fn write<'a>(&self, number: u64, buffer: &'a mut [u8; LENGTH]) -> &'a str {
        let (high, low) = (self.key.hash_one(number), self.key.hash_one(number + 1));
        let random = (u128::from(high) << 64) | u128::from(low);
        let uuid = Builder::from_random_bytes(random.to_be_bytes()).into_uuid();
        uuid.hyphenated().encode_lower(buffer)
    }

    /// Returns the id with this number.
    pub(crate) fn with_number(&self, number: u64) -> SentId {
        let mut buffer = [0; LENGTH];
        self.write(number, &mut buffer);
        SentId::made(buffer)
    }

    pub(crate) fn next(&self) -> SentId {
        self.with_number(self.next_number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_ids_are_a_thousand_uuids_of_version_4() {
        let ids = SentIds::default();
        let made: std::collections::HashSet<SentId> = (0..1000).map(|_| ids.next()).collect();
        assert_eq!(made.len(), 1000);
        for id in made {
            let uuid = uuid::Uuid::parse_str(id.as_str()).unwrap();
            assert_eq!(uuid.get_version_num(), 4);
            assert_eq!(uuid.get_variant(), uuid::Variant::RFC4122);
        }
    }
}
