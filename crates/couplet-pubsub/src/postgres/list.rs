//! Lists in pages, each read in one transaction.

use couplet::BareJid;
use deadpool_postgres::Pool;
use tokio_postgres::Row;

use crate::{
    item::Item,
    node::{Affiliation, Node, NodeId},
    page::{Page, Paged, Start},
    request::Wanted,
    store::{Cursor, Statistics, StoreError, prepared},
    subscription::Subscription,
};

use super::{
    change::COMMIT,
    connect::{READ, Session},
    find::all,
    pages::{List, whole},
    pipeline::{Statement, Value, statement},
    rows::{self, count, integer, item_columns, node_columns, subscription_columns, value},
    set_aside,
    write::kept,
};

pub(super) async fn items(
    pool: &Pool,
    node: NodeId,
    wanted: Wanted,
) -> Result<Paged<Item>, StoreError> {
    let page = match wanted {
        Wanted::Page(page) => page,
        Wanted::Newest(max) => Page {
            max: Some(max),
            from: Start::Last,
        },
        Wanted::Ids(ids) => return items_by_id(pool, node, ids).await,
    };
    let list = list_of_items(node, item_columns!(), &page);
    let (found, rows) = list.page(pool, &page).await?;
    let entries = readable(pool, node, &rows).await;
    Ok(found.with(entries))
}

/// Returns the list of items in order, with these columns, the id first.
fn list_of_items<'a>(node: NodeId, columns: &'a str, page: &Page) -> List<'a> {
    List {
        counted: statement!(
            "SELECT items FROM node WHERE id = $1 AND NOT deleted",
            node.0
        ),
        cursor: page.cursor().map(|id| {
            let sql = concat!("SELECT seq FROM item WHERE node = $1 AND id = $2", kept!());
            statement!(sql, node.0, id.to_owned())
        }),
        columns,
        from: concat!("item WHERE node = $1", kept!()),
        of: Some(node),
        key: &["seq"],
        key_of: |row| Ok(vec![Box::new(value::<i64>(row, 0)?)]),
    }
}

pub(super) async fn item_ids(
    pool: &Pool,
    node: NodeId,
    page: Page,
) -> Result<Paged<String>, StoreError> {
    let (found, rows) = list_of_items(node, "id", &page).page(pool, &page).await?;
    Ok(found.with(all(&rows, |row| value(row, 0))?))
}

async fn items_by_id(
    pool: &Pool,
    node: NodeId,
    ids: Vec<String>,
) -> Result<Paged<Item>, StoreError> {
    let statements = [statement!(
        concat!(
            "SELECT ",
            item_columns!(),
            " FROM item
             WHERE node = $1 AND id = ANY ($2)",
            kept!(),
            " ORDER BY seq"
        ),
        node.0,
        ids
    )];
    let mut answers = Session::begin(pool).await?.end(&statements).await?;
    let entries = readable(pool, node, &answers.next().unwrap_or_default()).await;
    Ok(whole(entries))
}

/// Returns the readable items; the others are set aside.
async fn readable(pool: &Pool, node: NodeId, rows: &[Row]) -> Vec<Item> {
    let mut entries = Vec::with_capacity(rows.len());
    for row in rows {
        match rows::item(row) {
            Ok(item) => entries.push(item),
            Err(why) => set_aside::item(pool, node, row, &why).await,
        }
    }
    entries
}

pub(super) async fn nodes(pool: &Pool, page: Page) -> Result<Paged<Node>, StoreError> {
    let list = List {
        counted: statement!("SELECT coalesce(sum(nodes), 0)::bigint FROM total"),
        cursor: page.cursor().map(|name| {
            let sql = "SELECT name FROM node WHERE name = $1 AND NOT deleted";
            statement!(sql, name.to_owned())
        }),
        columns: node_columns!(),
        from: "node WHERE NOT deleted",
        of: None,
        key: &["name"],
        key_of: |row| Ok(vec![Box::new(value::<String>(row, 0)?)]),
    };
    let (found, rows) = list.page(pool, &page).await?;
    Ok(found.with(all(&rows, rows::node)?))
}

pub(super) async fn subscriptions_of(
    pool: &Pool,
    who: &BareJid,
    node: Option<String>,
    page: Page,
) -> Result<Paged<(String, Subscription)>, StoreError> {
    let list = OfOne {
        columns: concat!("name, ", subscription_columns!()),
        from: "subscription JOIN node ON node.id = subscription.node WHERE bare = $1",
        order: "name, subid",
        cursor: "subid",
    };
    list.page(pool, (who, node), &page, |row| {
        Ok((value(row, 0)?, rows::subscription(row, 1)?))
    })
    .await
}

pub(super) async fn affiliations_of(
    pool: &Pool,
    who: &BareJid,
    node: Option<String>,
    page: Page,
) -> Result<Paged<(String, Affiliation)>, StoreError> {
    let list = OfOne {
        columns: "name, affiliation",
        from: "affiliation JOIN node ON node.id = affiliation.node WHERE jid = $1",
        order: "name",
        cursor: "name",
    };
    list.page(pool, (who, node), &page, |row| {
        Ok((value(row, 0)?, rows::affiliation(row, 1)?))
    })
    .await
}

