//! Subscriptions that an owner has to approve. (XEP-0060, 6.1.4 and 8.6)

use super::{Case, case};
use crate::ask::{escaped, form};
use crate::expect::Event;
use crate::fault::{About, Checked, Fault, holds};
use crate::world::{O, P, S, Who, World, X};

pub(super) const CASES: &[Case] = &[
    case!(
        25,
        "6.1.4",
        "a subscription waits, and every owner is asked",
        every_owner_is_asked
    ),
    case!(
        26,
        "6.1.3.7",
        "who waits and asks again is told to wait",
        still_pending
    ),
    case!(
        27,
        "8.6",
        "an owner says yes, no, or nothing; nobody else says anything",
        the_owner_decides
    ),
    case!(
        28,
        "8.7",
        "an affiliation decides what was waiting",
        an_affiliation_decides
    ),
];

/// A node where subscriptions wait; without the feature the case ends as refused.
pub(super) async fn authorized(w: &mut World) -> Checked<String> {
    let name = w.name();
    match w.create(&name, &[("access_model", "authorize")]).await {
        Ok(()) => Ok(name),
        Err(_) if !w.announces("access-authorize") => {
            let configure = crate::ask::config(&[("access_model", "authorize")]);
            let create = crate::ask::element("create", &[("node", &name)], "");
            let configure = crate::ask::element("configure", &[], &configure);
            let answer = w
                .set(O, &crate::ask::pubsub(&(create + &configure)))
                .await?;
            // That a condition of pubsub's belongs to it is case 14's.
            answer.error("not-acceptable", "")?;
            Err(Fault::Refused {
                feature: "access-authorize".to_owned(),
                came: answer.came(),
            })
        }
        Err(fault) => Err(fault),
    }
}

async fn pending(w: &mut World, who: Who, node: &str) -> Checked {
    let answer = w.subscribes(who, node).await?;
    answer.subscription("pending").map(|_| ())
}

/// What an owner is asked: a form that names the node and the subscriber.
fn asks(event: &Event, node: &str, subscriber: &str) -> Checked {
    let form = event.form()?;
    form.is_for("subscribe_authorization")?;
    form.is_of(&["form"])?;
    form.says("node", node)?;
    form.says("subscriber_jid", subscriber)?;
    form.says("allow", "0").about("no is the default")
}

async fn every_owner_is_asked(w: &mut World) -> Checked {
    let node = authorized(w).await?;
    w.affiliated(&node, P, "owner").await?;
    for owner in [O, P] {
        w.quiet(owner).await?;
    }
    pending(w, S, &node).await?;
    let subscriber = w.bare(S);
    for owner in [O, P] {
        let event = w.event(owner).await.about("an owner is asked")?;
        w.line(asks(&event, &node, &subscriber));
    }
    w.published(&node, &["one"]).await?;
    w.silent(S).await
}

async fn still_pending(w: &mut World) -> Checked {
    let node = authorized(w).await?;
    pending(w, S, &node).await?;
    let answer = w.subscribes(S, &node).await?;
    answer.error("not-authorized", "pending-subscription")
}

/// Answers the form in a message as a client would.
async fn reply(w: &mut World, who: Who, asked: &Event, allow: &str) -> Checked {
    let form_asked = asked.form()?;
    let value = |field: &str| form_asked.value(field);
    let (node, jid, subid) = (value("node"), value("subscriber_jid"), value("subid"));
    let mut fields = Vec::new();
    for (field, value) in [("subid", &subid), ("node", &node), ("subscriber_jid", &jid)] {
        fields.extend(value.as_deref().map(|value| (field, value)));
    }
    fields.push(("allow", allow));
    let form = match allow {
        "" => form("subscribe_authorization", &[]).replace("'submit'", "'cancel'"),
        _ => form("subscribe_authorization", &fields),
    };
    let id = escaped(&asked.id());
    w.send(
        who,
        &format!("<message to='{{to}}' id='{id}'>{form}</message>"),
    )
    .await
}

async fn asked(w: &mut World, node: &str, who: Who) -> Checked<Event> {
    pending(w, who, node).await?;
    let event = w.event(O).await?;
    asks(&event, node, &w.bare(who))?;
    Ok(event)
}

async fn state(w: &mut World, node: &str, who: Who) -> Checked<String> {
    let all = w.own_subscriptions(who, &[]).await?;
    let one = all.into_iter().find(|[n, ..]| n == node);
    Ok(one.map_or_else(|| "none".to_owned(), |[_, _, state, _]| state))
}

async fn the_owner_decides(w: &mut World) -> Checked {
    let node = authorized(w).await?;
    let yes = asked(w, &node, S).await?;
    reply(w, X, &yes, "1").await?;
    w.silent(S)
        .await
        .about("an answer of somebody who is no owner")?;
    let came = state(w, &node, S).await?;
    w.line(holds(
        came == "pending",
        "still pending after a stranger's answer",
        came,
    ));
    reply(w, O, &yes, "").await?;
    w.silent(S).await.about("a form that is cancelled")?;
    let came = state(w, &node, S).await?;
    w.line(holds(
        came == "pending",
        "still pending after a cancelled form",
        came,
    ));
    reply(w, O, &yes, "1").await?;
    w.event(S).await?.tells(&node, "subscribed")?;
    w.published(&node, &["one"]).await?;
    w.gets_one(S, &node, "one").await?;
    let no = asked(w, &node, X).await?;
    reply(w, O, &no, "0").await?;
    w.event(X).await?.tells(&node, "none")?;
    let came = state(w, &node, X).await?;
    w.line(holds(came == "none", "no subscription after a no", came));
    w.published(&node, &["two"]).await?;
    w.silent(X).await
}

async fn an_affiliation_decides(w: &mut World) -> Checked {
    let node = authorized(w).await?;
    for (who, affiliation, decided) in [
        (S, "member", "subscribed"),
        (P, "publisher", "subscribed"),
        (X, "outcast", "none"),
    ] {
        pending(w, who, &node).await?;
        w.affiliated(&node, who, affiliation).await?;
        let told = match w.event(who).await {
            Ok(event) => event.tells(&node, decided).map(|_| ()),
            Err(fault) => Err(fault),
        };
        w.line(told.about(&format!("{affiliation}: told")));
        let came = state(w, &node, who).await?;
        w.line(holds(
            came == decided,
            format!("{affiliation}: {decided}"),
            came,
        ));
    }
    Ok(())
}
