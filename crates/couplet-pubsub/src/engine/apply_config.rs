//! Applies a changed configuration to the subscriptions and items of its node in batches, so that
//! other requests need not wait for a hundred thousand of them.
//!
//! The owner gets the answer when all are done. If the process ends before, the next
//! [`expire`](super::Engine::expire) applies the rest.

use crate::{
    change::Change,
    cursor::Cursor,
    node::Node,
    pubsub_error::PubsubError,
    snapshot::{Query, Snapshot, SubscriptionRange},
};

use super::{
    Engine, access::Access, announce, capacity::capacity, context::RequestContext, reconcile,
};

/// Maximum number of subscriptions or items of one transaction.
const SOME: u32 = 200;

/// The progress of applying a configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Progress {
    /// The revision that changed the configuration; after another change, everything starts again.
    revision: u64,
    after: Option<Cursor>,
    done: bool,
}

/// Applies the configuration of a node to all its subscriptions and items.
///
/// # Errors
///
/// The error of the store. The rest is applied later.
pub(super) async fn apply(
    engine: &Engine,
    context: &RequestContext,
    node: &str,
) -> Result<(), PubsubError> {
    let mut progress = Progress::default();
    while !progress.done {
        let query = Query {
            node: Some(node.to_owned()),
            oldest: SOME,
            subscriber_range: Some(SubscriptionRange {
                after: progress.after.clone(),
                max: SOME,
            }),
            ..Query::default()
        };
        let context = context.clone();
        let change = engine.change(query, move |snapshot| {
            Ok(step(&context, snapshot, &progress))
        });
        progress = change.await?;
    }
    Ok(())
}

fn step(
    context: &RequestContext,
    snapshot: &Snapshot,
    before: &Progress,
) -> (Vec<Change>, Progress) {
    let revision = snapshot.node.as_ref().map_or(0, |node| node.unapplied);
    let Some(node) = snapshot.node.as_ref().filter(|_| revision > 0) else {
        let done = Progress {
            done: true,
            ..Progress::default()
        };
        return (Vec::new(), done);
    };
    let mut progress = Progress {
        revision,
        after: None,
        done: false,
    };
    if before.after.is_some() && before.revision != revision {
        return (Vec::new(), progress);
    }
    progress.after.clone_from(&before.after);
    let changes = fewer_items(context, snapshot, node);
    if !changes.is_empty() {
        return (changes, progress);
    }
    let mut changes = other_access(context, snapshot, node);
    let held = || {
        snapshot
            .subscriber_range
            .iter()
            .flat_map(|entity| &entity.subscriptions)
    };
    if held().count() < SOME as usize {
        progress.done = true;
        changes.push(Change::MarkApplied(revision));
    } else {
        progress.after = held().last().map(|held| held.cursor());
    }
    (changes, progress)
}

/// Retracts the oldest items beyond the capacity.
fn fewer_items(context: &RequestContext, snapshot: &Snapshot, node: &Node) -> Vec<Change> {
    let config = &node.config;
    let keep = capacity(config, &context.policy.limits(&node.creator));
    let excess = usize::try_from(node.items.saturating_sub(keep)).unwrap_or(usize::MAX);
    let oldest = snapshot.oldest.iter().take(excess);
    let ids: Vec<String> = oldest.map(|item| item.id.clone()).collect();
    if ids.is_empty() || !config.persist {
        return Vec::new();
    }
    let notices = announce::retracted(&node.name, config, &ids);
    let mut changes = vec![Change::Retract { ids }];
    changes.extend(notices.into_iter().filter(|_| config.notify_retract));
    changes
}

