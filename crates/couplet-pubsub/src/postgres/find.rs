//! The facts for a decision, and what has run out.

use couplet::BareJid;
use tokio_postgres::Row;

use crate::{
    facts::{Facts, Meant, Needs, Party, Usage, parties},
    moment::Moment,
    node::Node,
    store::{Overdue, StoreError},
    told::Told,
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

/// Items of the node of a name that are not purged.
macro_rules! items_of_node_named {
    () => {
        concat!(
            " FROM item WHERE node = ",
            node_named!(),
            " AND seq >= (SELECT floor FROM node WHERE name = $1 AND NOT deleted)"
        )
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
    if needs.affiliated {
        let others = needs.others.iter();
        let others: Vec<String> = others.map(|who| who.prepared().to_owned()).collect();
        asks.push(ask!(
            "SELECT (SELECT count(*) FROM affiliation WHERE affiliation.jid = who.jid)
             FROM unnest($1::text[]) WITH ORDINALITY AS who (jid, number) ORDER BY number",
            others
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
    if let Some(who) = &needs.actor {
        asks.push(match needs.meant.is_nothing() {
            true => party_ask(name, who),
            false => meant_ask(name, who, &needs.meant),
        });
    }
    asks.extend(needs.others.iter().map(|who| party_ask(name, who)));
    add_items(&mut asks, needs, name);
    add_people(&mut asks, needs, name);
    asks
}

/// As many subscriptions are found without being named: [`FEW`].
macro_rules! few {
    () => {
        "64"
    };
}

/// Some subscriptions of the JID `$2` to the node.
macro_rules! held {
    ($more:literal) => {
        concat!(
            "SELECT * FROM subscription WHERE bare = $2 AND node = ",
            node_named!(),
            $more,
            " LIMIT ",
            few!()
        )
    };
}

/// The affiliation of the JID `$2` and these subscriptions.
macro_rules! party {
    ($held:expr) => {
        concat!(
            "SELECT (SELECT affiliation FROM affiliation WHERE node = ",
            node_named!(),
            " AND jid = $2), ",
            subscription_columns!(),
            " FROM (VALUES (1)) AS one LEFT JOIN (",
            $held,
            ") AS subscription ON TRUE ORDER BY began"
        )
    };
}

/// Asks for an affiliation and some subscriptions.
fn party_ask(name: &str, who: &BareJid) -> Ask {
    let who = who.prepared().to_owned();
    ask!(party!(held!("")), name.to_owned(), who)
}

/// The same, with the subscriptions that a request names among them.
fn meant_ask(name: &str, who: &BareJid, meant: &Meant) -> Ask {
    ask!(
        party!(concat!(
            "(",
            held!(""),
            ") UNION (",
            held!(" AND ($3::text IS NULL OR jid = $3) AND ($4::text IS NULL OR subid = $4)"),
            ")"
        )),
        name.to_owned(),
        who.prepared().to_owned(),
        meant.jid.as_ref().map(ToString::to_string),
        meant.subid.clone()
    )
}

fn add_items(asks: &mut Vec<Ask>, needs: &Needs, name: &str) {
    if !needs.items.is_empty() {
        asks.push(ask!(
            concat!(
                "SELECT ",
                head_columns!(),
                items_of_node_named!(),
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
                items_of_node_named!(),
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
                items_of_node_named!(),
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
                "SELECT jid, affiliation, address FROM affiliation
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
    if needs.pending > 0 {
        asks.push(ask!(
            concat!(
                "SELECT ",
                subscription_columns!(),
                " FROM subscription
                 WHERE node = ",
                node_named!(),
                " AND pending ORDER BY began LIMIT $2"
            ),
            name.to_owned(),
            i64::from(needs.pending)
        ));
    }
    if let Some(slice) = &needs.everybody {
        let after = slice.after.clone();
        let (jid, subid) = after.map_or_else(Default::default, |after| (after.jid, after.subid));
        asks.push(ask!(
            concat!(
                "SELECT affiliation, ",
                subscription_columns!(),
                " FROM subscription
                 LEFT JOIN affiliation ON affiliation.node = subscription.node
                 AND affiliation.jid = subscription.bare
                 WHERE subscription.node = ",
                node_named!(),
                " AND (subscription.jid, subid) > ($2, $3)
                 ORDER BY subscription.jid, subid LIMIT $4"
            ),
            name.to_owned(),
            jid,
            subid,
            i64::from(slice.max)
        ));
    }
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
    if needs.affiliated {
        let counts = next();
        let counts = counts.iter().map(|row| count(row, 0));
        facts.affiliated = counts.collect::<Result<_, _>>()?;
    }
    if needs.node.is_some() {
        (facts.node, facts.redirect) = node_or_redirect(&next())?;
    }
    let mut found = Vec::new();
    for who in needs.actor.iter().chain(&needs.others) {
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
        facts.owners = all(&next(), rows::affiliate)?;
    }
    if needs.affiliations {
        let found = next();
        facts.affiliations = found
            .first()
            .map(|row| count(row, 0))
            .transpose()?
            .unwrap_or(0);
    }
    if needs.pending > 0 {
        facts.pending = all(&next(), |row| rows::subscription(row, 0))?;
    }
    if needs.everybody.is_some() {
        let held = all(&next(), |row| {
            Ok((rows::subscription(row, 1)?, rows::affiliation(row, 0)?))
        })?;
        facts.everybody = parties(held);
    }
    Ok(facts)
}

/// All rows as what they stand for. One that cannot be read is reported and left out: it is its own
/// fault, as all of them have come.
pub(super) fn all<T>(
    rows: &[Row],
    mut read: impl FnMut(&Row) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let read = rows.iter().filter_map(|row| left_out("row", read(row)));
    Ok(read.collect())
}

/// A row, or none with a report where it cannot be read.
pub(super) fn left_out<T>(table: &str, row: Result<T, StoreError>) -> Option<T> {
    match row {
        Ok(row) => Some(row),
        Err(why) => {
            static TOLD: Told = Told::never();
            if let Some(told) = TOLD.permit() {
                let omitted = told.omitted;
                tracing::error!(table, omitted, error = %why, "a stored row cannot be read and is left out");
            }
            None
        }
    }
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
        return Ok((None, value(row, 10)?));
    }
    Ok((Some(rows::node(row)?), None))
}

fn party(who: &BareJid, rows: &[Row]) -> Result<Party, StoreError> {
    let affiliation = rows.first().map(|row| rows::affiliation(row, 0));
    let mut subscriptions = Vec::new();
    for row in rows {
        if value::<Option<&str>>(row, 1)?.is_some() {
            subscriptions.extend(left_out("subscription", rows::subscription(row, 1)));
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
             WHERE expires <= $1 AND NOT deleted AND seq >= floor
             ORDER BY expires, node.id, seq LIMIT $2",
            now.0,
            max
        ),
    ]
}

/// Reads the answers to [`overdue_asks`].
pub(super) fn overdue(answers: &mut Answers) -> Result<Overdue, StoreError> {
    let leases = answers.next().unwrap_or_default();
    let leases = all(&leases, |row| {
        Ok((value(row, 0)?, parsed(row, 1)?, value(row, 2)?))
    })?;
    let items = answers.next().unwrap_or_default();
    let items = items.iter().map(|row| Ok((value(row, 0)?, value(row, 1)?)));
    Ok(Overdue {
        leases,
        items: items.collect::<Result<_, StoreError>>()?,
    })
}

#[cfg(test)]
mod tests {
    use crate::facts::FEW;

    #[test]
    fn few_are_as_many_as_in_other_stores() {
        assert_eq!(few!(), FEW.to_string());
    }
}
