//! Retrieves items. (XEP-0060, 6.5)

use std::{borrow::Cow, collections::HashSet};

use couplet::Condition;

use crate::{
    codec::{truncate::truncate_page, write_item},
    engine::{
        Engine,
        access::{Access, unsupported},
        announce,
        context::{RequestContext, is_paged},
    },
    item::Item,
    node::Node,
    page::{Keep, Page, Paged, Start},
    pubsub_error::{PubsubCondition, PubsubError},
    reply::Reply,
    request::Wanted,
    snapshot::{Query, Snapshot, SubscriptionFilter},
};

use super::select::invalid_subid;

pub(in crate::engine) async fn answer(
    engine: &Engine,
    context: RequestContext,
    node: String,
    subid: Option<String>,
    wanted: Wanted,
) -> Result<Reply, PubsubError> {
    let snapshot = engine
        .snapshot(query(&context, node, subid.clone()))
        .await?;
    let node = readable(&context, &snapshot, subid.as_deref())?;
    let mut items = engine
        .store()
        .items(node.id, bounded(&context, &wanted))
        .await?;
    let publishers = announce::publishers(&node.config, &snapshot.owners);
    let shortened = truncate_page(
        &mut items,
        keep(&wanted),
        context.limits().answer_bytes,
        |item| Cow::from(&item.head.id),
        |item, xml| write_item(item, &publishers, xml),
    );
    Ok(Reply::Items {
        node: node.name.clone(),
        paged: shortened || tells_page(&context, &wanted, &items),
        items,
        publishers,
    })
}

/// Returns the ids of items for service discovery; the newest without a page.
pub(in crate::engine) async fn ids(
    engine: &Engine,
    context: RequestContext,
    node: String,
    page: Option<Page>,
) -> Result<Paged<String>, PubsubError> {
    let snapshot = engine.snapshot(query(&context, node, None)).await?;
    let node = readable(&context, &snapshot, None)?;
    let newest = Page {
        max: None,
        from: Start::Last,
    };
    let page = context.page(&page.unwrap_or(newest));
    Ok(engine.store().item_ids(node.id, page).await?)
}

fn query(context: &RequestContext, node: String, subid: Option<String>) -> Query {
    Query {
        node: Some(node),
        entity: Some(context.who.clone()),
        filter: SubscriptionFilter { jid: None, subid },
        owners: true,
        ..Query::default()
    }
}

/// Returns the node if its items may be read.
fn readable<'a>(
    context: &RequestContext,
    snapshot: &'a Snapshot,
    subid: Option<&str>,
) -> Result<&'a Node, PubsubError> {
    let access = Access::of(context, snapshot)?;
    access.may_read()?;
    match subid {
        None if has_several_of_one_jid(&access) => {
            return Err(PubsubError::with(
                Condition::BadRequest,
                PubsubCondition::SubidRequired,
            ));
        }
        Some(subid) if !access.subscriptions.iter().any(|held| held.subid == subid) => {
            return Err(invalid_subid());
        }
        _ => {}
    }
    if access.node.config.persist {
        Ok(access.node)
    } else {
        Err(unsupported("persistent-items"))
    }
}

/// Returns whether a JID has several subscriptions. Full JIDs of one user are different
/// subscribers. (XEP-0060, 6.1.6, 6.5.9.1)
fn has_several_of_one_jid(access: &Access<'_>) -> bool {
    let mut seen = HashSet::new();
    !access
        .subscriptions
        .iter()
        .all(|held| seen.insert(&held.jid))
}

/// Limits the number of items.
fn bounded(context: &RequestContext, wanted: &Wanted) -> Wanted {
    let limit = context.limits().page;
    match wanted {
        Wanted::Page(page) => Wanted::Page(context.page(page)),
        Wanted::Newest(newest) => Wanted::Newest((*newest).min(limit)),
        Wanted::Ids(ids) => Wanted::Ids(ids.iter().take(limit as usize).cloned().collect()),
    }
}

/// Returns which end of a list is kept when it is truncated.
fn keep(wanted: &Wanted) -> Keep {
    match wanted {
        Wanted::Page(page) => page.keep(),
        Wanted::Newest(_) => Keep::Last,
        Wanted::Ids(_) => Keep::First,
    }
}

