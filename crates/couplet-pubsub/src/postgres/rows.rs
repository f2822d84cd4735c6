//! Converts rows to values.

use std::str::FromStr;

use couplet::BareJid;
use serde::de::DeserializeOwned;
use tokio_postgres::{Row, types::FromSql};

use crate::{
    change::{Announcement, Audience},
    codec::validate,
    item::{Item, ItemHead},
    node::{Affiliation, Node, NodeId, NotificationType},
    store::{Cursor, Job, JobId, StoreError},
    subscription::{SubscribeOptions, Subscription, SubscriptionState},
    timestamp::Timestamp,
};

/// The columns of [`node`].
macro_rules! node_columns {
    () => {
        "node.id, node.name, creator, created, revision, next_seq, items, subscribers, config, \
         unsettled"
    };
}
pub(super) use node_columns;

/// The columns of [`subscription`].
macro_rules! subscription_columns {
    () => {
        "subscription.jid, subid, pending, deliver, include_body, bounces, since, expires"
    };
}
pub(super) use subscription_columns;

/// The columns of [`head`].
macro_rules! head_columns {
    () => {
        "id, seq, publisher, published, expires"
    };
}
pub(super) use head_columns;

/// The columns of [`item`].
macro_rules! item_columns {
    () => {
        "id, seq, publisher, published, expires, payload"
    };
}
pub(super) use item_columns;

/// The columns of [`job`].
macro_rules! job_columns {
    () => {
        "announcement.id, announcement.node, seq, audience, headline, after_jid, after_subid, \
         named, body, content"
    };
}
pub(super) use job_columns;

pub(super) fn value<'a, T: FromSql<'a>>(row: &'a Row, column: usize) -> Result<T, StoreError> {
    Ok(row.try_get(column)?)
}

/// Reads the JID of an affiliation from the columns `jid`, any, `address`.
pub(super) fn affiliate(row: &Row) -> Result<BareJid, StoreError> {
    match value::<Option<&str>>(row, 2)? {
        Some(_) => parsed(row, 2),
        None => parsed(row, 0),
    }
}

/// Reads a count.
pub(super) fn count(row: &Row, column: usize) -> Result<u64, StoreError> {
    let count: i64 = value(row, column)?;
    Ok(u64::try_from(count).unwrap_or_default())
}

/// Converts a count to the integer type of PostgreSQL. No count reaches the difference.
pub(super) fn integer(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Reads a value that is stored as text.
pub(super) fn parsed<T>(row: &Row, column: usize) -> Result<T, StoreError>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    let text: &str = value(row, column)?;
    text.parse().map_err(|error| unreadable(text, &error))
}

/// Reads a value that is stored as JSON.
fn json<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| unreadable(text, &error))
}

/// Maximum number of characters of an unreadable value that are shown.
const SHOWN: usize = 100;

fn unreadable(text: &str, error: &dyn std::fmt::Display) -> StoreError {
    let begin: String = text.chars().take(SHOWN).collect();
    StoreError::Broken(format!(
        "PostgreSQL: {begin:?} is not a valid value: {error}"
    ))
}

pub(super) fn timestamp(row: &Row, column: usize) -> Result<Option<Timestamp>, StoreError> {
    Ok(value::<Option<i64>>(row, column)?.map(Timestamp))
}

/// Reads an affiliation; NULL is none.
pub(super) fn affiliation(row: &Row, column: usize) -> Result<Affiliation, StoreError> {
    let word: Option<&str> = value(row, column)?;
    let Some(word) = word else {
        return Ok(Affiliation::None);
    };
    validate::affiliation(word).ok_or_else(|| unreadable(word, &"no affiliation"))
}

pub(super) fn node(row: &Row) -> Result<Node, StoreError> {
    Ok(Node {
        id: NodeId(value(row, 0)?),
        name: value(row, 1)?,
        creator: parsed(row, 2)?,
        created: Timestamp(value(row, 3)?),
        revision: count(row, 4)?,
        next_seq: count(row, 5)?,
        items: count(row, 6)?,
        subscribers: count(row, 7)?,
        config: json(value(row, 8)?)?,
        unapplied: count(row, 9)?,
    })
}

/// Reads and validates the payload of an item.
fn payload(row: &Row, column: usize) -> Result<Option<String>, StoreError> {
    let xml: Option<String> = value(row, column)?;
    if let Some(xml) = &xml {
        validate::check_payload(xml).map_err(|why| unreadable(xml, &why))?;
    }
    Ok(xml)
}

/// Reads and validates the content of an announcement.
fn content(row: &Row, column: usize) -> Result<String, StoreError> {
    let xml: String = value(row, column)?;
    validate::check_content(&xml).map_err(|why| unreadable(&xml, &why))?;
    Ok(xml)
}

/// Reads and validates the address of a message.
pub(super) fn address(row: &Row, column: usize) -> Result<String, StoreError> {
    let jid: String = value(row, column)?;
    match validate::is_address(&jid) {
        true => Ok(jid),
        false => Err(unreadable(&jid, &"no JID")),
    }
}

/// Reads a subscription whose columns begin with this one.
pub(super) fn subscription(row: &Row, first: usize) -> Result<Subscription, StoreError> {
    let state = if value(row, first + 2)? {
        SubscriptionState::Pending
    } else {
        SubscriptionState::Subscribed
    };
    let bounces: i64 = value(row, first + 5)?;
    Ok(Subscription {
        jid: parsed(row, first)?,
        subid: value(row, first + 1)?,
        state,
        options: SubscribeOptions {
            deliver: value(row, first + 3)?,
            include_body: value(row, first + 4)?,
        },
        bounces: u32::try_from(bounces).unwrap_or_default(),
        since: count(row, first + 6)?,
        expires: timestamp(row, first + 7)?,
    })
}

pub(super) fn head(row: &Row) -> Result<ItemHead, StoreError> {
    Ok(ItemHead {
        id: value(row, 0)?,
        seq: count(row, 1)?,
        publisher: parsed(row, 2)?,
        published: Timestamp(value(row, 3)?),
        expires: timestamp(row, 4)?,
    })
}

pub(super) fn item(row: &Row) -> Result<Item, StoreError> {
    Ok(Item {
        head: head(row)?,
        payload: payload(row, 5)?,
    })
}

pub(super) fn job(row: &Row) -> Result<Job, StoreError> {
    let pending_too = value::<i16>(row, 3)? != 0;
    let named: Option<&str> = value(row, 7)?;
    let after: Option<String> = value(row, 5)?;
    let subid: Option<String> = value(row, 6)?;
    Ok(Job {
        id: JobId(value(row, 0)?),
        node: NodeId(value(row, 1)?),
        seq: count(row, 2)?,
        announcement: Announcement {
            to: match named {
                Some(named) => Audience::Named(json(named)?),
                None if pending_too => Audience::SubscribersAndPending,
                None => Audience::Subscribers,
            },
            type_: if value(row, 4)? {
                NotificationType::Headline
            } else {
                NotificationType::Normal
            },
            body: value(row, 8)?,
            content: content(row, 9)?,
        },
        after: after.map(|jid| Cursor {
            jid,
            subid: subid.unwrap_or_default(),
        }),
    })
}
