//! Lists, a page at a time, each read at one moment.

use couplet::BareJid;
use deadpool_postgres::Pool;
use tokio_postgres::Row;

use crate::{
    item::Item,
    node::{Affiliation, Node, NodeId},
    page::{Page, Paged},
    request::Wanted,
    store::{Statistics, StoreError},
    subscription::Subscription,
};

use super::{
    change::COMMIT,
    connect::Session,
    find::all,
    rows::{self, count, integer, item_columns, node_columns, parsed, subscription_columns, value},
    script::{Ask, ask},
};

/// A transaction that sees one moment, however many questions it asks.
pub(super) const READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

pub(super) async fn items(
    pool: &Pool,
    node: NodeId,
    wanted: Wanted,
) -> Result<Paged<Item>, StoreError> {
    let counted = ask!("SELECT count(*) FROM item WHERE node = $1", node.0);
    match wanted {
        Wanted::Page(page) => {
            let place = page.cursor().map(|cursor| {
                ask!(
                    "SELECT (SELECT count(*) FROM item AS before
                             WHERE before.node = item.node AND before.seq < item.seq)
                     FROM item WHERE node = $1 AND id = $2",
                    node.0,
                    cursor.to_owned()
                )
            });
            let cut = |take: i64, skip: i64| {
                ask!(
                    concat!(
                        "SELECT ",
                        item_columns!(),
                        " FROM item WHERE node = $1
                         ORDER BY seq LIMIT $2 OFFSET $3"
                    ),
                    node.0,
                    take,
                    skip
                )
            };
            paged(pool, &page, counted, place, cut, rows::item).await
        }
        Wanted::Newest(max) => {
            let newest = ask!(
                concat!(
                    "SELECT ",
                    item_columns!(),
                    " FROM item WHERE node = $1
                     ORDER BY seq DESC LIMIT $2"
                ),
                node.0,
                i64::from(max)
            );
            let asks = [ask!(READ), counted, newest, ask!(COMMIT)];
            let mut answers = Session::begin(pool).await?.end(&asks).await?;
            let found = answers.nth(1).unwrap_or_default();
            let count = found.first().map_or(Ok(0), |row| count(row, 0))?;
            let mut entries = all(&answers.next().unwrap_or_default(), rows::item)?;
            entries.reverse();
            Ok(Paged {
                index: count.saturating_sub(entries.len() as u64),
                count,
                entries,
            })
        }
        Wanted::Ids(ids) => {
            let asks = [ask!(
                concat!(
                    "SELECT ",
                    item_columns!(),
                    " FROM item
                     WHERE node = $1 AND id = ANY ($2) ORDER BY seq"
                ),
                node.0,
                ids
            )];
            let mut answers = Session::begin(pool).await?.end(&asks).await?;
            let entries = all(&answers.next().unwrap_or_default(), rows::item)?;
            Ok(Paged {
                index: 0,
                count: entries.len() as u64,
                entries,
            })
        }
    }
}

pub(super) async fn nodes(pool: &Pool, page: Page) -> Result<Paged<Node>, StoreError> {
    let counted = ask!("SELECT count(*) FROM node WHERE NOT deleted");
    let place = page.cursor().map(|cursor| {
        ask!(
            "SELECT (SELECT count(*) FROM node AS before
                     WHERE before.name < node.name AND NOT before.deleted)
             FROM node WHERE name = $1 AND NOT deleted",
            cursor.to_owned()
        )
    });
    let cut = |take: i64, skip: i64| {
        ask!(
            concat!(
                "SELECT ",
                node_columns!(),
                " FROM node WHERE NOT deleted
                 ORDER BY name LIMIT $1 OFFSET $2"
            ),
            take,
            skip
        )
    };
    paged(pool, &page, counted, place, cut, rows::node).await
}

