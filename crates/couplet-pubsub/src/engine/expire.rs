//! Ends expired leases and items. (XEP-0060, 12.19, 16.4.4: `pubsub#item_expire`)

use std::collections::BTreeMap;

use couplet::Jid;
use futures_util::future::try_join_all;

use crate::{
    change::Change,
    log_limit::LogThrottle,
    pubsub_error::PubsubError,
    snapshot::{Query, Snapshot, SubscriptionFilter},
    store::Expired,
    timestamp::Timestamp,
};

use super::{Engine, access::existing_node, announce, apply_config, reconcile};

/// Maximum number of leases and items of one batch.
const BATCH: u32 = 500;

/// Maximum number of batches of one call, so that requests get the store in between.
const MAX_BATCHES: u32 = 20;

/// Ends expired leases and items.
pub(super) async fn expire(engine: &Engine, now: Timestamp) {
    static LOG: LogThrottle = LogThrottle::new();
    if let Err(why) = apply_rest(engine, now).await
        && let Some(permit) = LOG.permit()
    {
        tracing::warn!(
            omitted = permit.omitted,
            error = ?why,
            "a changed configuration could not be applied yet"
        );
    }
    for _ in 0..MAX_BATCHES {
        match expire_batch(engine, now).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(why) => {
                if let Some(permit) = LOG.permit() {
                    tracing::warn!(
                        omitted = permit.omitted,
                        error = ?why,
                        "expired leases and items could not be removed yet"
                    );
                }
                return;
            }
        }
    }
}

/// Applies configurations that a process left unapplied when it ended.
async fn apply_rest(engine: &Engine, now: Timestamp) -> Result<(), PubsubError> {
    for node in engine.store().unapplied(MAX_BATCHES).await? {
        apply_config::apply(engine, &engine.service_context(now), &node).await?;
    }
    Ok(())
}

/// Ends one batch. Returns `false` if nothing was left.
async fn expire_batch(engine: &Engine, now: Timestamp) -> Result<bool, PubsubError> {
    let expired = engine.store().expired(now, BATCH).await?;
    if expired.leases.is_empty() && expired.items.is_empty() {
        return Ok(false);
    }
    end(engine, expired, now).await?;
    Ok(true)
}

/// Ends all concurrently, so that the store can commit them together.
async fn end(engine: &Engine, expired: Expired, now: Timestamp) -> Result<(), PubsubError> {
    let leases = expired.leases.into_iter().map(|(node, jid, subid)| {
        let query = Query {
            node: Some(node),
            entity: Some(jid.to_bare()),
            filter: SubscriptionFilter {
                jid: Some(jid.clone()),
                subid: Some(subid.clone()),
            },
            owners: true,
            ..Query::default()
        };
        engine.change(query, move |snapshot| {
            Ok((lease_over(snapshot, &jid, &subid, now), ()))
        })
    });
    try_join_all(leases).await?;
    let mut nodes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (node, id) in expired.items {
        nodes.entry(node).or_default().push(id);
    }
    let items = nodes.into_iter().map(|(node, items)| {
        let query = Query {
            node: Some(node),
            items,
            ..Query::default()
        };
        engine.change(query, move |snapshot| Ok((items_over(snapshot, now), ())))
    });
    try_join_all(items).await?;
    Ok(())
}

/// Returns the end of the lease, or no change if the lease was renewed in the meantime.
fn lease_over(snapshot: &Snapshot, jid: &Jid, subid: &str, now: Timestamp) -> Vec<Change> {
    let (Ok(node), Some(entity)) = (existing_node(snapshot), &snapshot.entity) else {
        return Vec::new();
    };
    let mut changes = Vec::new();
    let over = entity.subscriptions.iter().filter(|held| {
        held.jid == *jid && held.subid == subid && held.expires.is_some_and(|end| end <= now)
    });
    for held in over {
        changes.extend(reconcile::ended(&node.name, held));
        let owners = &snapshot.owners;
        changes.extend(announce::to_owners(node, owners, &entity.jid, held, None));
    }
    changes
}

/// Returns the retraction of the items, without those published again in the meantime.
fn items_over(snapshot: &Snapshot, now: Timestamp) -> Vec<Change> {
    let Ok(node) = existing_node(snapshot) else {
        return Vec::new();
    };
    let ids: Vec<String> = snapshot
        .items
        .iter()
        .filter(|item| item.expires.is_some_and(|end| end <= now))
        .map(|item| item.id.clone())
        .collect();
    if ids.is_empty() {
        return Vec::new();
    }
    let notices = announce::retracted(&node.name, &node.config, &ids);
    let mut changes = vec![Change::Retract { ids }];
    changes.extend(notices.into_iter().filter(|_| node.config.notify_retract));
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        codec::event,
        engine::fixtures::{
            NODE, NOW, OTHER, OWNER, announced_to_subscribers, done, entity, head, jid, notices_to,
            owners_facts, snapshot, subscribed,
        },
        item::ItemHead,
        node::Affiliation,
        subscription::Subscription,
    };

    fn until(expires: Option<Timestamp>) -> Snapshot {
        let held = Subscription {
            expires,
            ..subscribed(OTHER, "a")
        };
        snapshot(entity(OTHER, Affiliation::None, &[held]))
    }

    #[test]
    fn a_lease_that_expires_ends_the_subscription_and_notifies_the_subscriber() {
        let changes = lease_over(&until(Some(NOW)), &jid(OTHER), "a", NOW);
        let ended = Change::Unsubscribe {
            jid: jid(OTHER),
            subid: "a".to_owned(),
        };
        assert_eq!(done(&changes), [&ended]);
        assert_eq!(notices_to(&changes, OTHER).len(), 1);
    }

    #[test]
    fn a_renewed_lease_continues() {
        for expires in [None, Some(Timestamp(NOW.0 + 1))] {
            let changes = lease_over(&until(expires), &jid(OTHER), "a", NOW);
            assert_eq!(changes, []);
        }
    }

    fn old(id: &str, expires: i64) -> ItemHead {
        ItemHead {
            expires: Some(Timestamp(expires)),
            ..head(id, OWNER)
        }
    }

    #[test]
    fn expired_items_are_retracted_and_renewed_ones_stay() {
        let mut snapshot = owners_facts(|_| {});
        snapshot.items = vec![old("1", NOW.0), old("2", NOW.0 + 1), head("3", OWNER)];
        let changes = items_over(&snapshot, NOW);
        let ids = vec!["1".to_owned()];
        assert_eq!(
            announced_to_subscribers(&changes),
            [event::retracted(NODE, &ids)]
        );
        assert_eq!(done(&changes), [&Change::Retract { ids }]);
    }

    #[test]
    fn items_expire_silently_as_configured() {
        let mut snapshot = owners_facts(|config| config.notify_retract = false);
        snapshot.items = vec![old("1", NOW.0)];
        assert_eq!(items_over(&snapshot, NOW).len(), 1);
    }

    #[test]
    fn where_nothing_is_over_nothing_happens() {
        assert_eq!(items_over(&owners_facts(|_| {}), NOW), []);
        assert_eq!(items_over(&Snapshot::default(), NOW), []);
    }
}
