//! What ends by itself: leases and items. (XEP-0060, 12.19, 16.4.4: `pubsub#item_expire`)

use std::collections::BTreeMap;

use couplet::Jid;
use futures_util::future::try_join_all;

use crate::{
    change::Change,
    facts::{Facts, Meant, Needs},
    moment::Moment,
    refused::Refused,
    store::Overdue,
    told::Told,
};

use super::{Engine, access::known, announce, settle, unsettled};

/// So much is ended in one go.
const HANDFUL: u32 = 500;

/// So many goes in one sweep: others want the store too.
const GOES: u32 = 20;

/// Ends what has run out by now.
pub(super) async fn sweep(engine: &Engine, now: Moment) {
    static TOLD: Told = Told::never();
    if let Err(why) = settle_rest(engine, now).await
        && let Some(told) = TOLD.permit()
    {
        tracing::warn!(
            omitted = told.omitted,
            ?why,
            "a configuration is not yet applied to all of its node"
        );
    }
    for _ in 0..GOES {
        match handful(engine, now).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(why) => {
                if let Some(told) = TOLD.permit() {
                    tracing::warn!(
                        omitted = told.omitted,
                        ?why,
                        "what has run out stays a while longer"
                    );
                }
                return;
            }
        }
    }
}

/// Takes up what was left over when a process ended.
async fn settle_rest(engine: &Engine, now: Moment) -> Result<(), Refused> {
    for node in engine.store().unsettled(GOES).await? {
        unsettled::settle(engine, &engine.own_ask(now), &node).await?;
    }
    Ok(())
}

/// Ends some of it; false where nothing was left.
async fn handful(engine: &Engine, now: Moment) -> Result<bool, Refused> {
    let overdue = engine.store().overdue(now, HANDFUL).await?;
    if overdue.leases.is_empty() && overdue.items.is_empty() {
        return Ok(false);
    }
    end(engine, overdue, now).await?;
    Ok(true)
}

/// All at once, so that a store can have them safe together.
async fn end(engine: &Engine, overdue: Overdue, now: Moment) -> Result<(), Refused> {
    let leases = overdue.leases.into_iter().map(|(node, jid, subid)| {
        let needs = Needs {
            node: Some(node),
            actor: Some(jid.to_bare()),
            meant: Meant {
                jid: Some(jid.clone()),
                subid: Some(subid.clone()),
            },
            owners: true,
            ..Needs::default()
        };
        engine.change(needs, move |facts| {
            Ok((lease_over(facts, &jid, &subid, now), ()))
        })
    });
    try_join_all(leases).await?;
    let mut nodes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (node, id) in overdue.items {
        nodes.entry(node).or_default().push(id);
    }
    let items = nodes.into_iter().map(|(node, items)| {
        let needs = Needs {
            node: Some(node),
            items,
            ..Needs::default()
        };
        engine.change(needs, move |facts| Ok((items_over(facts, now), ())))
    });
    try_join_all(items).await?;
    Ok(())
}

/// Nothing where the lease was renewed in the meantime.
fn lease_over(facts: &Facts, jid: &Jid, subid: &str, now: Moment) -> Vec<Change> {
    let (Ok(node), Some(party)) = (known(facts), &facts.actor) else {
        return Vec::new();
    };
    let mut changes = Vec::new();
    let over = party.subscriptions.iter().filter(|held| {
        held.jid == *jid && held.subid == subid && held.expires.is_some_and(|end| end <= now)
    });
    for held in over {
        changes.extend(settle::ended(&node.name, held));
        let owners = &facts.owners;
        changes.extend(announce::to_owners(node, owners, &party.jid, held, None));
    }
    changes
}

/// Nothing of what was published again in the meantime.
fn items_over(facts: &Facts, now: Moment) -> Vec<Change> {
    let Ok(node) = known(facts) else {
        return Vec::new();
    };
    let ids: Vec<String> = facts
        .items
        .iter()
        .filter(|item| item.expires.is_some_and(|end| end <= now))
        .map(|item| item.id.clone())
        .collect();
    if ids.is_empty() {
        return Vec::new();
    }
    let told = announce::retracted(&node.name, &node.config, &ids);
    let mut changes = vec![Change::Retract { ids }];
    changes.extend(told.into_iter().filter(|_| node.config.notify_retract));
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        codec::event,
        engine::scene::{
            NODE, NOW, OTHER, OWNER, done, facts, head, jid, owners_facts, party, subscribed, told,
            told_subscribers,
        },
        item::ItemHead,
        node::Affiliation,
        subscription::Subscription,
    };

    fn until(expires: Option<Moment>) -> Facts {
        let held = Subscription {
            expires,
            ..subscribed(OTHER, "a")
        };
        facts(party(OTHER, Affiliation::None, &[held]))
    }

    #[test]
    fn a_lease_that_is_over_ends_the_subscription_and_the_subscriber_learns_it() {
        let changes = lease_over(&until(Some(NOW)), &jid(OTHER), "a", NOW);
        let ended = Change::Unsubscribe {
            jid: jid(OTHER),
            subid: "a".to_owned(),
        };
        assert_eq!(done(&changes), [&ended]);
        assert_eq!(told(&changes, OTHER).len(), 1);
    }

    #[test]
    fn a_lease_that_was_renewed_goes_on() {
        for expires in [None, Some(Moment(NOW.0 + 1))] {
            let changes = lease_over(&until(expires), &jid(OTHER), "a", NOW);
            assert_eq!(changes, []);
        }
    }

    fn old(id: &str, expires: i64) -> ItemHead {
        ItemHead {
            expires: Some(Moment(expires)),
            ..head(id, OWNER)
        }
    }

    #[test]
    fn items_that_are_over_go_and_those_that_were_renewed_stay() {
        let mut facts = owners_facts(|_| {});
        facts.items = vec![old("1", NOW.0), old("2", NOW.0 + 1), head("3", OWNER)];
        let changes = items_over(&facts, NOW);
        let ids = vec!["1".to_owned()];
        assert_eq!(told_subscribers(&changes), [event::retracted(NODE, &ids)]);
        assert_eq!(done(&changes), [&Change::Retract { ids }]);
    }

    #[test]
    fn items_go_silently_where_the_node_says_so() {
        let mut facts = owners_facts(|config| config.notify_retract = false);
        facts.items = vec![old("1", NOW.0)];
        assert_eq!(items_over(&facts, NOW).len(), 1);
    }

    #[test]
    fn where_nothing_is_over_nothing_happens() {
        assert_eq!(items_over(&owners_facts(|_| {}), NOW), []);
        assert_eq!(items_over(&Facts::default(), NOW), []);
    }
}
