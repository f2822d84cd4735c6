//! Retrieving items. (XEP-0060, 6.5)

use std::{borrow::Cow, collections::HashSet};

use couplet::Condition;

use crate::{
    codec::{fit::fit, write_item},
    engine::{
        Engine,
        access::{Standing, unsupported},
        announce,
        ask::{Ask, is_paged},
    },
    facts::{Facts, Meant, Needs},
    item::Item,
    node::Node,
    page::{Keep, Page, Paged, Start},
    refused::{Detail, Refused},
    reply::Reply,
    request::Wanted,
};

use super::invalid_subid;

pub(in crate::engine) async fn answer(
    engine: &Engine,
    ask: Ask,
    node: String,
    subid: Option<String>,
    wanted: Wanted,
) -> Result<Reply, Refused> {
    let facts = engine.look(needs(&ask, node, subid.clone())).await?;
    let node = readable(&ask, &facts, subid.as_deref())?;
    let mut items = engine
        .store()
        .items(node.id, bounded(&ask, &wanted))
        .await?;
    let publishers = announce::publishers(&node.config, &facts.owners);
    let shortened = fit(
        &mut items,
        keep(&wanted),
        ask.limits().answer_bytes,
        |item| Cow::from(&item.head.id),
        |item, xml| write_item(item, &publishers, xml),
    );
    Ok(Reply::Items {
        node: node.name.clone(),
        paged: shortened || tells_page(&ask, &wanted, &items),
        items,
        publishers,
    })
}

/// The ids of the items, for service discovery; the newest where no page is asked for.
pub(in crate::engine) async fn ids(
    engine: &Engine,
    ask: Ask,
    node: String,
    page: Option<Page>,
) -> Result<Paged<String>, Refused> {
    let facts = engine.look(needs(&ask, node, None)).await?;
    let node = readable(&ask, &facts, None)?;
    let newest = Page {
        max: None,
        from: Start::Last,
    };
    let page = ask.page(&page.unwrap_or(newest));
    Ok(engine.store().item_ids(node.id, page).await?)
}

fn needs(ask: &Ask, node: String, subid: Option<String>) -> Needs {
    Needs {
        node: Some(node),
        actor: Some(ask.who.clone()),
        meant: Meant { jid: None, subid },
        owners: true,
        ..Needs::default()
    }
}

/// The node whose items may be told.
fn readable<'a>(ask: &Ask, facts: &'a Facts, subid: Option<&str>) -> Result<&'a Node, Refused> {
    let standing = Standing::of(ask, facts)?;
    standing.may_read()?;
    match subid {
        None if has_several_of_one_jid(&standing) => {
            return Err(Refused::with(Condition::BadRequest, Detail::SubidRequired));
        }
        Some(subid)
            if !standing
                .subscriptions
                .iter()
                .any(|held| held.subid == subid) =>
        {
            return Err(invalid_subid());
        }
        _ => {}
    }
    if standing.node.config.persist {
        Ok(standing.node)
    } else {
        Err(unsupported("persistent-items"))
    }
}

/// Full JIDs of one person are different subscribers. (XEP-0060, 6.1.6, 6.5.9.1)
fn has_several_of_one_jid(standing: &Standing<'_>) -> bool {
    let mut seen = HashSet::new();
    !standing
        .subscriptions
        .iter()
        .all(|held| seen.insert(&held.jid))
}

/// No more at once than the limit.
fn bounded(ask: &Ask, wanted: &Wanted) -> Wanted {
    let limit = ask.limits().page;
    match wanted {
        Wanted::Page(page) => Wanted::Page(ask.page(page)),
        Wanted::Newest(newest) => Wanted::Newest((*newest).min(limit)),
        Wanted::Ids(ids) => Wanted::Ids(ids.iter().take(limit as usize).cloned().collect()),
    }
}

/// Which end of the list stays where not all of it fits.
fn keep(wanted: &Wanted) -> Keep {
    match wanted {
        Wanted::Page(page) => page.keep(),
        Wanted::Newest(_) => Keep::Last,
        Wanted::Ids(_) => Keep::First,
    }
}