/// Ends subscriptions that lose access, and approves those that gain it.
fn other_access(context: &RequestContext, snapshot: &Snapshot, node: &Node) -> Vec<Change> {
    let access = node.config.access;
    let entities = snapshot.subscriber_range.iter();
    entities
        .flat_map(|entity| {
            let affiliation = Access::of_entity(context, node, entity).affiliation;
            reconcile::reconcile(&node.name, access, affiliation, &entity.subscriptions)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        codec::event,
        engine::fixtures::{
            NODE, OWNER, announced, announced_to_subscribers, context, done, entity, head,
            notices_to, owners_facts, pending, subscribed,
        },
        node::{AccessModel, Affiliation, NodeConfig},
        snapshot::Entity,
    };

    fn crowd() -> Vec<Entity> {
        vec![
            entity(
                "member@a.lit",
                Affiliation::Member,
                &[subscribed("member@a.lit", "b")],
            ),
            entity(
                "none@a.lit",
                Affiliation::None,
                &[subscribed("none@a.lit/r", "a")],
            ),
            entity(
                "waits@a.lit",
                Affiliation::None,
                &[pending("waits@a.lit", "c")],
            ),
        ]
    }

    /// Returns a node whose configuration has just changed to this.
    fn changed(configure: impl FnOnce(&mut NodeConfig)) -> Snapshot {
        let mut snapshot = owners_facts(configure);
        snapshot.node.as_mut().unwrap().unapplied = 7;
        snapshot
    }

    fn to(access: AccessModel) -> Snapshot {
        Snapshot {
            subscriber_range: crowd(),
            ..changed(|config| config.access = access)
        }
    }

    fn settled(snapshot: &Snapshot) -> Vec<Change> {
        let (changes, progress) = step(&context(OWNER), snapshot, &Progress::default());
        assert!(progress.done);
        assert_eq!(changes.last(), Some(&Change::MarkApplied(7)));
        changes
    }

    fn ends(jid: &str, subid: &str) -> Change {
        Change::Unsubscribe {
            jid: crate::engine::fixtures::jid(jid),
            subid: subid.to_owned(),
        }
    }

    #[test]
    fn a_whitelist_ends_the_subscriptions_of_entities_not_on_it() {
        let changes = settled(&to(AccessModel::Whitelist));
        assert_eq!(
            done(&changes)[..2],
            [&ends("none@a.lit/r", "a"), &ends("waits@a.lit", "c")]
        );
        assert_eq!(notices_to(&changes, "none@a.lit/r").len(), 1);
        assert_eq!(notices_to(&changes, "waits@a.lit").len(), 1);
        assert_eq!(announced(&changes).len(), 2);
    }

    #[test]
    fn an_open_node_approves_pending_subscriptions() {
        let changes = settled(&to(AccessModel::Open));
        let begins = Change::Subscribe(subscribed("waits@a.lit", "c"));
        assert_eq!(done(&changes)[..1], [&begins]);
        assert_eq!(notices_to(&changes, "waits@a.lit").len(), 1);
    }

    #[test]
    fn subscribers_stay_when_the_model_becomes_authorize() {
        assert_eq!(settled(&to(AccessModel::Authorize)).len(), 1);
    }

    #[test]
    fn the_oldest_items_go_when_there_is_less_room() {
        let mut snapshot = changed(|config| config.max_items = Some(1));
        snapshot.node.as_mut().unwrap().items = 3;
        snapshot.oldest = ["1", "2", "3"].map(|id| head(id, OWNER)).to_vec();
        let (changes, progress) = step(&context(OWNER), &snapshot, &Progress::default());
        let ids = vec!["1".to_owned(), "2".to_owned()];
        assert_eq!(
            announced_to_subscribers(&changes),
            [event::retracted(NODE, &ids)]
        );
        assert_eq!(done(&changes), [&Change::Retract { ids }]);
        assert!(!progress.done);
    }

    #[test]
    fn many_subscriptions_are_reconciled_in_batches() {
        let many: Vec<Entity> = (0..SOME)
            .map(|number| {
                let jid = format!("u{number}@a.lit");
                entity(&jid, Affiliation::None, &[subscribed(&jid, "s")])
            })
            .collect();
        let last = many.last().unwrap().subscriptions[0].cursor();
        let snapshot = Snapshot {
            subscriber_range: many,
            ..changed(|config| config.access = AccessModel::Whitelist)
        };
        let (changes, progress) = step(&context(OWNER), &snapshot, &Progress::default());
        assert_eq!(done(&changes).len(), SOME as usize);
        assert_eq!(progress.after, Some(last));
        assert!(!progress.done);
    }

    #[test]
    fn another_change_in_between_starts_again() {
        let before = Progress {
            revision: 5,
            after: Some(subscribed("z@a.lit", "s").cursor()),
            done: false,
        };
        let (changes, progress) = step(&context(OWNER), &to(AccessModel::Open), &before);
        assert_eq!(changes, []);
        assert_eq!((progress.revision, progress.after), (7, None));
    }

    #[test]
    fn an_applied_configuration_is_left_alone() {
        let snapshot = owners_facts(|_| {});
        let (changes, progress) = step(&context(OWNER), &snapshot, &Progress::default());
        assert!(changes.is_empty() && progress.done);
    }
}