pub(super) async fn subscribers(
    pool: &Pool,
    node: NodeId,
    page: Page,
) -> Result<Paged<Subscription>, StoreError> {
    let list = List {
        counted: statement!(
            "SELECT subscribers FROM node WHERE id = $1 AND NOT deleted",
            node.0
        ),
        cursor: page.cursor().and_then(Cursor::parse).map(|cursor| {
            let sql = "SELECT jid, subid FROM subscription
                       WHERE node = $1 AND jid = $2 AND subid = $3 AND NOT pending";
            statement!(sql, node.0, cursor.jid, cursor.subid)
        }),
        columns: subscription_columns!(),
        from: "subscription WHERE node = $1 AND NOT pending",
        of: Some(node),
        key: &["jid", "subid"],
        key_of: |row| {
            let (jid, subid): (String, String) = (value(row, 0)?, value(row, 1)?);
            Ok(vec![Box::new(jid), Box::new(subid)])
        },
    };
    let (found, rows) = list.page(pool, &page).await?;
    Ok(found.with(all(&rows, |row| rows::subscription(row, 0))?))
}

pub(super) async fn affiliates(
    pool: &Pool,
    node: NodeId,
    page: Page,
) -> Result<Paged<(BareJid, Affiliation)>, StoreError> {
    let list = List {
        // Their number is within the limit of affiliations to a node.
        counted: statement!("SELECT count(*) FROM affiliation WHERE node = $1", node.0),
        cursor: page.cursor().map(|jid| {
            let sql = "SELECT jid FROM affiliation WHERE node = $1 AND jid = $2";
            statement!(sql, node.0, prepared(jid))
        }),
        columns: "jid, affiliation, address",
        from: "affiliation WHERE node = $1",
        of: Some(node),
        key: &["jid"],
        key_of: |row| Ok(vec![Box::new(value::<String>(row, 0)?)]),
    };
    let (found, rows) = list.page(pool, &page).await?;
    let entries = all(&rows, |row| {
        Ok((rows::affiliate(row)?, rows::affiliation(row, 1)?))
    })?;
    Ok(found.with(entries))
}

pub(super) async fn nodes_with_pending(
    pool: &Pool,
    owner: &BareJid,
    max: u32,
) -> Result<Vec<String>, StoreError> {
    let statements = [statement!(
        "SELECT name FROM affiliation JOIN node ON node.id = affiliation.node
         WHERE jid = $1 AND affiliation = 'owner' AND NOT deleted
         AND EXISTS (SELECT 1 FROM subscription
                     WHERE subscription.node = affiliation.node AND pending)
         ORDER BY name LIMIT $2",
        owner.prepared().to_owned(),
        i64::from(max)
    )];
    let mut answers = Session::begin(pool).await?.end(&statements).await?;
    all(&answers.next().unwrap_or_default(), |row| value(row, 0))
}

/// Returns nodes whose configuration is not applied to all yet.
pub(super) async fn unapplied(pool: &Pool, max: u32) -> Result<Vec<String>, StoreError> {
    let statements = [statement!(
        "SELECT name FROM node WHERE unsettled > 0 AND NOT deleted ORDER BY name LIMIT $1",
        i64::from(max)
    )];
    let mut answers = Session::begin(pool).await?.end(&statements).await?;
    all(&answers.next().unwrap_or_default(), |row| value(row, 0))
}

pub(super) async fn statistics(pool: &Pool) -> Result<Statistics, StoreError> {
    let statements = [statement!(
        "SELECT count(*), coalesce(sum(items), 0)::bigint, coalesce(sum(subscribers), 0)::bigint,
                (SELECT count(*) FROM announcement)
         FROM node WHERE NOT deleted"
    )];
    let mut answers = Session::begin(pool).await?.end(&statements).await?;
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

/// A list of one JID over many nodes. It is bounded, so that a page is found by counting.
struct OfOne<'a> {
    columns: &'a str,
    /// Ends with a condition on the JID.
    from: &'a str,
    order: &'a str,
    /// The column of the cursor.
    cursor: &'a str,
}

impl OfOne<'_> {
    async fn page<T>(
        &self,
        pool: &Pool,
        (who, node): (&BareJid, Option<String>),
        page: &Page,
        read: impl FnMut(&Row) -> Result<T, StoreError>,
    ) -> Result<Paged<T>, StoreError> {
        let OfOne {
            columns,
            from,
            order,
            cursor,
        } = self;
        let held = format!("FROM {from} AND NOT deleted AND ($2::text IS NULL OR name = $2)");
        let statement = |sql: String, more: Vec<Value>| {
            let mut values: Vec<Value> =
                vec![Box::new(who.prepared().to_owned()), Box::new(node.clone())];
            values.extend(more);
            Statement::new(sql, values)
        };
        let mut statements = vec![
            statement!(READ),
            statement(format!("SELECT count(*) {held}"), Vec::new()),
        ];
        if let Some(beside) = page.cursor() {
            let sql = format!(
                "SELECT place FROM (SELECT {cursor}, row_number() OVER (ORDER BY {order}) - 1
                 AS place {held}) AS all_of_them WHERE {cursor} = $3 ORDER BY place LIMIT 1"
            );
            statements.push(statement(sql, vec![Box::new(beside.to_owned())]));
        }
        let mut session = Session::begin(pool).await?;
        let mut answers = session.run(&statements).await?;
        let mut number = |at: usize| {
            let found = answers.nth(at).unwrap_or_default();
            found.first().map(|row| count(row, 0)).transpose()
        };
        let (total, place) = (number(1)?.unwrap_or_default(), number(0)?);
        let window = match page.window(total, place) {
            Ok(window) => window,
            Err(error) => {
                session.end(&[statement!(COMMIT)]).await?;
                return Err(error);
            }
        };
        let cut = statement(
            format!("SELECT {columns} {held} ORDER BY {order} LIMIT $3 OFFSET $4"),
            vec![
                Box::new(integer(window.take)),
                Box::new(integer(window.skip)),
            ],
        );
        let mut answers = session.end(&[cut, statement!(COMMIT)]).await?;
        Ok(Paged {
            entries: all(&answers.next().unwrap_or_default(), read)?,
            index: Some(window.skip),
            count: total,
        })
    }
}
