//! Those who wait for an owner's approval. (XEP-0060, 8.6, 8.7)

use crate::{
    change::Change,
    engine::{
        Engine,
        access::{Standing, is_barred, owned},
        announce,
        ask::Ask,
        settle,
    },
    facts::{Facts, Needs},
    refused::Refused,
    request::Approval,
    subscription::{Subscription, SubscriptionState},
};

/// Does what an owner has decided about a subscription.
///
/// # Errors
///
/// Whoever is not an owner has nothing to decide.
pub(in crate::engine) async fn approve(
    engine: &Engine,
    ask: Ask,
    approval: Approval,
) -> Result<(), Refused> {
    let needs = Needs {
        others: vec![approval.subscriber.to_bare()],
        newest: 1,
        owners: true,
        ..super::standing(&ask, approval.node.clone())
    };
    engine
        .change(needs, move |facts| {
            Ok((decide(&ask, facts, &approval)?, ()))
        })
        .await
}

/// The subscriptions that wait, for an owner.
///
/// # Errors
///
/// `item-not-found`, `forbidden`.
pub(in crate::engine) async fn list(
    engine: &Engine,
    ask: Ask,
    node: String,
) -> Result<Vec<Subscription>, Refused> {
    let facts = engine.look(needs(&ask, node)).await?;
    owned(&ask, &facts)?;
    Ok(facts.pending)
}

/// Sends the forms of all who wait to the owner who asks, and returns how many.
///
/// # Errors
///
/// `item-not-found`, `forbidden`.
pub(in crate::engine) async fn send_again(
    engine: &Engine,
    ask: Ask,
    node: String,
) -> Result<usize, Refused> {
    engine
        .change(needs(&ask, node), move |facts| {
            let forms = forms(&ask, facts)?;
            let count = forms.len();
            Ok((forms, count))
        })
        .await
}

fn needs(ask: &Ask, node: String) -> Needs {
    Needs {
        pending: ask.limits().page,
        ..super::standing(ask, node)
    }
}

/// Nothing for those who do not wait any more: another owner was faster.
fn decide(ask: &Ask, facts: &Facts, approval: &Approval) -> Result<Vec<Change>, Refused> {
    let node = owned(ask, facts)?;
    let mut changes = Vec::new();
    for party in &facts.others {
        let standing = Standing::of_party(ask, node, party);
        let waiting = party
            .subscriptions
            .iter()
            .filter(|held| is_meant(approval, held));
        for held in waiting {
            let begun = Subscription {
                state: SubscriptionState::Subscribed,
                ..held.clone()
            };
            let allow = approval.allow && !is_barred(standing.affiliation);
            let state = allow.then_some(SubscriptionState::Subscribed);
            if allow {
                changes.extend(settle::approved(&node.name, held));
                changes.extend(announce::last(
                    node,
                    &facts.owners,
                    facts.newest.last(),
                    &begun,
                ));
            } else {
                changes.extend(settle::ended(&node.name, held));
            }
            changes.extend(announce::to_owners(
                node,
                &facts.owners,
                &ask.who,
                &begun,
                state,
            ));
        }
    }
    Ok(changes)
}

fn is_meant(approval: &Approval, held: &Subscription) -> bool {
    held.state == SubscriptionState::Pending
        && held.jid == approval.subscriber
        && approval
            .subid
            .as_ref()
            .is_none_or(|subid| *subid == held.subid)
}

fn forms(ask: &Ask, facts: &Facts) -> Result<Vec<Change>, Refused> {
    let node = owned(ask, facts)?;
    let to = |held| announce::approval(ask, node, vec![ask.from.clone()], held);
    Ok(facts.pending.iter().map(to).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use couplet::Condition;

    use crate::{
        engine::scene::{
            NODE, OTHER, OWNER, announced, ask, done, kept, owners_facts, party, pending,
            strangers_facts, subscribed, told, why,
        },
        node::Affiliation,
    };

    fn answer(allow: bool, subid: Option<&str>) -> Approval {
        Approval {
            node: NODE.to_owned(),
            subid: subid.map(str::to_owned),
            subscriber: crate::engine::scene::jid(OTHER),
            allow,
        }
    }

    fn waiting(held: Subscription) -> Facts {
        let mut facts = owners_facts(|_| {});
        facts.others = vec![party(OTHER, Affiliation::None, &[held])];
        facts
    }

    fn decided(facts: &Facts, answer: &Approval) -> Vec<Change> {
        decide(&ask(OWNER), facts, answer).unwrap()
    }

    #[test]
    fn who_is_allowed_is_subscribed_and_told_and_gets_the_last_item() {
        let mut facts = waiting(pending(OTHER, "a"));
        facts.newest = vec![kept("last", OWNER)];
        let changes = decided(&facts, &answer(true, Some("a")));
        let begun = Change::Subscribe(subscribed(OTHER, "a"));
        assert_eq!(done(&changes), [&begun]);
        let told = told(&changes, OTHER);
        assert_eq!(told.len(), 2);
        assert!(told[1].contains("last"), "{told:?}");
    }

    #[test]
    fn who_is_denied_is_not_and_told() {
        let changes = decided(&waiting(pending(OTHER, "a")), &answer(false, None));
        let ended = Change::Unsubscribe {
            jid: crate::engine::scene::jid(OTHER),
            subid: "a".to_owned(),
        };
        assert_eq!(done(&changes), [&ended]);
        assert_eq!(told(&changes, OTHER).len(), 1);
    }

    #[test]
    fn only_an_owners_word_counts() {
        let mut facts = strangers_facts(|_| {});
        facts.others = vec![party(OTHER, Affiliation::None, &[pending(OTHER, "a")])];
        let decision = decide(&ask(OTHER), &facts, &answer(true, None));
        assert_eq!(why(decision), (Condition::Forbidden, None));
    }

    #[test]
    fn an_answer_counts_only_for_the_one_who_waits() {
        let late = decided(&waiting(subscribed(OTHER, "a")), &answer(false, None));
        assert_eq!(late, []);
        let stale = decided(&waiting(pending(OTHER, "a")), &answer(true, Some("b")));
        assert_eq!(stale, []);
    }

    #[test]
    fn the_forms_go_to_the_owner_who_asked() {
        let mut facts = owners_facts(|_| {});
        facts.pending = vec![pending(OTHER, "a"), pending("b@b.lit", "b")];
        let full = "hamlet@denmark.lit/elsinore";
        let changes = forms(&ask(full), &facts).unwrap();
        assert_eq!(told(&changes, full).len(), 2);
        assert_eq!(
            announced(&changes)[1].body.as_deref(),
            Some(
                "b@b.lit wants to subscribe to princely_musings. Answer with the command \
                 \"Approve subscription requests\" of pubsub.shakespeare.lit."
            )
        );
        let stranger = forms(&ask(OTHER), &strangers_facts(|_| {}));
        assert_eq!(why(stranger), (Condition::Forbidden, None));
    }
}
