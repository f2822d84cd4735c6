//! Publishes items, to a node that is created if needed. (XEP-0060, 7.1)
//!
//! All items of a request or none; each has its own notification, because servers reject one with a
//! hundred of them.

use std::{collections::HashSet, sync::Arc};

use couplet::{BareJid, Condition};

use crate::{
    change::Change,
    codec::{form, truncate::count_fitting, write_published},
    engine::{
        Engine,
        access::{Access, existing_node},
        announce,
        capacity::capacity,
        context::{Decision, RequestContext},
        owner::create,
    },
    node::{ItemReply, NodeConfig, WhenFull},
    policy::Limits,
    pubsub_error::{PubsubCondition, PubsubError},
    reply::Reply,
    request::{Field, NewItem},
    snapshot::{Query, Snapshot},
};

use super::payload::{self, Ready};

/// A request to publish.
struct Batch {
    node: String,
    items: Vec<Ready>,
    options: Option<Vec<Field>>,
}

pub(in crate::engine) async fn answer(
    engine: &Engine,
    context: RequestContext,
    node: String,
    items: Vec<NewItem>,
    options: Option<Vec<Field>>,
) -> Result<Reply, PubsubError> {
    let batch = Arc::new(ready(&context, node, items, options)?);
    for extent in [Extent::Usual, Extent::All] {
        let (context, batch) = (context.clone(), Arc::clone(&batch));
        let query = query(&context, &batch, extent);
        let reply = engine
            .change(query, move |snapshot| {
                if extent == Extent::Usual && is_unusual(snapshot) {
                    return Ok((Vec::new(), None));
                }
                let (changes, reply) = decide(&context, snapshot, &batch)?;
                Ok((changes, Some(reply)))
            })
            .await?;
        if let Some(reply) = reply {
            return Ok(reply);
        }
    }
    Err(PubsubError::new(Condition::InternalServerError))
}

/// The extent of the query. The usage of an entity is counted only when needed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    Usual,
    All,
}

/// Returns whether the usual query does not suffice: the node must be created, or its owner is
/// needed.
fn is_unusual(snapshot: &Snapshot) -> bool {
    snapshot
        .node
        .as_ref()
        .map_or(snapshot.redirect.is_none(), |node| {
            node.config.item_reply == ItemReply::Owner
        })
}

fn ready(
    context: &RequestContext,
    node: String,
    items: Vec<NewItem>,
    options: Option<Vec<Field>>,
) -> Result<Batch, PubsubError> {
    if items.len() > context.limits().batch as usize {
        return Err(too_many());
    }
    let items = items
        .into_iter()
        .map(|item| Ready::new(item, context.new_id))
        .collect::<Result<Vec<Ready>, PubsubError>>()?;
    let mut ids = HashSet::new();
    if !items.iter().all(|item| ids.insert(item.id.as_str())) {
        return Err(PubsubError::bad_request("Two items have the same id"));
    }
    Ok(Batch {
        node,
        items,
        options,
    })
}

fn query(context: &RequestContext, batch: &Batch, extent: Extent) -> Query {
    Query {
        node: Some(batch.node.clone()),
        entity: Some(context.who.clone()),
        items: batch.items.iter().map(|item| item.id.clone()).collect(),
        // Enough to evict, even if some of them are overwritten.
        oldest: u32::try_from(batch.items.len()).unwrap_or(u32::MAX),
        owners: extent == Extent::All,
        usage: extent == Extent::All,
        ..Query::default()
    }
}

fn decide(context: &RequestContext, snapshot: &Snapshot, batch: &Batch) -> Decision {
    if snapshot.node.is_none() {
        return to_new_node(context, snapshot, batch);
    }
    let access = Access::of(context, snapshot)?;
    access.may_publish()?;
    let (node, config) = (access.node, &access.node.config);
    let rules = context.policy.limits(&node.creator);
    if let Some(fields) = &batch.options {
        form::check_preconditions(config, fields, &rules)?;
    }
    payload::check(context, &node.name, config, &rules, &batch.items)?;
    if !snapshot
        .items
        .iter()
        .all(|item| access.may_overwrite(context, item))
    {
        return Err(PubsubError::new(Condition::Forbidden)
            .text("Only its publisher may overwrite this item"));
    }
    let evicted = make_room(config, &rules, snapshot, node.items, batch)?;
    let changes = publish(context, snapshot, config, &snapshot.owners, batch, evicted)?;
    Ok((changes, reply(context, batch)))
}

