//! The facts for a decision, and what has run out.

use couplet::BareJid;
use tokio_postgres::Row;

use crate::{
    facts::{Facts, Needs, Party, Usage},
    moment::Moment,
    node::Node,
    store::{Overdue, StoreError},
    subscription::Subscription,
};

use super::{
    rows::{
        self, count, head_columns, item_columns, node_columns, parsed, subscription_columns, value,
    },
    script::{Answers, Ask, ask},
};

/// The key of the node of a name, inside of a statement.
macro_rules! node_named {
    () => {
        "(SELECT id FROM node WHERE name = $1 AND NOT deleted)"
    };
}

/// The questions; [`facts`] reads the answers in the same order.
pub(super) fn asks(needs: &Needs) -> Vec<Ask> {
    let mut asks = Vec::new();
    if let (Some(who), true) = (&needs.actor, needs.usage) {
        asks.push(ask!(
            "SELECT (SELECT count(*) FROM node WHERE creator = $1 AND NOT deleted),
                    (SELECT count(*) FROM subscription JOIN node ON node.id = subscription.node
                     WHERE bare = $1 AND NOT deleted)",
            who.prepared().to_owned()
        ));
    }
    let Some(name) = &needs.node else {
        return asks;
    };
    asks.push(ask!(
        concat!(
            "SELECT ",
            node_columns!(),
            ", redirect.uri FROM (SELECT $1::text AS name) AS wanted
             LEFT JOIN node ON node.name = wanted.name AND NOT deleted
             LEFT JOIN redirect ON redirect.name = wanted.name"
        ),
        name.clone()
    ));
    asks.extend(parties(needs).map(|who| {
        ask!(
            concat!(
                "SELECT (SELECT affiliation FROM affiliation
                         WHERE node = ",
                node_named!(),
                " AND jid = $2), ",
                subscription_columns!(),
                " FROM (VALUES (1)) AS one
                 LEFT JOIN subscription ON bare = $2 AND node = ",
                node_named!(),
                "
                 ORDER BY began"
            ),
            name.clone(),
            who.prepared().to_owned()
        )
    }));
    add_items(&mut asks, needs, name);
    add_people(&mut asks, needs, name);
    asks
}

fn add_items(asks: &mut Vec<Ask>, needs: &Needs, name: &str) {
    if !needs.items.is_empty() {
        asks.push(ask!(
            concat!(
                "SELECT ",
                head_columns!(),
                " FROM item
                 WHERE node = ",
                node_named!(),
                " AND id = ANY ($2)"
            ),
            name.to_owned(),
            needs.items.clone()
        ));
    }
    if needs.oldest > 0 {
        asks.push(ask!(
            concat!(
                "SELECT ",
                head_columns!(),
                " FROM item
                 WHERE node = ",
                node_named!(),
                " ORDER BY seq LIMIT $2"
            ),
            name.to_owned(),
            i64::from(needs.oldest)
        ));
    }
    if needs.newest > 0 {
        asks.push(ask!(
            concat!(
                "SELECT ",
                item_columns!(),
                " FROM item
                 WHERE node = ",
                node_named!(),
                " ORDER BY seq DESC LIMIT $2"
            ),
            name.to_owned(),
            i64::from(needs.newest)
        ));
    }
}

fn add_people(asks: &mut Vec<Ask>, needs: &Needs, name: &str) {
    if needs.owners {
        asks.push(ask!(
            concat!(
                "SELECT jid FROM affiliation
                 WHERE node = ",
                node_named!(),
                " AND affiliation = 'owner' ORDER BY jid"
            ),
            name.to_owned()
        ));
    }
    if needs.affiliations {
        asks.push(ask!(
            concat!(
                "SELECT count(*) FROM affiliation
                 WHERE node = ",
                node_named!()
            ),
            name.to_owned()
        ));
    }
    if needs.pending {
        asks.push(ask!(
            concat!(
                "SELECT ",
                subscription_columns!(),
                " FROM subscription
                 WHERE node = ",
                node_named!(),
                " AND pending ORDER BY began"
            ),
            name.to_owned()
        ));
    }
    if needs.everybody {
        asks.push(ask!(
            concat!(
                "SELECT bare, affiliation, ",
                subscription_columns!(),
                " FROM subscription
                 LEFT JOIN affiliation ON affiliation.node = subscription.node
                 AND affiliation.jid = subscription.bare
                 WHERE subscription.node = ",
                node_named!(),
                " ORDER BY bare, began"
            ),
            name.to_owned()
        ));
    }
}

fn parties(needs: &Needs) -> impl Iterator<Item = &BareJid> {
    needs.actor.iter().chain(&needs.others)
}

