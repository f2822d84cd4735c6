//! Purges nodes of their items. (XEP-0060, 8.5)

use crate::{
    change::Change,
    codec::event,
    engine::{
        Engine,
        access::{owned_node, unsupported},
        announce,
        context::{Decision, RequestContext},
    },
    pubsub_error::PubsubError,
    reply::Reply,
    snapshot::Snapshot,
};

pub(in crate::engine) async fn answer(
    engine: &Engine,
    context: RequestContext,
    node: String,
) -> Result<Reply, PubsubError> {
    let query = super::owner_query(&context, node);
    engine
        .change(query, move |snapshot| decide(&context, snapshot))
        .await
}

/// Returns one notification instead of one for each item, if the node notifies of retractions.
/// (8.5.2)
fn decide(context: &RequestContext, snapshot: &Snapshot) -> Decision {
    let node = owned_node(context, snapshot)?;
    let config = &node.config;
    if !config.persist {
        return Err(unsupported("persistent-items"));
    }
    let mut changes = vec![Change::Purge];
    if config.notify && config.notify_retract {
        changes.push(announce::to_subscribers(config, event::purged(&node.name)));
    }
    Ok((changes, Reply::Empty))
}

#[cfg(test)]
mod tests {
    use super::*;
    use couplet::Condition;

    use crate::{
        engine::fixtures::{
            NODE, OTHER, OWNER, announced_to_subscribers, context, owners_facts, strangers_facts,
            why,
        },
        node::NodeConfig,
        pubsub_error::PubsubCondition,
    };

    fn purge(configure: impl FnOnce(&mut NodeConfig)) -> Decision {
        decide(&context(OWNER), &owners_facts(configure))
    }

    #[test]
    fn a_purge_is_one_notification() {
        let (changes, _) = purge(|_| {}).unwrap();
        assert_eq!(changes[0], Change::Purge);
        assert_eq!(announced_to_subscribers(&changes), [event::purged(NODE)]);
        assert_eq!(changes.len(), 2);
    }

    #[test]
    fn everything_goes_silently_where_retractions_do() {
        let silent: [fn(&mut NodeConfig); 2] = [
            |config| config.notify_retract = false,
            |config| config.notify = false,
        ];
        for configure in silent {
            assert_eq!(purge(configure).unwrap().0, [Change::Purge]);
        }
    }

    #[test]
    fn only_owners_purge_and_only_what_is_kept() {
        let strangers = decide(&context(OTHER), &strangers_facts(|_| {}));
        assert_eq!(why(strangers), (Condition::Forbidden, None));
        assert_eq!(
            why(purge(|config| config.persist = false)),
            (
                Condition::FeatureNotImplemented,
                Some(PubsubCondition::Unsupported("persistent-items"))
            )
        );
    }
}