/// Publishes to a new node, whose configuration is the `publish-options`. (XEP-0060, 7.1.4, 7.1.5)
fn to_new_node(context: &RequestContext, snapshot: &Snapshot, batch: &Batch) -> Decision {
    let name = &batch.node;
    let welcome = snapshot.redirect.is_none()
        && context.policy.auto_create(&context.who, name)
        && context.policy.may_create(&context.who, Some(name));
    if !welcome {
        existing_node(snapshot)?;
    }
    create::check(context, snapshot, name)?;
    let limits = context.limits();
    let mut config = context.policy.new_node();
    if let Some(fields) = &batch.options {
        config = form::apply_config(&config, fields, &limits)?;
        form::check_preconditions(&config, fields, &limits)?;
    }
    payload::check(context, name, &config, &limits, &batch.items)?;
    let none = make_room(&config, &limits, snapshot, 0, batch)?;
    let owner = std::slice::from_ref(&context.who);
    let published = publish(context, snapshot, &config, owner, batch, none)?;
    let mut changes = create::make(context, name, config);
    changes.extend(published);
    Ok((changes, reply(context, batch)))
}

/// Returns the oldest items to evict, if that is allowed. (XEP-0060, 7.1.2.5, 7.1.3.4, 12.9)
fn make_room(
    config: &NodeConfig,
    rules: &Limits,
    snapshot: &Snapshot,
    kept: u64,
    batch: &Batch,
) -> Result<Vec<String>, PubsubError> {
    if !config.persist {
        return Ok(Vec::new());
    }
    let room = capacity(config, rules);
    if batch.items.len() as u64 > room {
        return Err(too_many());
    }
    let old: HashSet<&str> = snapshot.items.iter().map(|item| item.id.as_str()).collect();
    let coming: HashSet<&str> = batch.items.iter().map(|item| item.id.as_str()).collect();
    let new = coming.difference(&old).count() as u64;
    let excess = (kept + new).saturating_sub(room);
    if excess > 0 && new > 0 && config.when_full == WhenFull::Reject {
        return Err(PubsubError::with(
            Condition::Conflict,
            PubsubCondition::NodeFull,
        ));
    }
    Ok(snapshot
        .oldest
        .iter()
        .filter(|item| !coming.contains(item.id.as_str()))
        .take(usize::try_from(excess).unwrap_or(usize::MAX))
        .map(|item| item.id.clone())
        .collect())
}

fn publish(
    context: &RequestContext,
    snapshot: &Snapshot,
    config: &NodeConfig,
    owners: &[BareJid],
    batch: &Batch,
    evicted: Vec<String>,
) -> Result<Vec<Change>, PubsubError> {
    if config.notify && snapshot.backlog >= context.limits().backlog {
        return Err(PubsubError::new(Condition::ResourceConstraint)
            .text("Too many notifications are not delivered yet; try again later"));
    }
    let name = &batch.node;
    let publishers = announce::publishers(config, owners);
    let publisher = announce::publisher(&publishers, &context.who);
    let mut changes = Vec::new();
    if batch.items.is_empty() && config.notify {
        changes.push(announce::happened(name, config));
    }
    for item in &batch.items {
        if config.persist {
            changes.push(keep(context, config, item));
        }
        if config.notify {
            let payload = item.payload.as_ref();
            changes.push(announce::published(
                name, config, &item.id, payload, publisher,
            ));
        }
    }
    if !evicted.is_empty() {
        let announced = announce::retracted(name, config, &evicted);
        let loud = config.notify_retract && config.when_full != WhenFull::Discard;
        changes.push(Change::Retract { ids: evicted });
        changes.extend(announced.into_iter().filter(|_| loud));
    }
    Ok(changes)
}

fn keep(context: &RequestContext, config: &NodeConfig, item: &Ready) -> Change {
    Change::Publish {
        id: item.id.clone(),
        publisher: context.who.clone(),
        payload: item.payload.as_ref().map(|payload| payload.xml.clone()),
        at: context.now,
        expires: config
            .item_expire
            .map(|seconds| context.in_seconds(seconds)),
    }
}

