//! Subscription options, leases among them. (XEP-0060, 6.3, 6.4, 12.19)

use couplet::Condition;
use jid::Jid;

use crate::{
    change::Change,
    codec::form,
    engine::{
        Engine,
        access::{Standing, is_barred},
        ask::{Ask, Decision},
    },
    facts::{Facts, Needs},
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
    let facts = engine.look(needs(&ask, node)).await?;
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
    let needs = needs(&ask, node);
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
    if let Some(node) = &node {
        let facts = engine.look(needs(&ask, node.clone())).await?;
        let standing = Standing::of(&ask, &facts)?;
        if is_barred(standing.affiliation) {
            return Err(Refused::plain(Condition::Forbidden));
        }
    }
    let options = SubscribeOptions::default();
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

fn needs(ask: &Ask, node: String) -> Needs {
    Needs {
        node: Some(node),
        actor: Some(ask.who.clone()),
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