/// Reads the answers to [`asks`].
pub(super) fn facts(
    needs: &Needs,
    answers: &mut Answers,
    backlog: u64,
) -> Result<Facts, StoreError> {
    let mut next = || answers.next().unwrap_or_default();
    let mut facts = Facts {
        backlog,
        ..Facts::default()
    };
    if needs.actor.is_some() && needs.usage {
        facts.usage = next().first().map(usage).transpose()?.unwrap_or_default();
    }
    if needs.node.is_some() {
        (facts.node, facts.redirect) = node_or_redirect(&next())?;
    }
    let mut found = Vec::new();
    for who in parties(needs) {
        let rows = if needs.node.is_some() {
            next()
        } else {
            Vec::new()
        };
        found.push(party(who, &rows)?);
    }
    let mut found = found.into_iter();
    facts.actor = needs.actor.as_ref().and_then(|_| found.next());
    facts.others = found.collect();
    if needs.node.is_none() {
        return Ok(facts);
    }
    if !needs.items.is_empty() {
        facts.items = all(&next(), rows::head)?;
    }
    if needs.oldest > 0 {
        facts.oldest = all(&next(), rows::head)?;
    }
    if needs.newest > 0 {
        facts.newest = all(&next(), rows::item)?;
        facts.newest.reverse();
    }
    if needs.owners {
        facts.owners = all(&next(), |row| parsed(row, 0))?;
    }
    if needs.affiliations {
        let found = next();
        facts.affiliations = found
            .first()
            .map(|row| count(row, 0))
            .transpose()?
            .unwrap_or(0);
    }
    if needs.pending {
        facts.pending = all(&next(), |row| rows::subscription(row, 0))?;
    }
    if needs.everybody {
        facts.everybody = everybody(&next())?;
    }
    Ok(facts)
}

/// All rows as what they stand for.
pub(super) fn all<T>(
    rows: &[Row],
    read: impl FnMut(&Row) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    rows.iter().map(read).collect()
}

fn usage(row: &Row) -> Result<Usage, StoreError> {
    Ok(Usage {
        nodes: count(row, 0)?,
        subscriptions: count(row, 1)?,
    })
}

fn node_or_redirect(rows: &[Row]) -> Result<(Option<Node>, Option<String>), StoreError> {
    let Some(row) = rows.first() else {
        return Ok((None, None));
    };
    if value::<Option<i64>>(row, 0)?.is_none() {
        return Ok((None, value(row, 9)?));
    }
    Ok((Some(rows::node(row)?), None))
}

fn party(who: &BareJid, rows: &[Row]) -> Result<Party, StoreError> {
    let affiliation = rows.first().map(|row| rows::affiliation(row, 0));
    let mut subscriptions = Vec::new();
    for row in rows {
        if value::<Option<&str>>(row, 1)?.is_some() {
            subscriptions.push(rows::subscription(row, 1)?);
        }
    }
    Ok(Party {
        jid: who.clone(),
        affiliation: affiliation
            .transpose()?
            .unwrap_or(crate::node::Affiliation::None),
        subscriptions,
    })
}

fn everybody(rows: &[Row]) -> Result<Vec<Party>, StoreError> {
    let mut everybody: Vec<Party> = Vec::new();
    for row in rows {
        let jid: BareJid = parsed(row, 0)?;
        let held: Subscription = rows::subscription(row, 2)?;
        match everybody.last_mut() {
            Some(last) if last.jid == jid => last.subscriptions.push(held),
            _ => everybody.push(Party {
                jid,
                affiliation: rows::affiliation(row, 1)?,
                subscriptions: vec![held],
            }),
        }
    }
    Ok(everybody)
}

/// What has run out; [`overdue`] reads the answers.
pub(super) fn overdue_asks(now: Moment, max: u32) -> Vec<Ask> {
    let max = i64::from(max);
    vec![
        ask!(
            "SELECT name, jid, subid FROM subscription JOIN node ON node.id = subscription.node
             WHERE expires <= $1 AND NOT deleted ORDER BY expires, node.id, jid, subid LIMIT $2",
            now.0,
            max
        ),
        ask!(
            "SELECT name, item.id FROM item JOIN node ON node.id = item.node
             WHERE expires <= $1 AND NOT deleted ORDER BY expires, node.id, seq LIMIT $2",
            now.0,
            max
        ),
    ]
}

/// Reads the answers to [`overdue_asks`].
pub(super) fn overdue(answers: &mut Answers) -> Result<Overdue, StoreError> {
    let leases = answers.next().unwrap_or_default();
    let leases = leases
        .iter()
        .map(|row| Ok((value(row, 0)?, parsed(row, 1)?, value(row, 2)?)));
    let items = answers.next().unwrap_or_default();
    let items = items.iter().map(|row| Ok((value(row, 0)?, value(row, 1)?)));
    Ok(Overdue {
        leases: leases.collect::<Result<_, StoreError>>()?,
        items: items.collect::<Result<_, StoreError>>()?,
    })
}
