//! Retracts items. (XEP-0060, 7.2)
//!
//! All items of a request or none. `notify` decides whether subscribers are notified; without it,
//! `notify_retract` of the node. (README, "Decided points")

use std::collections::HashSet;

use couplet::Condition;

use crate::{
    change::Change,
    engine::{
        Engine,
        access::{Access, unsupported},
        announce,
        context::{Decision, RequestContext},
    },
    pubsub_error::{PubsubCondition, PubsubError},
    reply::Reply,
    snapshot::{Query, Snapshot},
};

pub(in crate::engine) async fn answer(
    engine: &Engine,
    context: RequestContext,
    node: String,
    ids: Vec<String>,
    notify: Option<bool>,
) -> Result<Reply, PubsubError> {
    let query = Query {
        node: Some(node),
        entity: Some(context.who.clone()),
        items: ids.clone(),
        ..Query::default()
    };
    engine
        .change(query, move |snapshot| {
            decide(&context, snapshot, &ids, notify)
        })
        .await
}

fn decide(
    context: &RequestContext,
    snapshot: &Snapshot,
    ids: &[String],
    notify: Option<bool>,
) -> Decision {
    let access = Access::of(context, snapshot)?;
    let (node, config) = (access.node, &access.node.config);
    access.may_publish()?;
    if !config.persist {
        return Err(unsupported("persistent-items"));
    }
    if ids.is_empty() {
        return Err(PubsubError::with(
            Condition::BadRequest,
            PubsubCondition::ItemRequired,
        ));
    }
    if !snapshot
        .items
        .iter()
        .all(|item| access.may_retract(context, item))
    {
        return Err(PubsubError::new(Condition::Forbidden));
    }
    let there: HashSet<&str> = snapshot.items.iter().map(|item| item.id.as_str()).collect();
    if !ids.iter().all(|id| there.contains(id.as_str())) {
        return Err(PubsubError::new(Condition::ItemNotFound));
    }
    let mut changes = vec![Change::Retract { ids: ids.to_vec() }];
    if notify.unwrap_or(config.notify_retract) {
        changes.extend(announce::retracted(&node.name, config, ids));
    }
    Ok((changes, Reply::Empty))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        codec::event,
        engine::fixtures::{
            NODE, OTHER, OWNER, announced_to_subscribers, context, entity, facts_with, head,
            no_node, owners_facts, strangers_facts, why,
        },
        node::{Affiliation, NodeConfig, PublishModel},
    };

    fn ids() -> Vec<String> {
        vec!["1".to_owned()]
    }

    fn kept(mut snapshot: Snapshot, publisher: &str) -> Snapshot {
        snapshot.items = vec![head("1", publisher)];
        snapshot
    }

    fn retract(snapshot: &Snapshot, notify: Option<bool>) -> Vec<Change> {
        decide(&context(OWNER), snapshot, &ids(), notify).unwrap().0
    }

    fn owners(configure: impl FnOnce(&mut NodeConfig)) -> Snapshot {
        kept(owners_facts(configure), OTHER)
    }

    #[test]
    fn a_retraction_notifies_if_the_node_or_the_publisher_requests_it() {
        let gone = [event::retracted(NODE, &ids())];
        let quiet = |config: &mut NodeConfig| config.notify_retract = false;
        let announced = |snapshot: &Snapshot, notify| {
            announced_to_subscribers(&retract(snapshot, notify)).len()
        };
        assert_eq!(
            retract(&owners(|_| {}), None)[0],
            Change::Retract { ids: ids() }
        );
        assert_eq!(
            announced_to_subscribers(&retract(&owners(|_| {}), None)),
            gone.each_ref().map(String::as_str)
        );
        assert_eq!(announced(&owners(|_| {}), Some(false)), 0);
        assert_eq!(announced(&owners(quiet), None), 0);
        assert_eq!(announced(&owners(quiet), Some(true)), 1);
        assert_eq!(
            announced(&owners(|config| config.notify = false), Some(true)),
            0
        );
    }

    fn by(affiliation: Affiliation, publisher: &str, original: bool) -> Decision {
        let snapshot = facts_with(entity(OTHER, affiliation, &[]), |config| {
            config.original_publisher = original;
        });
        decide(&context(OTHER), &kept(snapshot, publisher), &ids(), None)
    }

    #[test]
    fn publishers_retract_any_item_unless_original_publisher_is_set() {
        assert!(by(Affiliation::Publisher, OWNER, false).is_ok());
        assert!(by(Affiliation::Publisher, OWNER, true).is_err());
        assert!(by(Affiliation::Publisher, OTHER, true).is_ok());
        assert!(by(Affiliation::Owner, OWNER, true).is_ok());
    }

    #[test]
    fn publish_only_entities_retract_their_own_items() {
        assert!(by(Affiliation::PublishOnly, OTHER, false).is_ok());
        assert_eq!(
            why(by(Affiliation::PublishOnly, OWNER, false)),
            (Condition::Forbidden, None)
        );
    }

    #[test]
    fn any_publisher_of_an_open_node_retracts_its_own_items() {
        let snapshot = |publisher| {
            let snapshot = strangers_facts(|config| config.publish = PublishModel::Open);
            kept(snapshot, publisher)
        };
        let context = context(OTHER);
        assert!(decide(&context, &snapshot(OTHER), &ids(), None).is_ok());
        assert_eq!(
            why(decide(&context, &snapshot(OWNER), &ids(), None)),
            (Condition::Forbidden, None)
        );
    }

    #[test]
    fn unrelated_entities_do_not_learn_which_items_exist() {
        let missing = decide(&context(OTHER), &strangers_facts(|_| {}), &ids(), None);
        assert_eq!(why(missing), (Condition::Forbidden, None));
    }

    #[test]
    fn an_item_that_is_not_there_stops_all() {
        let two = ["1".to_owned(), "2".to_owned()];
        let decision = decide(&context(OWNER), &owners(|_| {}), &two, None);
        assert_eq!(why(decision), (Condition::ItemNotFound, None));
        assert_eq!(
            why(decide(&context(OWNER), &no_node(None), &two, None)),
            (Condition::ItemNotFound, None)
        );
        assert_eq!(
            why(decide(&context(OWNER), &owners(|_| {}), &[], None)),
            (Condition::BadRequest, Some(PubsubCondition::ItemRequired))
        );
    }

    #[test]
    fn a_node_that_keeps_nothing_has_nothing_to_retract() {
        let snapshot = owners(|config| config.persist = false);
        assert_eq!(
            why(decide(&context(OWNER), &snapshot, &ids(), None)),
            (
                Condition::FeatureNotImplemented,
                Some(PubsubCondition::Unsupported("persistent-items"))
            )
        );
    }
}
