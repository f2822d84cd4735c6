//! Publishing, to a node that is made for it if need be. (XEP-0060, 7.1)
//!
//! All items of a request or none; each is announced by itself, because a notification with a
//! hundred of them is more than servers carry.

use std::{collections::HashSet, sync::Arc};

use couplet::{BareJid, Condition};

use crate::{
    change::Change,
    codec::{fit::fitting, form, write_published},
    engine::{
        Engine,
        access::{Standing, known},
        announce,
        ask::{Ask, Decision},
        owner::create,
        room::room,
    },
    facts::{Facts, Needs},
    node::{ItemReply, NodeConfig, WhenFull},
    policy::Limits,
    refused::{Detail, Refused},
    reply::Reply,
    request::{Field, NewItem},
};

use super::payload::{self, Ready};

/// What a request to publish brings.
struct Batch {
    node: String,
    items: Vec<Ready>,
    options: Option<Vec<Field>>,
}

pub(in crate::engine) async fn answer(
    engine: &Engine,
    ask: Ask,
    node: String,
    items: Vec<NewItem>,
    options: Option<Vec<Field>>,
) -> Result<Reply, Refused> {
    let batch = Arc::new(ready(&ask, node, items, options)?);
    for extent in [Extent::Usual, Extent::All] {
        let (ask, batch) = (ask.clone(), Arc::clone(&batch));
        let needs = needs(&ask, &batch, extent);
        let reply = engine
            .change(needs, move |facts| {
                if extent == Extent::Usual && is_unusual(facts) {
                    return Ok((Vec::new(), None));
                }
                let (changes, reply) = decide(&ask, facts, &batch)?;
                Ok((changes, Some(reply)))
            })
            .await?;
        if let Some(reply) = reply {
            return Ok(reply);
        }
    }
    Err(Refused::plain(Condition::InternalServerError))
}

/// How much is found out. Counting what somebody has is left out until it matters.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    Usual,
    All,
}

/// Whether the usual facts do not suffice: the node has to be made, or its owner named.
fn is_unusual(facts: &Facts) -> bool {
    facts
        .node
        .as_ref()
        .map_or(facts.redirect.is_none(), |node| {
            node.config.item_reply == ItemReply::Owner
        })
}

fn ready(
    ask: &Ask,
    node: String,
    items: Vec<NewItem>,
    options: Option<Vec<Field>>,
) -> Result<Batch, Refused> {
    if items.len() > ask.limits().batch as usize {
        return Err(too_many());
    }
    let items = items
        .into_iter()
        .map(|item| Ready::new(item, ask.fresh))
        .collect::<Result<Vec<Ready>, Refused>>()?;
    let mut ids = HashSet::new();
    if !items.iter().all(|item| ids.insert(item.id.as_str())) {
        return Err(Refused::plain(Condition::BadRequest).text("Two items have the same id"));
    }
    Ok(Batch {
        node,
        items,
        options,
    })
}

fn needs(ask: &Ask, batch: &Batch, extent: Extent) -> Needs {
    Needs {
        node: Some(batch.node.clone()),
        actor: Some(ask.who.clone()),
        items: batch.items.iter().map(|item| item.id.clone()).collect(),
        // As many as may have to go: some of them may be among those that are overwritten.
        oldest: u32::try_from(batch.items.len()).unwrap_or(u32::MAX),
        owners: extent == Extent::All,
        usage: extent == Extent::All,
        ..Needs::default()
    }
}

fn decide(ask: &Ask, facts: &Facts, batch: &Batch) -> Decision {
    if facts.node.is_none() {
        return to_new_node(ask, facts, batch);
    }
    let standing = Standing::of(ask, facts)?;
    standing.may_publish()?;
    let (node, config) = (standing.node, &standing.node.config);
    let house = ask.policy.limits(&node.creator);
    if let Some(fields) = &batch.options {
        form::check_preconditions(config, fields, &house)?;
    }
    payload::check(ask, &node.name, config, &house, &batch.items)?;
    if !facts
        .items
        .iter()
        .all(|item| standing.may_overwrite(ask, item))
    {
        return Err(
            Refused::plain(Condition::Forbidden).text("Only its publisher may overwrite this item")
        );
    }
    let evicted = make_room(config, &house, facts, node.items, batch)?;
    let changes = publish(ask, facts, config, &facts.owners, batch, evicted)?;
    Ok((changes, reply(ask, batch)))
}

