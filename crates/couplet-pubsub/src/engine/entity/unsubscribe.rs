//! Unsubscribing. (XEP-0060, 6.2)

use couplet::{Condition, Jid};

use crate::{
    engine::{
        Engine,
        access::Standing,
        announce,
        ask::{Ask, Decision},
        settle,
    },
    facts::{Facts, Meant, Needs},
    refused::Refused,
    reply::Reply,
};

use super::meant;

pub(in crate::engine) async fn answer(
    engine: &Engine,
    ask: Ask,
    node: String,
    jid: Jid,
    subid: Option<String>,
) -> Result<Reply, Refused> {
    let needs = Needs {
        node: Some(node),
        actor: Some(ask.who.clone()),
        meant: Meant {
            jid: Some(jid.clone()),
            subid: subid.clone(),
        },
        owners: true,
        ..Needs::default()
    };
    engine
        .change(needs, move |facts| {
            decide(&ask, facts, &jid, subid.as_deref())
        })
        .await
}

fn decide(ask: &Ask, facts: &Facts, jid: &Jid, subid: Option<&str>) -> Decision {
    let standing = Standing::of(ask, facts)?;
    if !ask.is_own(jid) {
        return Err(Refused::plain(Condition::Forbidden));
    }
    let held = meant(standing.subscriptions, jid, subid)?;
    let node = standing.node;
    let mut changes = vec![settle::end(held)];
    changes.extend(announce::to_owners(
        node,
        &facts.owners,
        &ask.who,
        held,
        None,
    ));
    let reply = Reply::Unsubscribed {
        node: node.name.clone(),
        jid: held.jid.clone(),
        subid: held.subid.clone(),
    };
    Ok((changes, reply))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        change::Change,
        engine::scene::{
            OTHER, OWNER, ask, facts_with, jid, no_node, party, pending, subscribed, told, why,
        },
        node::Affiliation,
        refused::Detail,
        subscription::Subscription,
    };

    fn holding(held: &[Subscription]) -> Facts {
        facts_with(party(OTHER, Affiliation::None, held), |_| {})
    }

    fn leave(facts: &Facts, subid: Option<&str>) -> Decision {
        decide(&ask(OTHER), facts, &jid(OTHER), subid)
    }

    fn ends(subid: &str) -> [Change; 1] {
        [Change::Unsubscribe {
            jid: jid(OTHER),
            subid: subid.to_owned(),
        }]
    }

    #[test]
    fn the_only_subscription_needs_no_subid() {
        let facts = holding(&[subscribed(OTHER, "a")]);
        assert_eq!(leave(&facts, None).unwrap().0, ends("a"));
        assert_eq!(leave(&facts, Some("a")).unwrap().0, ends("a"));
    }

    #[test]
    fn one_of_several_needs_its_subid() {
        let facts = holding(&[subscribed(OTHER, "a"), subscribed(OTHER, "b")]);
        assert_eq!(
            why(leave(&facts, None)),
            (Condition::BadRequest, Some(Detail::SubidRequired))
        );
        assert_eq!(leave(&facts, Some("b")).unwrap().0, ends("b"));
    }

    #[test]
    fn subscriptions_of_other_resources_do_not_count() {
        let facts = holding(&[
            subscribed(OTHER, "a"),
            subscribed("francisco@denmark.lit/b", "b"),
        ]);
        assert_eq!(leave(&facts, None).unwrap().0, ends("a"));
        assert_eq!(
            why(leave(&facts, Some("b"))),
            (Condition::NotAcceptable, Some(Detail::InvalidSubid))
        );
    }

    #[test]
    fn a_wrong_subid_ends_nothing() {
        assert_eq!(
            why(leave(&holding(&[subscribed(OTHER, "a")]), Some("x"))),
            (Condition::NotAcceptable, Some(Detail::InvalidSubid))
        );
    }

    #[test]
    fn who_is_not_subscribed_cannot_leave() {
        assert_eq!(
            why(leave(&holding(&[]), None)),
            (Condition::UnexpectedRequest, Some(Detail::NotSubscribed))
        );
        assert_eq!(
            why(leave(&no_node(None), None)),
            (Condition::ItemNotFound, None)
        );
    }

    #[test]
    fn nobody_unsubscribes_somebody_else() {
        let decision = decide(&ask(OTHER), &holding(&[]), &jid(OWNER), None);
        assert_eq!(why(decision), (Condition::Forbidden, None));
    }

    #[test]
    fn who_waits_for_approval_may_think_better_of_it() {
        let facts = holding(&[pending(OTHER, "a")]);
        assert_eq!(leave(&facts, None).unwrap().0, ends("a"));
    }

    #[test]
    fn owners_learn_of_it_if_they_want() {
        let actor = party(OTHER, Affiliation::None, &[subscribed(OTHER, "a")]);
        let facts = facts_with(actor, |config| config.notify_sub = true);
        assert_eq!(told(&leave(&facts, None).unwrap().0, OWNER).len(), 1);
    }
}