/// Subscriptions that somebody holds.
macro_rules! held {
    () => {
        " FROM subscription JOIN node ON node.id = subscription.node
          WHERE bare = $1 AND NOT deleted AND ($2::text IS NULL OR name = $2) "
    };
}

pub(super) async fn subscriptions_of(
    pool: &Pool,
    who: &BareJid,
    node: Option<String>,
    page: Page,
) -> Result<Paged<(String, Subscription)>, StoreError> {
    let who = || who.prepared().to_owned();
    let counted = ask!(concat!("SELECT count(*)", held!()), who(), node.clone());
    let place = page.cursor().map(|cursor| {
        // Whoever has many reads them page by page, and their number is bound.
        ask!(
            concat!(
                "SELECT place FROM (SELECT subid, row_number() OVER (ORDER BY name, subid) - 1
                 AS place",
                held!(),
                ") AS all_held WHERE subid = $3 ORDER BY place LIMIT 1"
            ),
            who(),
            node.clone(),
            cursor.to_owned()
        )
    });
    let cut = |take: i64, skip: i64| {
        ask!(
            concat!(
                "SELECT name, ",
                subscription_columns!(),
                held!(),
                "ORDER BY name, subid LIMIT $3 OFFSET $4"
            ),
            who(),
            node.clone(),
            take,
            skip
        )
    };
    paged(pool, &page, counted, place, cut, |row| {
        Ok((value(row, 0)?, rows::subscription(row, 1)?))
    })
    .await
}

/// Affiliations that somebody has.
macro_rules! affiliated {
    () => {
        " FROM affiliation JOIN node ON node.id = affiliation.node
          WHERE jid = $1 AND NOT deleted AND ($2::text IS NULL OR name = $2) "
    };
}

pub(super) async fn affiliations_of(
    pool: &Pool,
    who: &BareJid,
    node: Option<String>,
    page: Page,
) -> Result<Paged<(String, Affiliation)>, StoreError> {
    let who = || who.prepared().to_owned();
    let counted = ask!(
        concat!("SELECT count(*)", affiliated!()),
        who(),
        node.clone()
    );
    let place = page.cursor().map(|cursor| {
        ask!(
            concat!(
                "SELECT place FROM (SELECT name, row_number() OVER (ORDER BY name) - 1
                 AS place",
                affiliated!(),
                ") AS all_of_them WHERE name = $3"
            ),
            who(),
            node.clone(),
            cursor.to_owned()
        )
    });
    let cut = |take: i64, skip: i64| {
        ask!(
            concat!(
                "SELECT name, affiliation",
                affiliated!(),
                "ORDER BY name LIMIT $3 OFFSET $4"
            ),
            who(),
            node.clone(),
            take,
            skip
        )
    };
    paged(pool, &page, counted, place, cut, |row| {
        Ok((value(row, 0)?, rows::affiliation(row, 1)?))
    })
    .await
}

pub(super) async fn subscribers(
    pool: &Pool,
    node: NodeId,
    page: Page,
) -> Result<Paged<Subscription>, StoreError> {
    let counted = ask!(
        "SELECT count(*) FROM subscription
         WHERE node = (SELECT id FROM node WHERE id = $1 AND NOT deleted) AND NOT pending",
        node.0
    );
    let place = page.cursor().map(|cursor| {
        ask!(
            "SELECT (SELECT count(*) FROM subscription AS before
                     WHERE before.node = subscription.node AND NOT before.pending
                     AND (before.jid, before.subid) < (subscription.jid, subscription.subid))
             FROM subscription WHERE node = $1 AND subid = $2 AND NOT pending ORDER BY jid LIMIT 1",
            node.0,
            cursor.to_owned()
        )
    });
    let cut = |take: i64, skip: i64| {
        ask!(
            concat!(
                "SELECT ",
                subscription_columns!(),
                " FROM subscription
                 WHERE node = (SELECT id FROM node WHERE id = $1 AND NOT deleted) AND NOT pending
                 ORDER BY jid, subid LIMIT $2 OFFSET $3"
            ),
            node.0,
            take,
            skip
        )
    };
    paged(pool, &page, counted, place, cut, |row| {
        rows::subscription(row, 0)
    })
    .await
}