/// XEP-0060, 7.1.4; what the publisher wants of the node is how it is made. (7.1.5)
fn to_new_node(ask: &Ask, facts: &Facts, batch: &Batch) -> Decision {
    let name = &batch.node;
    let welcome = facts.redirect.is_none()
        && ask.policy.auto_create(&ask.who, name)
        && ask.policy.may_create(&ask.who, Some(name));
    if !welcome {
        known(facts)?;
    }
    create::check(ask, facts, name)?;
    let limits = ask.limits();
    let mut config = ask.policy.new_node();
    if let Some(fields) = &batch.options {
        config = form::apply_config(&config, fields, &limits)?;
        form::check_preconditions(&config, fields, &limits)?;
    }
    payload::check(ask, name, &config, &limits, &batch.items)?;
    let nobody = make_room(&config, &limits, facts, 0, batch)?;
    let owner = std::slice::from_ref(&ask.who);
    let published = publish(ask, facts, &config, owner, batch, nobody)?;
    let mut changes = create::make(ask, name, config);
    changes.extend(published);
    Ok((changes, reply(ask, batch)))
}

/// The oldest items that have to go, if they may. (XEP-0060, 7.1.2.5, 7.1.3.4, 12.9)
fn make_room(
    config: &NodeConfig,
    house: &Limits,
    facts: &Facts,
    kept: u64,
    batch: &Batch,
) -> Result<Vec<String>, Refused> {
    if !config.persist {
        return Ok(Vec::new());
    }
    let room = room(config, house);
    if batch.items.len() as u64 > room {
        return Err(too_many());
    }
    let old: HashSet<&str> = facts.items.iter().map(|item| item.id.as_str()).collect();
    let coming: HashSet<&str> = batch.items.iter().map(|item| item.id.as_str()).collect();
    let new = coming.difference(&old).count() as u64;
    let excess = (kept + new).saturating_sub(room);
    if excess > 0 && new > 0 && config.when_full == WhenFull::Reject {
        return Err(Refused::with(Condition::Conflict, Detail::NodeFull));
    }
    Ok(facts
        .oldest
        .iter()
        .filter(|item| !coming.contains(item.id.as_str()))
        .take(usize::try_from(excess).unwrap_or(usize::MAX))
        .map(|item| item.id.clone())
        .collect())
}

fn publish(
    ask: &Ask,
    facts: &Facts,
    config: &NodeConfig,
    owners: &[BareJid],
    batch: &Batch,
    evicted: Vec<String>,
) -> Result<Vec<Change>, Refused> {
    if config.notify && facts.backlog >= ask.limits().backlog {
        return Err(Refused::plain(Condition::ResourceConstraint)
            .text("Too many notifications are still on their way; try again later"));
    }
    let name = &batch.node;
    let publishers = announce::publishers(config, owners);
    let publisher = announce::publisher(&publishers, &ask.who);
    let mut changes = Vec::new();
    if batch.items.is_empty() && config.notify {
        changes.push(announce::happened(name, config));
    }
    for item in &batch.items {
        if config.persist {
            changes.push(keep(ask, config, item));
        }
        if config.notify {
            let payload = item.payload.as_ref();
            changes.push(announce::published(
                name, config, &item.id, payload, publisher,
            ));
        }
    }
    if !evicted.is_empty() {
        let told = announce::retracted(name, config, &evicted);
        let loud = config.notify_retract && config.when_full != WhenFull::Discard;
        changes.push(Change::Retract { ids: evicted });
        changes.extend(told.into_iter().filter(|_| loud));
    }
    Ok(changes)
}