/// Returns the ids that fit one answer.
fn reply(context: &RequestContext, batch: &Batch) -> Reply {
    let limit = context.limits().answer_bytes as usize;
    let all = batch.items.iter().map(|item| &item.id);
    let announced = count_fitting(all.clone(), limit, |id, xml| write_published(id, xml));
    Reply::Published {
        node: batch.node.clone(),
        ids: all.take(announced).cloned().collect(),
    }
}

fn too_many() -> PubsubError {
    PubsubError::with(Condition::NotAllowed, PubsubCondition::MaxItemsExceeded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        change::Audience,
        codec::event,
        engine::fixtures::{
            NODE, NOW, OTHER, OWNER, announced, announced_to_subscribers, bare, context,
            context_in, done, entity, facts_with, field, head, new_item, no_node, owners_facts,
            strangers_facts, subscribed, why,
        },
        node::{Affiliation, PublishModel},
        policy::{Creators, Policy, Rules},
        subscription::Subscription,
        timestamp::Timestamp,
    };

    const ENTRY: &str = "<entry xmlns='urn:e'>To be</entry>";

    fn batch(items: Vec<NewItem>) -> Batch {
        wanting(items, None)
    }

    fn wanting(items: Vec<NewItem>, options: Option<Vec<Field>>) -> Batch {
        ready(&context(OWNER), NODE.to_owned(), items, options).unwrap()
    }

    fn one() -> Batch {
        batch(vec![new_item(Some("1"), Some(ENTRY))])
    }

    fn publish_as(from: &str, snapshot: &Snapshot) -> Decision {
        decide(&context(from), snapshot, &one())
    }

    fn changes(snapshot: &Snapshot, batch: &Batch) -> Vec<Change> {
        decide(&context(OWNER), snapshot, batch).unwrap().0
    }

    fn error_of(snapshot: &Snapshot, batch: &Batch) -> (Condition, Option<PubsubCondition>) {
        why(decide(&context(OWNER), snapshot, batch))
    }

    fn published(id: &str) -> Change {
        Change::Publish {
            id: id.to_owned(),
            publisher: bare(OWNER),
            payload: Some(ENTRY.to_owned()),
            at: NOW,
            expires: None,
        }
    }

    #[test]
    fn an_item_is_kept_and_then_announced() {
        let (changes, reply) = publish_as(OWNER, &owners_facts(|_| {})).unwrap();
        assert_eq!(changes[0], published("1"));
        let [announcement] = announced(&changes)[..] else {
            panic!("{changes:?}")
        };
        assert_eq!(announcement.to, Audience::Subscribers);
        assert!(announcement.content.contains("To be"));
        assert_eq!(
            announcement.body.as_deref(),
            Some("princely_musings: Soliloquy")
        );
        let node = NODE.to_owned();
        let ids = vec!["1".to_owned()];
        assert_eq!(reply, Reply::Published { node, ids });
    }

    #[test]
    fn an_item_without_id_gets_one() {
        for id in [None, Some("")] {
            let batch = batch(vec![new_item(id, Some(ENTRY))]);
            let (_, reply) = decide(&context(OWNER), &owners_facts(|_| {}), &batch).unwrap();
            let Reply::Published { ids, .. } = reply else {
                panic!()
            };
            assert!(!ids[0].is_empty());
        }
    }

    #[test]
    fn the_publish_model_decides_who_may_publish() {
        use Affiliation::{Member, None as Unaffiliated, Outcast, Owner, PublishOnly, Publisher};
        let may = |model, affiliation, held: &[Subscription]| {
            let snapshot = facts_with(entity(OTHER, affiliation, held), |config| {
                config.publish = model;
            });
            publish_as(OTHER, &snapshot).is_ok()
        };
        for model in [
            PublishModel::Publishers,
            PublishModel::Subscribers,
            PublishModel::Open,
        ] {
            for affiliation in [Owner, Publisher, PublishOnly] {
                assert!(may(model, affiliation, &[]));
            }
            assert!(!may(model, Outcast, &[subscribed(OTHER, "a")]));
        }
        for affiliation in [Unaffiliated, Member] {
            assert!(!may(
                PublishModel::Publishers,
                affiliation,
                &[subscribed(OTHER, "a")]
            ));
            assert!(!may(PublishModel::Subscribers, affiliation, &[]));
            assert!(may(
                PublishModel::Subscribers,
                affiliation,
                &[subscribed(OTHER, "a")]
            ));
            assert!(may(PublishModel::Open, affiliation, &[]));
        }
        let stranger = publish_as(OTHER, &strangers_facts(|_| {}));
        assert_eq!(why(stranger), (Condition::Forbidden, None));
    }

    #[test]
    fn a_node_that_keeps_or_delivers_requires_an_item() {
        let nothing = batch(vec![]);
        let expected = (Condition::BadRequest, Some(PubsubCondition::ItemRequired));
        assert_eq!(error_of(&owners_facts(|_| {}), &nothing), expected);
        let transient = owners_facts(|config| config.persist = false);
        assert_eq!(error_of(&transient, &nothing), expected);
        let bare = owners_facts(|config| config.payloads = false);
        assert_eq!(error_of(&bare, &nothing), expected);
    }

    #[test]
    fn a_node_that_only_notifies_rejects_items() {
        let snapshot = owners_facts(|config| {
            config.persist = false;
            config.payloads = false;
        });
        assert_eq!(
            error_of(&snapshot, &one()),
            (Condition::BadRequest, Some(PubsubCondition::ItemForbidden))
        );
        let changes = changes(&snapshot, &batch(vec![]));
        assert_eq!(
            announced_to_subscribers(&changes),
            [event::items(NODE, &[])]
        );
        assert_eq!(announced(&changes).len(), changes.len());
    }

    #[test]
    fn a_node_that_delivers_payloads_requires_one_in_each_item() {
        let empty = batch(vec![new_item(Some("1"), None)]);
        assert_eq!(
            error_of(&owners_facts(|_| {}), &empty),
            (
                Condition::BadRequest,
                Some(PubsubCondition::PayloadRequired)
            )
        );
        let bare = owners_facts(|config| config.payloads = false);
        assert_eq!(done(&changes(&bare, &empty)).len(), 1);
    }

    #[test]
    fn a_payload_may_be_too_big() {
        let snapshot = owners_facts(|config| config.max_payload = 10);
        assert_eq!(
            error_of(&snapshot, &one()),
            (
                Condition::NotAcceptable,
                Some(PubsubCondition::PayloadTooBig)
            )
        );
    }

    /// XEP-0060, 16.4.4: `pubsub#type` is semantic; XEP-0472 has Atom entries in nodes of the type
    /// `urn:xmpp:pubsub-social-feed:1`.
    #[test]
    fn the_type_of_a_node_is_not_compared_with_payloads() {
        let typed = owners_facts(|config| {
            config.payload_type = Some("urn:xmpp:pubsub-social-feed:1".to_owned());
        });
        assert!(decide(&context(OWNER), &typed, &one()).is_ok());
    }

    #[test]
    fn options_that_set_a_type_are_met_by_any_payload() {
        let fields = vec![field("pubsub#type", "urn:xmpp:pubsub-social-feed:1")];
        let batch = wanting(vec![new_item(Some("1"), Some(ENTRY))], Some(fields));
        let made = changes(&no_node(None), &batch);
        let Change::Create { config, .. } = &made[0] else {
            panic!("{made:?}")
        };
        let mut snapshot = owners_facts(|_| {});
        snapshot.node.as_mut().unwrap().config = (**config).clone();
        assert!(decide(&context(OWNER), &snapshot, &batch).is_ok());
    }

    #[test]
    fn a_policy_may_reject_a_payload() {
        struct Silence;
        impl Policy for Silence {
            fn check_payload(
                &self,
                _: &str,
                _: &NodeConfig,
                payload: couplet_core::element::Element<'_>,
            ) -> Result<(), String> {
                Err(format!("No {}", payload.text()))
            }
        }
        let decision = decide(&context_in(OWNER, Silence), &owners_facts(|_| {}), &one());
        let error = decision.unwrap_err();
        assert_eq!(error.detail, Some(PubsubCondition::InvalidPayload));
        assert_eq!(error.text.as_deref(), Some("No To be"));
    }

    #[test]
    fn all_items_of_a_batch_go_or_none() {
        let two = batch(vec![
            new_item(Some("1"), Some(ENTRY)),
            new_item(Some("2"), Some(ENTRY)),
        ]);
        let both = changes(&owners_facts(|_| {}), &two);
        assert_eq!(done(&both), [&published("1"), &published("2")]);
        assert_eq!(announced(&both).len(), 2);
        let half = batch(vec![
            new_item(Some("1"), Some(ENTRY)),
            new_item(Some("2"), None),
        ]);
        assert!(decide(&context(OWNER), &owners_facts(|_| {}), &half).is_err());
    }

    #[test]
    fn a_batch_fits_into_the_node_and_into_the_limit() {
        let exceeded = (
            Condition::NotAllowed,
            Some(PubsubCondition::MaxItemsExceeded),
        );
        let two = || vec![new_item(None, Some(ENTRY)), new_item(None, Some(ENTRY))];
        let small = owners_facts(|config| config.max_items = Some(1));
        assert_eq!(error_of(&small, &batch(two())), exceeded);
        let mut rules = Rules::default();
        rules.limits.batch = 1;
        let error = ready(&context_in(OWNER, rules), NODE.to_owned(), two(), None);
        assert_eq!(why(error.map(|_| ())), exceeded);
    }

    #[test]
    fn two_items_of_one_batch_cannot_have_one_id() {
        let twice = vec![
            new_item(Some("1"), Some(ENTRY)),
            new_item(Some("1"), Some(ENTRY)),
        ];
        let error = ready(&context(OWNER), NODE.to_owned(), twice, None);
        assert_eq!(why(error.map(|_| ())), (Condition::BadRequest, None));
    }

    fn full(configure: impl FnOnce(&mut NodeConfig)) -> Snapshot {
        let mut snapshot = owners_facts(|config| {
            config.max_items = Some(2);
            configure(config);
        });
        snapshot.node.as_mut().unwrap().items = 2;
        snapshot.oldest = vec![head("old", OWNER)];
        snapshot
    }

    fn retract(id: &str) -> Change {
        Change::Retract {
            ids: vec![id.to_owned()],
        }
    }

    #[test]
    fn the_oldest_item_is_evicted_and_its_retraction_announced() {
        let changes = changes(&full(|_| {}), &one());
        assert_eq!(done(&changes), [&published("1"), &retract("old")]);
        let gone = event::retracted(NODE, &["old".to_owned()]);
        assert_eq!(announced_to_subscribers(&changes)[1], gone);
    }

    #[test]
    fn the_oldest_item_is_evicted_silently_by_configuration() {
        let silent: [fn(&mut NodeConfig); 2] = [
            |config| config.notify_retract = false,
            |config| config.when_full = WhenFull::Discard,
        ];
        for configure in silent {
            let changes = changes(&full(configure), &one());
            assert_eq!(done(&changes), [&published("1"), &retract("old")]);
            assert_eq!(announced(&changes).len(), 1);
        }
    }

    #[test]
    fn an_item_that_is_overwritten_needs_no_room() {
        let mut snapshot = full(|config| config.when_full = WhenFull::Reject);
        snapshot.items = vec![head("1", OWNER)];
        snapshot.oldest = vec![head("1", OWNER)];
        assert_eq!(done(&changes(&snapshot, &one())), [&published("1")]);
    }

    #[test]
    fn a_full_node_may_refuse() {
        let mut snapshot = full(|config| config.when_full = WhenFull::Reject);
        assert_eq!(
            error_of(&snapshot, &one()),
            (Condition::Conflict, Some(PubsubCondition::NodeFull))
        );
        snapshot.node.as_mut().unwrap().items = 1;
        assert_eq!(done(&changes(&snapshot, &one())), [&published("1")]);
    }

    #[test]
    fn items_of_other_publishers_are_overwritten_unless_the_node_forbids_it() {
        let others = |affiliation, forbids| {
            let mut snapshot = facts_with(entity(OTHER, affiliation, &[]), |config| {
                config.original_publisher = forbids;
            });
            snapshot.items = vec![head("1", "somebody@else.lit")];
            publish_as(OTHER, &snapshot)
        };
        assert!(others(Affiliation::Publisher, false).is_ok());
        assert_eq!(
            why(others(Affiliation::Publisher, true)),
            (Condition::Forbidden, None)
        );
        assert!(others(Affiliation::Owner, true).is_ok());
    }

    #[test]
    fn a_node_that_keeps_nothing_only_announces() {
        let changes = changes(&owners_facts(|config| config.persist = false), &one());
        assert_eq!(done(&changes), Vec::<&Change>::new());
        assert_eq!(announced_to_subscribers(&changes).len(), 1);
    }

    #[test]
    fn a_node_that_does_not_notify_only_keeps() {
        let changes = changes(&owners_facts(|config| config.notify = false), &one());
        assert_eq!(changes, [published("1")]);
    }

    #[test]
    fn notifications_have_payloads_and_publishers_by_configuration() {
        let announced = |configure: fn(&mut NodeConfig)| {
            let changes = changes(&owners_facts(configure), &one());
            announced_to_subscribers(&changes)[0].to_owned()
        };
        assert!(!announced(|config| config.payloads = false).contains("To be"));
        assert!(!announced(|_| {}).contains(OWNER));
        assert!(announced(|config| config.item_reply = ItemReply::Publisher).contains(OWNER));
        assert!(announced(|config| config.item_reply = ItemReply::Owner).contains(OWNER));
    }

    #[test]
    fn an_item_expires_as_configured() {
        let snapshot = owners_facts(|config| config.item_expire = Some(60));
        let Change::Publish { expires, .. } = &changes(&snapshot, &one())[0] else {
            panic!()
        };
        assert_eq!(*expires, Some(Timestamp(NOW.0 + 60_000)));
    }

    #[test]
    fn what_the_publisher_relies_on_has_to_be_so() {
        let relying = |value| {
            let fields = vec![field("pubsub#access_model", value)];
            wanting(vec![new_item(None, Some(ENTRY))], Some(fields))
        };
        let snapshot = owners_facts(|_| {});
        assert!(decide(&context(OWNER), &snapshot, &relying("open")).is_ok());
        assert_eq!(
            error_of(&snapshot, &relying("whitelist")),
            (
                Condition::Conflict,
                Some(PubsubCondition::PreconditionNotMet)
            )
        );
    }

    #[test]
    fn publishing_is_rejected_while_the_backlog_is_full() {
        let mut rules = Rules::default();
        rules.limits.backlog = 3;
        let mut snapshot = owners_facts(|_| {});
        snapshot.backlog = 3;
        let decision = decide(&context_in(OWNER, rules), &snapshot, &one());
        assert_eq!(why(decision), (Condition::ResourceConstraint, None));
    }

    #[test]
    fn publishing_creates_the_node_with_the_publishers_options() {
        let fields = vec![field("pubsub#access_model", "whitelist")];
        let batch = wanting(vec![new_item(Some("1"), Some(ENTRY))], Some(fields));
        let changes = changes(&no_node(None), &batch);
        let Change::Create { name, config, .. } = &changes[0] else {
            panic!("{changes:?}")
        };
        assert_eq!(name, NODE);
        assert_eq!(config.access, crate::node::AccessModel::Whitelist);
        let owner = Change::Affiliate {
            jid: bare(OWNER),
            affiliation: Affiliation::Owner,
        };
        assert_eq!(done(&changes)[1..], [&owner, &published("1")]);
    }

    #[test]
    fn publishing_creates_no_node_from_unknown_options() {
        let fields = vec![field("pubsub#flavour", "sweet")];
        let batch = wanting(vec![new_item(None, Some(ENTRY))], Some(fields));
        assert!(decide(&context(OWNER), &no_node(None), &batch).is_err());
    }

    #[test]
    fn publishing_creates_no_node_against_the_policy_or_a_redirect() {
        let manual = Rules {
            auto_create: false,
            ..Rules::default()
        };
        let closed = Rules {
            creators: Creators::Listed(Vec::new()),
            ..Rules::default()
        };
        for rules in [manual, closed] {
            let decision = decide(&context_in(OWNER, rules), &no_node(None), &one());
            assert_eq!(why(decision), (Condition::ItemNotFound, None));
        }
        let moved = decide(&context(OWNER), &no_node(Some("xmpp:a?;node=b")), &one());
        assert_eq!(why(moved), (Condition::Gone, None));
    }

    #[test]
    fn what_is_rarely_needed_is_only_looked_up_then() {
        assert!(!is_unusual(&owners_facts(|_| {})));
        assert!(is_unusual(&no_node(None)));
        assert!(!is_unusual(&no_node(Some("xmpp:a"))));
        let owner = owners_facts(|config| config.item_reply = ItemReply::Owner);
        assert!(is_unusual(&owner));
    }
}
