//! Converts rows to values.

use std::{fmt, str::FromStr};

use couplet::BareJid;
use rusqlite::{
    Row,
    types::{FromSql, FromSqlError, FromSqlResult, ValueRef},
};

use crate::{
    change::{Announcement, Audience},
    codec::validate,
    item::{Item, ItemHead},
    node::{Affiliation, Node, NodeId, NotificationType},
    store::{Cursor, Job, JobId},
    subscription::{SubscribeOptions, Subscription, SubscriptionState},
    timestamp::Timestamp,
};

/// The columns of [`node`].
pub(super) const NODE: &str =
    "id, name, creator, created, revision, next_seq, items, subscribers, config, unsettled";
/// The columns of [`subscription`].
pub(super) const SUBSCRIPTION: &str =
    "jid, subid, pending, deliver, include_body, bounces, since, expires";
/// The columns of [`head`].
pub(super) const HEAD: &str = "id, seq, publisher, published, expires";
/// The columns of [`item`].
pub(super) const ITEM: &str = "id, seq, publisher, published, expires, payload";
/// The shelf of a node, given its key.
pub(super) const SHELF: &str = "(SELECT shelf FROM node WHERE id = ?)";
/// The columns of [`job`].
pub(super) const JOB: &str = "id, node, seq, audience, headline, after_jid, after_subid, named, \
                              body, content";

/// Reads a value that is stored as text.
pub(super) struct Parsed<T>(pub(super) T);

impl<T> FromSql for Parsed<T>
where
    T: FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Parsed<T>> {
        let parsed = value.as_str()?.parse();
        parsed
            .map(Parsed)
            .map_err(|error: T::Err| FromSqlError::Other(Box::new(error)))
    }
}

/// Reads a value that is stored as JSON.
pub(super) struct Json<T>(pub(super) T);

impl<T: serde::de::DeserializeOwned> FromSql for Json<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Json<T>> {
        let read = serde_json::from_str(value.as_str()?);
        read.map(Json)
            .map_err(|error| FromSqlError::Other(Box::new(error)))
    }
}

/// Reads and validates the address of a message.
pub(super) struct Address(pub(super) String);

impl FromSql for Address {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Address> {
        let jid = value.as_str()?;
        match validate::is_address(jid) {
            true => Ok(Address(jid.to_owned())),
            false => Err(FromSqlError::Other(Box::new(Wrong("no JID".to_owned())))),
        }
    }
}

/// Reads the JID of an affiliation from the columns `jid`, any, `address`.
pub(super) fn affiliate(row: &Row<'_>) -> rusqlite::Result<BareJid> {
    match row.get::<_, Option<Parsed<BareJid>>>(2)? {
        Some(Parsed(address)) => Ok(address),
        None => Ok(row.get::<_, Parsed<BareJid>>(0)?.0),
    }
}

/// Reads and validates the payload of an item.
struct Payload(String);

impl FromSql for Payload {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Payload> {
        let xml = value.as_str()?;
        match validate::check_payload(xml) {
            Ok(()) => Ok(Payload(xml.to_owned())),
            Err(why) => Err(FromSqlError::Other(Box::new(Wrong(why)))),
        }
    }
}

/// Reads and validates the content of an announcement.
struct Content(String);

impl FromSql for Content {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Content> {
        let xml = value.as_str()?;
        match validate::check_content(xml) {
            Ok(()) => Ok(Content(xml.to_owned())),
            Err(why) => Err(FromSqlError::Other(Box::new(Wrong(why)))),
        }
    }
}

impl FromSql for Affiliation {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Affiliation> {
        let word = value.as_str()?;
        validate::affiliation(word).ok_or_else(|| {
            FromSqlError::Other(Box::new(Wrong(format!("{word:?} is not an affiliation"))))
        })
    }
}

/// Why a value is invalid.
#[derive(Debug)]
struct Wrong(String);

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Wrong {}

/// Converts a count to the integer type of SQLite. No count reaches the difference.
pub(super) fn integer(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Reads a count.
pub(super) fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let count: i64 = row.get(column)?;
    Ok(u64::try_from(count).unwrap_or_default())
}

pub(super) fn node(row: &Row<'_>) -> rusqlite::Result<Node> {
    Ok(Node {
        id: NodeId(row.get(0)?),
        name: row.get(1)?,
        creator: row.get::<_, Parsed<_>>(2)?.0,
        created: Timestamp(row.get(3)?),
        revision: count(row, 4)?,
        next_seq: count(row, 5)?,
        items: count(row, 6)?,
        subscribers: count(row, 7)?,
        config: row.get::<_, Json<_>>(8)?.0,
        unapplied: count(row, 9)?,
    })
}

pub(super) fn subscription(row: &Row<'_>) -> rusqlite::Result<Subscription> {
    subscription_from(row, 0)
}

/// Reads a subscription whose columns begin with this one.
pub(super) fn subscription_from(row: &Row<'_>, first: usize) -> rusqlite::Result<Subscription> {
    let pending: bool = row.get(first + 2)?;
    Ok(Subscription {
        jid: row.get::<_, Parsed<_>>(first)?.0,
        subid: row.get(first + 1)?,
        state: if pending {
            SubscriptionState::Pending
        } else {
            SubscriptionState::Subscribed
        },
        options: SubscribeOptions {
            deliver: row.get(first + 3)?,
            include_body: row.get(first + 4)?,
        },
        bounces: row.get(first + 5)?,
        since: count(row, first + 6)?,
        expires: row.get::<_, Option<i64>>(first + 7)?.map(Timestamp),
    })
}

pub(super) fn head(row: &Row<'_>) -> rusqlite::Result<ItemHead> {
    Ok(ItemHead {
        id: row.get(0)?,
        seq: count(row, 1)?,
        publisher: row.get::<_, Parsed<_>>(2)?.0,
        published: Timestamp(row.get(3)?),
        expires: row.get::<_, Option<i64>>(4)?.map(Timestamp),
    })
}

pub(super) fn item(row: &Row<'_>) -> rusqlite::Result<Item> {
    Ok(Item {
        head: head(row)?,
        payload: row.get::<_, Option<Payload>>(5)?.map(|payload| payload.0),
    })
}

pub(super) fn job(row: &Row<'_>) -> rusqlite::Result<Job> {
    let audience: i64 = row.get(3)?;
    let headline: bool = row.get(4)?;
    let named: Option<Json<Vec<couplet::Jid>>> = row.get(7)?;
    let after: Option<String> = row.get(5)?;
    let subid: Option<String> = row.get(6)?;
    Ok(Job {
        id: JobId(row.get(0)?),
        node: NodeId(row.get(1)?),
        seq: count(row, 2)?,
        announcement: Announcement {
            to: match (audience, named) {
                (_, Some(named)) => Audience::Named(named.0),
                (0, None) => Audience::Subscribers,
                (_, None) => Audience::SubscribersAndPending,
            },
            type_: if headline {
                NotificationType::Headline
            } else {
                NotificationType::Normal
            },
            body: row.get(8)?,
            content: row.get::<_, Content>(9)?.0,
        },
        after: after.map(|jid| Cursor {
            jid,
            subid: subid.unwrap_or_default(),
        }),
    })
}
