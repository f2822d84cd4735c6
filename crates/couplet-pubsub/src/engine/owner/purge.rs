//! Purging nodes of their items. (XEP-0060, 8.5)

use crate::{
    change::Change,
    codec::event,
    engine::{
        Engine,
        access::{owned, unsupported},
        announce,
        ask::{Ask, Decision},
    },
    facts::Facts,
    refused::Refused,
    reply::Reply,
};

pub(in crate::engine) async fn answer(
    engine: &Engine,
    ask: Ask,
    node: String,
) -> Result<Reply, Refused> {
    let needs = super::standing(&ask, node);
    engine.change(needs, move |facts| decide(&ask, facts)).await
}

/// One notification instead of one for each item, from nodes that would send those. (8.5.2)
fn decide(ask: &Ask, facts: &Facts) -> Decision {
    let node = owned(ask, facts)?;
    let config = &node.config;
    if !config.persist {
        return Err(unsupported("persistent-items"));
    }
    let mut changes = vec![Change::Purge];
    if config.notify && config.notify_retract {
        changes.push(announce::to_subscribers(config, event::purged(&node.name)));
    }
    Ok((changes, Reply::Done))
}

#[cfg(test)]
mod tests {
    use super::*;
    use couplet::Condition;

    use crate::{
        engine::scene::{
            NODE, OTHER, OWNER, ask, owners_facts, strangers_facts, told_subscribers, why,
        },
        node::NodeConfig,
        refused::Detail,
    };

    fn purge(configure: impl FnOnce(&mut NodeConfig)) -> Decision {
        decide(&ask(OWNER), &owners_facts(configure))
    }

    #[test]
    fn everything_goes_with_one_word() {
        let (changes, _) = purge(|_| {}).unwrap();
        assert_eq!(changes[0], Change::Purge);
        assert_eq!(told_subscribers(&changes), [event::purged(NODE)]);
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
        let strangers = decide(&ask(OTHER), &strangers_facts(|_| {}));
        assert_eq!(why(strangers), (Condition::Forbidden, None));
        assert_eq!(
            why(purge(|config| config.persist = false)),
            (
                Condition::FeatureNotImplemented,
                Some(Detail::Unsupported("persistent-items"))
            )
        );
    }
}
