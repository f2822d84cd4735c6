//! Subscription options, leases among them. (XEP-0060, 6.3, 6.4, 12.19)

use couplet::{Condition, Jid};

use crate::{
    change::Change,
    codec::form,
    engine::{
        Engine,
        access::{Standing, is_barred},
        ask::{Ask, Decision},
    },
    facts::{Facts, Meant, Needs},
    moment::Moment,
    node::Affiliation,
    refused::{Detail, Refused},
    reply::Reply,
    request::OptionsForm,
    subscription::{SubscribeOptions, Subscription},
};

use super::meant;

/// Tells the options of one subscription.
pub(in crate::engine) async fn answer(
    engine: &Engine,
    ask: Ask,
    node: String,
    jid: Jid,
    subid: Option<String>,
) -> Result<Reply, Refused> {
    let meant = named(&jid, subid.as_ref());
    let facts = engine.look(needs(&ask, node, meant)).await?;
    show(&ask, &facts, &jid, subid)
}

/// Sets them.
pub(in crate::engine) async fn set(
    engine: &Engine,
    ask: Ask,
    node: String,
    jid: Jid,
    subid: Option<String>,
    form: OptionsForm,
) -> Result<Reply, Refused> {
    let needs = needs(&ask, node, named(&jid, subid.as_ref()));
    engine
        .change(needs, move |facts| {
            decide(&ask, facts, &jid, subid.as_deref(), &form)
        })
        .await
}

/// Tells what the options of a new subscription are.
pub(in crate::engine) async fn defaults(
    engine: &Engine,
    ask: Ask,
    node: Option<String>,
) -> Result<Reply, Refused> {
    let options = match &node {
        None => SubscribeOptions::of(&ask.policy.new_node()),
        Some(node) => {
            let facts = engine
                .look(needs(&ask, node.clone(), Meant::default()))
                .await?;
            let standing = Standing::of(&ask, &facts)?;
            if is_barred(standing.affiliation) {
                return Err(Refused::plain(Condition::Forbidden));
            }
            SubscribeOptions::of(&standing.node.config)
        }
    };
    Ok(Reply::DefaultOptions { node, options })
}

/// Until when a subscription lasts: never longer than the limit, which is not an error.
///
/// # Errors
///
/// `invalid-options` for a time that is over. (XEP-0060, 12.19)
pub(super) fn lease(
    ask: &Ask,
    wanted: Option<Option<Moment>>,
    now: Option<Moment>,
) -> Result<Option<Moment>, Refused> {
    let Some(wanted) = wanted else { return Ok(now) };
    let Some(end) = wanted else { return Ok(None) };
    if end <= ask.now {
        return Err(Refused::with(Condition::BadRequest, Detail::InvalidOptions)
            .text("pubsub#expire is over already"));
    }
    Ok(Some(end.min(ask.in_seconds(ask.limits().lease))))
}

fn named(jid: &Jid, subid: Option<&String>) -> Meant {
    Meant {
        jid: Some(jid.clone()),
        subid: subid.cloned(),
    }
}

fn needs(ask: &Ask, node: String, meant: Meant) -> Needs {
    Needs {
        node: Some(node),
        actor: Some(ask.who.clone()),
        meant,
        ..Needs::default()
    }
}

fn show(ask: &Ask, facts: &Facts, jid: &Jid, subid: Option<String>) -> Result<Reply, Refused> {
    let (name, held) = own(ask, facts, jid, subid.as_deref())?;
    Ok(Reply::Options {
        node: name.to_owned(),
        jid: held.jid.clone(),
        subid,
        options: held.options,
        expires: held.expires,
    })
}

fn decide(
    ask: &Ask,
    facts: &Facts,
    jid: &Jid,
    subid: Option<&str>,
    form: &OptionsForm,
) -> Decision {
    let (_, held) = own(ask, facts, jid, subid)?;
    let OptionsForm::Submit(fields) = form else {
        return Ok((Vec::new(), Reply::Done));
    };
    let wanted = form::read_options(held.options, fields)?;
    let changed = Subscription {
        options: wanted.options,
        expires: lease(ask, wanted.expires, held.expires)?,
        bounces: 0,
        ..held.clone()
    };
    let changes = if changed == *held {
        Vec::new()
    } else {
        vec![Change::Subscribe(changed)]
    };
    Ok((changes, Reply::Done))
}

