//! Retracting. (XEP-0060, 7.2)
//!
//! All items of a request or none. Whether subscribers are told is the publisher's choice, and the
//! node's (`notify_retract`) where it says nothing. (pubsub.md, 5b)

use std::collections::HashSet;

use couplet::Condition;

use crate::{
    change::Change,
    engine::{
        Engine,
        access::{Standing, unsupported},
        announce,
        ask::{Ask, Decision},
    },
    facts::{Facts, Needs},
    refused::{Detail, Refused},
    reply::Reply,
};

pub(in crate::engine) async fn answer(
    engine: &Engine,
    ask: Ask,
    node: String,
    ids: Vec<String>,
    notify: Option<bool>,
) -> Result<Reply, Refused> {
    let needs = Needs {
        node: Some(node),
        actor: Some(ask.who.clone()),
        items: ids.clone(),
        ..Needs::default()
    };
    engine
        .change(needs, move |facts| decide(&ask, facts, &ids, notify))
        .await
}

fn decide(ask: &Ask, facts: &Facts, ids: &[String], notify: Option<bool>) -> Decision {
    let standing = Standing::of(ask, facts)?;
    let (node, config) = (standing.node, &standing.node.config);
    standing.may_publish()?;
    if !config.persist {
        return Err(unsupported("persistent-items"));
    }
    if ids.is_empty() {
        return Err(Refused::with(Condition::BadRequest, Detail::ItemRequired));
    }
    if !facts
        .items
        .iter()
        .all(|item| standing.may_retract(ask, item))
    {
        return Err(Refused::plain(Condition::Forbidden));
    }
    let there: HashSet<&str> = facts.items.iter().map(|item| item.id.as_str()).collect();
    if !ids.iter().all(|id| there.contains(id.as_str())) {
        return Err(Refused::plain(Condition::ItemNotFound));
    }
    let mut changes = vec![Change::Retract { ids: ids.to_vec() }];
    if notify.unwrap_or(config.notify_retract) {
        changes.extend(announce::retracted(&node.name, config, ids));
    }
    Ok((changes, Reply::Done))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        codec::event,
        engine::scene::{
            NODE, OTHER, OWNER, ask, facts_with, head, no_node, owners_facts, party,
            strangers_facts, told_subscribers, why,
        },
        node::{Affiliation, NodeConfig, PublishModel},
    };

    fn ids() -> Vec<String> {
        vec!["1".to_owned()]
    }

    fn kept(mut facts: Facts, publisher: &str) -> Facts {
        facts.items = vec![head("1", publisher)];
        facts
    }

    fn retract(facts: &Facts, notify: Option<bool>) -> Vec<Change> {
        decide(&ask(OWNER), facts, &ids(), notify).unwrap().0
    }

    fn owners(configure: impl FnOnce(&mut NodeConfig)) -> Facts {
        kept(owners_facts(configure), OTHER)
    }

    #[test]
    fn an_item_goes_and_subscribers_learn_it_if_node_or_publisher_wants() {
        let gone = [event::retracted(NODE, &ids())];
        let quiet = |config: &mut NodeConfig| config.notify_retract = false;
        let told = |facts: &Facts, notify| told_subscribers(&retract(facts, notify)).len();
        assert_eq!(
            retract(&owners(|_| {}), None)[0],
            Change::Retract { ids: ids() }
        );
        assert_eq!(
            told_subscribers(&retract(&owners(|_| {}), None)),
            gone.each_ref().map(String::as_str)
        );
        assert_eq!(told(&owners(|_| {}), Some(false)), 0);
        assert_eq!(told(&owners(quiet), None), 0);
        assert_eq!(told(&owners(quiet), Some(true)), 1);
        assert_eq!(told(&owners(|config| config.notify = false), Some(true)), 0);
    }

    fn by(affiliation: Affiliation, publisher: &str, original: bool) -> Decision {
        let facts = facts_with(party(OTHER, affiliation, &[]), |config| {
            config.original_publisher = original;
        });
        decide(&ask(OTHER), &kept(facts, publisher), &ids(), None)
    }

    #[test]
    fn publishers_retract_anybodys_item_but_where_only_its_own_publisher_may() {
        assert!(by(Affiliation::Publisher, OWNER, false).is_ok());
        assert!(by(Affiliation::Publisher, OWNER, true).is_err());
        assert!(by(Affiliation::Publisher, OTHER, true).is_ok());
        assert!(by(Affiliation::Owner, OWNER, true).is_ok());
    }

    #[test]
    fn who_only_publishes_retracts_its_own() {
        assert!(by(Affiliation::PublishOnly, OTHER, false).is_ok());
        assert_eq!(
            why(by(Affiliation::PublishOnly, OWNER, false)),
            (Condition::Forbidden, None)
        );
    }

    #[test]
    fn everybody_retracts_its_own_where_everybody_publishes() {
        let facts = |publisher| {
            let facts = strangers_facts(|config| config.publish = PublishModel::Open);
            kept(facts, publisher)
        };
        let ask = ask(OTHER);
        assert!(decide(&ask, &facts(OTHER), &ids(), None).is_ok());
        assert_eq!(
            why(decide(&ask, &facts(OWNER), &ids(), None)),
            (Condition::Forbidden, None)
        );
    }

    #[test]
    fn strangers_do_not_learn_which_items_there_are() {
        let missing = decide(&ask(OTHER), &strangers_facts(|_| {}), &ids(), None);
        assert_eq!(why(missing), (Condition::Forbidden, None));
    }

    #[test]
    fn an_item_that_is_not_there_stops_all() {
        let two = ["1".to_owned(), "2".to_owned()];
        let decision = decide(&ask(OWNER), &owners(|_| {}), &two, None);
        assert_eq!(why(decision), (Condition::ItemNotFound, None));
        assert_eq!(
            why(decide(&ask(OWNER), &no_node(None), &two, None)),
            (Condition::ItemNotFound, None)
        );
        assert_eq!(
            why(decide(&ask(OWNER), &owners(|_| {}), &[], None)),
            (Condition::BadRequest, Some(Detail::ItemRequired))
        );
    }

    #[test]
    fn a_node_that_keeps_nothing_has_nothing_to_retract() {
        let facts = owners(|config| config.persist = false);
        assert_eq!(
            why(decide(&ask(OWNER), &facts, &ids(), None)),
            (
                Condition::FeatureNotImplemented,
                Some(Detail::Unsupported("persistent-items"))
            )
        );
    }
}