/// Returns whether the answer needs a `<set/>`: a truncated answer says how to get the rest.
/// (XEP-0060, 6.5.4)
fn tells_page(context: &RequestContext, wanted: &Wanted, items: &Paged<Item>) -> bool {
    match wanted {
        Wanted::Page(page) => is_paged(page, items.entries.len(), items.count),
        Wanted::Newest(newest) => {
            *newest > context.limits().page
                && is_paged(&Page::default(), items.entries.len(), items.count)
        }
        Wanted::Ids(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::fixtures::{
            OTHER, bare, context, context_in, entity, facts_with, kept, no_node, pending,
            strangers_facts, subscribed, why,
        },
        node::{AccessModel, Affiliation},
        policy::Rules,
        subscription::Subscription,
    };

    fn to(access: AccessModel, affiliation: Affiliation, held: &[Subscription]) -> Snapshot {
        facts_with(entity(OTHER, affiliation, held), |config| {
            config.access = access;
        })
    }

    fn read(snapshot: &Snapshot) -> Result<&Node, PubsubError> {
        readable(&context(OTHER), snapshot, None)
    }

    #[test]
    fn unrelated_entities_read_open_nodes_only() {
        let reads = |access| read(&to(access, Affiliation::None, &[])).map(|node| node.id);
        assert!(reads(AccessModel::Open).is_ok());
        assert_eq!(
            why(reads(AccessModel::Authorize)),
            (
                Condition::NotAuthorized,
                Some(PubsubCondition::NotSubscribed)
            )
        );
        assert_eq!(
            why(reads(AccessModel::Whitelist)),
            (Condition::NotAllowed, Some(PubsubCondition::ClosedNode))
        );
    }

    #[test]
    fn members_read_without_a_subscription() {
        for access in [AccessModel::Authorize, AccessModel::Whitelist] {
            for affiliation in [
                Affiliation::Member,
                Affiliation::Publisher,
                Affiliation::Owner,
            ] {
                assert!(read(&to(access, affiliation, &[])).is_ok());
            }
        }
    }

    #[test]
    fn approval_opens_a_node_and_waiting_for_it_does_not() {
        let access = AccessModel::Authorize;
        let approved = [subscribed(OTHER, "a")];
        assert!(read(&to(access, Affiliation::None, &approved)).is_ok());
        let waits = [pending(OTHER, "a")];
        assert_eq!(
            why(read(&to(access, Affiliation::None, &waits))),
            (
                Condition::NotAuthorized,
                Some(PubsubCondition::NotSubscribed)
            )
        );
    }

    #[test]
    fn outcasts_and_publish_only_entities_read_nothing() {
        for affiliation in [Affiliation::Outcast, Affiliation::PublishOnly] {
            let snapshot = to(AccessModel::Open, affiliation, &[]);
            assert_eq!(why(read(&snapshot)), (Condition::Forbidden, None));
        }
    }

    #[test]
    fn a_node_that_persists_nothing_returns_unsupported() {
        assert_eq!(
            why(read(&strangers_facts(|config| config.persist = false))),
            (
                Condition::FeatureNotImplemented,
                Some(PubsubCondition::Unsupported("persistent-items"))
            )
        );
        assert_eq!(why(read(&no_node(None))), (Condition::ItemNotFound, None));
    }

    #[test]
    fn a_jid_with_several_subscriptions_gets_the_subid() {
        let held = [subscribed(OTHER, "a"), subscribed(OTHER, "b")];
        let snapshot = to(AccessModel::Open, Affiliation::None, &held);
        let read = |subid| readable(&context(OTHER), &snapshot, subid);
        assert_eq!(
            why(read(None)),
            (Condition::BadRequest, Some(PubsubCondition::SubidRequired))
        );
        assert_eq!(
            why(read(Some("c"))),
            (
                Condition::NotAcceptable,
                Some(PubsubCondition::InvalidSubid)
            )
        );
        assert!(read(Some("b")).is_ok());
    }

    #[test]
    fn two_resources_are_two_subscribers() {
        let held = [
            subscribed(OTHER, "a"),
            subscribed("francisco@denmark.lit/b", "b"),
        ];
        assert!(read(&to(AccessModel::Open, Affiliation::None, &held)).is_ok());
    }

    #[test]
    fn no_page_is_longer_than_the_limit() {
        let context = context(OTHER);
        let page = |max| {
            Wanted::Page(Page {
                max,
                from: Start::First,
            })
        };
        assert_eq!(bounded(&context, &page(None)), page(Some(200)));
        assert_eq!(bounded(&context, &page(Some(3))), page(Some(3)));
        assert_eq!(bounded(&context, &page(Some(5000))), page(Some(200)));
        assert_eq!(bounded(&context, &Wanted::Newest(999)), Wanted::Newest(200));
    }

    fn list(of: &[&str], count: u64) -> Paged<Item> {
        Paged {
            entries: of.iter().map(|id| kept(id, OTHER)).collect(),
            index: Some(0),
            count,
        }
    }

    #[test]
    fn a_truncated_answer_says_how_to_get_the_rest() {
        let context = context(OTHER);
        let all = Wanted::Page(Page::default());
        assert!(tells_page(&context, &all, &list(&["a"], 2)));
        assert!(!tells_page(&context, &all, &list(&["a"], 1)));
        let two = Wanted::Page(Page {
            max: Some(2),
            from: Start::First,
        });
        assert!(tells_page(&context, &two, &list(&["a"], 1)));
        assert!(!tells_page(&context, &Wanted::Newest(1), &list(&["a"], 2)));
        assert!(tells_page(
            &context,
            &Wanted::Newest(201),
            &list(&["a"], 202)
        ));
    }

    #[test]
    fn the_policy_decides_who_may_create() {
        let rules = Rules {
            admins: vec![bare(OTHER)],
            ..Rules::default()
        };
        let snapshot = to(AccessModel::Whitelist, Affiliation::Outcast, &[]);
        assert!(readable(&context_in(OTHER, rules), &snapshot, None).is_ok());
    }
}