/// The subscription, which must be the asking entity's own: owners have no say in its options.
/// (XEP-0060, 6.3.4.1)
fn own<'a>(
    ask: &Ask,
    facts: &'a Facts,
    jid: &Jid,
    subid: Option<&str>,
) -> Result<(&'a str, &'a Subscription), Refused> {
    let standing = Standing::of(ask, facts)?;
    if !ask.is_own(jid) || standing.affiliation == Affiliation::Outcast {
        return Err(Refused::plain(Condition::Forbidden));
    }
    let held = meant(standing.subscriptions, jid, subid)?;
    Ok((&standing.node.name, held))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::scene::{
        NODE, OTHER, OWNER, ask, ask_in, facts, field, jid, no_node, party, subscribed, why,
    };
    use crate::policy::House;

    fn holding(held: &[Subscription]) -> Facts {
        facts(party(OTHER, Affiliation::None, held))
    }

    fn submit(facts: &Facts, var: &str, value: &str) -> Decision {
        let form = OptionsForm::Submit(vec![field(var, value)]);
        decide(&ask(OTHER), facts, &jid(OTHER), None, &form)
    }

    #[test]
    fn a_subscriber_sees_its_options() {
        let facts = holding(&[subscribed(OTHER, "a")]);
        let reply = show(&ask(OTHER), &facts, &jid(OTHER), None).unwrap();
        assert_eq!(
            reply,
            Reply::Options {
                node: NODE.to_owned(),
                jid: jid(OTHER),
                subid: None,
                options: SubscribeOptions::default(),
                expires: None,
            }
        );
    }

    #[test]
    fn anothers_options_are_not_for_anybody_not_even_an_owner() {
        let facts = holding(&[subscribed(OTHER, "a")]);
        let shown = show(&ask(OWNER), &facts, &jid(OTHER), None);
        assert_eq!(why(shown), (Condition::Forbidden, None));
        let set = decide(&ask(OWNER), &facts, &jid(OTHER), None, &OptionsForm::Cancel);
        assert_eq!(why(set), (Condition::Forbidden, None));
    }

    #[test]
    fn without_a_subscription_there_are_no_options() {
        let shown = show(&ask(OTHER), &holding(&[]), &jid(OTHER), None);
        assert_eq!(
            why(shown),
            (Condition::UnexpectedRequest, Some(Detail::NotSubscribed))
        );
        let shown = show(&ask(OTHER), &no_node(None), &jid(OTHER), None);
        assert_eq!(why(shown), (Condition::ItemNotFound, None));
    }

    #[test]
    fn one_of_several_is_named_by_its_subid() {
        let facts = holding(&[subscribed(OTHER, "a"), subscribed(OTHER, "b")]);
        let ask = ask(OTHER);
        assert_eq!(
            why(show(&ask, &facts, &jid(OTHER), None)),
            (Condition::BadRequest, Some(Detail::SubidRequired))
        );
        assert_eq!(
            why(show(&ask, &facts, &jid(OTHER), Some("c".to_owned()))),
            (Condition::NotAcceptable, Some(Detail::InvalidSubid))
        );
        assert!(show(&ask, &facts, &jid(OTHER), Some("b".to_owned())).is_ok());
    }

    #[test]
    fn what_is_set_replaces_the_subscription_and_forgives_what_has_bounced() {
        let bounced = Subscription {
            bounces: 3,
            ..subscribed(OTHER, "a")
        };
        let (changes, reply) = submit(&holding(&[bounced]), "pubsub#deliver", "0").unwrap();
        let mut changed = subscribed(OTHER, "a");
        changed.options.deliver = false;
        assert_eq!(changes, [Change::Subscribe(changed)]);
        assert_eq!(reply, Reply::Done);
    }

    #[test]
    fn a_cancelled_form_changes_nothing() {
        let facts = holding(&[subscribed(OTHER, "a")]);
        let decision = decide(&ask(OTHER), &facts, &jid(OTHER), None, &OptionsForm::Cancel);
        assert_eq!(decision, Ok((Vec::new(), Reply::Done)));
    }

    #[test]
    fn a_wrong_value_changes_nothing() {
        let facts = holding(&[subscribed(OTHER, "a")]);
        assert_eq!(
            why(submit(&facts, "pubsub#deliver", "maybe")),
            (Condition::BadRequest, Some(Detail::InvalidOptions))
        );
    }

    #[test]
    fn a_lease_is_renewed_up_to_the_limit_and_kept_where_it_is_not_mentioned() {
        let mut house = House::default();
        house.limits.lease = 60;
        let ask = ask_in(OTHER, house);
        let old = Some(Moment(1_001_000));
        let far = Some(Some(Moment(9_000_000)));
        assert_eq!(lease(&ask, far, old), Ok(Some(Moment(1_060_000))));
        assert_eq!(lease(&ask, None, old), Ok(old));
        assert_eq!(lease(&ask, Some(None), old), Ok(None));
        assert_eq!(
            why(lease(&ask, Some(Some(ask.now)), old)),
            (Condition::BadRequest, Some(Detail::InvalidOptions))
        );
    }
}