fn keep(ask: &Ask, config: &NodeConfig, item: &Ready) -> Change {
    Change::Publish {
        id: item.id.clone(),
        publisher: ask.who.clone(),
        payload: item.payload.as_ref().map(|payload| payload.xml.clone()),
        at: ask.now,
        expires: config.item_expire.map(|seconds| ask.in_seconds(seconds)),
    }
}

/// The ids, as far as one answer carries them.
fn reply(ask: &Ask, batch: &Batch) -> Reply {
    let limit = ask.limits().answer_bytes as usize;
    let all = batch.items.iter().map(|item| &item.id);
    let told = fitting(all.clone(), limit, |id, xml| write_published(id, xml));
    Reply::Published {
        node: batch.node.clone(),
        ids: all.take(told).cloned().collect(),
    }
}

fn too_many() -> Refused {
    Refused::with(Condition::NotAllowed, Detail::MaxItemsExceeded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        change::Audience,
        codec::event,
        engine::scene::{
            NODE, NOW, OTHER, OWNER, announced, ask, ask_in, bare, done, facts_with, field, head,
            new_item, no_node, owners_facts, party, strangers_facts, subscribed, told_subscribers,
            why,
        },
        moment::Moment,
        node::{Affiliation, PublishModel},
        policy::{Creators, House, Policy},
        subscription::Subscription,
    };

    const ENTRY: &str = "<entry xmlns='urn:e'>To be</entry>";

    fn batch(items: Vec<NewItem>) -> Batch {
        wanting(items, None)
    }

    fn wanting(items: Vec<NewItem>, options: Option<Vec<Field>>) -> Batch {
        ready(&ask(OWNER), NODE.to_owned(), items, options).unwrap()
    }

    fn one() -> Batch {
        batch(vec![new_item(Some("1"), Some(ENTRY))])
    }

    fn publish_as(from: &str, facts: &Facts) -> Decision {
        decide(&ask(from), facts, &one())
    }

    fn changes(facts: &Facts, batch: &Batch) -> Vec<Change> {
        decide(&ask(OWNER), facts, batch).unwrap().0
    }

    fn error_of(facts: &Facts, batch: &Batch) -> (Condition, Option<Detail>) {
        why(decide(&ask(OWNER), facts, batch))
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
            let (_, reply) = decide(&ask(OWNER), &owners_facts(|_| {}), &batch).unwrap();
            let Reply::Published { ids, .. } = reply else {
                panic!()
            };
            assert!(!ids[0].is_empty());
        }
    }

    #[test]
    fn the_publish_model_says_who_may_publish() {
        use Affiliation::{Member, None as Nobody, Outcast, Owner, PublishOnly, Publisher};
        let may = |model, affiliation, held: &[Subscription]| {
            let facts = facts_with(party(OTHER, affiliation, held), |config| {
                config.publish = model;
            });
            publish_as(OTHER, &facts).is_ok()
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
        for affiliation in [Nobody, Member] {
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
    fn a_node_that_keeps_or_delivers_wants_an_item() {
        let nothing = batch(vec![]);
        let expected = (Condition::BadRequest, Some(Detail::ItemRequired));
        assert_eq!(error_of(&owners_facts(|_| {}), &nothing), expected);
        let transient = owners_facts(|config| config.persist = false);
        assert_eq!(error_of(&transient, &nothing), expected);
        let bare = owners_facts(|config| config.payloads = false);
        assert_eq!(error_of(&bare, &nothing), expected);
    }

    #[test]
    fn a_node_that_only_notifies_wants_none() {
        let facts = owners_facts(|config| {
            config.persist = false;
            config.payloads = false;
        });
        assert_eq!(
            error_of(&facts, &one()),
            (Condition::BadRequest, Some(Detail::ItemForbidden))
        );
        let changes = changes(&facts, &batch(vec![]));
        assert_eq!(told_subscribers(&changes), [event::items(NODE, &[])]);
        assert_eq!(announced(&changes).len(), changes.len());
    }

    #[test]
    fn a_node_that_delivers_payloads_wants_one_in_each_item() {
        let empty = batch(vec![new_item(Some("1"), None)]);
        assert_eq!(
            error_of(&owners_facts(|_| {}), &empty),
            (Condition::BadRequest, Some(Detail::PayloadRequired))
        );
        let bare = owners_facts(|config| config.payloads = false);
        assert_eq!(done(&changes(&bare, &empty)).len(), 1);
    }

    #[test]
    fn a_payload_may_be_too_big() {
        let facts = owners_facts(|config| config.max_payload = 10);
        assert_eq!(
            error_of(&facts, &one()),
            (Condition::NotAcceptable, Some(Detail::PayloadTooBig))
        );
    }

    /// XEP-0060, 16.4.4: `pubsub#type` is semantic; XEP-0472 has Atom entries in nodes of the type
    /// `urn:xmpp:pubsub-social-feed:1`.
    #[test]
    fn the_type_of_a_node_is_not_compared_with_payloads() {
        let typed = owners_facts(|config| {
            config.payload_type = Some("urn:xmpp:pubsub-social-feed:1".to_owned());
        });
        assert!(decide(&ask(OWNER), &typed, &one()).is_ok());
    }

    #[test]
    fn options_that_set_a_type_are_met_by_any_payload() {
        let fields = vec![field("pubsub#type", "urn:xmpp:pubsub-social-feed:1")];
        let batch = wanting(vec![new_item(Some("1"), Some(ENTRY))], Some(fields));
        let made = changes(&no_node(None), &batch);
        let Change::Create { config, .. } = &made[0] else {
            panic!("{made:?}")
        };
        let mut facts = owners_facts(|_| {});
        facts.node.as_mut().unwrap().config = (**config).clone();
        assert!(decide(&ask(OWNER), &facts, &batch).is_ok());
    }

    #[test]
    fn the_house_may_refuse_a_payload() {
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
        let decision = decide(&ask_in(OWNER, Silence), &owners_facts(|_| {}), &one());
        let refused = decision.unwrap_err();
        assert_eq!(refused.detail, Some(Detail::InvalidPayload));
        assert_eq!(refused.text.as_deref(), Some("No To be"));
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
        assert!(decide(&ask(OWNER), &owners_facts(|_| {}), &half).is_err());
    }

    #[test]
    fn a_batch_fits_into_the_node_and_into_the_limit() {
        let exceeded = (Condition::NotAllowed, Some(Detail::MaxItemsExceeded));
        let two = || vec![new_item(None, Some(ENTRY)), new_item(None, Some(ENTRY))];
        let small = owners_facts(|config| config.max_items = Some(1));
        assert_eq!(error_of(&small, &batch(two())), exceeded);
        let mut house = House::default();
        house.limits.batch = 1;
        let refused = ready(&ask_in(OWNER, house), NODE.to_owned(), two(), None);
        assert_eq!(why(refused.map(|_| ())), exceeded);
    }

    #[test]
    fn two_items_of_one_batch_cannot_have_one_id() {
        let twice = vec![
            new_item(Some("1"), Some(ENTRY)),
            new_item(Some("1"), Some(ENTRY)),
        ];
        let refused = ready(&ask(OWNER), NODE.to_owned(), twice, None);
        assert_eq!(why(refused.map(|_| ())), (Condition::BadRequest, None));
    }

    fn full(configure: impl FnOnce(&mut NodeConfig)) -> Facts {
        let mut facts = owners_facts(|config| {
            config.max_items = Some(2);
            configure(config);
        });
        facts.node.as_mut().unwrap().items = 2;
        facts.oldest = vec![head("old", OWNER)];
        facts
    }

    fn retract(id: &str) -> Change {
        Change::Retract {
            ids: vec![id.to_owned()],
        }
    }

    #[test]
    fn the_oldest_item_makes_room_and_subscribers_learn_it() {
        let changes = changes(&full(|_| {}), &one());
        assert_eq!(done(&changes), [&published("1"), &retract("old")]);
        let gone = event::retracted(NODE, &["old".to_owned()]);
        assert_eq!(told_subscribers(&changes)[1], gone);
    }

    #[test]
    fn the_oldest_item_makes_room_silently_where_the_node_says_so() {
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
        let mut facts = full(|config| config.when_full = WhenFull::Reject);
        facts.items = vec![head("1", OWNER)];
        facts.oldest = vec![head("1", OWNER)];
        assert_eq!(done(&changes(&facts, &one())), [&published("1")]);
    }

    #[test]
    fn a_full_node_may_refuse() {
        let mut facts = full(|config| config.when_full = WhenFull::Reject);
        assert_eq!(
            error_of(&facts, &one()),
            (Condition::Conflict, Some(Detail::NodeFull))
        );
        facts.node.as_mut().unwrap().items = 1;
        assert_eq!(done(&changes(&facts, &one())), [&published("1")]);
    }

    #[test]
    fn anothers_item_is_overwritten_but_where_the_node_forbids_it() {
        let others = |affiliation, forbids| {
            let mut facts = facts_with(party(OTHER, affiliation, &[]), |config| {
                config.original_publisher = forbids;
            });
            facts.items = vec![head("1", "somebody@else.lit")];
            publish_as(OTHER, &facts)
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
        assert_eq!(told_subscribers(&changes).len(), 1);
    }

    #[test]
    fn a_node_that_does_not_notify_only_keeps() {
        let changes = changes(&owners_facts(|config| config.notify = false), &one());
        assert_eq!(changes, [published("1")]);
    }

    #[test]
    fn payloads_and_publishers_are_told_where_the_node_says_so() {
        let told = |configure: fn(&mut NodeConfig)| {
            let changes = changes(&owners_facts(configure), &one());
            told_subscribers(&changes)[0].to_owned()
        };
        assert!(!told(|config| config.payloads = false).contains("To be"));
        assert!(!told(|_| {}).contains(OWNER));
        assert!(told(|config| config.item_reply = ItemReply::Publisher).contains(OWNER));
        assert!(told(|config| config.item_reply = ItemReply::Owner).contains(OWNER));
    }

    #[test]
    fn an_item_expires_when_the_node_says_so() {
        let facts = owners_facts(|config| config.item_expire = Some(60));
        let Change::Publish { expires, .. } = &changes(&facts, &one())[0] else {
            panic!()
        };
        assert_eq!(*expires, Some(Moment(NOW.0 + 60_000)));
    }

    #[test]
    fn what_the_publisher_relies_on_has_to_be_so() {
        let relying = |value| {
            let fields = vec![field("pubsub#access_model", value)];
            wanting(vec![new_item(None, Some(ENTRY))], Some(fields))
        };
        let facts = owners_facts(|_| {});
        assert!(decide(&ask(OWNER), &facts, &relying("open")).is_ok());
        assert_eq!(
            error_of(&facts, &relying("whitelist")),
            (Condition::Conflict, Some(Detail::PreconditionNotMet))
        );
    }

    #[test]
    fn publishing_waits_while_too_much_is_on_its_way() {
        let mut house = House::default();
        house.limits.backlog = 3;
        let mut facts = owners_facts(|_| {});
        facts.backlog = 3;
        let decision = decide(&ask_in(OWNER, house), &facts, &one());
        assert_eq!(why(decision), (Condition::ResourceConstraint, None));
    }

    #[test]
    fn publishing_makes_the_node_the_way_the_publisher_wants_it() {
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
    fn publishing_makes_no_node_of_options_nobody_knows() {
        let fields = vec![field("pubsub#flavour", "sweet")];
        let batch = wanting(vec![new_item(None, Some(ENTRY))], Some(fields));
        assert!(decide(&ask(OWNER), &no_node(None), &batch).is_err());
    }

    #[test]
    fn publishing_makes_no_node_where_the_house_says_so_or_it_moved() {
        let manual = House {
            auto_create: false,
            ..House::default()
        };
        let closed = House {
            creators: Creators::Listed(Vec::new()),
            ..House::default()
        };
        for house in [manual, closed] {
            let decision = decide(&ask_in(OWNER, house), &no_node(None), &one());
            assert_eq!(why(decision), (Condition::ItemNotFound, None));
        }
        let moved = decide(&ask(OWNER), &no_node(Some("xmpp:a?;node=b")), &one());
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