/// Whoever gets less than it asked for is told how to get the rest. (XEP-0060, 6.5.4)
fn tells_page(ask: &Ask, wanted: &Wanted, items: &Paged<Item>) -> bool {
    match wanted {
        Wanted::Page(page) => is_paged(page, items.entries.len(), items.count),
        Wanted::Newest(newest) => {
            *newest > ask.limits().page
                && is_paged(&Page::default(), items.entries.len(), items.count)
        }
        Wanted::Ids(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::scene::{
            OTHER, ask, ask_in, bare, facts_with, kept, no_node, party, pending, strangers_facts,
            subscribed, why,
        },
        node::{AccessModel, Affiliation},
        policy::House,
        subscription::Subscription,
    };

    fn to(access: AccessModel, affiliation: Affiliation, held: &[Subscription]) -> Facts {
        facts_with(party(OTHER, affiliation, held), |config| {
            config.access = access;
        })
    }

    fn read(facts: &Facts) -> Result<&Node, Refused> {
        readable(&ask(OTHER), facts, None)
    }

    #[test]
    fn strangers_read_open_nodes_only() {
        let reads = |access| read(&to(access, Affiliation::None, &[])).map(|node| node.id);
        assert!(reads(AccessModel::Open).is_ok());
        assert_eq!(
            why(reads(AccessModel::Authorize)),
            (Condition::NotAuthorized, Some(Detail::NotSubscribed))
        );
        assert_eq!(
            why(reads(AccessModel::Whitelist)),
            (Condition::NotAllowed, Some(Detail::ClosedNode))
        );
    }

    #[test]
    fn who_is_listed_reads_without_a_subscription() {
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
            (Condition::NotAuthorized, Some(Detail::NotSubscribed))
        );
    }

    #[test]
    fn outcasts_and_those_who_only_publish_read_nothing() {
        for affiliation in [Affiliation::Outcast, Affiliation::PublishOnly] {
            let facts = to(AccessModel::Open, affiliation, &[]);
            assert_eq!(why(read(&facts)), (Condition::Forbidden, None));
        }
    }

    #[test]
    fn a_node_that_keeps_nothing_says_so() {
        assert_eq!(
            why(read(&strangers_facts(|config| config.persist = false))),
            (
                Condition::FeatureNotImplemented,
                Some(Detail::Unsupported("persistent-items"))
            )
        );
        assert_eq!(why(read(&no_node(None))), (Condition::ItemNotFound, None));
    }

    #[test]
    fn one_with_several_subscriptions_says_for_which() {
        let held = [subscribed(OTHER, "a"), subscribed(OTHER, "b")];
        let facts = to(AccessModel::Open, Affiliation::None, &held);
        let read = |subid| readable(&ask(OTHER), &facts, subid);
        assert_eq!(
            why(read(None)),
            (Condition::BadRequest, Some(Detail::SubidRequired))
        );
        assert_eq!(
            why(read(Some("c"))),
            (Condition::NotAcceptable, Some(Detail::InvalidSubid))
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
    fn nobody_gets_more_at_once_than_the_limit() {
        let ask = ask(OTHER);
        let page = |max| {
            Wanted::Page(Page {
                max,
                from: Start::First,
            })
        };
        assert_eq!(bounded(&ask, &page(None)), page(Some(200)));
        assert_eq!(bounded(&ask, &page(Some(3))), page(Some(3)));
        assert_eq!(bounded(&ask, &page(Some(5000))), page(Some(200)));
        assert_eq!(bounded(&ask, &Wanted::Newest(999)), Wanted::Newest(200));
    }

    fn list(of: &[&str], count: u64) -> Paged<Item> {
        Paged {
            entries: of.iter().map(|id| kept(id, OTHER)).collect(),
            index: Some(0),
            count,
        }
    }

    #[test]
    fn who_gets_less_than_asked_for_learns_how_to_go_on() {
        let ask = ask(OTHER);
        let all = Wanted::Page(Page::default());
        assert!(tells_page(&ask, &all, &list(&["a"], 2)));
        assert!(!tells_page(&ask, &all, &list(&["a"], 1)));
        let two = Wanted::Page(Page {
            max: Some(2),
            from: Start::First,
        });
        assert!(tells_page(&ask, &two, &list(&["a"], 1)));
        assert!(!tells_page(&ask, &Wanted::Newest(1), &list(&["a"], 2)));
        assert!(tells_page(&ask, &Wanted::Newest(201), &list(&["a"], 202)));
    }

    #[test]
    fn the_rules_of_the_house_count() {
        let house = House {
            admins: vec![bare(OTHER)],
            ..House::default()
        };
        let facts = to(AccessModel::Whitelist, Affiliation::Outcast, &[]);
        assert!(readable(&ask_in(OTHER, house), &facts, None).is_ok());
    }
}