pub(super) async fn affiliates(
    pool: &Pool,
    node: NodeId,
) -> Result<Vec<(BareJid, Affiliation)>, StoreError> {
    let asks = [ask!(
        "SELECT jid, affiliation FROM affiliation WHERE node = $1 ORDER BY jid",
        node.0
    )];
    let mut answers = Session::begin(pool).await?.end(&asks).await?;
    all(&answers.next().unwrap_or_default(), |row| {
        Ok((parsed(row, 0)?, rows::affiliation(row, 1)?))
    })
}

pub(super) async fn nodes_with_pending(
    pool: &Pool,
    owner: &BareJid,
) -> Result<Vec<String>, StoreError> {
    let asks = [ask!(
        "SELECT name FROM affiliation JOIN node ON node.id = affiliation.node
         WHERE jid = $1 AND affiliation = 'owner' AND NOT deleted
         AND EXISTS (SELECT 1 FROM subscription
                     WHERE subscription.node = affiliation.node AND pending)
         ORDER BY name",
        owner.prepared().to_owned()
    )];
    let mut answers = Session::begin(pool).await?.end(&asks).await?;
    all(&answers.next().unwrap_or_default(), |row| value(row, 0))
}

pub(super) async fn name_of(pool: &Pool, node: NodeId) -> Result<Option<String>, StoreError> {
    let asks = [ask!(
        "SELECT name FROM node WHERE id = $1 AND NOT deleted",
        node.0
    )];
    let mut answers = Session::begin(pool).await?.end(&asks).await?;
    let found = answers.next().unwrap_or_default();
    found.first().map(|row| value(row, 0)).transpose()
}

pub(super) async fn statistics(pool: &Pool) -> Result<Statistics, StoreError> {
    let asks = [ask!(
        "SELECT count(*), coalesce(sum(items), 0)::bigint, coalesce(sum(subscribers), 0)::bigint,
                (SELECT count(*) FROM announcement)
         FROM node WHERE NOT deleted"
    )];
    let mut answers = Session::begin(pool).await?.end(&asks).await?;
    let found = answers.next().unwrap_or_default();
    let Some(row) = found.first() else {
        return Ok(Statistics::default());
    };
    Ok(Statistics {
        nodes: count(row, 0)?,
        items: count(row, 1)?,
        subscriptions: count(row, 2)?,
        announcements: count(row, 3)?,
    })
}

/// Reads a page, given how to count, where its cursor is, and how to take some behind some others.
async fn paged<T>(
    pool: &Pool,
    page: &Page,
    counted: Ask,
    place: Option<Ask>,
    cut: impl Fn(i64, i64) -> Ask,
    read: impl FnMut(&Row) -> Result<T, StoreError>,
) -> Result<Paged<T>, StoreError> {
    let mut asks = vec![ask!(READ), counted];
    asks.extend(place);
    let mut session = Session::begin(pool).await?;
    let mut answers = session.ask(&asks).await?;
    let mut number = |at: usize| {
        let found = answers.nth(at).unwrap_or_default();
        found.first().map(|row| count(row, 0)).transpose()
    };
    let (total, place) = (number(1)?.unwrap_or_default(), number(0)?);
    let window = match page.window(total, place) {
        Ok(window) => window,
        Err(error) => {
            session.end(&[ask!(COMMIT)]).await?;
            return Err(error);
        }
    };
    let cut = cut(integer(window.take), integer(window.skip));
    let mut answers = session.end(&[cut, ask!(COMMIT)]).await?;
    Ok(Paged {
        entries: all(&answers.next().unwrap_or_default(), read)?,
        index: window.skip,
        count: total,
    })
}
